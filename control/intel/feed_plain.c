/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Plain lists: a value a line. Comments begin with # ; // or !, or after blanks with # or ;. What
 * stands behind the first blank is no part of the value, except in user agents.
 */
#include <ctype.h>
#include <string.h>

#include "control/intel/feed_private.h"

static bool is_comment(struct slice line)
{
	const char *b = line.data;

	return strchr("#;!", b[0]) || (line.len > 1 && b[0] == '/' && b[1] == '/') ||
	       (b[0] == '[' && line.len > 8 && strncasecmp(b, "[adblock", 8) == 0);
}

static struct slice first_word(struct slice line)
{
	const char *b = line.data;

	for (size_t i = 0; i < line.len; i++)
		if (isspace((unsigned char)b[i]))
			return (struct slice){b, i};
	return line;
}

int feed_read_plain(struct reader *r)
{
	struct lines l = {.rest = r->bytes};
	struct intel_entry e = r->o->defaults;
	struct slice line;
	int err = 0;

	e.kind = r->o->kind;
	while (!err && lines_next(&l, &line)) {
		line = trim(line);
		if (!line.len || is_comment(line))
			continue;
		if (line.len > FEED_LINE_MAX)
			err = feed_refuse(r, l.number, line, "is too long a line");
		else if (line.len > 2 && memcmp(line.data, "@@", 2) == 0)
			err = feed_refuse(r, l.number, line,
					  "is an exception (use a list to allow)");
		else
			err = feed_value(r, l.number,
					 e.kind == CONTACT_USER_AGENT ? line : first_word(line),
					 &e);
	}
	return err;
}
