/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The raw window: the last bytes of a direction in one contiguous buffer, for rules on TCP payload.
 * In the wire it also keeps what is not acknowledged yet, so that a segment sent again can be
 * compared with what was let through. Holes divide it into parts that are shown one after the other,
 * never together; what stands before a hole stays as look-back does, for records. Worker thread only.
 */
#include <string.h>

#include "dataplane/stream/session.h"

#define RAW_MIN 2048u

void raw_free(struct worker *w, struct tcp_bytes *b)
{
	heap_free(&w->heap, b->raw);
	b->raw = NULL;
	b->raw_cap = b->raw_len = b->raw_head = b->raw_past = 0;
	b->gap_count = b->gap_past = 0;
}

void raw_shrink(struct worker *w, struct tcp_bytes *b)
{
	uint8_t *less;

	if (b->raw_cap == b->raw_len)
		return;
	if (!b->raw_len) {
		heap_free(&w->heap, b->raw);
		b->raw = NULL;
		b->raw_cap = b->raw_head = 0;
		return;
	}
	memmove(b->raw, b->raw + b->raw_head, b->raw_len);
	b->raw_head = 0;
	less = heap_realloc(&w->heap, b->raw, b->raw_len);
	if (!less)
		return;
	b->raw = less;
	b->raw_cap = b->raw_len;
}

/* Where the part that is looked at begins, and where it ends. */
static uint32_t part_begin(const struct tcp_bytes *b)
{
	return b->gap_past ? b->gap_at[b->gap_past - 1] : 0;
}

static uint32_t part_end(const struct tcp_bytes *b)
{
	return b->gap_past < b->gap_count ? b->gap_at[b->gap_past] : b->raw_len;
}

/* Position in the stream of the byte at `at`, which is not behind the part that is looked at. */
static uint64_t position(const struct tcp_bytes *b, uint32_t at)
{
	uint64_t offset = b->raw_offset + at;

	for (unsigned i = 0; i < b->gap_past && b->gap_at[i] <= at; i++)
		offset += b->gap_len[i];
	return offset;
}

/* Lets n bytes at the front go, and the holes that then come first. */
static void raw_drop(struct tcp_bytes *b, uint32_t n)
{
	if (n)
		b->raw_missing = 0;
	b->raw_head += n;
	b->raw_len -= n;
	b->raw_offset += n;
	b->raw_seen = b->raw_seen > n ? b->raw_seen - n : 0;
	b->raw_past = b->raw_past > n ? b->raw_past - n : 0;
	for (unsigned i = 0; i < b->gap_count; i++)
		b->gap_at[i] = b->gap_at[i] > n ? b->gap_at[i] - n : 0;
	while (b->gap_count && b->gap_at[0] == 0) {
		b->raw_offset += b->gap_len[0];
		b->raw_missing = b->gap_len[0];
		b->gap_count--;
		b->gap_past -= b->gap_past > 0;
		memmove(b->gap_at, b->gap_at + 1, b->gap_count * sizeof(b->gap_at[0]));
		memmove(b->gap_len, b->gap_len + 1, b->gap_count * sizeof(b->gap_len[0]));
	}
	if (b->raw_len == 0)
		b->raw_head = 0;
}

/* Inspected bytes that are needed no more: beyond the look-back, and, in the wire, acknowledged. */
static void raw_trim(const struct stream_state *st, const struct tcp_side *side)
{
	struct tcp_bytes *b = side->bytes;
	uint32_t keep = side->flags & SIDE_RAW_OFF ? 0 : st->lookback, drop;

	if (st->in_the_wire && seq_after(side->expect, side->last_ack) &&
	    side->expect - side->last_ack > keep)
		keep = side->expect - side->last_ack;
	drop = b->raw_len > keep ? b->raw_len - keep : 0;
	if (drop > b->raw_seen)
		drop = b->raw_seen;
	if (drop)
		raw_drop(b, drop);
}

static bool raw_room(struct worker *w, struct tcp_bytes *b, uint32_t len)
{
	uint32_t cap = b->raw_cap > RAW_MIN ? b->raw_cap : RAW_MIN;
	uint8_t *grown;

	if (b->raw_head + b->raw_len + len <= b->raw_cap)
		return true;
	/* moving pays only when much was let go, or every byte would be moved again and again */
	if (b->raw_head >= b->raw_len && b->raw_len + len <= b->raw_cap) {
		memmove(b->raw, b->raw + b->raw_head, b->raw_len);
		b->raw_head = 0;
		return true;
	}
	while (cap < 2 * b->raw_len + len)
		cap *= 2;
	grown = heap_alloc(&w->heap, cap);
	if (!grown)
		return false;
	if (b->raw_len)
		memcpy(grown, b->raw + b->raw_head, b->raw_len);
	heap_free(&w->heap, b->raw);
	b->raw = grown;
	b->raw_cap = cap;
	b->raw_head = 0;
	return true;
}

