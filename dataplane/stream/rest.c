/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A session put away: all that struct tcp_session has, in the few bytes that it needs while nothing is on its way.
 * Then what was sent is what was acknowledged and handed on, so that most numbers follow from others: a bit says
 * that, else the difference is written. Nothing is lost. A window for rules, which may be looked back at, is written too
 * if it is short; else it stays on the heap, in no more room than it has bytes, as do pieces that wait. Worker thread
 * only.
 */
#include "dataplane/base/pack.h"
#include "dataplane/stream/session.h"

#define NS_PER_S 1000000000ull
#define SESSION_REGIONS (1u << 15) /* max_regions are written */
#define SIDE_BYTES (1u << 11)      /* struct tcp_bytes is written … */
#define SIDE_HOLDS (1u << 12)      /* … or stays where it is */
_Static_assert(SESSION_STORED < SESSION_REGIONS && SIDE_GAP < SIDE_BYTES, "flags leave bits");
_Static_assert(OS_COUNT <= 16 && TCP_WINDOW_SCALE_MAX < 16, "both in a byte");
_Static_assert(TCP_STATE_CLOSED < 16, "two states in a byte");

/* What is not as it follows from other numbers, and is written. */
enum side_written {
	HAS_ACK = 1 << 0,       /* last_ack is not next_seq */
	HAS_EXPECT = 1 << 1,    /* expect is not next_seq */
	HAS_DELIVERED = 1 << 2, /* more or less than what stands before expect */
	HAS_FIN = 1 << 3,
	HAS_TS = 1 << 4,
	HAS_PACKET_S = 1 << 5,
	HAS_NEXT_WIN = 1 << 6,  /* next_win is not last_ack + window */
	HAS_WINDOW = 1 << 7,    /* window is not sixteen bits, scaled */
};

static uint64_t delivered_by_numbers(const struct tcp_side *side)
{
	return side->expect - side->isn - 1;
}

static unsigned side_differs(const struct tcp_side *side)
{
	uint32_t said = side->window >> side->wscale;
	bool plain = said <= UINT16_MAX && said << side->wscale == side->window;

	return (side->last_ack != side->next_seq ? HAS_ACK : 0) | (side->expect != side->next_seq ? HAS_EXPECT : 0) |
	       (side->delivered != delivered_by_numbers(side) ? HAS_DELIVERED : 0) | (side->fin_seq ? HAS_FIN : 0) |
	       (side->last_ts ? HAS_TS : 0) | (side->last_packet_s ? HAS_PACKET_S : 0) |
	       (side->next_win != side->last_ack + side->window ? HAS_NEXT_WIN : 0) | (plain ? 0 : HAS_WINDOW);
}

