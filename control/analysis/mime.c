/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/analysis/mime.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "dataplane/base/digit.h"

#define PIECES_MAX 32u /* of a parameter (RFC 2231, 3) */
#define WORD_MIN 3u

/* ---- text ---- */

static void append(char *out, size_t room, size_t *n, char c)
{
	if (*n + 1 < room)
		out[(*n)++] = c;
	out[*n] = '\0';
}

/* "utf-8", or with a language behind it: "utf-8*en" (RFC 2231, 5). */
static bool is_charset(const char *name, size_t len, const char *known)
{
	const char *language = memchr(name, '*', len);

	if (language)
		len = (size_t)(language - name);
	return strlen(known) == len && strncasecmp(name, known, len) == 0;
}

/* A byte of a text in that charset, as UTF-8. */
static void append_in(char *out, size_t room, size_t *n, uint8_t c, bool latin)
{
	if (latin && c >= 0x80) {
		append(out, room, n, (char)(0xc0 | c >> 6));
		append(out, room, n, (char)(0x80 | (c & 63)));
	} else {
		append(out, room, n, (char)c);
	}
}

/* Either alphabet of RFC 4648; what is no digit is passed over. */
static int base64_of(uint8_t c)
{
	return base64_digit(c == '-' ? '+' : c == '_' ? '/' : c);
}

/* "=?charset?B?…?=" (RFC 2047, 2) at in, decoded; where it ends, or NULL: it is none. */
static const char *encoded_word(const char *in, char *out, size_t room, size_t *n)
{
	const char *charset = in + 2, *kind = strchr(charset, '?'), *text, *end;
	struct base64_rest rest = {0};
	bool latin;

	if (!kind || !kind[1] || kind[2] != '?')
		return NULL;
	latin = is_charset(charset, (size_t)(kind - charset), "iso-8859-1") || is_charset(charset, (size_t)(kind - charset), "windows-1252") ||
		is_charset(charset, (size_t)(kind - charset), "iso-8859-15");
	text = kind + 3;
	end = strstr(text, "?=");
	if (!end)
		return NULL;
	if ((kind[1] | 32) == 'q') {
		for (; text < end; text++) {
			if (*text == '=' && end - text > 2 && hex_digit((uint8_t)text[1]) >= 0 && hex_digit((uint8_t)text[2]) >= 0) {
				append_in(out, room, n, (uint8_t)(hex_digit((uint8_t)text[1]) << 4 | hex_digit((uint8_t)text[2])), latin);
				text += 2;
			} else {
				append(out, room, n, *text == '_' ? ' ' : *text);
			}
		}
	} else {
		for (; text < end; text++) {
			int c = base64_next(&rest, base64_of((uint8_t)*text));

			if (c >= 0)
				append_in(out, room, n, (uint8_t)c, latin);
		}
	}
	return end + 2;
}

void mime_words(const char *value, char *out, size_t room)
{
	const char *blanks, *end;
	size_t n = 0;

	out[0] = '\0';
	while (*value && n + 1 < room) {
		end = value[0] == '=' && value[1] == '?' ? encoded_word(value, out, room, &n) : NULL;
		if (!end) {
			append(out, room, &n, *value++);
			continue;
		}
		value = end;
		for (blanks = value; *blanks == ' ' || *blanks == '\t'; blanks++)
			;
		if (blanks[0] == '=' && blanks[1] == '?') /* blanks between two of them are nothing */
			value = blanks;
	}
}

/* ---- parameters ---- */

/* Copies a value up to ";" or the closing quote; moves behind it. */
static void take_value(const char **at, char *out, size_t room)
{
	size_t n = 0;

	out[0] = '\0';
	if (**at == '"') {
		for ((*at)++; **at && **at != '"'; (*at)++) {
			if (**at == '\\' && (*at)[1])
				(*at)++;
			append(out, room, &n, **at);
		}
		*at += **at == '"';
		return;
	}
	for (; **at && **at != ';'; (*at)++)
		append(out, room, &n, **at);
	while (n && (out[n - 1] == ' ' || out[n - 1] == '\t'))
		out[--n] = '\0';
}

