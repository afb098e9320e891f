/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Texts that a transaction keeps: copies on the worker's heap, owned by whoever holds the struct.
 * Any number of one kind stand one behind the other. Limits are the protocol's. Runs in the worker that owns the flow.
 */
#ifndef APP_TEXT_H
#define APP_TEXT_H

#include "dataplane/app/app.h"
#include "dataplane/event/record.h"

struct text {
	uint8_t *data; /* NULL: not there */
	uint32_t len;
};

struct texts {
	uint8_t *data;
	uint32_t *ends; /* of each, in data */
	uint32_t len, cap, ends_cap;
	uint32_t count;
};

/* Replaces what was there by a copy; NULL data: nothing. False: no memory. */
bool text_set(struct worker *w, struct text *t, struct bytes from);
/* Appends. False: no memory, nothing was changed. */
bool text_append(struct worker *w, struct text *t, struct bytes more);
void text_free(struct worker *w, struct text *t);
static inline struct bytes text_bytes(const struct text *t)
{
	return (struct bytes){t->data, t->len};
}

bool texts_add(struct worker *w, struct texts *t, const void *data, uint32_t len);
/* The one that was added last never was. */
void texts_drop_last(struct texts *t);
/* The text at *at, which is 0 for the first and moves on; false at the end. */
bool texts_next(const struct texts *t, uint32_t *at, struct bytes *out);
/* The n-th, from 0; NULL data: there are fewer. */
struct bytes texts_at(const struct texts *t, unsigned n);
void texts_free(struct worker *w, struct texts *t);

/* As a whole buffer; false where there is none. */
static inline bool bytes_view(struct bytes b, struct buffer_view *out)
{
	*out = (struct buffer_view){.data = b.data, .len = b.len, .complete = true};
	return b.data != NULL;
}

static inline bool text_view(const struct text *t, struct buffer_view *out)
{
	return bytes_view(text_bytes(t), out);
}

bool texts_view(const struct texts *t, unsigned instance, struct buffer_view *out);

/* A value, or an array of them; nothing where there is none. */
void text_record(struct recorder *r, enum field_id field, const struct text *t);
void texts_record(struct recorder *r, enum field_id array, enum field_id one, const struct texts *t);

#endif
