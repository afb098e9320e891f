/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/detect/chain.h"

/* A buffer of just its size, so that a read beyond it is seen. */
static uint8_t *exact(const void *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	memcpy(copy, data, len);
	return copy;
}

static const uint8_t *slowly(const struct needle *n, const uint8_t *data, size_t len)
{
	for (size_t at = 0; at + n->len <= len; at++) {
		size_t k = 0;

		while (k < n->len && (n->nocase ? fold_byte(data[at + k]) : data[at + k]) == n->pattern[k])
			k++;
		if (k == n->len)
			return data + at;
	}
	return NULL;
}

/* Every length, every place, both cases: the first place is told. */
static void everywhere(void **state)
{
	static const char letters[] = "abAB @";
	uint32_t seed = 1;

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		uint8_t pattern[8], text[80], *data, *p;
		size_t len = round % sizeof(text), n = 1 + round % 7 % sizeof(pattern);
		struct needle needle;

		for (size_t i = 0; i < len; i++)
			text[i] = (uint8_t)letters[(seed = seed * 1103515245 + 12345) >> 16 & 3];
		for (size_t i = 0; i < n; i++)
			pattern[i] = (uint8_t)letters[(seed = seed * 1103515245 + 12345) >> 16 & 3];
		for (size_t i = 0; i < n && round % 2; i++)
			pattern[i] = fold_byte(pattern[i]);
		data = exact(text, len);
		p = exact(pattern, n);
		needle = needle_make(p, (uint32_t)n, round % 2);
		assert_ptr_equal(needle_find(&needle, data, len), slowly(&needle, data, len));
		free(data);
		free(p);
	}
}

/* Bytes that differ in the bit of case alone are no letters. */
static void no_letters(void **state)
{
	static const uint8_t data[] = "................@[{................";
	struct needle n = needle_make((const uint8_t *)"`[{", 3, true);

	(void)state;
	assert_null(needle_find(&n, data, sizeof(data) - 1));
	n = needle_make((const uint8_t *)"@[{", 3, true);
	assert_ptr_equal(needle_find(&n, data, sizeof(data) - 1), data + 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(everywhere), cmocka_unit_test(no_letters)};

	return cmocka_run_group_tests_name("search", tests, NULL, NULL);
}
