/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See text.h.
 */
#include "dataplane/app/text.h"

bool text_set(struct worker *w, struct text *t, struct bytes from)
{
	text_free(w, t);
	if (!from.data)
		return true;
	t->data = heap_alloc(&w->heap, from.len ? from.len : 1);
	if (!t->data)
		return false;
	memcpy(t->data, from.data, from.len);
	t->len = from.len;
	return true;
}

bool text_append(struct worker *w, struct text *t, struct bytes more)
{
	uint8_t *bigger;

	if (!more.len && t->data)
		return true;
	bigger = heap_realloc(&w->heap, t->data, t->len + more.len + 1);
	if (!bigger)
		return false;
	if (more.len)
		memcpy(bigger + t->len, more.data, more.len);
	t->data = bigger;
	t->len += more.len;
	return true;
}

void text_free(struct worker *w, struct text *t)
{
	heap_free(&w->heap, t->data);
	*t = (struct text){0};
}

/* Room for so many more; NULL: no memory, and data stays. */
static void *grown(struct worker *w, void *data, uint32_t *cap, uint64_t need, uint32_t size)
{
	uint64_t more = *cap ? *cap : 16;
	void *moved;

	if (data && need <= *cap)
		return data;
	while (more < need)
		more *= 2;
	moved = more * size < UINT32_MAX ? heap_realloc(&w->heap, data, more * size) : NULL;
	if (moved)
		*cap = (uint32_t)more;
	return moved;
}

bool texts_add(struct worker *w, struct texts *t, const void *data, uint32_t len)
{
	uint8_t *bytes = grown(w, t->data, &t->cap, (uint64_t)t->len + len, 1);
	uint32_t *ends;

	if (!bytes)
		return false;
	t->data = bytes;
	ends = grown(w, t->ends, &t->ends_cap, t->count + 1ull, sizeof(*ends));
	if (!ends)
		return false;
	t->ends = ends;
	if (len)
		memcpy(t->data + t->len, data, len);
	t->len += len;
	t->ends[t->count++] = t->len;
	return true;
}

void texts_drop_last(struct texts *t)
{
	t->count--;
	t->len = t->count ? t->ends[t->count - 1] : 0;
}

struct bytes texts_at(const struct texts *t, unsigned n)
{
	uint32_t from;

	if (n >= t->count)
		return (struct bytes){0};
	from = n ? t->ends[n - 1] : 0;
	return (struct bytes){t->data + from, t->ends[n] - from};
}

bool texts_next(const struct texts *t, uint32_t *at, struct bytes *out)
{
	if (*at >= t->count)
		return false;
	*out = texts_at(t, (*at)++);
	return true;
}

void texts_free(struct worker *w, struct texts *t)
{
	heap_free(&w->heap, t->data);
	heap_free(&w->heap, t->ends);
	*t = (struct texts){0};
}

bool texts_view(const struct texts *t, unsigned instance, struct buffer_view *out)
{
	return bytes_view(texts_at(t, instance), out);
}

void text_record(struct recorder *r, enum field_id field, const struct text *t)
{
	if (t->data)
		rec_bytes(r, field, t->data, t->len);
}

void texts_record(struct recorder *r, enum field_id array, enum field_id one, const struct texts *t)
{
	struct bytes b;
	uint32_t at = 0;

	if (!t->count)
		return;
	rec_open(r, array);
	while (texts_next(t, &at, &b))
		rec_bytes(r, one, b.data, b.len);
	rec_close(r);
}
