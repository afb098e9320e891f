/* SPDX-License-Identifier: BSD-3-Clause
 *
 * HTTP/2: header fields, kept as text (http2.h). Runs in the worker that owns the flow.
 */
#include "dataplane/app/http2.h"

struct taking {
	const struct http2_input *in;
	struct http2_tx *t; /* NULL: the fields are of no stream */
};

static struct http2_field *item_new(struct worker *w, struct http2_fields *f)
{
	if (f->count == HTTP2_FIELDS_MAX)
		return NULL;
	if (f->count == f->cap) {
		uint32_t cap = f->cap ? f->cap * 2 : 8;
		struct http2_field *moved = heap_realloc(&w->heap, f->items, cap * sizeof(*moved));

		if (!moved)
			return NULL;
		f->items = moved;
		f->cap = cap;
	}
	return &f->items[f->count];
}

void http2_field_add(struct worker *w, struct http2_tx *t, enum direction d, const struct hpack_field *f)
{
	struct http2_fields *fields = &t->side[d].fields;
	struct http2_field *item = item_new(w, fields);
	uint64_t bytes = (uint64_t)f->name.len + f->value.len + 4;

	if (!item)
		return;
	*item = (struct http2_field){.at = fields->text.len, .size = f->size, .kind = (uint8_t)f->kind};
	if (f->kind == HPACK_FIELD) {
		if (fields->text.len + bytes > HTTP2_FIELDS_BYTES_MAX)
			return;
		item->name_len = f->name.len;
		item->value_len = f->value.len;
		if (!http2_blob_add(w, &fields->text, f->name.data, f->name.len) ||
		    !http2_blob_add(w, &fields->text, ": ", 2) ||
		    !http2_blob_add(w, &fields->text, f->value.data, f->value.len) ||
		    !http2_blob_add(w, &fields->text, "\r\n", 2)) {
			fields->text.len = item->at;
			return;
		}
	}
	fields->count++;
}

static void take_field(void *context, const struct hpack_field *f)
{
	const struct taking *taking = context;
	const struct http2_input *in = taking->in;
	struct http2_tx *t = taking->t;

	if (!t)
		return;
	if (f->kind == HPACK_FIELD &&
	    (t->side[in->d].fields.count == HTTP2_FIELDS_MAX ||
	     (uint64_t)t->side[in->d].fields.text.len + f->name.len + f->value.len + 4 >
		     HTTP2_FIELDS_BYTES_MAX))
		tx_event(in->w, in->f, &t->tx, in->d, HTTP2_EVENT_REASSEMBLY_LIMIT_REACHED);
	else if (f->kind == HPACK_TOO_BIG)
		tx_event(in->w, in->f, &t->tx, in->d, HTTP2_EVENT_HEADER_INTEGER_OVERFLOW);
	else if (f->kind == HPACK_CUT)
		tx_event(in->w, in->f, &t->tx, in->d, HTTP2_EVENT_EXTRA_HEADER_DATA);
	else if (f->kind != HPACK_FIELD && f->kind != HPACK_SIZE_UPDATE)
		tx_event(in->w, in->f, &t->tx, in->d, HTTP2_EVENT_INVALID_HEADER);
	http2_field_add(in->w, t, in->d, f);
}

struct bytes http2_field_name(const struct http2_fields *f, uint32_t n)
{
	if (!f->text.data) /* what went wrong has no text */
		return (struct bytes){NULL, 0};
	return (struct bytes){f->text.data + f->items[n].at, f->items[n].name_len};
}

struct bytes http2_field_text(const struct http2_fields *f, uint32_t n)
{
	const struct http2_field *item = &f->items[n];

	if (!f->text.data)
		return (struct bytes){NULL, 0};
	return (struct bytes){f->text.data + item->at + item->name_len + 2, item->value_len};
}

struct bytes http2_field_value(const struct http2_tx *t, enum direction d, const char *name)
{
	const struct http2_fields *f = &t->side[d].fields;
	size_t n = strlen(name);

	for (uint32_t i = 0; i < f->count; i++)
		if (f->items[i].kind == HPACK_FIELD && f->items[i].name_len == n &&
		    strncasecmp((const char *)http2_field_name(f, i).data, name, n) == 0)
			return http2_field_text(f, i);
	return (struct bytes){NULL, 0};
}

struct bytes http2_authority(const struct http2_tx *t, enum direction d)
{
	struct bytes host = http2_field_value(t, d, ":authority");

	return host.data ? host : http2_field_value(t, d, "host");
}

/* ":authority" says who is asked; "host" must not say otherwise (RFC 9113, 8.3.1). */
static void check_authority(const struct http2_input *in, struct http2_tx *t)
{
	struct bytes authority = http2_field_value(t, TO_SERVER, ":authority");
	struct bytes host = http2_field_value(t, TO_SERVER, "host");

	if (authority.data && memchr(authority.data, '@', authority.len))
		tx_event(in->w, in->f, &t->tx, in->d, HTTP2_EVENT_USERINFO_IN_URI);
	if (authority.data && host.data &&
	    (authority.len != host.len ||
	     strncasecmp((const char *)authority.data, (const char *)host.data, host.len) != 0))
		tx_event(in->w, in->f, &t->tx, in->d, HTTP2_EVENT_AUTHORITY_HOST_MISMATCH);
}

static void note_contacts(const struct http2_input *in, struct http2_tx *t)
{
	http_contact_request(in->w, in->f, http2_authority(t, TO_SERVER), http2_field_value(t, TO_SERVER, ":path"),
			     http2_field_value(t, TO_SERVER, "user-agent"));
}

void http2_fields_take(const struct http2_input *in, struct http2_tx *t, const uint8_t *data,
		       uint32_t len)
{
	struct taking taking = {.in = in, .t = t};
	bool first = t && !t->side[in->d].fields.any;

	if (!hpack_decode(&in->w->heap, &in->s->hpack[in->d], data, len, take_field, &taking))
		in->w->counters->app_memcap++;
	if (!t)
		return;
	t->side[in->d].fields.any = true;
	if (in->d == TO_SERVER && first) {
		check_authority(in, t);
		note_contacts(in, t);
	}
}

void http2_fields_free(struct worker *w, struct http2_side *side)
{
	heap_free(&w->heap, side->fields.text.data);
	heap_free(&w->heap, side->fields.items);
	heap_free(&w->heap, side->header.data);
	heap_free(&w->heap, side->names.data);
	heap_free(&w->heap, side->cookie.data);
	heap_free(&w->heap, side->line.data);
}
