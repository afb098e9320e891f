/* SPDX-License-Identifier: BSD-3-Clause
 *
 * syslog: one message taken apart, in the forms of RFC 5424 and RFC 3164 and in what is sent for the latter: dates with
 * a year, with parts of a second, or as in RFC 5424; counters before the date; no host (section 5.4 of RFC 3164 has
 * examples). Time is linear in the bytes. Any thread.
 */
#include "dataplane/app/syslog.h"

#include "dataplane/base/digit.h"

#define TAG_MAX 64
#define STAMP_WORDS_MAX 5
#define ZONE_MAX 6

static struct bytes rest_of(const struct cursor *c)
{
	return (struct bytes){c->p, (uint32_t)cursor_left(c)};
}

static bool next_is(const struct cursor *c, uint8_t byte)
{
	const uint8_t *b = cursor_peek(c, 1);

	return b && *b == byte;
}

static void skip_all(struct cursor *c, uint8_t byte)
{
	while (next_is(c, byte))
		cursor_skip(c, 1);
}

/* Up to the blank, which is passed over, or the end. */
static struct bytes word_take(struct cursor *c)
{
	const uint8_t *blank = cursor_left(c) ? memchr(c->p, ' ', cursor_left(c)) : NULL;
	uint32_t len = (uint32_t)(blank ? (size_t)(blank - c->p) : cursor_left(c));
	struct bytes word = {cursor_take(c, len), len};

	if (blank)
		cursor_skip(c, 1);
	return word;
}

uint32_t syslog_priority(struct bytes b, unsigned *number)
{
	unsigned n = 0;
	uint32_t i = 1;

	if (b.len < 3 || b.data[0] != '<')
		return 0;
	for (; i < b.len && i < 4 && is_digit(b.data[i]); i++)
		n = n * 10 + (b.data[i] & 15);
	if (i == 1 || i == b.len || b.data[i] != '>')
		return 0;
	if (number)
		*number = n;
	return i + 1;
}

/* ---- dates ---- */

static bool is_month(const uint8_t *b)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	for (unsigned i = 0; i < sizeof(months) - 1; i += 3)
		if (memcmp(b, months + i, 3) == 0)
			return true;
	return false;
}

/* "2003-10-11T…" */
static bool is_iso_date(struct bytes b)
{
	return b.len >= 11 && is_digit(b.data[0]) && is_digit(b.data[3]) && b.data[4] == '-' && is_digit(b.data[5]) &&
	       b.data[7] == '-' && is_digit(b.data[8]) && (b.data[10] == 'T' || b.data[10] == 't');
}

/* "1 " and what may be a date, or that there is none. */
static bool is_version(struct bytes b)
{
	uint32_t i = 0;

	while (i < b.len && i < 3 && is_digit(b.data[i]))
		i++;
	return i && b.data[0] != '0' && i + 1 < b.len && b.data[i] == ' ' && (b.data[i + 1] == '-' || is_digit(b.data[i + 1]));
}

bool syslog_dated(struct bytes b)
{
	return is_version(b) || (b.len >= 4 && is_month(b.data) && b.data[3] == ' ') || is_iso_date(b);
}

static bool is_clock(struct bytes word)
{
	return word.len >= 8 && is_digit(word.data[0]) && is_digit(word.data[1]) && word.data[2] == ':' &&
	       is_digit(word.data[3]) && word.data[5] == ':' && is_digit(word.data[6]);
}

/* Of a date in words, "Oct 11 22:14:15", "Oct  1 2003 22:14:15.003 UTC:": how many bytes. 0: there is none. */
static uint32_t date_in_words(struct bytes b)
{
	struct cursor c = cursor_of(b.data, b.len);

	if (b.len < 4 || !is_month(b.data) || b.data[3] != ' ')
		return 0;
	for (unsigned i = 0; i < STAMP_WORDS_MAX && cursor_left(&c); i++) {
		struct bytes word;

		skip_all(&c, ' ');
		word = word_take(&c);
		if (is_clock(word))
			return (uint32_t)(word.data + word.len - b.data);
		if (i && !(word.len && is_digit(word.data[0])))
			return 0;
	}
	return 0;
}

