/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/text.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "dataplane/app/text.h"
#include "tests/unit/app/harness.h"

static void add(struct harness *h, struct texts *t, const char *text)
{
	assert_true(texts_add(&h->w, t, text, (uint32_t)strlen(text)));
}

static void is(struct bytes b, const char *text)
{
	assert_non_null(b.data);
	assert_int_equal(b.len, strlen(text));
	assert_memory_equal(b.data, text, b.len);
}

/* By number and one after the other; a text without bytes is one, too. */
static void one_behind_the_other(void **state)
{
	struct harness *h = harness_new(6, 80, NULL);
	struct texts t = {0};
	struct bytes b;
	uint32_t at = 0;
	char text[16];

	(void)state;
	assert_null(texts_at(&t, 0).data);
	assert_false(texts_next(&t, &at, &b));
	add(h, &t, "");
	is(texts_at(&t, 0), "");
	texts_drop_last(&t);
	assert_null(texts_at(&t, 0).data);
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "%u", i * i);
		add(h, &t, i % 10 ? text : "");
	}
	texts_drop_last(&t);
	add(h, &t, "last");
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "%u", i * i);
		assert_true(texts_next(&t, &at, &b));
		is(b, i == 999 ? "last" : i % 10 ? text : "");
		is(texts_at(&t, i), i == 999 ? "last" : i % 10 ? text : "");
	}
	assert_false(texts_next(&t, &at, &b));
	assert_null(texts_at(&t, 1000).data);
	texts_free(&h->w, &t);
	harness_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_behind_the_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
