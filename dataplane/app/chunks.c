/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See chunks.h. Runs in the worker that owns the flow.
 */
#include "dataplane/app/chunks.h"

static void hand_on(struct worker *w, struct chunks *c, uint64_t offset, const uint8_t *data, uint64_t len)
{
	uint64_t seen = c->at > offset ? c->at - offset : 0;

	if (seen >= len)
		return;
	if (data)
		file_append(w, c->file, data + seen, (uint32_t)(len - seen));
	else
		file_gap(w, c->file, len - seen);
	c->at = offset + len;
}

/* What is held and now in order; all: with holes before it. */
static void flush(struct worker *w, struct chunks *c, bool all)
{
	uint32_t n = 0;

	while (n < c->count && (all || c->held[n].offset <= c->at)) {
		struct chunk *h = &c->held[n++];

		if (h->offset > c->at) {
			file_gap(w, c->file, h->offset - c->at);
			c->at = h->offset;
		}
		hand_on(w, c, h->offset, h->data, h->len);
		c->held_bytes -= h->cap;
		heap_free(&w->heap, h->data);
	}
	c->count -= n;
	if (n)
		memmove(c->held, c->held + n, c->count * sizeof(*c->held));
}

/* Index of the first that begins behind offset. */
static uint32_t place_of(const struct chunks *c, uint64_t offset)
{
	uint32_t low = 0, high = c->count;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (c->held[mid].offset > offset)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

/* Onto the one that ends there. */
static bool extend(struct worker *w, struct chunks *c, struct chunk *h, const uint8_t *data, uint32_t len,
		   const struct chunks_room *room)
{
	uint32_t cap = h->cap;
	uint8_t *moved;

	while (cap < h->len + len)
		cap *= 2;
	if (cap > h->cap) {
		if (c->held_bytes + (cap - h->cap) > room->bytes)
			return false;
		moved = heap_realloc(&w->heap, h->data, cap);
		if (!moved)
			return false;
		c->held_bytes += cap - h->cap;
		h->data = moved;
		h->cap = cap;
	}
	memcpy(h->data + h->len, data, len);
	h->len += len;
	return true;
}

static bool list_room(struct worker *w, struct chunks *c, const struct chunks_room *room)
{
	uint32_t cap = c->cap ? c->cap * 2 : 8;
	struct chunk *moved;

	if (c->count < c->cap)
		return true;
	if (c->count >= room->count)
		return false;
	moved = heap_realloc(&w->heap, c->held, cap * sizeof(*moved));
	if (!moved)
		return false;
	c->held = moved;
	c->cap = cap;
	return true;
}

/* A new one at index i. */
static bool insert(struct worker *w, struct chunks *c, uint32_t i, uint64_t offset, const uint8_t *data,
		   uint64_t len, const struct chunks_room *room)
{
	uint32_t cap = data ? (uint32_t)len : 0;
	uint8_t *copy = NULL;

	if (c->held_bytes + cap > room->bytes || !list_room(w, c, room))
		return false;
	if (data) {
		copy = heap_dup(&w->heap, data, cap);
		if (!copy)
			return false;
	}
	memmove(c->held + i + 1, c->held + i, (c->count - i) * sizeof(*c->held));
	c->held[i] = (struct chunk){.offset = offset, .len = len, .data = copy, .cap = cap};
	c->count++;
	c->held_bytes += cap;
	return true;
}

static bool hold(struct worker *w, struct chunks *c, uint64_t offset, const uint8_t *data, uint64_t len,
		 const struct chunks_room *room)
{
	if (!data)
		return insert(w, c, place_of(c, offset), offset, NULL, len, room);
	/* piece by piece around what is held already */
	while (len) {
		uint32_t i = place_of(c, offset);
		struct chunk *before = i && c->held[i - 1].data ? &c->held[i - 1] : NULL;
		uint64_t n = before ? before->offset + before->len : 0;
		bool good = true;

		if (n > offset) {
			n -= offset;
			n = n < len ? n : len;
		} else {
			bool joins = n == offset;

			n = i < c->count && c->held[i].data && c->held[i].offset - offset < len
				    ? c->held[i].offset - offset
				    : len;
			good = joins && before->len + n <= CHUNK_GROWS_TO
				       ? extend(w, c, before, data, (uint32_t)n, room)
				       : insert(w, c, i, offset, data, n, room);
		}
		if (!good)
			return false;
		offset += n;
		data += n;
		len -= n;
	}
	return true;
}

bool chunks_try(struct worker *w, struct chunks *c, uint64_t offset, const uint8_t *data, uint64_t len,
		const struct chunks_room *room)
{
	if (!c->file || !len || offset + len < offset)
		return true;
	if (offset > c->at)
		return hold(w, c, offset, data, len, room);
	while (len) {
		/* what is held came first (and lies behind .at, else it would have gone on) */
		bool early = c->count && c->held[0].data && c->held[0].offset - offset < len;
		uint64_t n = early ? c->held[0].offset - offset : len;

		hand_on(w, c, offset, data, n);
		flush(w, c, false);
		offset += n;
		data = data ? data + n : NULL;
		len -= n;
	}
	return true;
}

void chunks_add(struct worker *w, struct chunks *c, uint64_t offset, const uint8_t *data, uint32_t len)
{
	static const struct chunks_room room = {CHUNKS_HELD_MAX, CHUNKS_HELD_BYTES};
	uint64_t to;

	if (chunks_try(w, c, offset, data, len, &room))
		return;
	/* no room: what is missing before the first of all that is there is given up */
	to = c->count && c->held[0].offset < offset ? c->held[0].offset : offset;
	file_gap(w, c->file, to - c->at);
	c->at = to;
	flush(w, c, false);
	if (chunks_try(w, c, offset, data, len, &room))
		return;
	flush(w, c, true);
	if (offset > c->at) {
		file_gap(w, c->file, offset - c->at);
		c->at = offset;
	}
	hand_on(w, c, offset, data, len);
}

void chunks_miss(struct worker *w, struct chunks *c, uint64_t offset, uint64_t len)
{
	if (!c->file || offset > c->at || offset + len <= c->at || offset + len < offset)
		return; /* a hole further on shows when something comes behind it */
	file_gap(w, c->file, offset + len - c->at);
	c->at = offset + len;
	flush(w, c, false);
}

void chunks_free(struct worker *w, struct chunks *c)
{
	for (uint32_t i = 0; i < c->count; i++)
		heap_free(&w->heap, c->held[i].data);
	heap_free(&w->heap, c->held);
	*c = (struct chunks){0};
}

void chunks_close(struct worker *w, struct chunks *c, enum file_state state)
{
	if (c->file) {
		flush(w, c, true);
		file_close(w, c->file, state);
	}
	chunks_free(w, c);
}
