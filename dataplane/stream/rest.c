/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A session put away: all that struct tcp_session has, in the few bytes that it needs while nothing is on its way.
 * Then what was sent is what was acknowledged and handed on, so that most numbers follow from others: a bit says
 * that, else the difference is written. Nothing is lost. Windows for rules, which may be looked back at, stay on the
 * heap, in no more room than they have bytes. Worker thread only.
 */
#include "dataplane/base/pack.h"
#include "dataplane/stream/session.h"

#define NS_PER_S 1000000000ull
#define POINTER_BYTES 6u /* of an address in a process */
#define SESSION_REGIONS (1u << 15) /* max_regions are written */
#define SIDE_BYTES (1u << 11)      /* struct tcp_bytes is there: the first's is written, and leads to the other */
_Static_assert(SESSION_STORED < SESSION_REGIONS && SIDE_GAP < SIDE_BYTES, "flags leave a bit");
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
	at = pack_number(at, side->flags | (side->bytes ? SIDE_BYTES : 0));
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

/* Nothing waits in it, and nothing of it is looked back at. */
static bool side_empty(const struct tcp_side *side)
{
	const struct tcp_bytes *b = side->bytes;

	return !b || !(b->held_count | b->urgent_count | b->raw_len | b->raw_missing | b->gap_count);
}

/* No longer needed is room for pieces, and that of a window beyond its bytes. */
static void side_shrink(struct worker *w, struct tcp_side *side)
{
	struct tcp_bytes *b = side->bytes;

	if (!b || b->held_count)
		return;
	if (side_empty(side)) {
		tcp_bytes_free(w, side);
		return;
	}
	heap_free(&w->heap, b->held);
	b->held = NULL;
	b->held_cap = b->held_first = 0;
	raw_shrink(w, b);
}

void stream_shrink(struct worker *w, struct flow *f)
{
	side_shrink(w, &f->tcp->side[0]);
	side_shrink(w, &f->tcp->side[1]);
}

static bool side_holds(const struct tcp_side *side)
{
	return side->bytes && side->bytes->held_count;
}

static uint32_t last_s(const struct flow *f)
{
	return (uint32_t)(f->last_ns / NS_PER_S);
}

/* One address: where both sides have bytes, the second's stands in the first's. */
static uint8_t *bytes_pack(uint8_t *at, const struct tcp_session *s)
{
	struct tcp_bytes *a = s->side[0].bytes, *b = s->side[1].bytes, *first = a ? a : b;
	uintptr_t v = (uintptr_t)first;

	if (!first)
		return at;
	first->mate = a ? b : NULL;
	return pack_bytes(at, &v, POINTER_BYTES);
}

static void bytes_unpack(const uint8_t **at, struct tcp_session *s)
{
	bool has[2] = {s->side[0].flags & SIDE_BYTES, s->side[1].flags & SIDE_BYTES};
	struct tcp_bytes *first;
	uintptr_t v = 0;

	if (!has[0] && !has[1])
		return;
	unpack_bytes(at, &v, POINTER_BYTES);
	first = (struct tcp_bytes *)v;
	s->side[!has[0]].bytes = first;
	if (has[0] && has[1])
		s->side[1].bytes = first->mate;
	first->mate = NULL;
	s->side[0].flags &= (uint16_t)~SIDE_BYTES;
	s->side[1].flags &= (uint16_t)~SIDE_BYTES;
}

uint8_t *stream_pack(const struct flow *f, uint8_t *at)
{
	const struct tcp_session *s = f->tcp;
	bool regions = s->max_regions[0] | s->max_regions[1];
	uint16_t flags = (uint16_t)(s->flags | (regions ? SESSION_REGIONS : 0));

	if (s->queue || s->queue_len || side_holds(&s->side[0]) || side_holds(&s->side[1]))
		return NULL;
	if ((uintptr_t)s->side[0].bytes >> (8 * POINTER_BYTES) || (uintptr_t)s->side[1].bytes >> (8 * POINTER_BYTES))
		return NULL;
	at = pack_bytes(at, &flags, sizeof(flags));
	*at++ = (uint8_t)(s->state | s->before << 4);
	if (regions)
		at = pack_bytes(at, s->max_regions, sizeof(s->max_regions));
	at = side_pack(at, &s->side[0], last_s(f));
	at = side_pack(at, &s->side[1], last_s(f));
	return bytes_pack(at, s);
}

void stream_put_away(struct worker *w, struct flow *f)
{
	f->tcp->side[0].bytes = f->tcp->side[1].bytes = NULL;
	tcp_session_put(w, f);
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
	side_unpack(&at, &s->side[0], last_s(f));
	side_unpack(&at, &s->side[1], last_s(f));
	bytes_unpack(&at, s);
	return at;
}