/* Called before side->delivered moves past them. */
void raw_append(struct worker *w, struct tcp_side *side, const uint8_t *data, uint32_t len)
{
	struct stream_state *st = w->streams;
	struct tcp_bytes *b;

	if ((side->flags & SIDE_RAW_OFF) && !st->in_the_wire)
		return;
	b = tcp_bytes_get(w, side);
	if (!b)
		return;
	if (len > TCP_RAW_MAX / 2) { /* longer than any frame; what is kept is its end */
		raw_drop(b, b->raw_len);
		data += len - TCP_RAW_MAX / 2;
		b->raw_offset = side->delivered + len - TCP_RAW_MAX / 2;
		len = TCP_RAW_MAX / 2;
	} else if (b->raw_len == 0) {
		b->raw_offset = side->delivered;
	}
	if (b->raw_len + len > TCP_RAW_MAX)
		raw_drop(b, b->raw_len + len - TCP_RAW_MAX);
	if (!raw_room(w, b, len)) {
		w->counters->tcp_segment_memcap_drop++;
		raw_free(w, b);
		return;
	}
	memcpy(b->raw + b->raw_head + b->raw_len, data, len);
	b->raw_len += len;
	if (side->flags & SIDE_RAW_OFF) {
		raw_see_all(side);
		raw_trim(st, side);
	}
}

void raw_gap(struct worker *w, struct tcp_side *side, uint32_t len)
{
	struct tcp_bytes *b = side->flags & SIDE_RAW_OFF ? side->bytes : tcp_bytes_get(w, side);

	if (!b)
		return;
	if (b->gap_count == TCP_RAW_GAPS)
		raw_drop(b, b->gap_past ? b->gap_at[0] : b->raw_len);
	if (b->raw_len == 0) {
		b->raw_missing += len;
		return;
	}
	if (b->gap_count && b->gap_at[b->gap_count - 1] == b->raw_len) {
		b->gap_len[b->gap_count - 1] += len;
		return;
	}
	b->gap_at[b->gap_count] = b->raw_len;
	b->gap_len[b->gap_count++] = len;
	/* nothing new stands before it */
	if (b->raw_seen == b->raw_len)
		b->gap_past = b->gap_count;
}

bool raw_all_seen(const struct tcp_side *side)
{
	const struct tcp_bytes *b = side->bytes;

	return !b || b->raw_seen == b->raw_len;
}

void raw_see_all(struct tcp_side *side)
{
	struct tcp_bytes *b = side->bytes;

	if (!b)
		return;
	b->raw_seen = b->raw_len;
	b->gap_past = b->gap_count;
}

bool raw_differs(const struct tcp_side *side, uint32_t seq, const uint8_t *data, uint32_t len)
{
	const struct tcp_bytes *b = side->bytes;
	uint32_t behind = side->expect - seq, skip, there;

	/* numbers and positions go together only while nothing was left out */
	if (!b || b->raw_len == 0 || b->urgent_count || behind > TCP_REACH)
		return false;
	there = b->gap_count ? b->raw_len - b->gap_at[b->gap_count - 1] : b->raw_len;
	if (behind > there) {
		skip = behind - there;
		if (skip >= len)
			return false;
		data += skip;
		len -= skip;
		behind = there;
	}
	if (len > behind)
		len = behind;
	return memcmp(b->raw + b->raw_head + b->raw_len - behind, data, len) != 0;
}

/* ---- for detect ---- */

static struct tcp_side *raw_side(const struct flow *f, enum direction d)
{
	struct tcp_side *side = f->tcp ? &f->tcp->side[d] : NULL;

	return side && side->bytes && !(side->flags & SIDE_RAW_OFF) ? side : NULL;
}

/* The part that is looked at. */
static struct stream_raw part_of(const struct tcp_bytes *b)
{
	uint32_t from = part_begin(b), to = part_end(b);

	return (struct stream_raw){
		.data = b->raw + b->raw_head + from,
		.len = to - from,
		.fresh = b->raw_seen - from,
		.missing = b->gap_past ? b->gap_len[b->gap_past - 1] : b->raw_missing,
		.offset = position(b, from),
	};
}

bool stream_raw_look(struct worker *w, struct flow *f, enum direction d, struct stream_raw *out)
{
	struct tcp_side *side = raw_side(f, d);
	struct tcp_bytes *b = side ? side->bytes : NULL;

	if (!b || part_end(b) <= b->raw_seen)
		return false;
	*out = part_of(b);
	return true;
}

/* On a tap what no receiver has acknowledged is shown only where there is a hole before it, as in the
 * reference. */
