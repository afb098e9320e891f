/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See http_byteranges.h. Runs in a worker of the dataplane process.
 */
#include "dataplane/app/http_byteranges.h"

#include <strings.h>

#include "dataplane/app/http_multipart.h"

struct http_byteranges {
	struct mime mime;     /* http_multipart_parts */
	struct http_state *s; /* of the call in hand */
	struct http_tx *tx;
	struct bytes name;    /* owned */
	struct http_range range; /* of the part whose headers are read */
	struct range_part part;  /* the one that is read; empty: none */
};

static void part_header(void *ctx, struct bytes name, struct bytes value, bool top)
{
	struct http_byteranges *r = ctx;

	if (!bytes_are(name, "content-range"))
		return;
	if (http_content_range(value, &r->range) && !http_range_is_wrong(&r->range))
		return;
	r->range = (struct http_range){0};
	http_event(r->s, r->tx, TO_CLIENT, HTTP_EVENT_RANGE_INVALID);
}

static void part_begin(void *ctx, struct bytes name, enum mime_type type)
{
	struct http_byteranges *r = ctx;
	const struct range_origin origin = {
		.host = http_bytes(r->tx->htp->request_hostname),
		.name = r->name,
		.start = r->range.start,
		.total = r->range.size,
		.limits = &r->s->w->http->options.limits[TO_CLIENT],
	};

	if (http_range_is_part(&r->range))
		range_begin(r->s->w, r->s->f, &r->tx->tx, &r->part, &origin);
	r->range = (struct http_range){0};
}

static void part_data(void *ctx, const uint8_t *data, uint32_t len)
{
	struct http_byteranges *r = ctx;

	range_take(r->s->w, r->s->f, &r->tx->tx, &r->part, data, len);
}

static void part_end(void *ctx, bool complete)
{
	struct http_byteranges *r = ctx;

	range_end(r->s->w, &r->part);
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

struct http_byteranges *http_byteranges_new(struct http_state *s, struct http_tx *tx, struct bytes name)
{
	struct bytes type = http_field(tx, TO_CLIENT, "content-type");
	struct http_byteranges *r;

	if (tx->htp->response_status_number != 206 || !is_byteranges(type) || http_field(tx, TO_CLIENT, "content-encoding").data)
		return NULL;
	r = http_multipart_parts(s->w, sizeof(*r), &ops, type);
	if (!r)
		return NULL;
	r->name = (struct bytes){heap_dup(&s->w->heap, name.data, name.len), name.len};
	if (r->name.data)
		return r;
	mime_free(&r->mime);
	heap_free(&s->w->heap, r);
	return NULL;
}

void http_byteranges_data(struct http_state *s, struct http_tx *tx, const uint8_t *data, uint32_t len)
{
	struct http_byteranges *r = tx->byteranges;

	r->s = s;
	r->tx = tx;
	if (data)
		mime_data(&r->mime, data, len);
	else
		part_data(r, NULL, len);
}

void http_byteranges_end(struct http_state *s, struct http_tx *tx)
{
	struct http_byteranges *r = tx->byteranges;

	if (!r)
		return;
	r->s = s;
	r->tx = tx;
	mime_end(&r->mime, true);
	http_byteranges_free(s->w, tx);
}

void http_byteranges_free(struct worker *w, struct http_tx *tx)
{
	struct http_byteranges *r = tx->byteranges;

	if (!r)
		return;
	range_end(w, &r->part);
	mime_free(&r->mime);
	heap_free(&w->heap, (void *)(uintptr_t)r->name.data);
	heap_free(&w->heap, r);
	tx->byteranges = NULL;
}
