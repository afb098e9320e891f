/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Sequences of fragments, with a plain model of what a receiver behind us holds. In the wire, what
 * is put together must be, byte for byte, what was let through, whatever came.
 *
 * Each fragment is 6 bytes: flags (IPv6, last, packet of two bits, pattern of two bits), offset
 * / 8 in two bytes, length in two, seconds since the one before.
 */
#include <stdlib.h>

#include "dataplane/packet/layer.h"
#include "dataplane/packet/link.h"
#include "tests/support/packet_worker.h"

#define PACKETS 8 /* by version and id */
#define LEN_MAX 4095

struct model {
	uint8_t data[70000];
	bool known[70000];
};

static struct model *models;

static void must(bool what)
{
	if (!what)
		abort();
}

static uint32_t build(uint8_t *b, bool six, bool last, unsigned id, uint32_t offset, uint32_t len,
		      unsigned pattern)
{
	uint32_t at = six ? 48 : 20;

	memset(b, 0, at);
	if (six) {
		b[0] = 0x60;
		b[4] = (uint8_t)((len + 8) >> 8);
		b[5] = (uint8_t)(len + 8);
		b[6] = 44;
		b[40] = 253;
		b[42] = (uint8_t)(offset >> 8);
		b[43] = (uint8_t)(offset & 0xf8) | !last;
		b[47] = (uint8_t)id;
	} else {
		b[0] = 0x45;
		b[2] = (uint8_t)((len + 20) >> 8);
		b[3] = (uint8_t)(len + 20);
		b[5] = (uint8_t)id;
		b[6] = (uint8_t)((last ? 0 : 0x20) | offset >> 11);
		b[7] = (uint8_t)(offset >> 3);
		b[9] = 253;
	}
	/* Patterns agree in half of their blocks. */
	for (uint32_t i = 0; i < len; i++)
		b[at + i] = (uint8_t)((offset + i) * 7 + ((offset + i) / 64 % 2 ? pattern : 0));
	return at + len;
}

static void model_add(struct model *m, const struct packet *p, uint32_t offset, bool last)
{
	uint32_t len = p->payload_len;

	if (!last)
		len -= len % 8;
	for (uint32_t i = 0; i < len; i++) {
		must(!m->known[offset + i] || m->data[offset + i] == p->payload[i]);
		m->known[offset + i] = true;
		m->data[offset + i] = p->payload[i];
	}
}

static bool lost(const struct packet *p)
{
	return packet_has_event(p, ANOMALY_ipv4_frag_ignored) ||
	       packet_has_event(p, ANOMALY_ipv6_frag_ignored) ||
	       packet_has_event(p, ANOMALY_ipv4_frag_pkt_too_large) ||
	       packet_has_event(p, ANOMALY_ipv6_frag_pkt_too_large);
}

static void forget(struct model *m)
{
	memset(m->known, 0, sizeof(m->known));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const settings[] = {"defrag.trackers=16", "defrag.max_frags=256",
					       "checksums=ignore", NULL};
	static uint8_t frame[70000];
	static struct packet_worker *pw;
	uint64_t ts = 1;

	if (size < 1)
		return 0;
	if (!pw) {
		pw = packet_worker_new(settings);
		models = calloc(PACKETS, sizeof(*models));
		must(models);
	}
	pw->w.in_the_wire = data[0] & 1;
	decode_worker_reset(&pw->w);
	for (int i = 0; i < PACKETS; i++)
		forget(&models[i]);
	for (data++, size--; size >= 6; data += 6, size -= 6) {
		bool six = data[0] & 1, last = data[0] & 2;
		unsigned id = data[0] >> 2 & 3;
		uint32_t offset = (uint32_t)(get_be16(data + 1) & 0x1fff) * 8;
		uint32_t len = get_be16(data + 3) & LEN_MAX;
		uint64_t timeouts = pw->counters.defrag_timeouts;
		struct model *m = &models[id * 2 + six];

		ts += data[5] > 250 ? 40000000000ull : 1000000;
		packet_worker_frame(pw, frame,
				    build(frame, six, last, id, offset, len, data[0] >> 4),
				    LINKTYPE_RAW, ts);
		if (pw->counters.defrag_timeouts != timeouts) {
			/* Which packets were given up the model does not know: begin anew. */
			packet_worker_done(pw);
			decode_worker_reset(&pw->w);
			for (int i = 0; i < PACKETS; i++)
				forget(&models[i]);
			continue;
		}
		if (!(pw->out[0]->flags & PACKET_FRAGMENT) || !pw->w.in_the_wire)
			continue;
		if (pw->out[0]->verdict == VERDICT_ACCEPT && !lost(pw->out[0]))
			model_add(m, pw->out[0], offset, last);
		if (lost(pw->out[0]) && pw->out[0]->payload_len + offset <= 65515)
			forget(m);
		if (pw->count == 2) {
			const struct packet *p = pw->out[1];

			must(p->flags & PACKET_REASSEMBLED);
			for (uint32_t i = 0; i < p->payload_len; i++)
				must(m->known[i] && m->data[i] == p->payload[i]);
			forget(m);
		}
	}
	packet_worker_done(pw);
	return 0;
}
