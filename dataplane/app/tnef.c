/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See tnef.h. A stream is a signature, a key, and attributes: level, number, length, bytes, sum. The attributes of an
 * attachment follow its rendering data; its title, a short name, may come before its bytes or behind them, and its long
 * name comes with the properties behind both.
 */
#include "dataplane/app/packed.h"
#include "dataplane/app/tnef.h"
#include "dataplane/base/mapi.h"

#define HEADER_BYTES 6u    /* signature and key */
#define ATTRIBUTE_BYTES 9u /* level, number, length */
#define SUM_BYTES 2u

#define LEVEL_MESSAGE 1
#define LEVEL_ATTACHMENT 2

#define ATTACH_TITLE 0x00018010u
#define ATTACH_RENDERING 0x00069002u
#define ATTACH_DATA 0x0006800fu
#define ATTACH_PROPERTIES 0x00069005u

enum state { BEGIN, ATTRIBUTE, BODY, SUM, OVER };

static void attachment_end(struct tnef *t, struct worker *w)
{
	packed_end(&t->inner, &t->inner_over, false);
	file_close(w, t->file, t->whole ? FILE_CLOSED : FILE_TRUNCATED);
	t->file = NULL;
	t->whole = false;
	t->name_len = 0;
}

void tnef_end(struct tnef *t, struct worker *w)
{
	attachment_end(t, w);
	tnef_drop(t, w);
}

void tnef_drop(struct tnef *t, struct worker *w)
{
	packed_drop(&t->inner);
	heap_free(&w->heap, t->properties);
	*t = (struct tnef){.state = BEGIN, .depth = t->depth};
}

bool tnef_is_over(const struct tnef *t)
{
	return t->state == OVER;
}

/* ---- properties of an attachment ---- */

struct place {
	struct worker *w;
	struct flow *f;
	struct tx *tx;
	enum direction d;
};

static void object_take(struct tnef *t, const struct place *at, const uint8_t *data, uint32_t len)
{
	uint32_t n = len < t->object_left ? len : t->object_left;

	packed_data(&t->inner, &t->inner_over, t->depth + 1, at->w, at->f, at->tx, at->d, NULL, data, n);
	t->object_left -= n;
	if (!t->object_left)
		packed_end(&t->inner, &t->inner_over, true);
}

/* Is there an object among the properties that are kept? The rest of it comes behind them. */
static void object_find(struct tnef *t, const struct place *at)
{
	struct bytes here;

	t->object_left = t->properties ? mapi_object(cursor_of(t->properties, t->properties_len), &here) : 0;
	if (t->object_left)
		object_take(t, at, here.data, here.len);
}

static void properties_take(struct tnef *t, const struct place *at, const uint8_t *data, uint32_t len)
{
	uint32_t room = TNEF_PROPERTIES_MAX - t->properties_len, n = room < len ? room : len;

	if (n) {
		memcpy(t->properties + t->properties_len, data, n);
		t->properties_len += n;
		if (n == room)
			object_find(t, at);
	}
	if (t->object_left)
		object_take(t, at, data + n, len - n);
}

static void properties_end(struct tnef *t, const struct place *at)
{
	struct worker *w = at->w;
	uint8_t name[TNEF_NAME_MAX];
	struct bytes value;
	uint32_t len = 0;
	uint16_t type;

	if (t->properties_len < TNEF_PROPERTIES_MAX)
		object_find(t, at);
	packed_end(&t->inner, &t->inner_over, false);
	t->object_left = 0;
	if (t->properties && mapi_find(cursor_of(t->properties, t->properties_len), MAPI_LONG_FILE_NAME, &type, &value))
		len = mapi_text(type, value, name, sizeof(name));
	if (len && t->file)
		file_name_set(w, t->file, name, len);
	heap_free(&w->heap, t->properties);
	t->properties = NULL;
}

static void attribute_end(struct tnef *t, const struct place *at)
{
	struct worker *w = at->w;

	if (t->id == ATTACH_DATA) {
		packed_end(&t->inner, &t->inner_over, true);
		t->whole = true;
	} else if (t->id == ATTACH_PROPERTIES) {
		properties_end(t, at);
	} else if (t->id == ATTACH_TITLE) {
		while (t->name_len && !t->name[t->name_len - 1])
			t->name_len--;
		if (t->file)
			file_name_set(w, t->file, t->name, t->name_len);
	}
	t->state = SUM;
}

