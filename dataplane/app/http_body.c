/* SPDX-License-Identifier: BSD-3-Clause
 *
 * HTTP bodies: what libhtp hands out de-chunked, their codings undone by content.c. A body becomes a file (struct
 * file) that keeps the window for rules. Its name is that of Content-Disposition, else the normalised path. The body
 * of a multipart upload is kept as a hidden file, and its parts with a file name are files.
 *
 * Bytes beyond the body limit are neither kept nor decoded: the file ends there, truncated.
 *
 * Runs in a worker of the dataplane process.
 */
#include "dataplane/app/http.h"

#include <strings.h>

#include "dataplane/app/http_byteranges.h"
#include "dataplane/app/http_multipart.h"
#include "dataplane/app/mime.h"

static void skip_spaces(struct bytes *b)
{
	while (b->len && (b->data[0] == ' ' || b->data[0] == '\t')) {
		b->data++;
		b->len--;
	}
}

/* ---- names ---- */

/* The value of `name` in "form-data; name=x; filename=\"y\"". NULL data: not there. */
static struct bytes parameter(struct bytes header, const char *name)
{
	struct bytes rest = header, piece, none = {NULL, 0};
	uint32_t n = (uint32_t)strlen(name), i;
	bool quoted;

	while (rest.len) {
		quoted = false;
		for (i = 0; i < rest.len && (quoted || rest.data[i] != ';'); i++) {
			if (rest.data[i] == '"')
				quoted = !quoted;
			else if (rest.data[i] == '\\' && quoted && i + 1 < rest.len)
				i++;
		}
		piece = (struct bytes){rest.data, i};
		rest.data += i < rest.len ? i + 1 : i;
		rest.len -= i < rest.len ? i + 1 : i;
		skip_spaces(&piece);
		if (piece.len < n || strncasecmp((const char *)piece.data, name, n) != 0)
			continue;
		piece.data += n;
		piece.len -= n;
		skip_spaces(&piece);
		if (!piece.len || *piece.data != '=')
			continue;
		piece.data++;
		piece.len--;
		skip_spaces(&piece);
		while (piece.len && (piece.data[piece.len - 1] == ' ' || piece.data[piece.len - 1] == '\t'))
			piece.len--;
		if (piece.len >= 2 && piece.data[0] == '"' && piece.data[piece.len - 1] == '"') {
			piece.data++;
			piece.len -= 2;
		}
		return piece;
	}
	return none;
}

struct bytes http_file_name(struct bytes disposition, uint8_t room[HTTP_FILE_NAME_MAX])
{
	struct bytes name = parameter(disposition, "filename*");

	if (name.len)
		name = (struct bytes){room, mime_encoded_value(name, room, HTTP_FILE_NAME_MAX)};
	return name.len ? name : parameter(disposition, "filename");
}

static struct bytes body_name(struct http_tx *tx, enum direction d, uint8_t room[HTTP_FILE_NAME_MAX])
{
	struct bytes name = {NULL, 0};

	if (d == TO_CLIENT)
		name = http_file_name(http_field(tx, TO_CLIENT, "content-disposition"), room);
	if (!name.len && tx->htp->parsed_uri)
		name = http_bytes(tx->htp->parsed_uri->path);
	return name;
}

/* ---- bodies ---- */

static struct range_origin whole_of(struct http_state *s, struct http_tx *tx, struct bytes name)
{
	return (struct range_origin){
		.host = http_bytes(tx->htp->request_hostname),
		.name = name,
		.limits = &s->w->http->options.limits[TO_CLIENT],
	};
}

/* What is coded is a range of the coded bytes, of which no other part can be read. */
static void body_joins(struct http_state *s, struct http_tx *tx, struct bytes name, const struct http_range *range)
{
	struct range_origin origin = whole_of(s, tx, name);

	origin.start = range->start;
	origin.total = range->size;
	if (http_range_is_part(range) && !http_field(tx, TO_CLIENT, "content-encoding").data)
		range_begin(s->w, s->f, &tx->tx, &tx->body[TO_CLIENT].range, &origin);
}

