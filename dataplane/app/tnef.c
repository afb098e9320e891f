/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See tnef.h. A stream is a signature, a key, and attributes: level, number, length, bytes, sum. The attributes of an
 * attachment follow its rendering data; its title, a short name, may come before its bytes or behind them, and its long
 * name comes with the properties behind both.
 */
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
	heap_free(&w->heap, t->properties);
	*t = (struct tnef){.state = BEGIN};
}

static void properties_end(struct tnef *t, struct worker *w)
{
	uint8_t name[TNEF_NAME_MAX];
	struct bytes value;
	uint32_t len = 0;
	uint16_t type;

	if (t->properties && mapi_find(cursor_of(t->properties, t->properties_len), MAPI_LONG_FILE_NAME, &type, &value))
		len = mapi_text(type, value, name, sizeof(name));
	if (len && t->file)
		file_name_set(w, t->file, name, len);
	heap_free(&w->heap, t->properties);
	t->properties = NULL;
}

static void attribute_end(struct tnef *t, struct worker *w)
{
	if (t->id == ATTACH_DATA) {
		t->whole = true;
	} else if (t->id == ATTACH_PROPERTIES) {
		properties_end(t, w);
	} else if (t->id == ATTACH_TITLE) {
		while (t->name_len && !t->name[t->name_len - 1])
			t->name_len--;
		if (t->file)
			file_name_set(w, t->file, t->name, t->name_len);
	}
	t->state = SUM;
}

static void attribute_begin(struct tnef *t, struct worker *w, struct flow *f, struct tx *tx, enum direction d)
{
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
	} else if (t->id == ATTACH_PROPERTIES && t->file) {
		if (!t->properties)
			t->properties = heap_alloc(&w->heap, TNEF_PROPERTIES_MAX);
		t->properties_len = 0;
	} else if (t->id == ATTACH_DATA) {
		file_close(w, t->file, FILE_CLOSED); /* a second one of the same attachment */
		t->file = file_open(w, f, tx, d, t->name, t->name_len);
		t->whole = false;
	}
	if (!t->left)
		attribute_end(t, w);
}

static void body_take(struct tnef *t, struct worker *w, const uint8_t *data, uint32_t len)
{
	uint32_t room = TNEF_NAME_MAX - t->name_len;

	if (t->id == ATTACH_DATA && t->file) {
		file_append(w, t->file, data, len);
	} else if (t->id == ATTACH_TITLE && room) {
		room = room < len ? room : len;
		memcpy(t->name + t->name_len, data, room);
		t->name_len = (uint8_t)(t->name_len + room);
	} else if (t->id == ATTACH_PROPERTIES && t->properties) {
		room = TNEF_PROPERTIES_MAX - t->properties_len;
		room = room < len ? room : len;
		memcpy(t->properties + t->properties_len, data, room);
		t->properties_len += room;
	}
	t->left -= len;
	if (!t->left)
		attribute_end(t, w);
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
	while (len && t->state != OVER) {
		uint32_t n = t->left < len ? t->left : len;

		switch (t->state) {
		case BEGIN:
			if (head_take(t, HEADER_BYTES, &data, &len))
				t->state = memcmp(t->head, "\x78\x9f\x3e\x22", 4) == 0 ? ATTRIBUTE : OVER;
			break;
		case ATTRIBUTE:
			if (head_take(t, ATTRIBUTE_BYTES, &data, &len))
				attribute_begin(t, w, f, tx, d);
			break;
		case BODY:
			body_take(t, w, data, n);
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
	if (t->state != BODY || t->id != ATTACH_DATA || len > t->left) {
		t->state = OVER;
		return;
	}
	if (t->file)
		file_gap(w, t->file, len);
	t->left -= (uint32_t)len;
	if (!t->left)
		attribute_end(t, w);
}