static void attribute_begin(struct tnef *t, const struct place *at)
{
	struct worker *w = at->w;
	struct cursor c = cursor_of(t->head, ATTRIBUTE_BYTES);
	uint8_t level = cursor_u8(&c);

	t->id = cursor_le32(&c);
	t->left = cursor_le32(&c);
	t->state = BODY;
	if (level != LEVEL_MESSAGE && level != LEVEL_ATTACHMENT) {
		attachment_end(t, w);
		t->state = OVER;
		return;
	}
	if (t->id == ATTACH_RENDERING) {
		attachment_end(t, w);
	} else if (t->id == ATTACH_TITLE) {
		t->name_len = 0;
	} else if (t->id == ATTACH_PROPERTIES) {
		if (!t->properties)
			t->properties = heap_alloc(&w->heap, TNEF_PROPERTIES_MAX);
		t->properties_len = 0;
	} else if (t->id == ATTACH_DATA) {
		packed_end(&t->inner, &t->inner_over, true);
		file_close(w, t->file, FILE_CLOSED); /* a second one of the same attachment */
		t->file = file_open(w, at->f, at->tx, at->d, t->name, t->name_len);
		t->whole = false;
	}
	if (!t->left)
		attribute_end(t, at);
}

static void body_take(struct tnef *t, const struct place *at, const uint8_t *data, uint32_t len)
{
	uint32_t room = TNEF_NAME_MAX - t->name_len;

	if (t->id == ATTACH_DATA && t->file) {
		file_append(at->w, t->file, data, len);
		packed_data(&t->inner, &t->inner_over, t->depth + 1, at->w, at->f, at->tx, at->d, t->file, data, len);
	} else if (t->id == ATTACH_TITLE && room) {
		room = room < len ? room : len;
		memcpy(t->name + t->name_len, data, room);
		t->name_len = (uint8_t)(t->name_len + room);
	} else if (t->id == ATTACH_PROPERTIES && t->properties) {
		properties_take(t, at, data, len);
	}
	t->left -= len;
	if (!t->left)
		attribute_end(t, at);
}

/* Gathers a head of `want` bytes; true when it is there. */
static bool head_take(struct tnef *t, uint32_t want, const uint8_t **data, uint32_t *len)
{
	uint32_t n = want - t->have;

	n = n < *len ? n : *len;
	memcpy(t->head + t->have, *data, n);
	t->have = (uint8_t)(t->have + n);
	*data += n;
	*len -= n;
	if (t->have < want)
		return false;
	t->have = 0;
	return true;
}

void tnef_data(struct tnef *t, struct worker *w, struct flow *f, struct tx *tx, enum direction d, const uint8_t *data,
	       uint32_t len)
{
	const struct place at = {w, f, tx, d};

	while (len && t->state != OVER) {
		uint32_t n = t->left < len ? t->left : len;

		switch (t->state) {
		case BEGIN:
			if (head_take(t, HEADER_BYTES, &data, &len))
				t->state = memcmp(t->head, "\x78\x9f\x3e\x22", 4) == 0 ? ATTRIBUTE : OVER;
			break;
		case ATTRIBUTE:
			if (head_take(t, ATTRIBUTE_BYTES, &data, &len))
				attribute_begin(t, &at);
			break;
		case BODY:
			body_take(t, &at, data, n);
			data += n;
			len -= n;
			break;
		default:
			if (head_take(t, SUM_BYTES, &data, &len))
				t->state = ATTRIBUTE;
		}
	}
}

void tnef_gap(struct tnef *t, struct worker *w, uint64_t len)
{
	const struct place at = {.w = w}; /* the end of an attachment's bytes needs no more */

	if (t->state != BODY || t->id != ATTACH_DATA || len > t->left) {
		t->state = OVER;
		return;
	}
	if (t->file)
		file_gap(w, t->file, len);
	packed_gap(&t->inner, &t->inner_over, len);
	t->left -= (uint32_t)len;
	if (!t->left)
		attribute_end(t, &at);
}
