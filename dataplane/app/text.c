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

bool texts_add(struct worker *w, struct texts *t, const void *data, uint32_t len)
{
	uint32_t need = t->len + (uint32_t)sizeof(len) + len, cap = t->cap ? t->cap : 128;
	uint8_t *moved;

	if (need > t->cap) {
		while (cap < need)
			cap *= 2;
		moved = heap_realloc(&w->heap, t->data, cap);
		if (!moved)
			return false;
		t->data = moved;
		t->cap = cap;
	}
	memcpy(t->data + t->len, &len, sizeof(len));
	if (len)
		memcpy(t->data + t->len + sizeof(len), data, len);
	t->len = need;
	t->count++;
	return true;
}

bool texts_next(const struct texts *t, uint32_t *at, struct bytes *out)
{
	uint32_t len;

	if (*at + sizeof(len) > t->len)
		return false;
	memcpy(&len, t->data + *at, sizeof(len));
	out->data = t->data + *at + sizeof(len);
	out->len = len;
	*at += (uint32_t)sizeof(len) + len;
	return true;
}

void texts_free(struct worker *w, struct texts *t)
{
	heap_free(&w->heap, t->data);
	*t = (struct texts){0};
}

struct bytes texts_at(const struct texts *t, unsigned n)
{
	struct bytes b;
	uint32_t at = 0;

	while (texts_next(t, &at, &b))
		if (n-- == 0)
			return b;
	return (struct bytes){0};
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
