/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Mail messages (RFC 5322, 2045 … 2047, 2231): headers as facts, leaves as parts, uuencoded files in text,
 * words of text as passwords for what is locked. One pass over the lines with the boundaries
 * of all open levels; a message in a message is a part of its own.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/analysis/mime.h"

#define LEVELS_MAX 32u
#define HEADER_MAX 8192u /* bytes kept of an unfolded header */
#define LOOK_BYTES 32768u
#define NEAR_BYTES 200u   /* behind the word "password" */
#define WORDS_BYTES 2000u /* of a text whose words are tried */

static const char *const first_headers[] = {"received:", "return-path:", "delivered-to:", "from:", "to:", "subject:", "date:",
					    "message-id:", "mime-version:", "x-", "reply-to:", "dkim-signature:", "content-type:", NULL};
static const char *const any_header[] = {"\nfrom:", "\nsubject:", "\nmessage-id:", "\nreceived:", "\nmime-version:", NULL};

/* "Name: value", with no blank before the colon. */
bool mail_is(const struct part *p)
{
	struct bytes head = {p->data.data, p->data.len < LOOK_BYTES ? p->data.len : LOOK_BYTES}, folded;
	bool begins = false;
	unsigned found = 0;

	if (name_ends(p->name, ".eml") || strcmp(p->declared, "message/rfc822") == 0)
		return p->data.len != 0;
	for (unsigned i = 0; first_headers[i] && !begins; i++)
		begins = head.len > strlen(first_headers[i]) &&
			 strncasecmp((const char *)head.data, first_headers[i], strlen(first_headers[i])) == 0;
	if (!begins && !bytes_begin(head, "From ", 5))
		return false;
	folded = text_fold(head);
	for (unsigned i = 0; any_header[i]; i++)
		found += text_has(folded, any_header[i]);
	free((void *)(uintptr_t)folded.data);
	return found >= 2;
}

/* ---- lines ---- */

struct message {
	struct analysis *a;
	struct part *p;
	struct bytes text;
	uint32_t at;
	struct level {
		char boundary[MIME_VALUE_MAX];
		uint32_t len;
		bool digest; /* its parts are messages unless they say otherwise (RFC 2046, 5.1.5) */
	} *level;
	unsigned levels;
	bool top;          /* headers of the message itself are being read */
	struct mime_entity e;
};

/* The next line without its end; false: no more. */
static bool next_line(struct message *m, struct bytes *line)
{
	const uint8_t *from = m->text.data + m->at, *end;

	if (m->at >= m->text.len)
		return false;
	end = memchr(from, '\n', m->text.len - m->at);
	line->data = from;
	line->len = end ? (uint32_t)(end - from) : m->text.len - m->at;
	m->at += line->len + (end != NULL);
	if (line->len && line->data[line->len - 1] == '\r')
		line->len--;
	return true;
}

/* Which open level the line bounds, from 1; 0 none. *closes: it is the last of it. A line that only begins with a
 * boundary is one, too (RFC 2046, 5.1.1), unless it is that of another level. */
static unsigned bounds(const struct message *m, struct bytes line, bool *closes)
{
	unsigned begins = 0;
	bool begins_closes = false;

	if (line.len < 3 || line.data[0] != '-' || line.data[1] != '-')
		return 0;
	for (unsigned i = m->levels; i > 0; i--) {
		const struct level *l = &m->level[i - 1];
		uint32_t rest = 2 + l->len;

		if (line.len < rest || memcmp(line.data + 2, l->boundary, l->len) != 0)
			continue;
		*closes = line.len >= rest + 2 && line.data[rest] == '-' && line.data[rest + 1] == '-';
		rest += *closes ? 2 : 0;
		while (rest < line.len && (line.data[rest] == ' ' || line.data[rest] == '\t'))
			rest++;
		if (rest == line.len)
			return i;
		if (!begins) {
			begins = i;
			begins_closes = *closes;
		}
	}
	*closes = begins_closes;
	return begins;
}

/* ---- headers ---- */

static void take_header(struct message *m, char *header)
{
	static const char *const told[] = {"from", "to", "cc", "subject", "date", "message-id", "reply-to", "x-mailer",
					   "return-path", NULL};
	char *value = strchr(header, ':');
	char decoded[MIME_VALUE_MAX];

	if (!value)
		return;
	for (char *end = value; end > header && (end[-1] == ' ' || end[-1] == '\t'); end--) /* RFC 5322, 4.5 */
		end[-1] = '\0';
	*value++ = '\0';
	while (*value == ' ' || *value == '\t')
		value++;
	mime_entity_header(&m->e, header, value);
	if (!m->top)
		return;
	for (unsigned i = 0; told[i]; i++)
		if (strcasecmp(header, told[i]) == 0) {
			mime_words(value, decoded, sizeof(decoded));
			part_fact_bytes(m->a, m->p, told[i], decoded, strlen(decoded));
			if (i == 3)
				mail_words(m->a, (struct bytes){(const uint8_t *)decoded, (uint32_t)strlen(decoded)});
		}
}

