/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "control/daemon/scheduling.h"

static int left(const char *pinned, int allowed_count)
{
	struct config *c = config_new();
	cpu_set_t allowed, set;
	char error[200];
	int bits = 0;

	assert_non_null(c);
	CPU_ZERO(&allowed);
	for (int i = 0; i < allowed_count; i++)
		CPU_SET(i, &allowed);
	assert_int_equal(config_set(c, "cores", pinned, error, sizeof(error)), 0);
	set = scheduling_cores(c, &allowed);
	for (int i = 0; i < allowed_count; i++)
		bits |= CPU_ISSET(i, &set) ? 1 << i : 0;
	config_free(c);
	return bits;
}

static void test_workers_have_their_cores_alone(void **state)
{
	assert_int_equal(left("", 4), 0xf);
	assert_int_equal(left("1", 2), 0x1);
	assert_int_equal(left("2-3", 4), 0x3);
	assert_int_equal(left("0-1", 2), 0x3); /* all are pinned: shared */
	assert_int_equal(left("9", 2), 0x3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_workers_have_their_cores_alone)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