static unsigned parts_held(const struct stream_state *st, const struct tcp_side *side,
			   struct stream_raw out[STREAM_RAW_PARTS], unsigned n)
{
	const struct tcp_bytes *b = side->bytes;
	uint32_t at = side->expect;
	bool all = st->in_the_wire;

	for (unsigned i = 0; i < n; i++)
		all |= out[i].missing > 0;
	for (uint32_t i = 0; i < b->held_count && n < STREAM_RAW_PARTS; i++) {
		const struct tcp_piece *piece = piece_of(st, b, i);

		if (!all && seq_from(piece->seq, side->last_ack))
			break;
		if (!piece->urgent && seq_from(piece->seq, at))
			out[n++] = (struct stream_raw){.data = piece->data, .len = piece->len,
						       .missing = piece->seq - at};
		at = piece->seq + piece->len;
	}
	return n;
}

unsigned stream_raw_parts(struct worker *w, struct flow *f, enum direction d,
			  struct stream_raw out[STREAM_RAW_PARTS])
{
	const struct tcp_side *side = raw_side(f, d);
	const struct tcp_bytes *b = side ? side->bytes : NULL;
	uint32_t from, missing;
	unsigned n = 0;

	if (!b)
		return 0;
	from = b->raw_past;
	missing = from ? 0 : b->raw_missing;
	for (unsigned i = 0; i <= b->gap_count; i++) {
		uint32_t to = i < b->gap_count ? b->gap_at[i] : b->raw_len;

		if (to < from)
			continue;
		if (to > from)
			out[n++] = (struct stream_raw){.data = b->raw + b->raw_head + from,
						       .len = to - from, .missing = missing};
		from = to;
		missing = i < b->gap_count ? b->gap_len[i] : 0;
	}
	return parts_held(w->streams, side, out, n);
}

/* How many bytes at the end of the window no parser has taken yet. */
static uint32_t pending(const struct flow *f, enum direction d)
{
	return f->app ? f->app->pending[d].len : 0;
}

void stream_packet_done(struct worker *w, struct flow *f, enum direction d)
{
	const struct stream_state *st = w->streams;
	struct tcp_side *side = raw_side(f, d);
	struct tcp_bytes *b = side ? side->bytes : NULL;
	uint32_t waiting, keep;

	if (!b || (f->app && f->app->proto && f->app->proto->shows_past))
		return;
	waiting = pending(f, d);
	keep = b->raw_len - b->raw_seen + (st->in_the_wire ? st->chunk : 0);
	if (keep < waiting)
		keep = waiting;
	if (keep < b->raw_len && b->raw_past < b->raw_len - keep)
		b->raw_past = b->raw_len - keep;
}

bool stream_raw_peek(struct worker *w, struct flow *f, enum direction d, struct stream_raw *out)
{
	const struct stream_state *st = w->streams;
	struct tcp_side *side = raw_side(f, d);
	struct tcp_bytes *b;
	bool end, holes;

	if (!side)
		return false;
	b = side->bytes;
	b->raw_shown = part_end(b);
	if (b->raw_shown <= b->raw_seen)
		return false;
	holes = b->gap_past < b->gap_count;
	end = (side->flags & (SIDE_END_SENT | SIDE_STOPPED)) || (f->flags & FLOW_ENDING) ||
	      f->tcp->state == TCP_STATE_CLOSED;
	if (!st->in_the_wire && !end && position(b, b->raw_seen) >= b->flush_to && !holes &&
	    b->raw_shown - b->raw_seen < st->chunk)
		return false;
	*out = part_of(b);
	out->end = end && !holes;
	return true;
}

void stream_raw_inspected(struct worker *w, struct flow *f, enum direction d)
{
	struct tcp_side *side = raw_side(f, d);
	struct tcp_bytes *b;

	if (!side)
		return;
	b = side->bytes;
	if (b->gap_past < b->gap_count) {
		b->raw_seen = part_end(b);
		b->gap_past++;
	} else {
		b->raw_seen = b->raw_shown > b->raw_len ? b->raw_len : b->raw_shown;
	}
	raw_trim(w->streams, side);
}

void stream_raw_flush(struct flow *f, enum direction d)
{
	struct tcp_side *side = raw_side(f, d);

	if (side)
		side->bytes->flush_to = side->delivered;
}

void stream_raw_off(struct worker *w, struct flow *f, enum direction d)
{
	struct tcp_side *side = f->tcp ? &f->tcp->side[d] : NULL;

	if (!side)
		return;
	side->flags |= SIDE_RAW_OFF;
	if (side->bytes && !w->streams->in_the_wire)
		raw_free(w, side->bytes);
}

void stream_lookback(struct worker *w, uint32_t bytes)
{
	w->streams->lookback = bytes < TCP_RAW_MAX / 4 ? bytes : TCP_RAW_MAX / 4;
}
