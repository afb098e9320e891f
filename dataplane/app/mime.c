/* SPDX-License-Identifier: BSD-3-Clause
 *
 * MIME: the structure. Bytes go line by line through one of two states: the headers of an entity,
 * or its body. In a body a line that begins with two hyphens is held until it is known whether it is
 * a boundary; the line end before it is held as well, as it belongs to the boundary. What is no
 * boundary goes on to the decoder (mime_decode.c).
 *
 * A boundary of an outer level closes all inner ones. A message inside a message is read as part of
 * the outer one: its headers follow its own.
 *
 * Runs in a worker of the dataplane process.
 */
#include "dataplane/app/mime.h"

#include <strings.h>

#include "dataplane/app/mime_decode.h"

enum state { HEADERS, BODY };

void mime_init(struct mime *m, struct worker *w, const struct mime_ops *ops, void *ctx, uint32_t flags)
{
	memset(m, 0, sizeof(*m));
	m->w = w;
	m->ops = ops;
	m->ctx = ctx;
	m->flags = flags;
	m->schemes = "http";
	m->state = HEADERS;
	m->top = true;
	m->at_start = true;
	m->typed = true;
}

bool mime_set_boundary(struct mime *m, struct bytes boundary)
{
	uint32_t len = boundary.len < MIME_BOUNDARY_MAX ? boundary.len : MIME_BOUNDARY_MAX;
	uint8_t *copy;

	if (m->depth == MIME_DEPTH_MAX) {
		m->anomalies |= MIME_TOO_DEEP;
		return false;
	}
	if (len < boundary.len)
		m->anomalies |= MIME_LONG_BOUNDARY;
	copy = heap_alloc(&m->w->heap, len + 2);
	if (!copy)
		return false;
	memcpy(copy, "--", 2);
	memcpy(copy + 2, boundary.data, len);
	m->boundary[m->depth] = copy;
	m->digests &= (uint16_t)~(1 << m->depth);
	m->boundary_len[m->depth++] = (uint16_t)(len + 2);
	if (m->flags & MIME_RAW)
		m->state = BODY;
	return true;
}

/* ---- headers ---- */

static bool starts(struct bytes b, const char *word)
{
	size_t n = strlen(word);

	return b.len >= n && strncasecmp((const char *)b.data, word, n) == 0;
}

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Where the two headers that may name a part differ, the disposition's is what readers save it under (RFC 2183, 2.3). */
static void take_name(struct mime *m, struct bytes value, const char *parameter, bool disposition)
{
	uint8_t written[MIME_NAME_WRITTEN_MAX];
	uint32_t len;
	bool cut;

	if (m->name_len && (m->name_disposition || !disposition))
		return;
	len = mime_parameter(value, parameter, written, sizeof(written), &cut);
	if (!len && m->name_len)
		return;
	m->name_disposition = disposition;
	if (cut || len > MIME_NAME_MAX)
		m->anomalies |= MIME_LONG_NAME;
	if (!(m->flags & MIME_RAW) && len && memmem(written, len, "=?", 2)) {
		m->name_len = mime_words((struct bytes){written, len}, m->name, MIME_NAME_MAX);
		return;
	}
	m->name_len = len < MIME_NAME_MAX ? len : MIME_NAME_MAX;
	memcpy(m->name, written, m->name_len);
}

/* The first word of a value, without comments, quotes and parameters. */
static struct bytes value_word(struct bytes value)
{
	while (value.len && (is_space(value.data[0]) || value.data[0] == '"')) {
		value.data++;
		value.len--;
	}
	for (uint32_t i = 0; i < value.len; i++)
		if (is_space(value.data[i]) || strchr(";(\"", value.data[i]))
			value.len = i;
	return value;
}

/* A message that is sent in pieces: the first one begins with its headers (RFC 2046, 5.2.2). */
static bool is_first_fragment(struct bytes word, struct bytes value)
{
	uint8_t number[2];
	bool cut;

	return bytes_are(word, "message/partial") &&
	       mime_parameter(value, "number", number, sizeof(number), &cut) == 1 && number[0] == '1';
}

