/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The raw window: the last bytes of a direction in one contiguous buffer, for rules on TCP payload.
 * In the wire it also keeps what is not acknowledged yet, so that a segment sent again can be
 * compared with what was let through. Holes divide it: bytes on both sides of one are never shown
 * together. Worker thread only.
 */
#include <string.h>

#include "dataplane/stream/session.h"

#define RAW_MIN 2048u

void raw_free(struct worker *w, struct tcp_bytes *b)
{
	heap_free(&w->heap, b->raw);
	b->raw = NULL;
	b->raw_cap = b->raw_len = b->raw_head = 0;
	b->gap_count = 0;
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
	for (unsigned i = 0; i < b->gap_count; i++)
		b->gap_at[i] = b->gap_at[i] > n ? b->gap_at[i] - n : 0;
	while (b->gap_count && b->gap_at[0] == 0) {
		b->raw_offset += b->gap_len[0];
		b->raw_missing = b->gap_len[0];
		b->gap_count--;
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
	uint32_t cap = b->raw_cap ? b->raw_cap : RAW_MIN;
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
		b->raw_seen = b->raw_len;
		raw_trim(st, side);
	}
}

void raw_gap(struct worker *w, struct tcp_side *side, uint32_t len)
{
	struct tcp_bytes *b = side->flags & SIDE_RAW_OFF ? side->bytes : tcp_bytes_get(w, side);

	if (!b)
		return;
	/* nothing new stands before it: what comes begins a window of its own */
	if (b->raw_len == 0 || b->gap_count == TCP_RAW_GAPS ||
	    (b->gap_count == 0 && b->raw_seen == b->raw_len)) {
		raw_drop(b, b->raw_len);
		b->raw_missing += len;
		return;
	}
	b->gap_at[b->gap_count] = b->raw_len;
	b->gap_len[b->gap_count++] = len;
}

bool raw_differs(const struct tcp_side *side, uint32_t seq, const uint8_t *data, uint32_t len)
{
	const struct tcp_bytes *b = side->bytes;
	uint32_t behind = side->expect - seq, skip;

	/* numbers and positions go together only while nothing was left out */
	if (!b || b->gap_count || b->raw_len == 0 || b->urgent_count || behind > TCP_REACH)
		return false;
	if (behind > b->raw_len) {
		skip = behind - b->raw_len;
		if (skip >= len)
			return false;
		data += skip;
		len -= skip;
		behind = b->raw_len;
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

static uint32_t raw_part(const struct tcp_bytes *b)
{
	return b->gap_count ? b->gap_at[0] : b->raw_len;
}

bool stream_raw_look(struct worker *w, struct flow *f, enum direction d, struct stream_raw *out)
{
	struct tcp_side *side = raw_side(f, d);
	struct tcp_bytes *b = side ? side->bytes : NULL;

	if (!b || raw_part(b) <= b->raw_seen)
		return false;
	*out = (struct stream_raw){
		.data = b->raw + b->raw_head,
		.len = raw_part(b),
		.fresh = b->raw_seen,
		.missing = b->raw_missing,
		.offset = b->raw_offset,
	};
	return true;
}

bool stream_raw_whole(struct worker *w, struct flow *f, enum direction d, struct stream_raw *out)
{
	const struct tcp_side *side = raw_side(f, d);
	const struct tcp_bytes *b = side ? side->bytes : NULL;

	if (!b || !b->raw_len)
		return false;
	*out = (struct stream_raw){
		.data = b->raw + b->raw_head,
		.len = raw_part(b),
		.fresh = b->raw_seen,
		.missing = b->raw_missing,
		.offset = b->raw_offset,
	};
	return true;
}

bool stream_raw_peek(struct worker *w, struct flow *f, enum direction d, struct stream_raw *out)
{
	const struct stream_state *st = w->streams;
	struct tcp_side *side = raw_side(f, d);
	struct tcp_bytes *b;
	uint32_t part;
	bool end;

	if (!side)
		return false;
	b = side->bytes;
	part = raw_part(b);
	b->raw_shown = part;
	if (part <= b->raw_seen)
		return false;
	end = (side->flags & (SIDE_END_SENT | SIDE_STOPPED)) || (f->flags & FLOW_ENDING) ||
	      f->tcp->state == TCP_STATE_CLOSED;
	if (!st->in_the_wire && !end && b->raw_offset + b->raw_seen >= b->flush_to && !b->gap_count &&
	    part - b->raw_seen < st->chunk)
		return false;
	*out = (struct stream_raw){
		.data = b->raw + b->raw_head,
		.len = part,
		.fresh = b->raw_seen,
		.missing = b->raw_missing,
		.offset = b->raw_offset,
		.end = end && !b->gap_count,
	};
	return true;
}

void stream_raw_inspected(struct worker *w, struct flow *f, enum direction d)
{
	struct tcp_side *side = raw_side(f, d);
	struct tcp_bytes *b;

	if (!side)
		return;
	b = side->bytes;
	b->raw_seen = b->gap_count || b->raw_shown > b->raw_len ? raw_part(b) : b->raw_shown;
	if (b->gap_count) {
		raw_drop(b, b->gap_at[0]);
		return;
	}
	raw_trim(w->streams, side);
}

void stream_raw_flush(struct flow *f, enum direction d)
{
	struct tcp_side *side = raw_side(f, d);

	if (side)
		side->bytes->flush_to = side->bytes->raw_offset + side->bytes->raw_len;
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
