/* SPDX-License-Identifier: BSD-3-Clause
 *
 * MIME: uuencode (POSIX.1, "uuencode"), line by line. A leaf without a name may have files in its text, as clients
 * of old wrote them and those of today still show them: each becomes a leaf of its own, called as its "begin" says,
 * and the text goes on behind it. A leaf that says that it is coded so (x-uuencode) and has a name is decoded itself.
 * A "begin" counts if a line of code follows. Lines that are no code are left out. Runs in a worker of the dataplane
 * process.
 */
#include "dataplane/app/mime_decode.h"

static const char begin_word[] = "begin ";

#define BEGIN_BYTES (sizeof(begin_word) - 1)

/* ---- lines ---- */

static uint32_t without_eol(const uint8_t *line, uint32_t len)
{
	while (len && (line[len - 1] == '\n' || line[len - 1] == '\r'))
		len--;
	return len;
}

/* "begin 644 name" */
static bool begin_read(const uint8_t *line, uint32_t len, struct bytes *name)
{
	uint32_t at = BEGIN_BYTES, digits = 0;

	len = without_eol(line, len);
	if (len < BEGIN_BYTES || memcmp(line, begin_word, BEGIN_BYTES) != 0)
		return false;
	while (at < len && line[at] >= '0' && line[at] <= '7') {
		at++;
		digits++;
	}
	if (digits < 3 || digits > 4 || at == len || line[at] != ' ')
		return false;
	while (at < len && line[at] == ' ')
		at++;
	*name = (struct bytes){line + at, len - at};
	return at < len;
}

static bool is_end(const uint8_t *line, uint32_t len)
{
	return len == 3 && memcmp(line, "end", 3) == 0;
}

/* Some writers leave blanks at a line's end out, others put a sum behind it. */
static bool is_code(const uint8_t *line, uint32_t len)
{
	uint32_t most;

	len = without_eol(line, len);
	if (!len || line[0] < ' ' || line[0] > '`')
		return false;
	for (uint32_t i = 1; i < len; i++)
		if (line[i] < ' ' || line[i] > '`')
			return false;
	most = (((uint32_t)line[0] - ' ') & 63) + 2;
	return len <= most / 3 * 4 + 2;
}

static uint8_t digit(const uint8_t *line, uint32_t len, uint32_t at)
{
	return at < len ? (line[at] - ' ') & 63 : 0;
}

static void code_give(struct mime *m, const uint8_t *line, uint32_t len)
{
	uint8_t out[66];
	uint32_t n = 0, bytes = (line[0] - ' ') & 63;

	for (uint32_t at = 1; n < bytes; at += 4) {
		uint32_t group = (uint32_t)digit(line, len, at) << 18 | (uint32_t)digit(line, len, at + 1) << 12 |
				 (uint32_t)digit(line, len, at + 2) << 6 | digit(line, len, at + 3);

		out[n++] = (uint8_t)(group >> 16);
		out[n++] = (uint8_t)(group >> 8);
		out[n++] = (uint8_t)group;
	}
	if (bytes)
		m->ops->part_data(m->ctx, out, bytes);
}

/* ---- files in text ---- */

static bool is_coded_itself(const struct mime *m)
{
	return m->encoding == MIME_UU && m->name_len;
}

static void text_give(struct mime *m, const uint8_t *data, uint32_t len)
{
	if (!len || is_coded_itself(m))
		return;
	if (m->uu_closed) {
		m->uu_closed = false;
		m->ops->part_begin(m->ctx, (struct bytes){m->name, 0}, (enum mime_type)m->type);
	}
	m->ops->part_data(m->ctx, data, len);
}

static void file_begin(struct mime *m, struct bytes name)
{
	m->uu = UU_FILE;
	if (is_coded_itself(m))
		return;
	if (!m->uu_closed)
		m->ops->part_end(m->ctx, true);
	m->uu_closed = false;
	m->parts++;
	if (name.len > MIME_NAME_MAX) {
		name.len = MIME_NAME_MAX;
		m->anomalies |= MIME_LONG_NAME;
	}
	m->ops->part_begin(m->ctx, name, MIME_OTHER);
}

static void file_end(struct mime *m)
{
	m->uu = is_coded_itself(m) ? UU_REST : UU_START;
	if (is_coded_itself(m))
		return;
	m->ops->part_end(m->ctx, true);
	m->uu_closed = true;
}