static void take_content_type(struct mime *m, struct bytes value)
{
	uint8_t boundary[MIME_BOUNDARY_MAX];
	struct bytes word = value_word(value);
	uint32_t len;
	bool cut;

	m->typed = true;
	m->attached |= starts(word, "application/");
	if (!(m->flags & MIME_RAW))
		take_name(m, value, "name", false);
	if (bytes_are(word, "text/plain"))
		m->type = MIME_TEXT_PLAIN;
	else if (bytes_are(word, "text/html"))
		m->type = MIME_TEXT_HTML;
	else if (starts(word, "message/rfc822") || starts(word, "message/global") || is_first_fragment(word, value))
		m->type = MIME_MESSAGE;
	/* In a type of its own that is no multipart the parameter says nothing, and must hide nothing. */
	if (m->flags & MIME_RAW || (word.len && memchr(word.data, '/', word.len) && !starts(word, "multipart/")))
		return;
	len = mime_parameter(value, "boundary", boundary, sizeof(boundary), &cut);
	if (!len)
		return;
	if (cut)
		m->anomalies |= MIME_LONG_BOUNDARY;
	/* A second one of the same entity takes the place of the first. */
	if (m->type == MIME_MULTIPART && m->depth)
		heap_free(&m->w->heap, m->boundary[--m->depth]);
	if (!mime_set_boundary(m, (struct bytes){boundary, len}))
		return;
	m->type = MIME_MULTIPART;
	if (bytes_are(word, "multipart/digest"))
		m->digests |= (uint16_t)(1 << (m->depth - 1));
}

static void take_encoding(struct mime *m, struct bytes word)
{
	if (bytes_are(word, "base64") && !(m->flags & MIME_NO_BASE64))
		m->encoding = MIME_BASE64;
	else if (bytes_are(word, "quoted-printable") && !(m->flags & MIME_NO_QP))
		m->encoding = MIME_QP;
	else if (bytes_are(word, "x-uuencode") || bytes_are(word, "uuencode") || bytes_are(word, "x-uue"))
		m->encoding = MIME_UU;
}

static void take_header(struct mime *m, struct bytes name, struct bytes value)
{
	if (name.len > MIME_HEADER_NAME_LONG)
		m->anomalies |= MIME_LONG_HEADER_NAME;
	if (bytes_are(name, "content-disposition")) {
		m->attached |= starts(value, "attachment");
		take_name(m, value, "filename", true);
	} else if (bytes_are(name, "content-transfer-encoding") && !(m->flags & MIME_RAW)) {
		take_encoding(m, value_word(value));
	} else if (bytes_are(name, "content-type")) {
		take_content_type(m, value);
	}
	if (m->ops->header)
		m->ops->header(m->ctx, name, value, m->top);
}

static void header_flush(struct mime *m)
{
	struct bytes line = {m->header, m->header_len}, name, value;
	const uint8_t *colon;

	if (!m->header_open)
		return;
	m->header_open = false;
	colon = line.len ? memchr(line.data, ':', line.len) : NULL;
	if (colon) {
		name = (struct bytes){line.data, (uint32_t)(colon - line.data)};
		value = (struct bytes){colon + 1, line.len - name.len - 1};
		while (name.len && is_space(name.data[name.len - 1])) /* RFC 5322, 4.5 */
			name.len--;
		while (value.len && is_space(value.data[0])) {
			value.data++;
			value.len--;
		}
		if (m->header_long || value.len > MIME_HEADER_VALUE_MAX)
			m->anomalies |= MIME_LONG_HEADER_VALUE;
		if (value.len > MIME_HEADER_VALUE_MAX)
			value.len = MIME_HEADER_VALUE_MAX;
		if (!value.len)
			m->anomalies |= MIME_BAD_HEADER;
		take_header(m, name, value);
	} else {
		m->anomalies |= MIME_BAD_HEADER;
	}
	m->header_len = 0;
	m->header_long = false;
}

static void header_add(struct mime *m, const uint8_t *data, uint32_t len)
{
	uint32_t most = MIME_HEADER_VALUE_MAX + 1024, cap = m->header_cap ? m->header_cap : 256;
	uint8_t *moved;

	if (m->header_len + len > most) {
		len = most - m->header_len;
		m->header_long = true;
	}
	if (!len)
		return;
	if (m->header_len + len > m->header_cap) {
		while (cap < m->header_len + len)
			cap *= 2;
		moved = heap_realloc(&m->w->heap, m->header, cap);
		if (!moved)
			return;
		m->header = moved;
		m->header_cap = cap;
	}
	memcpy(m->header + m->header_len, data, len);
	m->header_len += len;
}

static void entity_reset(struct mime *m)
{
	m->type = MIME_OTHER;
	m->encoding = MIME_PLAIN;
	m->name_len = 0;
	m->name_disposition = m->attached = false;
	m->typed = true;
	m->part_has_data = false;
	m->at_start = true;
	m->line_len = 0;
}

