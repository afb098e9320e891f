/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "dataplane/base/pack.h"

static void numbers(void **state)
{
	static const uint64_t values[] = {0, 1, 127, 128, 1u << 20, UINT32_MAX, UINT64_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		uint8_t packed[2 * PACK_NUMBER_MAX];
		uint8_t *end = pack_signed(pack_number(packed, values[i]), -(int64_t)values[i]);
		const uint8_t *at = packed;

		assert_true(end <= packed + sizeof(packed));
		assert_int_equal(unpack_number(&at), values[i]);
		assert_int_equal(unpack_signed(&at), -(int64_t)values[i]);
		assert_ptr_equal(at, end);
	}
}

static void words_of(const uint64_t *words, unsigned count, size_t bytes)
{
	uint8_t packed[PACK_WORDS_MAX(20)];
	uint8_t *end = pack_words(packed, words, count);
	const uint8_t *at = packed;
	uint64_t again[20];

	memset(again, 0xaa, sizeof(again));
	assert_int_equal(end - packed, bytes);
	unpack_words(&at, again, count);
	assert_ptr_equal(at, end);
	assert_memory_equal(again, words, 8 * count);
}

/* Zero takes a bit a word; nothing takes more than a byte beyond itself. */
static void words(void **state)
{
	uint64_t some[20] = {0};

	(void)state;
	words_of(some, 20, 3);
	words_of(some, 1, 1);
	some[0] = 1;
	some[19] = 0xff00000000000000ull;
	words_of(some, 20, 3 + 2 + 2);
	some[7] = 0x00007f1234567890ull;
	words_of(some, 20, 3 + 2 + 2 + 7);
	memset(some, 0x11, sizeof(some));
	words_of(some, 20, PACK_WORDS_MAX(20));
	words_of(some, 9, PACK_WORDS_MAX(9));
}

static void pointers(void **state)
{
	uint8_t packed[PACK_POINTER_BYTES];
	const uint8_t *at = packed;
	int here;

	(void)state;
	assert_true(pointer_short(&here) && pointer_short(NULL));
	assert_false(pointer_short((void *)(uintptr_t)(1ull << 48)));
	pack_pointer(packed, &here);
	assert_ptr_equal(unpack_pointer(&at), &here);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
		cmocka_unit_test(words),
		cmocka_unit_test(pointers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
