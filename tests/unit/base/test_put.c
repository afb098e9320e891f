/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "dataplane/base/put.h"

static void numbers(void **state)
{
	static const uint64_t values[] = {0, 1, 9, 10, 255, 4096, UINT32_MAX, UINT64_MAX};
	char text[32], wanted[32];

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		put_uint(put_to(text, sizeof(text)), values[i]);
		snprintf(wanted, sizeof(wanted), "%llu", (unsigned long long)values[i]);
		assert_string_equal(text, wanted);
		put_hex(put_text(put_to(text, sizeof(text)), "0x"), values[i], 4);
		snprintf(wanted, sizeof(wanted), "0x%04llx", (unsigned long long)values[i]);
		assert_string_equal(text, wanted);
	}
}

/* What does not fit is cut, and the end is always there. */
static void cut(void **state)
{
	char text[6] = "xxxxx";

	(void)state;
	put_char(put_uint(put_text(put_to(text, 5), "ab"), 1234), '!');
	assert_string_equal(text, "ab12");
	assert_int_equal(text[5], 0);
	put_text(put_to(text, 1), "abc");
	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(numbers), cmocka_unit_test(cut)};

	return cmocka_run_group_tests_name("put", tests, NULL, NULL);
}