/* The blank line: what comes now? */
static void headers_end(struct mime *m)
{
	header_flush(m);
	m->at_start = true;
	m->eol = 0;
	m->coded_message = false;
	if (!m->typed)
		m->type = MIME_MESSAGE; /* RFC 2046, 5.1.5 */
	if (m->type == MIME_MESSAGE && !(m->flags & MIME_RAW)) {
		if (m->nesting < MIME_DEPTH_MAX) {
			m->nesting++;
			m->coded_message = m->encoding == MIME_BASE64 && !m->within;
			entity_reset(m);
			m->top = false;
			return;
		}
		m->anomalies |= MIME_TOO_DEEP;
	}
	m->state = BODY;
	m->top = false;
	if (m->type == MIME_MULTIPART || m->parts >= MIME_PARTS_MAX)
		return;
	m->parts++;
	m->in_part = true;
	mime_decode_begin(m);
	m->ops->part_begin(m->ctx, (struct bytes){m->name, m->name_len}, (enum mime_type)m->type);
}

/* Bytes of a header line without its end; a line may come in several runs. */
static void header_text(struct mime *m, const uint8_t *data, uint32_t len)
{
	if (m->at_start) {
		if (m->header_open && (data[0] == ' ' || data[0] == '\t')) {
			data++;
			len--;
		} else {
			header_flush(m);
			m->header_open = true;
		}
		m->at_start = false;
	}
	m->line_len += len;
	header_add(m, data, len);
}

static void line_checked(struct mime *m)
{
	if (m->line_len > MIME_LINE_LONG)
		m->anomalies |= MIME_LONG_LINE;
	m->line_len = 0;
}

/* Messages must not be encoded as a whole (RFC 2046, 5.2.1), but some are. The first line tells, so that the word
 * alone hides nothing: in base64 there is no colon. The message is read by a parser of its own. */
static void coded_message(struct mime *m)
{
	m->coded_message = false;
	if (!m->header_len || memchr(m->header, ':', m->header_len))
		return;
	m->inner = heap_alloc(&m->w->heap, sizeof(*m->inner));
	if (!m->inner)
		return;
	mime_init(m->inner, m->w, m->ops, m->ctx, m->flags);
	m->inner->schemes = m->schemes;
	m->inner->top = false;
	m->inner->within = true;
	m->inner->nesting = m->nesting;
	m->header_open = false;
	m->state = BODY;
	m->in_part = true;
	m->encoding = MIME_BASE64;
	mime_decode_begin(m);
	m->uu = UU_OFF;
	mime_decode(m, m->header, m->header_len);
	m->header_len = 0;
}

static void header_eol(struct mime *m)
{
	line_checked(m);
	if (m->coded_message && !m->at_start)
		coded_message(m);
	if (m->at_start)
		headers_end(m);
	m->at_start = true;
}

/* ---- bodies ---- */

static void inner_end(struct mime *m, bool complete)
{
	mime_end(m->inner, complete);
	m->anomalies |= m->inner->anomalies;
	mime_free(m->inner);
	heap_free(&m->w->heap, m->inner);
	m->inner = NULL;
}

static void part_end(struct mime *m, bool complete)
{
	if (!m->in_part)
		return;
	complete &= mime_decode_end(m);
	m->in_part = false;
	if (m->name_len && !m->part_has_data)
		m->anomalies |= MIME_EMPTY_PART;
	if (m->inner)
		inner_end(m, complete);
	else if (!m->uu_closed)
		m->ops->part_end(m->ctx, complete);
}

/* The held line end is the body's after all. */
static void body_give_eol(struct mime *m)
{
	if (m->eol && m->in_part)
		mime_decode(m, (const uint8_t *)"\r\n" + (m->eol == 2 ? 0 : 1), m->eol);
	m->eol = 0;
}

static void body_text(struct mime *m, const uint8_t *data, uint32_t len)
{
	body_give_eol(m);
	m->line_len += len;
	if (m->in_part && len) {
		m->part_has_data = true;
		mime_decode(m, data, len);
	}
}

/* Nothing but blanks behind the boundary and the hyphens of the last one. */
static bool is_whole(const uint8_t *rest, uint32_t len)
{
	uint32_t i = len >= 2 && memcmp(rest, "--", 2) == 0 ? 2 : 0;

	while (i < len && is_space(rest[i]))
		i++;
	return i == len;
}

/* Which open level's boundary is the held line? -1: none. A line that only begins with one is a boundary, too
 * (RFC 2046, 5.1.1), unless it is that of another level. */
static int boundary_level(const struct mime *m)
{
	int begins = -1;

	for (int i = m->depth - 1; i >= 0; i--) {
		uint32_t n = m->boundary_len[i];

		if (m->start_len < n || memcmp(m->start, m->boundary[i], n) != 0)
			continue;
		if (is_whole(m->start + n, m->start_len - n))
			return i;
		if (begins < 0)
			begins = i;
	}
	return begins;
}