static void several_ranges(struct http_state *s, struct http_tx *tx, struct bytes name)
{
	const struct range_origin whole = whole_of(s, tx, name);

	if (tx->htp->response_status_number == 206 && !http_field(tx, TO_CLIENT, "content-encoding").data)
		tx->byteranges = http_byteranges_new(s->w, http_field(tx, TO_CLIENT, "content-type"), &whole);
}

static void wrong_ranges(struct http_state *s, struct http_tx *tx, unsigned n)
{
	if (n)
		http_event(s, tx, TO_CLIENT, HTTP_EVENT_RANGE_INVALID);
}

static void body_range(struct http_state *s, struct http_tx *tx, struct file *file, struct bytes name)
{
	struct bytes value = http_field(tx, TO_CLIENT, "content-range");
	struct http_range range;

	if (!value.data)
		return;
	if (!http_content_range(value, &range) || http_range_is_wrong(&range)) {
		http_event(s, tx, TO_CLIENT, HTTP_EVENT_RANGE_INVALID);
		return;
	}
	if (!range.has_range) /* only how long the whole is, of an answer that holds none of it */
		return;
	file_range(file, range.start, range.end, range.size);
	body_joins(s, tx, name, &range);
}

/* A multipart that is a file as a whole: its parts carry no names (WinRM's multipart/encrypted, batches). */
static bool whole_multipart(const struct http_state *s, struct http_tx *tx)
{
	static const char form[] = "multipart/form-data";
	struct bytes type = http_field(tx, TO_SERVER, "content-type");

	return file_bodies(s->w) && type.data &&
	       (type.len < sizeof(form) - 1 || strncasecmp((const char *)type.data, form, sizeof(form) - 1) != 0);
}

static void body_open(struct http_state *s, struct http_tx *tx, enum direction d)
{
	struct http_body *b = &tx->body[d];
	enum htp_method_t method = tx->htp->request_method_number;
	uint8_t room[HTTP_FILE_NAME_MAX];
	struct bytes name = body_name(tx, d, room);

	if (d == TO_SERVER && (method == HTP_M_POST || method == HTP_M_PUT) && !whole_multipart(s, tx))
		tx->multipart = http_multipart_new(
			s->w, http_field(tx, TO_SERVER, "content-type"));
	if (tx->multipart && d == TO_SERVER)
		b->kind = BODY_MULTIPART;
	else if (name.data && (d == TO_CLIENT || method == HTP_M_POST || method == HTP_M_PUT || file_bodies(s->w)))
		b->kind = BODY_FILE;
	else
		b->kind = BODY_PLAIN;
	if (b->kind == BODY_FILE || (b->kind == BODY_MULTIPART && name.data && file_bodies(s->w))) {
		if (name.len > FILE_NAME_MAX)
			http_event(s, tx, d, HTTP_EVENT_NAME_TOO_LONG);
		b->file = file_open(s->w, s->f, &tx->tx, d, name.data, name.len);
	} else {
		b->file = file_open_hidden(s->w, s->f, &tx->tx, d);
	}
	if (!b->file)
		return;
	file_set_limits(b->file, &s->w->http->options.limits[d]);
	if (d == TO_CLIENT && b->kind == BODY_FILE) {
		body_range(s, tx, b->file, name);
		several_ranges(s, tx, name);
	}
}