/* Up to the empty line. False: the text ended. */
static bool read_headers(struct message *m)
{
	static _Thread_local char header[HEADER_MAX];
	uint32_t n = 0, before;
	struct bytes line;

	m->e = (struct mime_entity){.encoding = MIME_PLAIN};
	for (before = m->at; next_line(m, &line); before = m->at) {
		bool folded = line.len && (line.data[0] == ' ' || line.data[0] == '\t'), closes;
		uint32_t take;

		if (bounds(m, line, &closes)) { /* no empty line before the next part */
			m->at = before;
			break;
		}
		if (!folded && n) {
			take_header(m, header);
			n = 0;
		}
		if (!line.len)
			return true;
		take = line.len < HEADER_MAX - 1 - n ? line.len : HEADER_MAX - 1 - n;
		memcpy(header + n, line.data, take);
		n += take;
		header[n] = '\0';
	}
	if (n)
		take_header(m, header);
	return m->at < m->text.len;
}

/* ---- bodies ---- */

void mail_words(struct analysis *a, struct bytes text)
{
	static const char *const marks[] = {"pass", "pwd", "kennwort", "code", "pin", "contrase", "mot de passe", NULL};
	struct bytes folded;

	if (a->passwords == PASSWORDS_MAX || !text.len)
		return;
	/* Words near "password" come first: there is room for few. */
	folded = text_fold(text);
	for (unsigned i = 0; folded.data && folded.len == text.len && marks[i]; i++) {
		const uint8_t *at = bytes_find(folded, 0, marks[i], strlen(marks[i]));
		uint32_t place = at ? (uint32_t)(at - folded.data) : text.len, left = text.len - place;

		mime_split_words(a, (struct bytes){text.data + place, left < NEAR_BYTES ? left : NEAR_BYTES});
	}
	free((void *)(uintptr_t)folded.data);
	mime_split_words(a, (struct bytes){text.data, text.len < WORDS_BYTES ? text.len : WORDS_BYTES});
}

void analysis_mail_text(struct analysis *a, const char *text, size_t len)
{
	mail_words(a, (struct bytes){(const uint8_t *)text, (uint32_t)len});
}

static void take_leaf(struct message *m, struct bytes body)
{
	enum reason_code code;
	uint64_t room = analysis_room(m->a, body.len, &code);
	struct bytes data = mime_decode(&m->e, body, room);
	const char *name = m->e.name;

	if (!*m->e.type && m->levels)
		snprintf(m->e.type, sizeof(m->e.type), "%s", m->level[m->levels - 1].digest ? "message/rfc822" : "text/plain");
	if (strncmp(m->e.type, "text/", 5) == 0 || !*m->e.type) {
		mail_words(m->a, data);
		mime_uuencoded(m->a, m->p, data);
	}
	part_add(m->a, m->p, (struct bytes){(const uint8_t *)name, (uint32_t)strlen(name)}, m->e.type, data);
	if (data.data != body.data)
		free((void *)(uintptr_t)data.data);
}

/* The body of the entity whose headers were read, up to a boundary of an open level. False: end. */
static bool read_body(struct message *m)
{
	uint32_t from = m->at, end = m->at, before;
	unsigned level = 0;
	bool closes = false;
	struct bytes line;

	for (before = m->at; next_line(m, &line); before = m->at) {
		level = bounds(m, line, &closes);
		if (level)
			break;
		end = m->at;
	}
	if (level) { /* the line end before a boundary belongs to it */
		end = before;
		if (end > from && m->text.data[end - 1] == '\n')
			end--;
		if (end > from && m->text.data[end - 1] == '\r')
			end--;
	}
	/* A multipart whose boundary never comes is a leaf, too. */
	if ((!m->e.multipart && (end > from || *m->e.name)) || (*m->e.boundary && level != m->levels && end > from))
		take_leaf(m, (struct bytes){m->text.data + from, end - from});
	if (!level)
		return false;
	m->levels = closes ? level - 1 : level;
	m->e = (struct mime_entity){.multipart = closes}; /* what follows the last one is no part */
	return true;
}

static void open_level(struct message *m)
{
	struct level *l;

	if (!m->e.multipart || !*m->e.boundary)
		return;
	if (m->levels == LEVELS_MAX) {
		m->a->incomplete = true;
		part_reason(m->a, m->p, REASON_limit_depth, "%u levels of multipart", LEVELS_MAX);
		m->e.multipart = false;
		return;
	}
	l = &m->level[m->levels++];
	snprintf(l->boundary, sizeof(l->boundary), "%s", m->e.boundary);
	l->len = (uint32_t)strlen(l->boundary);
	l->digest = strcmp(m->e.type, "multipart/digest") == 0;
}

static void read_message(struct message *m)
{
	bool more = read_headers(m);

	while (more && !analysis_over(m->a) && !part_has_reason(m->p, REASON_limit_parts)) {
		m->top = false;
		open_level(m);
		more = read_body(m);
		if (!more)
			break;
		if (m->e.multipart) /* behind a closing boundary: on to the next one */
			continue;
		more = read_headers(m);
	}
}

void mail_run(struct analysis *a, struct part *p)
{
	struct message m = {.a = a, .p = p, .text = p->data, .top = true};

	p->traits |= PART_MAIL;
	m.level = calloc(LEVELS_MAX, sizeof(*m.level));
	if (!m.level)
		return;
	if (bytes_begin(p->data, "From ", 5)) { /* a line of mbox before the headers */
		struct bytes line;

		next_line(&m, &line);
	}
	read_message(&m);
	free(m.level);
}
