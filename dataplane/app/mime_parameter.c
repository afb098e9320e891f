/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Parameters of a MIME header: "attachment; filename=x", with RFC 2231 continuations (name*0,
 * name*1*) and encoded values (name*=charset'language'percent-encoded). Any thread.
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

/* The next "name=value" of a header; false at its end. */
static bool parameter_next(struct cursor *c, struct parameter *out)
{
	const uint8_t *p = c->p, *end = c->end, *start;
	bool escaped = false;

	while (p < end && (is_space(*p) || *p == ';'))
		p++;
	start = p;
	while (p < end && *p != '=')
		p++;
	if (p == end)
		return false;
	out->name = (struct bytes){start, (uint32_t)(p - start)};
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

static uint32_t copy_encoded(struct bytes v, bool first, uint8_t *out, uint32_t room, bool *cut)
{
	uint32_t n = 0, i = 0, quotes = 0;

	if (first) {
		while (i < v.len && quotes < 2)
			quotes += v.data[i++] == '\'';
		if (quotes < 2)
			i = 0;
	}
	for (; i < v.len; i++) {
		int high = i + 2 < v.len && v.data[i] == '%' ? hex_digit(v.data[i + 1]) : -1;
		int low = high >= 0 ? hex_digit(v.data[i + 2]) : -1;

		if (n == room) {
			*cut = true;
			break;
		}
		if (low >= 0) {
			out[n++] = (uint8_t)(high << 4 | low);
			i += 2;
		} else {
			out[n++] = v.data[i];
		}
	}
	return n;
}

uint32_t mime_encoded_value(struct bytes value, uint8_t *out, uint32_t room)
{
	bool cut = false;

	return copy_encoded(value, true, out, room, &cut);
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
	uint32_t len = 0;

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
	if (plain.len)
		return copy(plain, out, room, cut);
	if (encoded_plain.len)
		return copy_encoded(encoded_plain, true, out, room, cut);
	for (int i = 0; i < SECTIONS_MAX && sections[i].there; i++) {
		if (sections[i].encoded)
			len += copy_encoded(sections[i].value, i == 0, out + len, room - len, cut);
		else
			len += copy(sections[i].value, out + len, room - len, cut);
	}
	return len;
}