/* Decoded bytes, or a gap. */
static void body_take(struct http_state *s, struct http_tx *tx, enum direction d,
		      const uint8_t *data, uint32_t len)
{
	struct http_body *b = &tx->body[d];
	uint64_t limit = s->w->http->options.body_limit[d];
	uint32_t n = len;

	if (b->kind == BODY_NOT_SEEN)
		body_open(s, tx, d);
	/* What a rule stores is followed as far as the stream is. */
	if (b->file && (b->file->flags & FILE_STORE))
		limit = 0;
	if (limit && b->seen >= limit)
		n = 0;
	else if (data && limit && b->seen + n > limit)
		n = (uint32_t)(limit - b->seen);
	b->seen += data ? n : 0; /* what is missing costs nothing */
	if (b->file && n) {
		if (data)
			file_append(s->w, b->file, data, n);
		else
			file_gap(s->w, b->file, n);
		range_take(s->w, s->f, &tx->tx, &b->range, data, n);
	}
	if (tx->multipart && d == TO_SERVER && n)
		http_multipart_data(s, tx, data, n);
	if (tx->byteranges && d == TO_CLIENT && n)
		wrong_ranges(s, tx, http_byteranges_data(s->w, s->f, &tx->tx, tx->byteranges, data, n));
	if (n < len && !b->over_limit) {
		b->over_limit = true;
		file_close_all(s->w, &tx->tx, d, FILE_TRUNCATED);
	}
}

struct taking {
	struct http_state *s;
	struct http_tx *tx;
	enum direction d;
};

static void decoded(void *context, const uint8_t *data, uint32_t len)
{
	struct taking *t = context;

	body_take(t->s, t->tx, t->d, data, len);
	if (t->tx->body[t->d].over_limit)
		content_stop(t->tx->decoder[t->d]);
}

static void decode(struct http_state *s, struct http_tx *tx, enum direction d, const uint8_t *data,
		   uint32_t len)
{
	struct taking t = {s, tx, d};

	switch (content_decode(tx->decoder[d], data, len, decoded, &t)) {
	case CONTENT_GOOD:
		break;
	case CONTENT_FAILED:
		http_event(s, tx, d, HTTP_EVENT_GZIP_FAILED);
		break;
	case CONTENT_LARGE:
		http_event(s, tx, d, HTTP_EVENT_LZMA_MEMORY);
		break;
	case CONTENT_BOMB:
		http_event(s, tx, d, HTTP_EVENT_BOMB);
		tx->body[d].over_limit = true;
		file_close_all(s->w, &tx->tx, d, FILE_TRUNCATED);
		break;
	}
}

void http_body_headers(struct http_state *s, struct http_tx *tx, enum direction d)
{
	struct bytes value = http_field(tx, d, "content-encoding");
	struct content_codings codings;

	if (tx->decoder[d] || !value.data)
		return;
	codings = content_codings_of(value, s->w->http->options.layers);
	if (d == TO_CLIENT && codings.unknown)
		http_event(s, tx, d, HTTP_EVENT_ENCODING_ABNORMAL);
	if (d == TO_CLIENT && codings.too_many)
		http_event(s, tx, d, HTTP_EVENT_ENCODING_LAYERS);
	if (codings.lzma_twice)
		http_event(s, tx, d, HTTP_EVENT_BOMB);
	if (codings.count)
		tx->decoder[d] = content_decoders_new(&s->w->heap, &codings);
}

void http_body_data(struct http_state *s, struct http_tx *tx, enum direction d, const uint8_t *data,
		    uint32_t len)
{
	if (tx->body[d].over_limit)
		return;
	if (tx->decoder[d] && data)
		decode(s, tx, d, data, len);
	else
		body_take(s, tx, d, data, len);
}

void http_body_end(struct http_state *s, struct http_tx *tx, enum direction d)
{
	if (tx->multipart && d == TO_SERVER)
		http_multipart_end(s, tx);
	if (d == TO_CLIENT)
		wrong_ranges(s, tx, http_byteranges_end(s->w, s->f, &tx->tx, &tx->byteranges));
	file_close_all(s->w, &tx->tx, d, FILE_CLOSED);
	range_end(s->w, &tx->body[d].range);
}

void http_body_free(struct worker *w, struct http_tx *tx)
{
	range_end(w, &tx->body[TO_CLIENT].range);
	http_byteranges_free(w, &tx->byteranges);
	content_decoder_free(&w->heap, tx->decoder[TO_SERVER]);
	content_decoder_free(&w->heap, tx->decoder[TO_CLIENT]);
	http_multipart_free(w, tx);
}