/* What was held is text after all. */
static void held_give(struct mime *m, enum mime_uu next)
{
	uint32_t len = m->uu_len;

	m->uu_len = m->uu_begin = 0;
	m->uu = next;
	text_give(m, m->uu_line, len);
}

/* The line behind a "begin" is there. */
static void first_decide(struct mime *m)
{
	const uint8_t *line = m->uu_line + m->uu_begin;
	uint32_t len = m->uu_len - m->uu_begin;
	struct bytes name;

	if (!is_code(line, len) || m->parts >= MIME_PARTS_MAX || !begin_read(m->uu_line, m->uu_begin, &name)) {
		held_give(m, UU_START);
		return;
	}
	file_begin(m, name);
	code_give(m, line, without_eol(line, len));
	m->uu_len = m->uu_begin = 0;
}

static void code_line(struct mime *m)
{
	uint32_t len = without_eol(m->uu_line, m->uu_len);

	if (is_end(m->uu_line, len))
		file_end(m);
	else if (is_code(m->uu_line, len))
		code_give(m, m->uu_line, len);
	m->uu_len = 0;
}

/* ---- bytes ---- */

/* Returns how many were taken. */
static uint32_t start_take(struct mime *m, const uint8_t *data)
{
	struct bytes name;

	if ((m->uu_len < BEGIN_BYTES && *data != (uint8_t)begin_word[m->uu_len]) || m->uu_len == MIME_UU_BEGIN_MAX) {
		held_give(m, UU_REST);
		return 0;
	}
	m->uu_line[m->uu_len++] = *data;
	if (*data != '\n')
		return 1;
	if (begin_read(m->uu_line, m->uu_len, &name)) {
		m->uu = UU_FIRST;
		m->uu_begin = m->uu_len;
	} else {
		held_give(m, UU_START);
	}
	return 1;
}

static uint32_t rest_take(struct mime *m, const uint8_t *data, uint32_t len)
{
	const uint8_t *lf = memchr(data, '\n', len);
	uint32_t n = lf ? (uint32_t)(lf - data) + 1 : len;

	text_give(m, data, n);
	if (lf)
		m->uu = UU_START;
	return n;
}

static uint32_t first_take(struct mime *m, const uint8_t *data)
{
	if (m->uu_len - m->uu_begin == MIME_UU_LINE_MAX) { /* too long to be code */
		held_give(m, UU_REST);
		return 0;
	}
	m->uu_line[m->uu_len++] = *data;
	if (*data == '\n')
		first_decide(m);
	return 1;
}

static uint32_t file_take(struct mime *m, const uint8_t *data)
{
	if (*data == '\n')
		code_line(m);
	else if (m->uu_len < MIME_UU_LINE_MAX)
		m->uu_line[m->uu_len++] = *data;
	return 1;
}

void mime_uu_begin(struct mime *m)
{
	bool text = !m->name_len && m->type != MIME_TEXT_HTML;

	m->uu_len = m->uu_begin = 0;
	m->uu_closed = false;
	m->uu = !(m->flags & MIME_RAW) && (text || m->encoding == MIME_UU) ? UU_START : UU_OFF;
}

void mime_uu(struct mime *m, const uint8_t *data, uint32_t len)
{
	uint32_t n = 1;

	for (; len; data += n, len -= n) {
		if (m->uu == UU_START)
			n = start_take(m, data);
		else if (m->uu == UU_REST)
			n = rest_take(m, data, len);
		else if (m->uu == UU_FIRST)
			n = first_take(m, data);
		else
			n = file_take(m, data);
	}
}

/* Of a line without an end it is not known whether blanks are missing or more. */
static bool is_whole(const uint8_t *line, uint32_t len)
{
	return is_end(line, len) || len > ((((uint32_t)line[0] - ' ') & 63) + 2) / 3 * 4;
}

bool mime_uu_end(struct mime *m)
{
	if (m->uu == UU_FILE && m->uu_len && is_whole(m->uu_line, m->uu_len))
		code_line(m);
	if (m->uu == UU_FIRST && m->uu_len > m->uu_begin)
		first_decide(m);
	if (m->uu == UU_START || m->uu == UU_FIRST)
		held_give(m, UU_REST);
	return m->uu != UU_FILE;
}