/* "UTC: " between the date and the message, of routers. */
static bool zone_take(struct cursor *c)
{
	struct cursor at = *c;
	struct bytes word = word_take(&at);

	if (word.len < 3 || word.len > ZONE_MAX || word.data[word.len - 1] != ':' || !next_is(&at, '%'))
		return false;
	*c = at;
	return true;
}

/* Takes the date, if there is one. False: none. *bare: the host does not follow (a colon ends it). */
static bool stamp_take(struct cursor *c, struct syslog_message *m, bool *bare)
{
	struct cursor at = *c;
	struct bytes b;
	uint32_t len;

	while (cursor_left(&at) && is_digit(*at.p)) /* a counter: "123: " */
		cursor_skip(&at, 1);
	if (at.p != c->p && next_is(&at, ':')) {
		cursor_skip(&at, 1);
		skip_all(&at, ' ');
	} else {
		at = *c;
	}
	if (next_is(&at, '*') || next_is(&at, '.')) /* a clock that is not set */
		cursor_skip(&at, 1);
	b = rest_of(&at);
	len = date_in_words(b);
	if (!len && is_iso_date(b))
		len = word_take(&(struct cursor){.p = at.p, .end = at.end}).len; /* at stays */
	if (!len)
		return false;
	*bare = b.data[len - 1] == ':';
	m->timestamp = (struct bytes){b.data, len - *bare};
	cursor_skip(&at, len);
	skip_all(&at, ' ');
	*bare |= zone_take(&at);
	*c = at;
	return true;
}

/* ---- RFC 3164 ---- */

static bool tag_byte(uint8_t c)
{
	return c > ' ' && c < 0x7f && c != ':' && c != '[' && c != ']' && c != '<' && c != '"';
}

/* "su: ", "sshd[71]: ": program and process. False: nothing of the kind stands there. */
static bool tag_take(struct cursor *c, struct syslog_message *m)
{
	struct bytes b = rest_of(c), process = {0};
	uint32_t len = 0, at;

	while (len < b.len && len < TAG_MAX && tag_byte(b.data[len]))
		len++;
	at = len;
	if (len && at < b.len && b.data[at] == '[') {
		const uint8_t *close = memchr(b.data + at, ']', b.len - at < TAG_MAX ? b.len - at : TAG_MAX);

		if (!close)
			return false;
		process = (struct bytes){b.data + at + 1, (uint32_t)(close - b.data) - at - 1};
		at = (uint32_t)(close - b.data) + 1;
	}
	if (!len || (!process.data && (at == b.len || b.data[at] != ':')))
		return false;
	m->appname = (struct bytes){b.data, len};
	m->procid = process;
	cursor_skip(c, at);
	if (next_is(c, ':'))
		cursor_skip(c, 1);
	if (next_is(c, ' '))
		cursor_skip(c, 1);
	return true;
}

/* A word that ends in a colon, or has brackets, is a program: there is no host then. */
static void host_take(struct cursor *c, struct syslog_message *m)
{
	struct cursor at = *c;
	struct bytes word = word_take(&at);

	if (!word.len || word.data[word.len - 1] == ':' || memchr(word.data, '[', word.len) || word.data[0] == '%')
		return;
	m->hostname = word;
	*c = at;
}

static void read_bsd(struct syslog_message *m, struct cursor *c)
{
	bool bare = false, dated = stamp_take(c, m, &bare), tagged;

	if (dated && !bare)
		host_take(c, m);
	tagged = tag_take(c, m);
	m->format = dated || tagged ? SYSLOG_BSD : SYSLOG_PLAIN;
}

/* ---- RFC 5424 ---- */

bool syslog_param(struct cursor *c, struct bytes *name, struct bytes *value)
{
	const uint8_t *start;

	skip_all(c, ' ');
	start = c->p;
	while (cursor_left(c) && *c->p != '=' && *c->p != ']' && *c->p != '"' && *c->p != ' ')
		cursor_skip(c, 1);
	*name = (struct bytes){start, (uint32_t)(c->p - start)};
	if (!name->len || !next_is(c, '='))
		return false;
	cursor_skip(c, 1);
	if (!next_is(c, '"'))
		return false;
	cursor_skip(c, 1);
	start = c->p;
	while (cursor_left(c) && *c->p != '"')
		cursor_skip(c, *c->p == '\\' && cursor_left(c) > 1 ? 2 : 1);
	*value = (struct bytes){start, (uint32_t)(c->p - start)};
	return cursor_skip(c, 1);
}

