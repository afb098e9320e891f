/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "control/base/pause.h"

/* Something came: it looks again at once, then seldom, and after a while more seldom. */
static void test_live(void **state)
{
	struct pause p = {0};

	assert_int_equal(pause_next(&p, true), 0);
	for (unsigned i = 0; i < PAUSE_TURNS; i++)
		assert_int_equal(pause_next(&p, false), PAUSE_NS);
	assert_int_equal(pause_next(&p, false), PAUSE_LONG_NS);
	assert_int_equal(pause_next(&p, false), PAUSE_LONG_NS);
	assert_int_equal(pause_next(&p, true), 0);
	assert_int_equal(pause_next(&p, false), PAUSE_NS);
}

static void test_awaited(void **state)
{
	struct pause p = {.awaited = true};

	for (unsigned i = 0; i < 2 * PAUSE_TURNS; i++)
		assert_int_equal(pause_next(&p, false), PAUSE_SHORT_NS);
	assert_int_equal(pause_next(&p, true), 0);
}

/* A ring of 32 MB holds what comes with 10 Gbit/s meanwhile. */
static void test_ring_holds_out(void **state)
{
	assert_true(10e9 / 8 * PAUSE_LONG_NS / 1e9 <= 32 << 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_live),
		cmocka_unit_test(test_awaited),
		cmocka_unit_test(test_ring_holds_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
