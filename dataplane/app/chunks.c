/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See chunks.h. Runs in the worker that owns the flow.
 */
#include "dataplane/app/chunks.h"

static void hand_on(struct worker *w, struct chunks *c, uint64_t offset, const uint8_t *data, uint32_t len)
{
	uint64_t seen = c->at > offset ? c->at - offset : 0;

	if (seen >= len)
		return;
	file_append(w, c->file, data + seen, len - (uint32_t)seen);
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
		c->held_bytes -= h->len;
		heap_free(&w->heap, h->data);
	}
	c->count -= n;
	if (n)
		memmove(c->held, c->held + n, c->count * sizeof(*c->held));
}

/* Onto the one that ends there. */
static bool extend(struct worker *w, struct chunks *c, struct chunk *h, const uint8_t *data, uint32_t len)
{
	uint32_t cap = h->cap;
	uint8_t *moved;

	while (cap < h->len + len)
		cap *= 2;
	if (cap > h->cap) {
		moved = heap_realloc(&w->heap, h->data, cap);
		if (!moved)
			return false;
		h->data = moved;
		h->cap = cap;
	}
	memcpy(h->data + h->len, data, len);
	h->len += len;
	c->held_bytes += len;
	return true;
}

static bool hold(struct worker *w, struct chunks *c, uint64_t offset, const uint8_t *data, uint32_t len)
{
	uint32_t i = c->count;
	uint8_t *copy;

	if (c->held_bytes + len > CHUNKS_HELD_BYTES)
		return false;
	for (uint32_t k = 0; k < c->count; k++)
		if (c->held[k].offset + c->held[k].len == offset)
			return extend(w, c, &c->held[k], data, len);
	if (!c->held)
		c->held = heap_zalloc(&w->heap, CHUNKS_HELD_MAX * sizeof(*c->held));
	if (!c->held || c->count == CHUNKS_HELD_MAX)
		return false;
	copy = heap_alloc(&w->heap, len);
	if (!copy)
		return false;
	memcpy(copy, data, len);
	for (; i > 0 && c->held[i - 1].offset > offset; i--)
		c->held[i] = c->held[i - 1];
	c->held[i] = (struct chunk){offset, copy, len, len};
	c->count++;
	c->held_bytes += len;
	return true;
}

void chunks_add(struct worker *w, struct chunks *c, uint64_t offset, const uint8_t *data, uint32_t len)
{
	if (!c->file || !len || offset + len < offset)
		return;
	if (offset > c->at && hold(w, c, offset, data, len))
		return;
	if (offset > c->at) { /* no room: what is missing before the first of all that is there is given up */
		uint64_t to = c->count && c->held[0].offset < offset ? c->held[0].offset : offset;

		file_gap(w, c->file, to - c->at);
		c->at = to;
		flush(w, c, false);
		if (offset > c->at && hold(w, c, offset, data, len))
			return;
		if (offset > c->at) {
			flush(w, c, true);
			if (offset > c->at) {
				file_gap(w, c->file, offset - c->at);
				c->at = offset;
			}
		}
	}
	hand_on(w, c, offset, data, len);
	flush(w, c, false);
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