/* "charset'language'text with %xx"; only the first piece has the two quotes. */
static void undo_percent(const char *value, bool first, char *out, size_t room, size_t *n)
{
	const char *language = first ? strchr(value, '\'') : NULL, *text = language ? strchr(language + 1, '\'') : NULL;
	bool latin = language && is_charset(value, (size_t)(language - value), "iso-8859-1");

	for (text = text ? text + 1 : value; *text; text++) {
		if (*text == '%' && hex_digit((uint8_t)text[1]) >= 0 && hex_digit((uint8_t)text[2]) >= 0) {
			append_in(out, room, n, (uint8_t)(hex_digit((uint8_t)text[1]) << 4 | hex_digit((uint8_t)text[2])), latin);
			text += 2;
		} else {
			append(out, room, n, *text);
		}
	}
}

/* The value of a parameter, its pieces joined in the order in which they stand. The encoded form and pieces come before
 * the plain one, which is there for readers that know no better. False: none. */
static bool parameter(const char *header, const char *name, char *out, size_t room)
{
	const char *at = strchr(header, ';');
	size_t len = strlen(name), n = 0;
	unsigned pieces = 0;
	char value[MIME_VALUE_MAX];

	while (at && *at) {
		const char *word;
		size_t word_len;
		bool percent;

		at += strspn(at, "; \t");
		word = at;
		at += strcspn(at, "=;");
		word_len = (size_t)(at - word);
		if (*at != '=')
			continue;
		at++;
		at += strspn(at, " \t");
		while (word_len && (word[word_len - 1] == ' ' || word[word_len - 1] == '\t'))
			word_len--;
		take_value(&at, value, sizeof(value));
		if (word_len < len || strncasecmp(word, name, len) != 0 || (word_len > len && word[len] != '*') || pieces++ >= PIECES_MAX)
			continue;
		percent = word_len > len && word[word_len - 1] == '*';
		if (percent && word_len == len + 1)
			n = 0;
		if (percent)
			undo_percent(value, n == 0, out, room, &n);
		else if (word_len > len)
			for (const char *c = value; *c; c++)
				append(out, room, &n, *c);
		else if (!n)
			mime_words(value, out, room);
		if (percent && word_len == len + 1)
			break;
	}
	return pieces != 0;
}

