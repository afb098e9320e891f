/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See http_byteranges.h. Runs in a worker of the dataplane process.
 */
#include "dataplane/app/http_byteranges.h"

#include <strings.h>

#include "dataplane/app/http_multipart.h"

struct http_byteranges {
	struct mime mime;        /* http_multipart_parts */
	struct worker *w;        /* of the call in hand */
	struct flow *f;
	struct tx *tx;
	struct range_origin whole;
	struct bytes names;      /* what .whole.host and .whole.name are in; owned */
	struct http_range range; /* of the part whose headers are read */
	struct range_part part;  /* the one that is read; empty: none */
	unsigned wrong;          /* in the call in hand */
};

static void part_header(void *ctx, struct bytes name, struct bytes value, bool top)
{
	struct http_byteranges *r = ctx;

	if (!bytes_are(name, "content-range"))
		return;
	if (http_content_range(value, &r->range) && !http_range_is_wrong(&r->range))
		return;
	r->range = (struct http_range){0};
	r->wrong++;
}

static void part_begin(void *ctx, struct bytes name, enum mime_type type)
{
	struct http_byteranges *r = ctx;

	r->whole.start = r->range.start;
	r->whole.total = r->range.size;
	if (http_range_is_part(&r->range))
		range_begin(r->w, r->f, r->tx, &r->part, &r->whole);
	r->range = (struct http_range){0};
}

static void part_data(void *ctx, const uint8_t *data, uint32_t len)
{
	struct http_byteranges *r = ctx;

	range_take(r->w, r->f, r->tx, &r->part, data, len);
}

static void part_end(void *ctx, bool complete)
{
	struct http_byteranges *r = ctx;

	range_end(r->w, &r->part);
}

static const struct mime_ops ops = {
	.header = part_header,
	.part_begin = part_begin,
	.part_data = part_data,
	.part_end = part_end,
};

static bool is_byteranges(struct bytes type)
{
	static const char name[] = "multipart/byteranges";

	return type.len >= sizeof(name) - 1 && strncasecmp((const char *)type.data, name, sizeof(name) - 1) == 0;
}

/* False: no memory. */
static bool origin_copy(struct worker *w, struct http_byteranges *r, const struct range_origin *whole)
{
	uint64_t len = (uint64_t)whole->host.len + whole->name.len;
	uint8_t *names;

	r->whole = *whole;
	if (len > RANGE_KEY_MAX) /* not followed */
		return false;
	names = heap_alloc(&w->heap, len + 1);
	if (!names)
		return false;
	if (whole->host.len)
		memcpy(names, whole->host.data, whole->host.len);
	if (whole->name.len)
		memcpy(names + whole->host.len, whole->name.data, whole->name.len);
	r->names = (struct bytes){names, (uint32_t)len};
	r->whole.host.data = names;
	r->whole.name.data = names + whole->host.len;
	return true;
}

struct http_byteranges *http_byteranges_new(struct worker *w, struct bytes type, const struct range_origin *whole)
{
	struct http_byteranges *r;

	if (!is_byteranges(type))
		return NULL;
	r = http_multipart_parts(w, sizeof(*r), &ops, type);
	if (!r || origin_copy(w, r, whole))
		return r;
	mime_free(&r->mime);
	heap_free(&w->heap, r);
	return NULL;
}

static void call_begin(struct worker *w, struct flow *f, struct tx *tx, struct http_byteranges *r)
{
	r->w = w;
	r->f = f;
	r->tx = tx;
	r->wrong = 0;
}

unsigned http_byteranges_data(struct worker *w, struct flow *f, struct tx *tx, struct http_byteranges *r,
			      const uint8_t *data, uint32_t len)
{
	call_begin(w, f, tx, r);
	if (data)
		mime_data(&r->mime, data, len);
	else
		part_data(r, NULL, len);
	return r->wrong;
}

unsigned http_byteranges_end(struct worker *w, struct flow *f, struct tx *tx, struct http_byteranges **r)
{
	unsigned wrong;

	if (!*r)
		return 0;
	call_begin(w, f, tx, *r);
	mime_end(&(*r)->mime, true);
	wrong = (*r)->wrong;
	http_byteranges_free(w, r);
	return wrong;
}

void http_byteranges_free(struct worker *w, struct http_byteranges **r)
{
	if (!*r)
		return;
	range_end(w, &(*r)->part);
	mime_free(&(*r)->mime);
	heap_free(&w->heap, (void *)(uintptr_t)(*r)->names.data);
	heap_free(&w->heap, *r);
	*r = NULL;
}
