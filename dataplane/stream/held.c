/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The pieces of a direction that wait for a hole to be filled: a sorted array of numbers with an
 * index each into the worker's pool of pieces. Binary search and memmove over at most TCP_HELD_MAX
 * entries of eight bytes; both ends are cheap. Worker thread only.
 */
#include <string.h>

#include "dataplane/stream/session.h"

struct tcp_bytes *tcp_bytes_get(struct worker *w, struct tcp_side *side)
{
	if (!side->bytes)
		side->bytes = heap_zalloc(&w->heap, sizeof(*side->bytes));
	return side->bytes;
}

struct tcp_piece *piece_of(const struct stream_state *st, const struct tcp_bytes *b, uint32_t i)
{
	return &st->pieces[b->held[b->held_first + i].piece];
}

uint32_t held_find(const struct stream_state *st, const struct tcp_bytes *b, uint32_t seq)
{
	const struct held_entry *e;
	uint32_t low = 0, high = b->held_count;
	const struct tcp_piece *before;

	if (high == 0)
		return 0;
	e = b->held + b->held_first;
	/* most come after all that is held, or before it */
	if (seq_from(seq, e[high - 1].seq))
		low = high;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (seq_upto(e[mid].seq, seq))
			low = mid + 1;
		else
			high = mid;
	}
	if (low > 0) {
		before = piece_of(st, b, low - 1);
		if (seq_after(before->seq + before->len, seq))
			low--;
	}
	return low;
}

static void piece_release(struct worker *w, struct tcp_piece *piece)
{
	if (piece->framed)
		w->frame_release(piece->owner);
	else
		heap_free(&w->heap, piece->owner);
	piece->owner = NULL;
}

static bool held_room(struct worker *w, struct tcp_bytes *b)
{
	uint32_t cap;
	struct held_entry *grown;

	if (b->held_first + b->held_count < b->held_cap)
		return true;
	if (b->held_first > b->held_cap / 2) {
		memmove(b->held, b->held + b->held_first, b->held_count * sizeof(*b->held));
		b->held_first = 0;
		return true;
	}
	cap = b->held_cap ? b->held_cap * 2 : 16;
	grown = heap_realloc(&w->heap, b->held, cap * sizeof(*grown));
	if (!grown)
		return false;
	b->held = grown;
	b->held_cap = cap;
	return true;
}

bool held_insert(struct worker *w, struct tcp_bytes *b, uint32_t i, const struct tcp_piece *piece)
{
	struct stream_state *st = w->streams;
	struct held_entry *e;
	uint32_t index;

	if (b->held_count >= TCP_HELD_MAX || !held_room(w, b))
		return false;
	if (st->piece_free != POOL_NONE) {
		index = st->piece_free;
		st->piece_free = st->pieces[index].next_free;
	} else if (st->piece_fresh < st->piece_max) {
		index = st->piece_fresh++;
	} else {
		return false;
	}
	st->pieces[index] = *piece;
	e = b->held + b->held_first;
	if (i == 0 && b->held_first > 0) {
		b->held_first--;
		e--;
	} else {
		memmove(e + i + 1, e + i, (b->held_count - i) * sizeof(*e));
	}
	e[i] = (struct held_entry){.seq = piece->seq, .piece = index};
	b->held_count++;
	b->held_bytes += piece->len;
	return true;
}

void held_remove(struct worker *w, struct tcp_bytes *b, uint32_t i, uint32_t count)
{
	struct stream_state *st = w->streams;
	struct held_entry *e;

	if (count == 0)
		return;
	e = b->held + b->held_first;
	for (uint32_t j = i; j < i + count; j++) {
		struct tcp_piece *piece = &st->pieces[e[j].piece];

		b->held_bytes -= piece->len;
		piece_release(w, piece);
		piece->next_free = st->piece_free;
		st->piece_free = e[j].piece;
	}
	if (i == 0)
		b->held_first += count;
	else
		memmove(e + i, e + i + count, (b->held_count - i - count) * sizeof(*e));
	b->held_count -= count;
	if (b->held_count == 0)
		b->held_first = 0;
}

void tcp_bytes_free(struct worker *w, struct tcp_side *side)
{
	struct tcp_bytes *b = side->bytes;

	if (!b)
		return;
	side->bytes = NULL;
	held_remove(w, b, 0, b->held_count);
	heap_free(&w->heap, b->held);
	raw_free(w, b);
	heap_free(&w->heap, b);
}

/* A frame is much larger than what is waited for in it, and there are not many. */
static void piece_copy(struct worker *w, struct tcp_piece *piece)
{
	uint8_t *copy = piece->framed ? heap_dup(&w->heap, piece->data, piece->len) : NULL;

	if (!copy)
		return;
	w->frame_release(piece->owner);
	piece->data = piece->owner = copy;
	piece->framed = false;
}

void held_shrink(struct worker *w, struct tcp_bytes *b)
{
	struct held_entry *less;

	if (!b->held_count) {
		heap_free(&w->heap, b->held);
		b->held = NULL;
		b->held_first = b->held_cap = 0;
		return;
	}
	for (uint32_t i = 0; i < b->held_count; i++)
		piece_copy(w, piece_of(w->streams, b, i));
	if (b->held_cap == b->held_count)
		return;
	memmove(b->held, b->held + b->held_first, b->held_count * sizeof(*b->held));
	b->held_first = 0;
	less = heap_realloc(&w->heap, b->held, b->held_count * sizeof(*b->held));
	if (!less)
		return;
	b->held = less;
	b->held_cap = b->held_count;
}

bool held_since(const struct worker *w, const struct tcp_bytes *b, uint64_t ts_ns)
{
	for (uint32_t i = b ? b->held_count : 0; i > 0; i--)
		if (piece_of(w->streams, b, i - 1)->ts_ns >= ts_ns)
			return true;
	return false;
}
