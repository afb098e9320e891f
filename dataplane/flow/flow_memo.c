/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The records of flows that nobody found anything in, a scan's or a flood's, differ in their heads and in seven numbers:
 * the rest is copied from the last of its like. Worker thread only.
 */
#include <string.h>

#include "dataplane/flow/table.h"
#include "dataplane/stream/stream.h"

#define PROTO_TCP 6
#define PROTO_UDP 17
#define NS_PER_S 1000000000ull

/* In the order of flow_memo.at; the last two are times. */
static const enum field_id numbers[MEMO_NUMBERS] = {
	F_flow_pkts_toserver, F_flow_pkts_toclient, F_flow_bytes_toserver, F_flow_bytes_toclient,
	F_flow_age,           F_flow_start,         F_flow_end,
};
#define SMALL_NUMBERS 5

/* Flags that its record shows. */
#define SHOWN (FLOW_BYPASSED | FLOW_PASS | FLOW_DROP | FLOW_ALERTED | FLOW_ENDING | FLOW_ACCEPTED | FLOW_RULES_PASS | \
	       FLOW_ESTABLISHED | FLOW_CLOSED)

static uint64_t tcp_likeness(const struct worker *w, const struct flow *f)
{
	bool streams = w->flows->streams;
	uint64_t flags = flow_told_flags(f, TO_SERVER, streams) | (uint64_t)flow_told_flags(f, TO_CLIENT, streams) << 8;

	_Static_assert(FLOW_TCP_STATES <= 16, "four bits");
	if (f->tcp)
		flags |= (uint64_t)(16u | stream_state(f)) << 16;
	return flags;
}

uint64_t flow_likeness(const struct worker *w, const struct flow *f)
{
	uint64_t most = f->packets[0] | f->packets[1] | f->bytes[0] | f->bytes[1], rest;
	const struct flow_cold *cold = flow_cold(f);

	if ((f->ip_proto != PROTO_TCP && f->ip_proto != PROTO_UDP) || f->app || cold->notes || cold->detect ||
	    f->exceptions || most > UINT32_MAX)
		return 0;
	if (stream_max_regions(f, TO_SERVER) > 1 || stream_max_regions(f, TO_CLIENT) > 1)
		return 0;
	rest = f->ip_proto == PROTO_TCP ? tcp_likeness(w, f) : 0;
	_Static_assert(SHOWN < 1 << 28 && APP_PROTO_COUNT <= 128, "each has bits of its own");
	return (f->flags & SHOWN) | rest << 28 | (uint64_t)(f->app_proto ^ f->end_reason << 7) << 49 |
	       (uint64_t)(f->ip_proto == PROTO_TCP) << 62 | 1ull << 63;
}

static struct flow_memo *memo_of(const struct flow_table *t, uint64_t likeness)
{
	return (struct flow_memo *)(uintptr_t)&t->memo[(likeness * 0x9e3779b97f4a7c15ull) >> 60];
}

bool flow_memo_write(const struct flow_table *t, uint64_t likeness, const struct flow *f, struct recorder *r)
{
	const struct flow_memo *m = memo_of(t, likeness);
	uint64_t start_ns = flow_cold(f)->start_ns;
	const uint32_t small[SMALL_NUMBERS] = {
		(uint32_t)f->packets[TO_SERVER], (uint32_t)f->packets[TO_CLIENT], (uint32_t)f->bytes[TO_SERVER],
		(uint32_t)f->bytes[TO_CLIENT],   (uint32_t)(f->last_ns / NS_PER_S - start_ns / NS_PER_S),
	};
	uint8_t *at = m->likeness == likeness ? rec_room(r, m->len) : NULL;

	if (!at)
		return false;
	memcpy(at, m->values, m->len);
	for (unsigned i = 0; i < SMALL_NUMBERS; i++)
		memcpy(at + m->at[i], &small[i], sizeof(small[i]));
	memcpy(at + m->at[SMALL_NUMBERS], &start_ns, sizeof(start_ns));
	memcpy(at + m->at[SMALL_NUMBERS + 1], &f->last_ns, sizeof(f->last_ns));
	rec_filled(r, at + m->len);
	return true;
}

/* Where the field's number stands in the values; 0: not as it should. */
static uint16_t number_at(const struct flow_memo *m, enum field_id field, bool time)
{
	struct value_reader r = {.p = m->values, .end = m->values + m->len};
	struct value v;

	while (value_next(&r, &v)) {
		if (v.close || v.field != field)
			continue;
		if (time != (v.body.data != NULL))
			return 0;
		return (uint16_t)((time ? v.body.data : r.p - sizeof(uint32_t)) - m->values);
	}
	return 0;
}

void flow_memo_keep(struct flow_table *t, uint64_t likeness, const struct recorder *r)
{
	struct flow_memo *m = memo_of(t, likeness);
	uint32_t len = r->len - (uint32_t)sizeof(struct record_head);
	bool whole = !r->truncated && !r->depth && len <= MEMO_BYTES;

	m->likeness = 0;
	if (!whole)
		return;
	m->len = (uint16_t)len;
	memcpy(m->values, r->at + sizeof(struct record_head), len);
	for (unsigned i = 0; i < MEMO_NUMBERS; i++) {
		m->at[i] = number_at(m, numbers[i], i >= SMALL_NUMBERS);
		whole &= m->at[i] > 0;
	}
	if (whole)
		m->likeness = likeness;
}
