/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reading arguments. Any thread.
 */
#include "rules/language/scan.h"

#include <ctype.h>
#include <strings.h>

void scan_skip(struct scan *s)
{
	while (s->p < s->end && char_blank(*s->p))
		s->p++;
}

void scan_trim(struct scan *s)
{
	scan_skip(s);
	while (s->end > s->p && char_blank(s->end[-1]))
		s->end--;
}

bool scan_take(struct scan *s, char c)
{
	scan_skip(s);
	if (s->p >= s->end || *s->p != c)
		return false;
	s->p++;
	return true;
}

bool scan_take_text(struct scan *s, const char *text)
{
	size_t len = strlen(text);

	scan_skip(s);
	if (scan_left(s) < len || memcmp(s->p, text, len) != 0)
		return false;
	s->p += len;
	return true;
}

struct scan scan_until(struct scan *s, char c)
{
	const char *at = scan_left(s) ? memchr(s->p, c, scan_left(s)) : NULL;
	struct scan part = {s->p, at ? at : s->end};

	s->p = at ? at + 1 : s->end;
	scan_trim(&part);
	return part;
}

struct scan scan_word(struct scan *s)
{
	struct scan word;

	scan_skip(s);
	word = (struct scan){s->p, s->p};
	while (word.end < s->end && (isalnum((unsigned char)*word.end) || strchr("_-.", *word.end)))
		word.end++;
	s->p = word.end;
	return word;
}

bool scan_is(const struct scan *s, const char *text)
{
	return scan_left(s) == strlen(text) && memcmp(s->p, text, scan_left(s)) == 0;
}

bool scan_is_nocase(const struct scan *s, const char *text)
{
	return scan_left(s) == strlen(text) && strncasecmp(s->p, text, scan_left(s)) == 0;
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 99;
}

bool scan_number(struct scan *s, uint64_t max, uint64_t *out)
{
	const char *p = s->p;
	unsigned base = 10;
	uint64_t value = 0;
	const char *first;

	while (p < s->end && char_blank(*p))
		p++;
	if (s->end - p > 2 && p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
		base = 16;
		p += 2;
	}
	for (first = p; p < s->end && digit_value(*p) < (int)base; p++) {
		uint64_t digit = (uint64_t)digit_value(*p);

		if (value > (max - digit) / base || digit > max)
			return false;
		value = value * base + digit;
	}
	if (p == first)
		return false;
	s->p = p;
	*out = value;
	return true;
}

bool scan_signed(struct scan *s, int64_t min, int64_t max, int64_t *out)
{
	struct scan at = *s;
	bool minus;
	uint64_t value;

	minus = scan_take(&at, '-');
	if (!minus && at.p < at.end && *at.p == '+')
		at.p++;
	if (!scan_number(&at, minus ? (uint64_t)-min : (uint64_t)max, &value))
		return false;
	*s = at;
	*out = minus ? -(int64_t)value : (int64_t)value;
	return true;
}

bool scan_whole(struct scan s, uint64_t max, uint64_t *out)
{
	if (!scan_number(&s, max, out))
		return false;
	scan_skip(&s);
	return scan_done(&s);
}

bool scan_whole_signed(struct scan s, int64_t min, int64_t max, int64_t *out)
{
	if (!scan_signed(&s, min, max, out))
		return false;
	scan_skip(&s);
	return scan_done(&s);
}
