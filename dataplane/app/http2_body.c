/* SPDX-License-Identifier: BSD-3-Clause
 *
 * HTTP/2: bodies, with their coding undone, as files. A file's name is that of Content-Disposition,
 * else the path. How much of them rules see at once is what holds for files in general: the limits of bodies in
 * the configuration (app.http.*) are about HTTP/1, as in the reference. Runs in the worker that owns the flow.
 */
#include "dataplane/app/http.h"
#include "dataplane/app/http2.h"
#include "dataplane/app/http_byteranges.h"
#include "dataplane/app/http_multipart.h"

static struct bytes body_name(const struct http2_tx *t, enum direction d, uint8_t room[HTTP_FILE_NAME_MAX])
{
	struct bytes name = {NULL, 0}, path;
	const uint8_t *query;

	if (d == TO_CLIENT)
		name = http_file_name(http2_field_value(t, d, "content-disposition"), room);
	if (name.len)
		return name;
	path = http2_field_value(t, TO_SERVER, ":path");
	if (!path.data) /* promised by the server */
		path = http2_field_value(t, TO_CLIENT, ":path");
	query = path.data ? memchr(path.data, '?', path.len) : NULL;
	if (query)
		path.len = (uint32_t)(query - path.data);
	return path;
}

/* Without the port. */
static struct bytes host_of(const struct http2_tx *t)
{
	struct bytes host = http2_authority(t, TO_SERVER);
	const uint8_t *port = host.len ? memrchr(host.data, ':', host.len) : NULL;

	if (port && (host.data[0] != '[' || port[-1] == ']'))
		host.len = (uint32_t)(port - host.data);
	return host;
}

static struct range_origin whole_of(const struct http2_tx *t, struct bytes name)
{
	return (struct range_origin){.host = host_of(t), .name = name};
}

/* What is coded is a range of the coded bytes, of which no other part can be read. */
static void body_joins(const struct http2_input *in, struct http2_tx *t, struct bytes name,
		       const struct http_range *range)
{
	struct range_origin origin = whole_of(t, name);

	origin.start = range->start;
	origin.total = range->size;
	if (http_range_is_part(range) && !http2_field_value(t, TO_CLIENT, "content-encoding").data)
		range_begin(in->w, in->f, &t->tx, &t->side[TO_CLIENT].range, &origin);
}

static void several_ranges(const struct http2_input *in, struct http2_tx *t, struct bytes name)
{
	const struct range_origin whole = whole_of(t, name);

	if (bytes_are(http2_field_value(t, TO_CLIENT, ":status"), "206") &&
	    !http2_field_value(t, TO_CLIENT, "content-encoding").data)
		t->side[TO_CLIENT].byteranges =
			http_byteranges_new(in->w, http2_field_value(t, TO_CLIENT, "content-type"), &whole);
}

static void wrong_ranges(const struct http2_input *in, struct http2_tx *t, unsigned n)
{
	if (n)
		tx_event(in->w, in->f, &t->tx, in->d, HTTP2_EVENT_INVALID_RANGE);
}

static void body_range(const struct http2_input *in, struct http2_tx *t, struct file *file, struct bytes name)
{
	struct bytes value = http2_field_value(t, TO_CLIENT, "content-range");
	struct http_range range;

	if (!value.data)
		return;
	if (!http_content_range(value, &range) || http_range_is_wrong(&range)) {
		tx_event(in->w, in->f, &t->tx, in->d, HTTP2_EVENT_INVALID_RANGE);
		return;
	}
	if (!range.has_range) /* only how long the whole is, of an answer that holds none of it */
		return;
	file_range(file, range.start, range.end, range.size);
	body_joins(in, t, name, &range);
}

static void body_open(const struct http2_input *in, struct http2_tx *t)
{
	struct http2_side *side = &t->side[in->d];
	uint8_t room[HTTP_FILE_NAME_MAX];
	struct bytes name = body_name(t, in->d, room);
	struct content_codings codings = content_codings_of(http2_field_value(t, in->d, "content-encoding"), 0);

	side->body_seen = true;
	side->file = file_open(in->w, in->f, &t->tx, in->d, name.data, name.len);
	if (codings.count)
		side->decoder = content_decoders_new(&in->w->heap, &codings);
	if (!side->file)
		return;
	if (in->d != TO_CLIENT)
		return;
	body_range(in, t, side->file, name);
	several_ranges(in, t, name);
}

/* Bytes of the file beside it that ranges make up; data NULL: a gap. */
static void body_joined(const struct http2_input *in, struct http2_tx *t, const uint8_t *data, uint32_t len)
{
	struct http2_side *side = &t->side[in->d];

	range_take(in->w, in->f, &t->tx, &side->range, data, len);
	if (side->byteranges)
		wrong_ranges(in, t, http_byteranges_data(in->w, in->f, &t->tx, side->byteranges, data, len));
}

struct appending {
	struct worker *w;
	struct file *file;
};

static void append(void *context, const uint8_t *data, uint32_t len)
{
	struct appending *a = context;

	file_append(a->w, a->file, data, len);
}

void http2_body_take(const struct http2_input *in, struct http2_tx *t, const uint8_t *data, uint32_t len)
{
	struct http2_side *side = &t->side[in->d];
	struct appending a = {.w = in->w};

	if (!side->body_seen)
		body_open(in, t);
	http2_doh_body(in, t, data, len);
	a.file = side->file;
	if (!a.file || a.file->state != FILE_OPEN)
		return;
	if (!side->decoder) {
		file_append(in->w, a.file, data, len);
		body_joined(in, t, data, len);
		return;
	}
	if (content_decode(side->decoder, data, len, append, &a) == CONTENT_GOOD)
		return;
	tx_event(in->w, in->f, &t->tx, in->d, HTTP2_EVENT_FAILED_DECOMPRESSION);
	if (!content_goes_on(side->decoder)) /* it was coded, and broke off */
		file_close(in->w, a.file, FILE_TRUNCATED);
}

void http2_body_gap(const struct http2_input *in, struct http2_tx *t, uint32_t len)
{
	struct http2_side *side = &t->side[in->d];

	if (!side->body_seen)
		body_open(in, t);
	if (!side->file || side->file->state != FILE_OPEN)
		return;
	file_gap(in->w, side->file, len);
	body_joined(in, t, NULL, len);
	if (side->decoder) /* what is missing cannot be done without */
		file_close(in->w, side->file, FILE_TRUNCATED);
}

void http2_body_end(const struct http2_input *in, struct http2_tx *t)
{
	struct http2_side *side = &t->side[in->d];

	wrong_ranges(in, t, http_byteranges_end(in->w, in->f, &t->tx, &side->byteranges));
	file_close(in->w, side->file, FILE_CLOSED);
	range_end(in->w, &side->range);
	http2_doh_end(in, t);
}

void http2_body_free(struct worker *w, struct http2_side *side)
{
	range_end(w, &side->range);
	http_byteranges_free(w, &side->byteranges);
	content_decoder_free(&w->heap, side->decoder);
}