bool syslog_element(struct cursor *c, struct bytes *id, struct cursor *params)
{
	struct bytes name, value;
	const uint8_t *start;

	if (!next_is(c, '['))
		return false;
	cursor_skip(c, 1);
	start = c->p;
	while (cursor_left(c) && *c->p != ' ' && *c->p != ']' && *c->p != '"' && *c->p != '=')
		cursor_skip(c, 1);
	*id = (struct bytes){start, (uint32_t)(c->p - start)};
	start = c->p;
	while (id->len && next_is(c, ' '))
		if (!syslog_param(c, &name, &value))
			return false;
	*params = cursor_of(start, (size_t)(c->p - start));
	return id->len && next_is(c, ']') && cursor_skip(c, 1);
}

/* Structured data up to the blank behind it. What is not well formed is text of the message. */
static void structured_take(struct cursor *c, struct syslog_message *m)
{
	struct cursor at = *c, params;
	struct bytes id;

	if (next_is(&at, '-')) {
		cursor_skip(&at, 1);
	} else {
		while (syslog_element(&at, &id, &params))
			m->structured = (struct bytes){c->p, (uint32_t)(at.p - c->p)};
		at = cursor_of(c->p + m->structured.len, cursor_left(c) - m->structured.len);
	}
	if (cursor_left(&at) && !next_is(&at, ' '))
		m->flaws |= SYSLOG_BAD_STRUCTURED;
	else if (cursor_left(&at))
		cursor_skip(&at, 1);
	else if (at.p == c->p)
		m->flaws |= SYSLOG_BAD_HEADER;
	*c = at;
}

static struct bytes field_take(struct cursor *c, struct syslog_message *m)
{
	struct bytes word = word_take(c);

	if (!word.len)
		m->flaws |= SYSLOG_BAD_HEADER;
	return !word.len || (word.len == 1 && *word.data == '-') ? (struct bytes){0} : word;
}

/* 6: VERSION TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA [MSG], one blank between them. */
static void read_ietf(struct syslog_message *m, struct cursor *c)
{
	static const uint8_t mark[] = {0xef, 0xbb, 0xbf};
	struct bytes version = word_take(c);

	m->format = SYSLOG_IETF;
	for (uint32_t i = 0; i < version.len; i++)
		m->version = (uint16_t)(m->version * 10 + (version.data[i] & 15));
	m->timestamp = field_take(c, m);
	m->hostname = field_take(c, m);
	m->appname = field_take(c, m);
	m->procid = field_take(c, m);
	m->msgid = field_take(c, m);
	structured_take(c, m);
	if (m->timestamp.data && !is_iso_date(m->timestamp))
		m->flaws |= SYSLOG_BAD_HEADER;
	if (cursor_left(c) >= sizeof(mark) && memcmp(c->p, mark, sizeof(mark)) == 0)
		cursor_skip(c, sizeof(mark));
}

/* ---- messages ---- */

void syslog_read(struct syslog_message *m, struct bytes b)
{
	struct cursor c;
	unsigned number = 0;
	uint32_t len;

	*m = (struct syslog_message){0};
	while (b.len && (b.data[b.len - 1] == '\n' || b.data[b.len - 1] == '\r' || !b.data[b.len - 1]))
		b.len--;
	c = cursor_of(b.data, b.len);
	len = syslog_priority(b, &number);
	if (!len)
		m->flaws |= SYSLOG_NO_PRIORITY;
	else if (number > SYSLOG_PRIORITY_MAX)
		m->flaws |= SYSLOG_BAD_PRIORITY;
	else
		m->has_priority = true;
	m->priority = (uint8_t)(m->has_priority ? number : 0);
	cursor_skip(&c, len);
	if (is_version(rest_of(&c)))
		read_ietf(m, &c);
	else
		read_bsd(m, &c);
	m->text = rest_of(&c);
}
