/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A TCP flow out of fuzz bytes, for the targets of this folder. Input: steps, each a control byte
 * (bit 0 direction, bit 1 bytes are missing here, bit 2 end of the direction, bits 3-7 selects how
 * the length that follows is taken) and two length bytes, then that many bytes.
 */
#ifndef TESTS_FUZZ_TCP_H
#define TESTS_FUZZ_TCP_H

#include "dataplane/app/file.h"
#include "tests/unit/app/harness.h"

/* Looks at every buffer of every transaction, as detect would. */
static void fuzz_look(struct harness *h, enum direction d)
{
	struct app_session *s = h->flow.app;
	__attribute__((unused)) volatile uint8_t sum = 0;
	struct buffer_view v;

	if (!s || !s->proto)
		return;
	for (struct tx *tx = s->first; tx; tx = tx->next) {
		for (const struct proto_buffer *b = s->proto->buffers; b && b->name; b++) { /* some have none */
			uint8_t need = d == TO_SERVER ? b->to_server : b->to_client;

			if (!need || tx->progress[d] < need)
				continue;
			for (unsigned i = 0; b->get(&h->w, &h->flow, tx, d, i, &v); i++) {
				for (uint32_t k = 0; k < v.len; k += 61)
					sum ^= v.data[k];
				if (!(b->flags & BUFFER_MULTI) || i > 8)
					break;
			}
		}
		file_inspected(&h->w, tx, d);
	}
}

static void fuzz_flow(const uint8_t *data, size_t size, uint16_t port)
{
	static struct harness *h;
	static struct flow fresh;
	static struct flow_cold fresh_cold;

	if (!h) {
		static const char *const settings[] = {"file_analysis.enabled=yes", NULL};

		h = harness_new(6, port, settings);
		fresh = h->flow;
		fresh_cold = *flow_cold(&h->flow);
	}
	h->flow = fresh;
	*flow_cold(&h->flow) = fresh_cold;
	h->offset[0] = h->offset[1] = 0;
	h->out_len = h->contacts_len = 0;
	while (size >= 3) {
		enum direction d = data[0] & 1;
		uint32_t len = (uint32_t)(data[1] | (data[2] & 0x0f) << 8);
		bool gap = (data[0] & 0x82) == 0x82, end = (data[0] & 0x44) == 0x44;

		data += 3;
		size -= 3;
		if (gap) {
			harness_gap(h, d, len + 1);
			continue;
		}
		if (len > size)
			len = (uint32_t)size;
		if (len) {
			harness_tcp_open(h, d, data, len);
			fuzz_look(h, d);
			harness_done(h);
		}
		data += len;
		size -= len;
		if (end)
			harness_end(h, d);
	}
	harness_finish(h);
	if (h->w.heap.used_bytes > 1 << 20)
		abort();
}

#endif