static void take_type(struct mime_entity *e, const char *value)
{
	size_t n = strcspn(value, "; \t");

	snprintf(e->type, sizeof(e->type), "%.*s", (int)(n < 100 ? n : 100), value);
	for (char *c = e->type; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	e->multipart = strncmp(e->type, "multipart/", 10) == 0;
	if (e->multipart && !parameter(value, "boundary", e->boundary, sizeof(e->boundary)))
		e->multipart = false;
	if (!*e->name)
		parameter(value, "name", e->name, sizeof(e->name));
}

void mime_entity_header(struct mime_entity *e, const char *name, const char *value)
{
	char found[MIME_VALUE_MAX];

	if (strcasecmp(name, "content-type") == 0) {
		take_type(e, value);
	} else if (strcasecmp(name, "content-disposition") == 0) {
		if (parameter(value, "filename", found, sizeof(found)))
			snprintf(e->name, sizeof(e->name), "%s", found);
	} else if (strcasecmp(name, "content-transfer-encoding") == 0) {
		value += strspn(value, " \t\"");
		e->encoding = strncasecmp(value, "base64", 6) == 0 ? MIME_BASE64 :
			      strncasecmp(value, "quoted-printable", 16) == 0 ? MIME_QUOTED :
			      strncasecmp(value, "x-uue", 5) == 0 || strncasecmp(value, "uuencode", 8) == 0 ? MIME_UUENCODE : MIME_PLAIN;
	}
}

/* ---- bodies ---- */

static uint32_t decode_base64(struct bytes in, uint8_t *out, uint64_t room)
{
	struct base64_rest rest = {0};
	uint32_t n = 0;

	for (uint32_t i = 0; i < in.len && n < room; i++) {
		int c = base64_next(&rest, base64_of(in.data[i]));

		if (in.data[i] == '=') /* behind it may be another run */
			rest = (struct base64_rest){0};
		if (c >= 0)
			out[n++] = (uint8_t)c;
	}
	return n;
}

static uint32_t decode_quoted(struct bytes in, uint8_t *out, uint64_t room)
{
	uint32_t n = 0, i = 0;

	while (i < in.len && n < room) {
		uint8_t c = in.data[i++];
		uint32_t k = i;

		if (c != '=') {
			out[n++] = c;
			continue;
		}
		while (k < in.len && (in.data[k] == ' ' || in.data[k] == '\t'))
			k++;
		if (k < in.len && in.data[k] == '\r')
			k++;
		if (k < in.len && in.data[k] == '\n') { /* a soft line end */
			i = k + 1;
		} else if (i + 1 < in.len && hex_digit(in.data[i]) >= 0 && hex_digit(in.data[i + 1]) >= 0) {
			out[n++] = (uint8_t)(hex_digit(in.data[i]) << 4 | hex_digit(in.data[i + 1]));
			i += 2;
		} else {
			out[n++] = c;
		}
	}
	return n;
}

/* Lines of uuencode from at until "end", or what is none. Returns how many bytes there are. */
static uint32_t decode_uu(struct bytes in, uint32_t *at, uint8_t *out, uint64_t room)
{
	uint32_t n = 0;

	while (*at < in.len && n < room) {
		const uint8_t *line = in.data + *at, *end = memchr(line, '\n', in.len - *at);
		uint32_t len = end ? (uint32_t)(end - line) : in.len - *at, want, made = 0;

		if (len >= 3 && memcmp(line, "end", 3) == 0)
			break;
		*at += len + (end != NULL);
		if (!len || line[0] < ' ' || line[0] > '`')
			break;
		want = (line[0] - ' ') & 63u;
		for (uint32_t i = 1; i < len && made < want && n < room; i += 4) {
			uint32_t v = 0;

			for (uint32_t k = 0; k < 4; k++)
				v = v << 6 | (i + k < len ? (line[i + k] - 32u) & 63u : 0);
			for (int k = 16; k >= 0 && made < want && n < room; k -= 8, made++)
				out[n++] = (uint8_t)(v >> k);
		}
	}
	return n;
}

struct bytes mime_decode(const struct mime_entity *e, struct bytes body, uint64_t room)
{
	uint8_t *out;
	uint32_t n, at = 0;

	if (e->encoding == MIME_PLAIN)
		return body;
	out = malloc(body.len + 1);
	if (!out)
		return (struct bytes){NULL, 0};
	if (room > body.len)
		room = body.len;
	if (e->encoding == MIME_UUENCODE) {
		const uint8_t *begin = bytes_find(body, 0, "begin ", 6), *line;

		line = begin ? memchr(begin, '\n', body.len - (size_t)(begin - body.data)) : NULL;
		at = line ? (uint32_t)(line - body.data) + 1 : 0;
		n = decode_uu(body, &at, out, room);
	} else {
		n = e->encoding == MIME_BASE64 ? decode_base64(body, out, room) : decode_quoted(body, out, room);
	}
	return (struct bytes){out, n};
}

void mime_uuencoded(struct analysis *a, struct part *p, struct bytes text)
{
	static const char mark[] = "begin ";
	const uint8_t *found;
	uint32_t at = 0;

	for (unsigned files = 0; files < MIME_FILES_MAX && (found = bytes_find(text, at, mark, sizeof(mark) - 1)); files++) {
		uint32_t i = (uint32_t)(found - text.data), name, n;
		const uint8_t *end = memchr(found, '\n', text.len - i);
		uint8_t *out;

		at = i + (uint32_t)sizeof(mark) - 1;
		if (!end || (i && text.data[i - 1] != '\n') || end - found < 11 || !isdigit(found[6]) || !isdigit(found[7]) || !isdigit(found[8]) || found[9] != ' ')
			continue;
		name = i + 10;
		at = (uint32_t)(end - text.data) + 1;
		out = malloc(text.len - at + 1);
		if (!out)
			return;
		n = decode_uu(text, &at, out, text.len - at);
		end -= end[-1] == '\r';
		if (n)
			part_add(a, p, (struct bytes){text.data + name, (uint32_t)(end - text.data) - name}, "", (struct bytes){out, n});
		free(out);
	}
}

void mime_split_words(struct analysis *a, struct bytes text)
{
	uint32_t from = 0;

	for (uint32_t i = 0; i <= text.len; i++) {
		uint32_t begin = from, end = i;

		if (i < text.len && !isspace(text.data[i]))
			continue;
		from = i + 1;
		if (end - begin < WORD_MIN)
			continue;
		analysis_password(a, text.data + begin, end - begin);
		/* Without the marks around it: "abc123". */
		while (begin < end && strchr("\"'<(:[*", text.data[begin]) && text.data[begin])
			begin++;
		while (end > begin && strchr("\"'>).,;:]*", text.data[end - 1]) && text.data[end - 1])
			end--;
		if (end - begin >= WORD_MIN)
			analysis_password(a, text.data + begin, end - begin);
	}
}
