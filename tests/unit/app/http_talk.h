/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A conversation of HTTP, for the tests of its files: what either side says, and what rules see of it.
 */
#ifndef TESTS_APP_HTTP_TALK_H
#define TESTS_APP_HTTP_TALK_H

#include <string.h>

#include "tests/unit/app/harness.h"

static inline struct harness *open_http(const char *const *settings)
{
	return harness_new(6, 80, settings);
}

static inline void up(struct harness *h, const char *text)
{
	harness_tcp(h, TO_SERVER, text, strlen(text));
}

static inline void down(struct harness *h, const char *text)
{
	harness_tcp(h, TO_CLIENT, text, strlen(text));
}

static inline void assert_buffer(struct harness *h, enum direction d, const char *name, const char *expect)
{
	const char *got = harness_text(h, d, name, 0);

	if (!expect)
		assert_null(got);
	else if (!got)
		fail_msg("%s: not there", name);
	else
		assert_string_equal(got, expect);
}

#endif
