/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Parameters of a MIME header: "attachment; filename=x", with RFC 2231 continuations (name*0,
 * name*1*) and encoded values (name*=charset'language'percent-encoded). The encoded form comes before the plain one,
 * which is there for readers that know no better. And encoded words (RFC 2047), which stand in names although they
 * must not. Any thread.
 */
#include "dataplane/app/mime.h"
#include "dataplane/base/digit.h"

#include <strings.h>

#define SECTIONS_MAX 64 /* pieces of one value that are joined */

struct parameter {
	struct bytes name, value;
};

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The next "name=value" of a header; false at its end. Blanks around the "=" must not be there, but readers do not
 * mind them; what has no value is passed over. */
static bool parameter_next(struct cursor *c, struct parameter *out)
{
	const uint8_t *p = c->p, *end = c->end, *start;
	bool escaped = false;

	do {
		while (p < end && (is_space(*p) || *p == ';'))
			p++;
		start = p;
		while (p < end && *p != '=' && *p != ';')
			p++;
		if (p == end)
			return false;
	} while (*p != '=');
	out->name = (struct bytes){start, (uint32_t)(p - start)};
	while (out->name.len && is_space(start[out->name.len - 1]))
		out->name.len--;
	p++;
	while (p < end && is_space(*p))
		p++;
	if (p < end && *p == '"') {
		start = ++p;
		while (p < end && (escaped || *p != '"')) {
			escaped = !escaped && *p == '\\';
			p++;
		}
		out->value = (struct bytes){start, (uint32_t)(p - start)};
		if (p < end)
			p++;
	} else {
		start = p;
		while (p < end && *p != ';')
			p++;
		out->value = (struct bytes){start, (uint32_t)(p - start)};
		while (out->value.len && is_space(out->value.data[out->value.len - 1]))
			out->value.len--;
	}
	c->p = p;
	return true;
}

static uint32_t copy(struct bytes v, uint8_t *out, uint32_t room, bool *cut)
{
	uint32_t n = v.len < room ? v.len : room;

	*cut |= n < v.len;
	if (n)
		memcpy(out, v.data, n);
	return n;
}

/* Where decoded bytes go. */
struct output {
	uint8_t *at;
	uint32_t n, room;
	bool latin; /* bytes of ISO 8859-1 or what extends it, not of UTF-8 */
	bool cut;
};

static void put_byte(struct output *o, uint8_t c)
{
	if (o->latin && c >= 0x80 && o->n + 2 <= o->room) {
		o->at[o->n++] = (uint8_t)(0xc0 | c >> 6);
		o->at[o->n++] = (uint8_t)(0x80 | (c & 0x3f));
	} else if (o->n < o->room) {
		o->at[o->n++] = c;
	} else {
		o->cut = true;
	}
}

static bool is_latin(struct bytes charset)
{
	const uint8_t *language = charset.len ? memchr(charset.data, '*', charset.len) : NULL; /* RFC 2231, 5 */

	if (language)
		charset.len = (uint32_t)(language - charset.data);
	return bytes_are(charset, "iso-8859-1") || bytes_are(charset, "iso-8859-15") ||
	       bytes_are(charset, "windows-1252");
}

/* first: with charset and language before it, which hold for the sections behind it as well. */
static void put_encoded(struct output *o, struct bytes v, bool first)
{
	uint32_t i = 0, quotes = 0, charset = 0;

	if (first) {
		while (i < v.len && quotes < 2) {
			quotes += v.data[i] == '\'';
			charset += !quotes;
			i++;
		}
		if (quotes < 2)
			i = 0;
		else
			o->latin = is_latin((struct bytes){v.data, charset});
	}
	for (; i < v.len; i++) {
		int high = i + 2 < v.len && v.data[i] == '%' ? hex_digit(v.data[i + 1]) : -1;
		int low = high >= 0 ? hex_digit(v.data[i + 2]) : -1;

		if (low >= 0) {
			put_byte(o, (uint8_t)(high << 4 | low));
			i += 2;
		} else {
			put_byte(o, v.data[i]);
		}
	}
}

uint32_t mime_encoded_value(struct bytes value, uint8_t *out, uint32_t room)
{
	struct output o = {.at = out, .room = room};

	put_encoded(&o, value, true);
	return o.n;
}

/* Is `have` the name, or a section of it: -1 no, -2 plain, -3 plain encoded, else the section's
 * number; *encoded says whether a section is. */
