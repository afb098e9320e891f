/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any bytes to one protocol (-DFUZZED="name", or the environment's), as a flow would bring them. The input is a list of
 * pieces, each a byte that says what it is and a byte of length:
 *   bit 7 direction, bit 6 the length counts 16 times, bits 0-2: 0…4 bytes, 5 a hole, 6 the end of
 *   the direction, 7 the packet is over (records are written, transactions freed).
 * The first byte chooses the port and TCP or UDP. All buffers and values are read after every
 * piece. What must hold: nothing is read outside its bytes, all memory comes back, limits hold.
 */
#include <stdio.h>
#include <stdlib.h>

#include "dataplane/app/expect.h"
#include "dataplane/app/frame.h"
#include "tests/unit/app/harness.h"

#ifndef FUZZED
#define FUZZED getenv("FUZZED")
#endif
#define RECORDS_KEPT (1u << 19)

static volatile unsigned seen;

static void must(bool what)
{
	if (!what)
		abort();
}

static void read_view(const struct buffer_view *v)
{
	must(v->data || !v->len);
	for (uint32_t i = 0; i < v->len; i += 61)
		seen += v->data[i];
	if (v->len)
		seen += v->data[v->len - 1];
}

static void look_at_frames(struct harness *h)
{
	for (unsigned d = 0; d < 2; d++) {
		const struct app_frame_side *side = &h->flow.app->frames->side[d];
		struct buffer_view view;

		must(side->count <= APP_FRAMES_MAX && side->run_count <= APP_FRAME_RUNS_MAX);
		must(side->datagram || side->data_len <= APP_FRAME_BYTES_MAX);
		for (uint32_t i = 0; i < side->count; i++)
			for (unsigned part = 0; app_frame_view(&h->flow, d, &side->list[i], 0, part, &view); part++)
				read_view(&view);
	}
}

static void look(struct harness *h)
{
	struct app_session *s = h->flow.app;
	unsigned live = 0;

	if (!s || !s->proto)
		return;
	if (s->frames)
		look_at_frames(h);
	for (struct tx *tx = s->first; tx; tx = tx->next) {
		live++;
		must(tx->event_count <= TX_EVENTS_MAX);
		for (unsigned d = 0; d < 2; d++) {
			for (const struct proto_buffer *b = s->proto->buffers; b && b->name; b++) {
				struct buffer_view view;

				if (!(d == TO_SERVER ? b->to_server : b->to_client))
					continue;
				for (unsigned i = 0; i < 64; i++) {
					if (!b->get(&h->w, &h->flow, tx, d, i, &view))
						break;
					read_view(&view);
					if (!(b->flags & BUFFER_MULTI))
						break;
				}
			}
			for (const struct proto_value *v = s->proto->values; v && v->name; v++) {
				uint64_t n = 0;

				if (v->get)
					seen += v->get(&h->w, &h->flow, tx, d, &n);
				for (unsigned k = 0; v->get_multi && k < 256; k++)
					if (!v->get_multi(&h->w, &h->flow, tx, d, k, &n))
						break;
			}
		}
	}
	must(live == s->live && live <= s->proto->max_transactions);
	for (unsigned d = 0; d < 2; d++)
		must(s->pending[d].len <= (s->proto->max_pending_bytes > APP_PROBE_BYTES ?
						   s->proto->max_pending_bytes :
						   APP_PROBE_BYTES) + 4096);
}

static void piece(struct harness *h, uint8_t what, const uint8_t *data, size_t len, size_t given)
{
	enum direction d = what >> 7;

	if (h->flow.ip_proto == 17) {
		harness_udp_open(h, d, data, len);
	} else if ((what & 7) == 5) {
		harness_gap_open(h, d, (uint32_t)given + 1);
	} else if ((what & 7) == 6) {
		harness_end_open(h, d);
	} else {
		harness_tcp_open(h, d, data, len);
	}
	look(h);
	if ((what & 7) == 7 || h->flow.ip_proto == 17)
		harness_done(h);
	if (h->out_len > RECORDS_KEPT)
		harness_clear(h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* A worker that knows only the protocol under test, so that nothing else takes the bytes. Rules want all of it. */
static struct harness *worker_for(const struct proto *proto, uint8_t ip_proto)
{
	static char off[APP_PROTO_COUNT][64];
	static const char *settings[APP_PROTO_COUNT + 2];
	struct harness *h;
	unsigned n = 0;

	for (unsigned i = 0; i < APP_PROTO_COUNT; i++) {
		if (!app_protos[i] || app_protos[i] == proto)
			continue;
		snprintf(off[n], sizeof(off[n]), "app.%s.enabled=no", app_protos[i]->name);
		settings[n] = off[n];
		n++;
	}
	settings[n++] = "eve.types.frame.enabled=yes";
	settings[n] = NULL;
	h = harness_new(ip_proto, 1, settings);
	for (const struct proto_buffer *b = proto->buffers; b && b->name; b++)
		app_buffer_wanted(&h->w, proto->id, b->name);
	return h;
}

/* A protocol without a probe is one that other flows announce. */
static void announce(struct harness *h, const struct proto *proto, uint8_t detail)
{
	const struct expectation e = {
		.client = h->flow.client,
		.server = h->flow.server,
		.server_port = h->flow.server_port,
		.ip_version = h->flow.ip_version,
		.proto = (uint8_t)proto->id,
		.detail = detail,
		.name = {(uint8_t *)"name.txt", 8},
	};

	if (!proto->probe)
		expect_add(&h->w, &e);
}

/* The last one is of protocols that are at one port only. */
static uint16_t port_of(const struct proto *proto, unsigned n)
{
	static const uint16_t ports[] = {53, 443, 80, 25, 5300, 8080, 67, 5353};

	if (n < 7)
		return ports[n];
	switch (proto->id) {
	case APP_llmnr:
		return 5355;
	case APP_nbns:
		return 137;
	case APP_syslog:
		return 514;
	default:
		return ports[n];
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct harness *workers[2];
	const struct proto *proto = app_protos[app_proto_by_name(FUZZED)];
	struct harness *h;
	bool udp;

	if (size < 2)
		return 0;
	udp = proto->over_udp && (!proto->over_tcp || data[0] & 1);
	if (!workers[udp])
		workers[udp] = worker_for(proto, udp ? 17 : 6);
	h = workers[udp];
	harness_reset(h, port_of(proto, data[0] >> 1 & 7));
	announce(h, proto, data[0] >> 4);
	if (data[0] & 0x80)
		h->flow.flags |= FLOW_MIDSTREAM;
	for (size_t at = 1; at + 2 <= size;) {
		uint8_t what = data[at];
		size_t len = data[at + 1], given;

		at += 2;
		if (what & 0x40)
			len *= 16;
		given = len;
		if (len > size - at)
			len = size - at;
		if ((what & 7) == 5 || (what & 7) == 6)
			len = 0;
		piece(h, what, data + at, len, given);
		at += len;
	}
	harness_reset(h, 1);
	return 0;
}
