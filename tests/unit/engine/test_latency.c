/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/event/latency.h: buckets hold what they say, quantiles are at most a quarter too much.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dataplane/event/latency.h"

static void bounds(void **state)
{
	for (unsigned b = 0; b < LATENCY_BUCKETS - 1; b++) {
		assert_int_equal(latency_bucket(latency_bound(b) - 1), b);
		assert_int_equal(latency_bucket(latency_bound(b)), b + 1);
	}
	assert_int_equal(latency_bucket(0), 0);
	assert_int_equal(latency_bucket(UINT64_MAX), LATENCY_BUCKETS - 1);
}

static void quantiles(void **state)
{
	uint64_t n[LATENCY_BUCKETS] = {0}, q;

	assert_int_equal(latency_quantile(n, 500000), 0);
	for (uint64_t ns = 1000; ns <= 1000000; ns += 1000)
		n[latency_bucket(ns)]++;
	q = latency_quantile(n, 500000);
	assert_in_range(q, 500000, 625000);
	q = latency_quantile(n, 990000);
	assert_in_range(q, 990000, 1237500);
	n[latency_bucket(50000000)]++;
	assert_in_range(latency_quantile(n, 1000000), 50000000, 62500000);
	assert_in_range(latency_quantile(n, 999000), 999000, 1250000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(bounds), cmocka_unit_test(quantiles)};

	return cmocka_run_group_tests_name("latency", tests, NULL, NULL);
}