static int section_of(struct bytes have, const char *name, size_t n, bool *encoded)
{
	int number = 0;
	uint32_t i = (uint32_t)n;

	*encoded = false;
	if (have.len < n || strncasecmp((const char *)have.data, name, n) != 0)
		return -1;
	if (have.len == n)
		return -2;
	if (have.data[i++] != '*')
		return -1;
	if (i == have.len)
		return -3;
	for (; i < have.len && have.data[i] >= '0' && have.data[i] <= '9' && number < 1000; i++)
		number = number * 10 + have.data[i] - '0';
	if (i < have.len && have.data[i] == '*' && i + 1 == have.len) {
		*encoded = true;
		i++;
	}
	return i == have.len ? number : -1;
}

uint32_t mime_parameter(struct bytes header, const char *name, uint8_t *out, uint32_t room, bool *cut)
{
	const uint8_t *semicolon = header.len ? memchr(header.data, ';', header.len) : NULL;
	struct {
		struct bytes value;
		bool there, encoded;
	} sections[SECTIONS_MAX] = {0};
	struct parameter p;
	struct cursor c;
	size_t n = strlen(name);
	struct bytes plain = {0}, encoded_plain = {0};
	struct output o = {.at = out, .room = room};

	*cut = false;
	if (!semicolon)
		return 0;
	c = cursor_of(semicolon, header.len - (size_t)(semicolon - header.data));
	while (parameter_next(&c, &p)) {
		bool encoded;
		int section = section_of(p.name, name, n, &encoded);

		if (section == -2) {
			plain = p.value;
		} else if (section == -3) {
			encoded_plain = p.value;
		} else if (section >= 0 && section < SECTIONS_MAX) {
			sections[section].value = p.value;
			sections[section].there = true;
			sections[section].encoded = encoded;
		}
	}
	if (!encoded_plain.len && plain.len && !sections[0].there)
		return copy(plain, out, room, cut);
	if (encoded_plain.len)
		put_encoded(&o, encoded_plain, true);
	for (int i = 0; !encoded_plain.len && i < SECTIONS_MAX && sections[i].there; i++) {
		if (sections[i].encoded)
			put_encoded(&o, sections[i].value, i == 0);
		else
			o.n += copy(sections[i].value, out + o.n, room - o.n, &o.cut);
	}
	*cut = o.cut;
	return o.n;
}

/* ---- encoded words ---- */

static void put_quoted(struct output *o, struct bytes text)
{
	for (uint32_t i = 0; i < text.len; i++) {
		int high = text.data[i] == '=' && i + 2 < text.len ? hex_digit(text.data[i + 1]) : -1;
		int low = high >= 0 ? hex_digit(text.data[i + 2]) : -1;

		if (low >= 0) {
			put_byte(o, (uint8_t)(high << 4 | low));
			i += 2;
		} else {
			put_byte(o, text.data[i] == '_' ? ' ' : text.data[i]);
		}
	}
}

static void put_base64(struct output *o, struct bytes text)
{
	struct base64_rest rest = {0};

	for (uint32_t i = 0; i < text.len; i++) {
		int c = base64_next(&rest, base64_digit(text.data[i]));

		if (c >= 0)
			put_byte(o, (uint8_t)c);
	}
}

/* "=?charset?Q?text?=" at the beginning of b. Returns its length; 0: there is none. */
static uint32_t put_word(struct output *o, struct bytes b)
{
	const uint8_t *end = b.data + b.len, *charset, *encoding, *text, *stop;

	if (b.len < 8 || b.data[0] != '=' || b.data[1] != '?')
		return 0;
	charset = b.data + 2;
	encoding = memchr(charset, '?', (size_t)(end - charset));
	if (!encoding || end - encoding < 5 || encoding[2] != '?')
		return 0;
	text = encoding + 3;
	stop = memmem(text, (size_t)(end - text), "?=", 2);
	if (!stop)
		return 0;
	o->latin = is_latin((struct bytes){charset, (uint32_t)(encoding - charset)});
	if ((encoding[1] | 0x20) == 'q')
		put_quoted(o, (struct bytes){text, (uint32_t)(stop - text)});
	else if ((encoding[1] | 0x20) == 'b')
		put_base64(o, (struct bytes){text, (uint32_t)(stop - text)});
	else
		return 0;
	return (uint32_t)(stop + 2 - b.data);
}

uint32_t mime_words(struct bytes in, uint8_t *out, uint32_t room)
{
	struct output o = {.at = out, .room = room};

	for (uint32_t at = 0, n, gap; at < in.len; at += n) {
		n = put_word(&o, (struct bytes){in.data + at, in.len - at});
		if (!n) {
			o.latin = false;
			put_byte(&o, in.data[at]);
			n = 1;
			continue;
		}
		/* blanks between two of them are no text */
		for (gap = 0; at + n + gap < in.len && is_space(in.data[at + n + gap]); gap++)
			;
		if (at + n + gap + 1 < in.len && in.data[at + n + gap] == '=' && in.data[at + n + gap + 1] == '?')
			n += gap;
	}
	return o.n;
}
