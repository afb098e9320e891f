/* SPDX-License-Identifier: BSD-3-Clause
 *
 * HTTP: multipart uploads (RFC 7578). Parts with a file name become files; other form fields are
 * seen in the body buffer only. Runs in a worker of the dataplane process.
 */
#include "dataplane/app/http_multipart.h"

struct http_multipart {
	struct mime mime;     /* http_multipart_parts */
	struct http_state *s; /* of the call in hand */
	struct http_tx *tx;
	struct file *file;    /* the part being read; NULL: none, or it is no file */
};

static void part_begin(void *ctx, struct bytes name, enum mime_type type)
{
	struct http_multipart *m = ctx;
	uint8_t plain[MIME_NAME_MAX];
	uint32_t n = 0;

	if (!name.len)
		return;
	for (uint32_t i = 0; i < name.len && n < sizeof(plain); i++)
		if (name.data[i] != '\\')
			plain[n++] = name.data[i];
	m->file = file_open(m->s->w, m->s->f, &m->tx->tx, TO_SERVER, plain, n);
	if (m->file)
		file_set_limits(m->file, &m->s->w->http->options.limits[TO_SERVER]);
}

static void part_data(void *ctx, const uint8_t *data, uint32_t len)
{
	struct http_multipart *m = ctx;

	if (m->file)
		file_append(m->s->w, m->file, data, len);
}

static void part_end(void *ctx, bool complete)
{
	struct http_multipart *m = ctx;

	file_close(m->s->w, m->file, complete ? FILE_CLOSED : FILE_TRUNCATED);
	m->file = NULL;
}

static const struct mime_ops ops = {
	.part_begin = part_begin,
	.part_data = part_data,
	.part_end = part_end,
};

void *http_multipart_parts(struct worker *w, size_t bytes, const struct mime_ops *o, struct bytes content_type)
{
	uint8_t boundary[MIME_BOUNDARY_MAX];
	struct mime *m;
	uint32_t len;
	bool cut;

	len = mime_parameter(content_type, "boundary", boundary, sizeof(boundary), &cut);
	m = len && !cut ? heap_zalloc(&w->heap, bytes) : NULL;
	if (!m)
		return NULL;
	mime_init(m, w, o, m, MIME_RAW);
	if (mime_set_boundary(m, (struct bytes){boundary, len}))
		return m;
	mime_free(m);
	heap_free(&w->heap, m);
	return NULL;
}

struct http_multipart *http_multipart_new(struct worker *w, struct bytes content_type)
{
	return http_multipart_parts(w, sizeof(struct http_multipart), &ops, content_type);
}

static void events(struct http_multipart *m)
{
	if (m->mime.anomalies & MIME_BAD_HEADER)
		http_event(m->s, m->tx, TO_SERVER, HTTP_EVENT_MULTIPART_HEADER);
	if (m->mime.anomalies & MIME_EMPTY_PART)
		http_event(m->s, m->tx, TO_SERVER, HTTP_EVENT_MULTIPART_NO_FILE);
	m->mime.anomalies = 0;
}

void http_multipart_data(struct http_state *s, struct http_tx *tx, const uint8_t *data, uint32_t len)
{
	struct http_multipart *m = tx->multipart;

	m->s = s;
	m->tx = tx;
	if (data)
		mime_data(&m->mime, data, len);
	else if (m->file)
		file_gap(s->w, m->file, len);
	if (m->mime.anomalies)
		events(m);
}

void http_multipart_end(struct http_state *s, struct http_tx *tx)
{
	struct http_multipart *m = tx->multipart;

	m->s = s;
	m->tx = tx;
	mime_end(&m->mime, true);
	if (m->mime.anomalies)
		events(m);
}

void http_multipart_free(struct worker *w, struct http_tx *tx)
{
	if (!tx->multipart)
		return;
	mime_free(&tx->multipart->mime);
	heap_free(&w->heap, tx->multipart);
	tx->multipart = NULL;
}
