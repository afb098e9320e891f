/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The items of a large JSON array, one by one, without a tree of the whole: only strings and
 * brackets are looked at here; each item is parsed by whoever gets it.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "control/intel/feed_private.h"

struct scan {
	const char *at, *end;
};

static void blanks(struct scan *s)
{
	while (s->at < s->end && isspace((unsigned char)*s->at))
		s->at++;
}

/* Past a string whose opening quote is at s->at. */
static bool skip_string(struct scan *s)
{
	for (s->at++; s->at < s->end; s->at++) {
		if (*s->at == '\\')
			s->at++;
		else if (*s->at == '"')
			return s->at++, true;
	}
	s->at = s->end;
	return false;
}

/* Past one value of any kind. */
static bool skip_value(struct scan *s)
{
	size_t depth = 0;

	blanks(s);
	do {
		if (s->at >= s->end)
			return false;
		switch (*s->at) {
		case '"':
			if (!skip_string(s))
				return false;
			break;
		case '{':
		case '[':
			depth++;
			s->at++;
			break;
		case '}':
		case ']':
			if (!depth)
				return false;
			depth--;
			s->at++;
			break;
		case ',':
		case ':':
			if (!depth)
				return false;
			s->at++;
			break;
		default:
			s->at++;
			/* A number or word at the top ends before the next sign. */
			while (!depth && s->at < s->end && !strchr(",:]} \t\r\n", *s->at))
				s->at++;
		}
	} while (depth);
	return true;
}

/* To the value of a member of the object at s->at. 1: there; 0: no such member; -EPROTO. */
static int find_member(struct scan *s, const char *member)
{
	size_t n = strlen(member);

	for (s->at++;;) {
		const char *key;
		bool is_it;

		blanks(s);
		if (s->at < s->end && *s->at == '}')
			return 0;
		if (s->at < s->end && *s->at == ',') {
			s->at++;
			continue;
		}
		if (s->at >= s->end || *s->at != '"')
			return -EPROTO;
		key = s->at + 1;
		if (!skip_string(s))
			return -EPROTO;
		is_it = (size_t)(s->at - 1 - key) == n && memcmp(key, member, n) == 0;
		blanks(s);
		if (s->at >= s->end || *s->at++ != ':')
			return -EPROTO;
		blanks(s);
		if (is_it)
			return 1;
		if (!skip_value(s))
			return -EPROTO;
	}
}

int json_items(struct slice bytes, const char *member,
	       int (*call)(void *arg, uint64_t index, struct slice item), void *arg, char *why)
{
	struct scan s = {bytes.data, (const char *)bytes.data + bytes.len};
	uint64_t index = 0;
	int err = 0;

	blanks(&s);
	if (s.at < s.end && *s.at == '{')
		err = find_member(&s, member);
	else
		err = 1;
	if (err < 0)
		goto malformed;
	if (!err || s.at >= s.end || *s.at != '[')
		return 1;
	for (s.at++;;) {
		const char *start;

		blanks(&s);
		if (s.at >= s.end)
			goto malformed;
		if (*s.at == ']')
			return 0;
		if (*s.at == ',') {
			s.at++;
			continue;
		}
		start = s.at;
		if (!skip_value(&s))
			goto malformed;
		err = call(arg, ++index, (struct slice){start, (size_t)(s.at - start)});
		if (err)
			return err;
	}
malformed:
	snprintf(why, WHY_BYTES, "it is not JSON, or ends too early: byte %zu",
		 (size_t)(s.at - (const char *)bytes.data));
	return -EPROTO;
}