static void boundary_found(struct mime *m, int level)
{
	uint32_t n = m->boundary_len[level];
	bool last = m->start_len >= n + 2 && memcmp(m->start + n, "--", 2) == 0;

	m->eol = 0;
	part_end(m, true);
	while (m->depth > level + (last ? 0 : 1))
		heap_free(&m->w->heap, m->boundary[--m->depth]);
	entity_reset(m);
	m->typed = !(m->digests & 1 << level);
	m->skip_line = true;
	m->start_len = 0;
	m->top = m->coded_message = false;
	m->state = last ? BODY : HEADERS;
}

/* A line that began with hyphens is there, or is too long to be a boundary. */
static void start_decide(struct mime *m)
{
	int level = boundary_level(m);
	uint32_t len = m->start_len;

	m->start_len = 0;
	m->at_start = false;
	if (level >= 0) {
		m->start_len = len;
		boundary_found(m, level);
		return;
	}
	if (m->state == HEADERS) {
		m->at_start = true;
		header_text(m, m->start, len);
	} else {
		body_text(m, m->start, len);
	}
}

/* Holds what may be a boundary. Returns how much was taken. */
static uint32_t start_hold(struct mime *m, const uint8_t *data, uint32_t len)
{
	uint32_t i = 0;

	while (i < len && m->start_len < sizeof(m->start)) {
		if (m->start_len < 2 && data[i] != '-')
			break;
		m->start[m->start_len++] = data[i++];
	}
	if (i < len || m->start_len == sizeof(m->start))
		start_decide(m);
	return i;
}

/* Bytes without a line end. */
static void run_text(struct mime *m, const uint8_t *data, uint32_t len)
{
	uint32_t taken;

	if (m->skip_line)
		return;
	/* A boundary ends headers without a blank line as well. */
	if (m->state == HEADERS && m->at_start && data[0] == '-' && !m->start_len)
		header_flush(m);
	if (m->at_start && m->depth && (m->state == BODY || m->start_len || data[0] == '-')) {
		taken = start_hold(m, data, len);
		data += taken;
		len -= taken;
		if (!len || m->skip_line)
			return;
	}
	if (m->state == HEADERS) {
		header_text(m, data, len);
		return;
	}
	m->at_start = false;
	body_text(m, data, len);
}

static void run_eol(struct mime *m, unsigned eol)
{
	if (!m->skip_line && m->at_start && m->start_len)
		start_decide(m);
	if (m->skip_line) {
		m->skip_line = false;
		m->at_start = true;
		m->line_len = 0;
		return;
	}
	if (m->state == HEADERS) {
		header_eol(m);
		return;
	}
	body_give_eol(m);
	if (m->encoding != MIME_PLAIN && m->in_part && m->line_len > MIME_ENCODED_LINE_LONG)
		m->anomalies |= MIME_LONG_ENCODED_LINE;
	line_checked(m);
	m->eol = (uint8_t)eol;
	m->at_start = true;
}

void mime_data(struct mime *m, const uint8_t *data, uint32_t len)
{
	while (len) {
		const uint8_t *lf;
		uint32_t n, text;

		if (m->cr) {
			m->cr = false;
			if (data[0] == '\n') {
				run_eol(m, 2);
				data++;
				len--;
				continue;
			}
			run_text(m, (const uint8_t *)"\r", 1);
		}
		lf = memchr(data, '\n', len);
		n = lf ? (uint32_t)(lf - data) : len;
		text = n;
		if (text && data[text - 1] == '\r') {
			text--;
			if (!lf)
				m->cr = true;
		}
		if (text)
			run_text(m, data, text);
		if (lf)
			run_eol(m, text < n ? 2 : 1);
		n += lf ? 1 : 0;
		data += n;
		len -= n;
	}
}

void mime_is_decoded(struct mime *m)
{
	m->encoding = MIME_PLAIN;
}

bool mime_is_open(const struct mime *m)
{
	return m->depth > 0;
}

void mime_end(struct mime *m, bool complete)
{
	if (m->cr)
		run_text(m, (const uint8_t *)"\r", 1);
	m->cr = false;
	if (m->start_len)
		start_decide(m);
	if (m->coded_message && m->header_open)
		coded_message(m);
	if (m->state == HEADERS)
		header_flush(m);
	else if (m->in_part && (m->flags & MIME_RAW))
		body_give_eol(m);
	/* The last line end of a mail belongs to what ends it, as that before a boundary does. */
	m->eol = 0;
	part_end(m, complete);
}

void mime_free(struct mime *m)
{
	while (m->depth)
		heap_free(&m->w->heap, m->boundary[--m->depth]);
	heap_free(&m->w->heap, m->header);
	heap_free(&m->w->heap, m->url);
	if (m->inner)
		mime_free(m->inner);
	heap_free(&m->w->heap, m->inner);
	m->inner = NULL;
	m->header = NULL;
	m->url = NULL;
}
