/* SPDX-License-Identifier: BSD-3-Clause
 *
 * RTF (Rich Text Format 1.9.1): objects in hex digits (\objdata, MS-OLEDS 2.2), templates from outside.
 * One pass; digits may be strewn with blanks, braces and control words, as writers of exploits do.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/analysis/analyser.h"

#define WORD_MAX 32u
#define OBJECTS_MAX 200u

bool rtf_is(const struct part *p)
{
	return bytes_begin(p->data, "{\\rt", 4);
}

/* The control word after a backslash at *at; moves behind it. Its length, 0: a control symbol. */
static uint32_t take_word(struct bytes b, uint32_t *at, char word[WORD_MAX])
{
	uint32_t n = 0;

	while (*at < b.len && ((b.data[*at] | 32) >= 'a' && (b.data[*at] | 32) <= 'z')) {
		if (n < WORD_MAX - 1)
			word[n++] = (char)b.data[*at];
		(*at)++;
	}
	word[n] = '\0';
	if (!n) {
		*at += *at < b.len;
		return 0;
	}
	if (*at < b.len && b.data[*at] == '-')
		(*at)++;
	while (*at < b.len && b.data[*at] >= '0' && b.data[*at] <= '9')
		(*at)++;
	*at += *at < b.len && b.data[*at] == ' ';
	return n;
}

static int digit_of(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* The bytes whose digits stand from *at to the end of the group; moves behind them. */
static struct bytes take_hex(struct bytes b, uint32_t *at)
{
	uint8_t *out = malloc((b.len - *at) / 2 + 1);
	uint32_t n = 0;
	int high = -1, depth = 0, d;
	char word[WORD_MAX];

	for (; *at < b.len; ) {
		uint8_t c = b.data[(*at)++];

		if (c == '\\') {
			take_word(b, at, word);
		} else if (c == '{') {
			depth++;
		} else if (c == '}') {
			if (depth-- == 0)
				break;
		} else if (out && (d = digit_of(c)) >= 0) {
			if (high >= 0)
				out[n++] = (uint8_t)(high << 4 | d);
			high = high >= 0 ? -1 : d;
		}
	}
	if (!n) {
		free(out);
		out = NULL;
	}
	return (struct bytes){out, n};
}

static struct bytes take_counted(struct cursor *c)
{
	uint32_t len = cursor_le32(c);
	const uint8_t *at = cursor_take(c, len);

	return (struct bytes){at, at ? len : 0};
}

/* ObjectHeader and EmbeddedObject of MS-OLEDS 2.2.4, 2.2.5. */
static void judge_object(struct analysis *a, struct part *p, struct bytes object)
{
	struct cursor c = cursor_of(object.data, object.len);
	struct bytes name, data = object;
	uint32_t format;

	cursor_le32(&c);
	format = cursor_le32(&c);
	name = take_counted(&c);
	take_counted(&c);
	take_counted(&c);
	if (!c.bad && format == 2) {
		uint32_t size = cursor_le32(&c);

		if (size > cursor_left(&c))
			size = (uint32_t)cursor_left(&c);
		data = (struct bytes){c.p, size};
		part_fact_bytes(a, p, "object", name.data, name.len ? name.len - 1 : 0);
	}
	if (!name.data)
		name.data = (const uint8_t *)"";
	part_reason(a, p, REASON_embedded_object, "%.*s", (int)(name.len < 60 ? name.len : 60), (const char *)name.data);
	if (name.len >= 8 && strncasecmp((const char *)name.data, "equation", 8) == 0)
		part_reason_alone(a, p, REASON_equation);
	part_add(a, p, name.len > 1 ? (struct bytes){name.data, name.len - 1} : (struct bytes){(const uint8_t *)"object", 6}, "", data);
}

/* A template's address stands between the word and the end of the group. */
static void judge_template(struct analysis *a, struct part *p, uint32_t at)
{
	struct bytes rest = {p->data.data + at, p->data.len - at < 2000 ? p->data.len - at : 2000};
	const uint8_t *end = memchr(rest.data, '}', rest.len);

	if (end)
		rest.len = (uint32_t)(end - rest.data);
	if (bytes_find(rest, 0, "http", 4) || bytes_find(rest, 0, "\\\\\\\\", 4) || bytes_find(rest, 0, "\\u", 2))
		part_reason(a, p, REASON_external_template, "%.*s", (int)(rest.len < 200 ? rest.len : 200), (const char *)rest.data);
}

void rtf_run(struct analysis *a, struct part *p)
{
	unsigned objects = 0;
	uint32_t at = 0;
	char word[WORD_MAX];

	p->traits |= PART_DOCUMENT;
	while (at < p->data.len && !analysis_over(a)) {
		const uint8_t *next = memchr(p->data.data + at, '\\', p->data.len - at);

		if (!next)
			break;
		at = (uint32_t)(next - p->data.data) + 1;
		if (!take_word(p->data, &at, word))
			continue;
		if (strcmp(word, "objdata") == 0 && objects++ < OBJECTS_MAX) {
			struct bytes object = take_hex(p->data, &at);

			if (object.data)
				judge_object(a, p, object);
			free((void *)(uintptr_t)object.data);
		} else if (strcmp(word, "objautlink") == 0 || strcmp(word, "objupdate") == 0) {
			part_reason(a, p, REASON_object_autoload, "\\%s", word);
		} else if (strcmp(word, "template") == 0) {
			judge_template(a, p, at);
		}
	}
}
