/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See mail.h.
 */
#include "dataplane/app/mail.h"

static void on_part_begin(void *ctx, struct bytes name, enum mime_type type)
{
	struct mail *m = ctx;

	mail_note_part(&m->note, name, type, mime_is_attached(&m->mime));
	if ((name.len || mail_note_wants(m->w, &m->mime)) && !(m->lazy && name.data == m->mime.name))
		m->file = file_open(m->w, m->f, m->tx, m->direction, name.data, name.len);
}

static void on_part_data(void *ctx, const uint8_t *data, uint32_t len)
{
	struct mail *m = ctx;

	mail_note_data(m->w, &m->note, data, len);
	if (m->lazy && !m->file && m->mime.name_len && m->mime.in_part)
		m->file = file_open(m->w, m->f, m->tx, (enum direction)m->direction, m->mime.name, m->mime.name_len);
	if (m->file)
		file_append(m->w, m->file, data, len);
	if (m->file)
		packed_data(&m->packed, &m->packed_over, m->depth, m->w, m->f, m->tx, (enum direction)m->direction, m->file, data, len);
}

static void on_part_end(void *ctx, bool complete)
{
	struct mail *m = ctx;

	if (m->file)
		mail_note_send(m->w, m->f, m->tx, (enum direction)m->direction, &m->note);
	file_close(m->w, m->file, complete ? FILE_CLOSED : FILE_TRUNCATED);
	m->file = NULL;
	packed_end(&m->packed, &m->packed_over, complete);
}

static void on_header(void *ctx, struct bytes name, struct bytes value, bool top)
{
	struct mail *m = ctx;

	if (top)
		mail_note_header(m->w, &m->note, name, value);
}

static void on_url(void *ctx, struct bytes scheme, struct bytes rest)
{
}

static const struct mime_ops ops = {
	.header = on_header,
	.part_begin = on_part_begin,
	.part_data = on_part_data,
	.part_end = on_part_end,
	.url = on_url,
};

static struct mail *begin(struct worker *w, struct flow *f, struct tx *tx, enum direction d)
{
	struct mail *m = heap_zalloc(&w->heap, sizeof(*m));

	if (!m)
		return NULL;
	m->w = w;
	m->f = f;
	m->tx = tx;
	m->direction = (uint8_t)d;
	mime_init(&m->mime, w, &ops, m, MIME_NO_URLS);
	return m;
}

struct mail *mail_begin_part(struct worker *w, struct flow *f, struct tx *tx, enum direction d)
{
	struct mail *m = begin(w, f, tx, d);

	if (m)
		m->lazy = true;
	return m;
}

struct mail *mail_begin_inner(struct worker *w, struct flow *f, struct tx *tx, enum direction d, uint8_t depth)
{
	struct mail *m = begin(w, f, tx, d);

	if (m)
		m->depth = depth;
	return m;
}

struct mail *mail_begin(struct worker *w, struct flow *f, struct tx *tx, enum direction d)
{
	struct mail *m = begin(w, f, tx, d);

	if (m)
		m->whole = file_open_mail(w, f, tx, d);
	return m;
}

void mail_data(struct mail *m, const uint8_t *data, uint32_t len)
{
	if (!m)
		return;
	if (m->whole)
		file_append(m->w, m->whole, data, len);
	mime_data(&m->mime, data, len);
}

void mail_gap(struct mail *m, uint64_t len)
{
	if (m && m->file) {
		file_gap(m->w, m->file, len);
		packed_gap(&m->packed, &m->packed_over, len);
	}
	if (m && m->whole)
		file_gap(m->w, m->whole, len);
}

void mail_end(struct mail *m, bool complete)
{
	if (!m)
		return;
	mime_end(&m->mime, complete);
	if (m->file)
		on_part_end(m, complete);
	file_close(m->w, m->whole, complete ? FILE_CLOSED : FILE_TRUNCATED);
	mail_drop(m);
}

void mail_drop(struct mail *m)
{
	if (!m)
		return;
	mime_free(&m->mime);
	packed_drop(&m->packed);
	mail_note_free(m->w, &m->note);
	heap_free(&m->w->heap, m);
}