static int32_t apart(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

static uint8_t *side_pack(uint8_t *at, const struct tcp_side *side, uint32_t now_s)
{
	unsigned has = side_differs(side);
	uint16_t said = (uint16_t)(side->window >> side->wscale);

	*at++ = (uint8_t)has;
	*at++ = (uint8_t)(side->wscale | side->os_policy << 4);
	at = pack_number(at, side->flags | (!side->bytes ? 0 : side->bytes->held_count ? SIDE_HOLDS : SIDE_BYTES));
	at = pack_bytes(at, &side->isn, sizeof(side->isn));
	at = pack_number(at, side->next_seq - side->isn);
	if (has & HAS_WINDOW)
		at = pack_number(at, side->window);
	else
		at = pack_bytes(at, &said, sizeof(said));
	if (has & HAS_ACK)
		at = pack_signed(at, apart(side->last_ack, side->next_seq));
	if (has & HAS_EXPECT)
		at = pack_signed(at, apart(side->expect, side->next_seq));
	if (has & HAS_DELIVERED)
		at = pack_signed(at, (int64_t)(side->delivered - delivered_by_numbers(side)));
	if (has & HAS_FIN)
		at = pack_bytes(at, &side->fin_seq, sizeof(side->fin_seq));
	if (has & HAS_TS)
		at = pack_bytes(at, &side->last_ts, sizeof(side->last_ts));
	if (has & HAS_PACKET_S)
		at = pack_signed(at, apart(now_s, side->last_packet_s));
	if (has & HAS_NEXT_WIN)
		at = pack_signed(at, apart(side->next_win, side->last_ack + side->window));
	return at;
}

static void side_unpack(const uint8_t **at, struct tcp_side *side, uint32_t now_s)
{
	unsigned has = *(*at)++;
	uint16_t said;

	side->wscale = **at & 15;
	side->os_policy = *(*at)++ >> 4;
	side->flags = (uint16_t)unpack_number(at);
	unpack_bytes(at, &side->isn, sizeof(side->isn));
	side->next_seq = side->isn + (uint32_t)unpack_number(at);
	if (has & HAS_WINDOW) {
		side->window = (uint32_t)unpack_number(at);
	} else {
		unpack_bytes(at, &said, sizeof(said));
		side->window = (uint32_t)said << side->wscale;
	}
	side->last_ack = side->next_seq + (has & HAS_ACK ? (uint32_t)unpack_signed(at) : 0);
	side->expect = side->next_seq + (has & HAS_EXPECT ? (uint32_t)unpack_signed(at) : 0);
	side->delivered = delivered_by_numbers(side) + (has & HAS_DELIVERED ? (uint64_t)unpack_signed(at) : 0);
	if (has & HAS_FIN)
		unpack_bytes(at, &side->fin_seq, sizeof(side->fin_seq));
	if (has & HAS_TS)
		unpack_bytes(at, &side->last_ts, sizeof(side->last_ts));
	if (has & HAS_PACKET_S)
		side->last_packet_s = now_s - (uint32_t)unpack_signed(at);
	side->next_win = side->last_ack + side->window + (has & HAS_NEXT_WIN ? (uint32_t)unpack_signed(at) : 0);
}

/* ---- a direction's bytes ---- */

/* What is not as it is in most, and is written. */
enum bytes_written {
	HAS_SEEN = 1 << 0,      /* not all of the window was inspected */
	HAS_SHOWN = 1 << 1,     /* the last peek was not about all of it */
	HAS_PAST = 1 << 2,
	HAS_OFFSET = 1 << 3,    /* the window does not end where the side stands */
	HAS_MISSING = 1 << 4,
	HAS_FLUSH = 1 << 5,
	HAS_GAPS = 1 << 6,      /* holes, bytes left out */
	HAS_OWN_BLOCK = 1 << 7, /* the window stays where it is */
};

static bool own_block(const struct tcp_bytes *b)
{
	return b->raw_len > STREAM_PACKED_BYTES;
}

static unsigned bytes_differ(const struct tcp_side *side)
{
	const struct tcp_bytes *b = side->bytes;

	return (b->raw_seen != b->raw_len ? HAS_SEEN : 0) | (b->raw_shown != b->raw_len ? HAS_SHOWN : 0) |
	       (b->raw_past ? HAS_PAST : 0) | (b->raw_offset + b->raw_len != side->delivered ? HAS_OFFSET : 0) |
	       (b->raw_missing ? HAS_MISSING : 0) | (b->flush_to ? HAS_FLUSH : 0) |
	       (b->gap_count | b->urgent_count ? HAS_GAPS : 0) | (own_block(b) ? HAS_OWN_BLOCK : 0);
}

static uint8_t *gaps_pack(uint8_t *at, const struct tcp_bytes *b)
{
	*at++ = b->gap_count;
	*at++ = b->gap_past;
	at = pack_number(at, b->urgent_count);
	for (unsigned i = 0; i < b->gap_count; i++) {
		at = pack_number(at, b->gap_at[i]);
		at = pack_number(at, b->gap_len[i]);
	}
	return at;
}

static void gaps_unpack(const uint8_t **at, struct tcp_bytes *b)
{
	b->gap_count = *(*at)++;
	b->gap_past = *(*at)++;
	b->urgent_count = (uint32_t)unpack_number(at);
	for (unsigned i = 0; i < b->gap_count; i++) {
		b->gap_at[i] = (uint32_t)unpack_number(at);
		b->gap_len[i] = (uint32_t)unpack_number(at);
	}
}

static uint8_t *bytes_pack(uint8_t *at, const struct tcp_side *side)
{
	const struct tcp_bytes *b = side->bytes;
	unsigned has = bytes_differ(side);

	*at++ = (uint8_t)has;
	at = pack_number(at, b->raw_len);
	if (has & HAS_SEEN)
		at = pack_number(at, b->raw_seen);
	if (has & HAS_SHOWN)
		at = pack_number(at, b->raw_shown);
	if (has & HAS_PAST)
		at = pack_number(at, b->raw_past);
	if (has & HAS_OFFSET)
		at = pack_signed(at, (int64_t)(side->delivered - b->raw_offset));
	if (has & HAS_MISSING)
		at = pack_number(at, b->raw_missing);
	if (has & HAS_FLUSH)
		at = pack_signed(at, (int64_t)(side->delivered - b->flush_to));
	if (has & HAS_GAPS)
		at = gaps_pack(at, b);
	if (has & HAS_OWN_BLOCK)
		return pack_pointer(at, b->raw);
	return b->raw_len ? pack_bytes(at, b->raw, b->raw_len) : at;
}

/* b: where it goes, cleared; the window it lacks memory for is passed over. */
static void bytes_unpack(struct worker *w, const uint8_t **at, const struct tcp_side *side, struct tcp_bytes *b)
{
	unsigned has = *(*at)++;

	b->raw_cap = b->raw_len = (uint32_t)unpack_number(at);
	b->raw_seen = has & HAS_SEEN ? (uint32_t)unpack_number(at) : b->raw_len;
	b->raw_shown = has & HAS_SHOWN ? (uint32_t)unpack_number(at) : b->raw_len;
	b->raw_past = has & HAS_PAST ? (uint32_t)unpack_number(at) : 0;
	b->raw_offset = side->delivered - (has & HAS_OFFSET ? (uint64_t)unpack_signed(at) : b->raw_len);
	b->raw_missing = has & HAS_MISSING ? (uint32_t)unpack_number(at) : 0;
	b->flush_to = has & HAS_FLUSH ? side->delivered - (uint64_t)unpack_signed(at) : 0;
	if (has & HAS_GAPS)
		gaps_unpack(at, b);
	if (has & HAS_OWN_BLOCK) {
		b->raw = unpack_pointer(at);
		return;
	}
	b->raw = b->raw_len ? heap_dup(&w->heap, *at, b->raw_len) : NULL;
	*at += b->raw_len;
	if (b->raw_len && !b->raw) {
		w->counters->tcp_segment_memcap_drop++;
		raw_free(w, b);
		b->raw_seen = b->raw_shown = 0;
	}
}

/* Is nothing in it that could be missed? */
static bool side_empty(const struct tcp_side *side)
{
	const struct tcp_bytes *b = side->bytes;

	return !b || !(b->held_count | b->urgent_count | b->raw_len | b->raw_missing | b->gap_count);
}

static bool side_holds(const struct tcp_side *side)
{
	return side->bytes && side->bytes->held_count;
}

static void side_shrink(struct worker *w, struct tcp_side *side)
{
	struct tcp_bytes *b = side->bytes;

	if (side_empty(side)) {
		tcp_bytes_free(w, side);
		return;
	}
	held_shrink(w, b);
	raw_shrink(w, b);
}

void stream_shrink(struct worker *w, struct flow *f)
{
	side_shrink(w, &f->tcp->side[0]);
	side_shrink(w, &f->tcp->side[1]);
}

/* ---- the session ---- */

static uint32_t last_s(const struct flow *f)
{
	return (uint32_t)(f->last_ns / NS_PER_S);
}

static bool pointers_short(const struct tcp_side *side)
{
	return pointer_short(side->bytes) && (!side->bytes || pointer_short(side->bytes->raw));
}

uint8_t *stream_pack(const struct flow *f, uint8_t *at)
{
	const struct tcp_session *s = f->tcp;
	bool regions = s->max_regions[0] | s->max_regions[1];
	uint16_t flags = (uint16_t)(s->flags | (regions ? SESSION_REGIONS : 0));

	if (s->queue || s->queue_len || !pointers_short(&s->side[0]) || !pointers_short(&s->side[1]))
		return NULL;
	at = pack_bytes(at, &flags, sizeof(flags));
	*at++ = (uint8_t)(s->state | s->before << 4);
	if (regions)
		at = pack_bytes(at, s->max_regions, sizeof(s->max_regions));
	for (unsigned d = 0; d < 2; d++) {
		const struct tcp_side *side = &s->side[d];

		at = side_pack(at, side, last_s(f));
		if (side_holds(side))
			at = pack_pointer(at, side->bytes);
		else if (side->bytes)
			at = bytes_pack(at, side);
	}
	return at;
}

void stream_put_away(struct worker *w, struct flow *f)
{
	for (unsigned d = 0; d < 2; d++) {
		struct tcp_side *side = &f->tcp->side[d];

		if (!side_holds(side)) {
			if (side->bytes && own_block(side->bytes))
				side->bytes->raw = NULL;
			tcp_bytes_free(w, side);
		}
		side->bytes = NULL;
	}
	tcp_session_put(w, f);
}

static void side_bytes_unpack(struct worker *w, const uint8_t **at, struct tcp_side *side)
{
	struct tcp_bytes lost = {0};

	if (side->flags & SIDE_HOLDS)
		side->bytes = unpack_pointer(at);
	else if (side->flags & SIDE_BYTES) {
		bytes_unpack(w, at, side, tcp_bytes_get(w, side) ? side->bytes : &lost);
		if (!side->bytes) {
			w->counters->tcp_segment_memcap_drop++;
			raw_free(w, &lost);
		}
	}
	side->flags &= (uint16_t) ~(SIDE_BYTES | SIDE_HOLDS);
}

const uint8_t *stream_unpack(struct worker *w, struct flow *f, const uint8_t *at)
{
	struct tcp_session *s = tcp_session_take(w->streams);

	f->tcp = s;
	if (!s)
		return at;
	unpack_bytes(&at, &s->flags, sizeof(s->flags));
	s->state = *at & 15;
	s->before = *at++ >> 4;
	if (s->flags & SESSION_REGIONS)
		unpack_bytes(&at, s->max_regions, sizeof(s->max_regions));
	s->flags &= (uint16_t)~SESSION_REGIONS;
	for (unsigned d = 0; d < 2; d++) {
		side_unpack(&at, &s->side[d], last_s(f));
		side_bytes_unpack(w, &at, &s->side[d]);
	}
	return at;
}

const uint8_t *stream_kept(const struct flow *f, enum direction d, uint64_t offset, uint32_t len)
{
	const struct tcp_bytes *b = f->tcp ? f->tcp->side[d].bytes : NULL;

	if (!b || b->gap_count || offset < b->raw_offset || offset - b->raw_offset > b->raw_len ||
	    len > b->raw_len - (offset - b->raw_offset))
		return NULL;
	return b->raw + b->raw_head + (offset - b->raw_offset);
}
