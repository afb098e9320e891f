/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "control/daemon/watchdog.h"

#define MS 1000000ull
#define LIMIT (2000 * MS)

static struct dataplane_status status;
static struct watchdog dog;
static uint64_t now;

static int setup(void **state)
{
	memset(&status, 0, sizeof(status));
	watchdog_reset(&dog);
	now = 1000 * MS;
	return 0;
}

/* So many looks, ms apart; each thread of the mask beats before each. What the last one found. */
static int look(unsigned count, uint64_t ms, unsigned beating)
{
	int found = -1;

	for (unsigned i = 0; i < count && found < 0; i++) {
		now += ms * MS;
		for (unsigned k = 0; k < 3; k++)
			if (beating >> k & 1)
				status.beat_ns[k] = now;
		if (beating >> 3 & 1)
			status.heartbeat_ns = now;
		found = watchdog_look(&dog, &status, 2, now, LIMIT);
	}
	return found;
}

static void test_all_beat(void **state)
{
	assert_int_equal(look(1000, 100, 0xf), -1);
}

static void test_a_worker_hangs(void **state)
{
	assert_int_equal(look(10, 100, 0xf), -1);
	assert_int_equal(look(19, 100, 0xd), -1);
	assert_int_equal(look(1, 100, 0xf), -1); /* it goes on */
	assert_int_equal(look(19, 100, 0xd), -1);
	assert_int_equal(look(1, 100, 0xd), 1);
	assert_true(dog.silent_ns[1] >= LIMIT);
}

static void test_the_dispatcher_hangs(void **state)
{
	look(10, 100, 0xf);
	assert_int_equal(look(20, 100, 0xb), 2);
}

static void test_the_main_thread_has_longer(void **state)
{
	look(10, 100, 0xf);
	assert_int_equal(look(299, 100, 0x7), -1);
	assert_int_equal(look(1, 100, 0x7), 3);
}

/* One that has not begun, or has ended, does not hang. */
static void test_no_beat_is_no_hang(void **state)
{
	assert_int_equal(look(100, 100, 0x8), -1);
	look(10, 100, 0xf);
	memset(status.beat_ns, 0, sizeof(status.beat_ns));
	assert_int_equal(look(100, 100, 0x8), -1);
}

/* The machine slept for an hour, or the watchdog itself got no core: that is nobody's silence. */
static void test_a_gap_between_looks(void **state)
{
	look(10, 100, 0xf);
	assert_int_equal(look(1, 3600000, 0), -1);
	assert_int_equal(look(8, 3600000, 0), -1);
	assert_int_equal(look(1, 100, 0xf), -1);
}

static void test_switched_off(void **state)
{
	look(10, 100, 0xf);
	for (unsigned i = 0; i < 200; i++)
		assert_int_equal(watchdog_look(&dog, &status, 2, now += 100 * MS, 0), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_all_beat, setup),
		cmocka_unit_test_setup(test_a_worker_hangs, setup),
		cmocka_unit_test_setup(test_the_dispatcher_hangs, setup),
		cmocka_unit_test_setup(test_the_main_thread_has_longer, setup),
		cmocka_unit_test_setup(test_no_beat_is_no_hang, setup),
		cmocka_unit_test_setup(test_a_gap_between_looks, setup),
		cmocka_unit_test_setup(test_switched_off, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
