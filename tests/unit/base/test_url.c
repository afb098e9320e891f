/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/base/url.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "dataplane/base/url.h"

static const char *normal(const char *rest, size_t room)
{
	static uint8_t out[64];

	out[url_rest(out, room, (const uint8_t *)rest, strlen(rest))] = '\0';
	return (const char *)out;
}

static void rests(void **state)
{
	static const char *const rows[][2] = {
		{"", "/"},
		{"/", "/"},
		{"?q", "/?q"},
		{"/#top", "/"},
		{"#top", "/"},
		{"/%7Ea", "/~a"},
		{"/%7ea", "/~a"},
		{"/%61%2D%2e%5F%39?%41", "/a-._9?A"},
		{"/%2f%3a%c3%A4", "/%2F%3A%C3%A4"},
		/* what is an escape only after unescaping stays */
		{"/%2541", "/%2541"},
		{"/%%341", "/%2541"},
		{"/%", "/%25"},
		{"/%4", "/%254"},
		{"/%zz%4g", "/%25zz%254g"},
		{"/%00", "/%00"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_string_equal(normal(rows[i][0], 63), rows[i][1]);
		assert_string_equal(normal(rows[i][1], 63), rows[i][1]);
	}
}

static void room(void **state)
{
	assert_string_equal(normal("/abc", 3), "/ab");
	assert_string_equal(normal("/a%2f", 4), "/a");
	assert_string_equal(normal("/a%41b", 3), "/aA");
	assert_string_equal(normal("/a", 0), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(rests), cmocka_unit_test(room)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
