/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the tests of the rule language share: one reader for a program's tests, and short forms.
 */
#ifndef RULE_TESTS_H
#define RULE_TESTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/rule_reader.h"

static struct rule_reader *reader;

static int reader_start(void **state)
{
	reader = rule_reader_new();
	return 0;
}

static int reader_stop(void **state)
{
	rule_reader_free(reader);
	return 0;
}

/* Reads a rule that must load. */
static inline const struct rule *loads(const char *text)
{
	const struct rule *r = rule_reader_read(reader, text, strlen(text));

	if (!r)
		print_error("%s\n  column %u: %s\n", text, rule_reader_column(reader),
			    reader->draft.reason);
	assert_non_null(r);
	return r;
}

/* Reads a rule that must be refused, for a reason that contains part, at the place marked by ^ in
 * the text (which is taken out; without a mark any place will do). */
static inline void refused(const char *marked, const char *part)
{
	char text[9000];
	const char *mark = strchr(marked, '^');
	size_t n = mark ? (size_t)(mark - marked) : 0;
	const struct rule *r;

	snprintf(text, sizeof(text), "%.*s%s", (int)n, marked, mark ? mark + 1 : marked);
	r = rule_reader_read(reader, text, strlen(text));
	if (r || !strstr(reader->draft.reason, part) ||
	    (mark && rule_reader_column(reader) != n + 1))
		print_error("%s\n  column %u: %s\n", marked, r ? 0 : rule_reader_column(reader),
			    r ? "loads" : reader->draft.reason);
	assert_null(r);
	assert_non_null(strstr(reader->draft.reason, part));
	if (mark)
		assert_int_equal(rule_reader_column(reader), n + 1);
}

/* A rule on tcp with these options and a sid. */
#define TCP(options) "alert tcp any any -> any any (" options " sid:1;)"
#define HTTP(options) "alert http any any -> any any (" options " sid:1;)"

#endif
