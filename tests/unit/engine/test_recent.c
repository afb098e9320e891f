/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/engine/recent.c: what was seen last is found by its flow, as long as it is there
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dataplane/engine/recent.h"

#define BYTES 65536u

static void put(struct recent *r, uint64_t flow, uint64_t number, uint32_t len)
{
	static uint8_t data[BYTES];
	struct recent_packet head = {.flow = flow, .number = number, .len = len, .wire_len = len};

	memset(data, (int)number, len);
	recent_put(r, &head, data);
}

static void check(const struct recent *r, uint64_t position, uint64_t number)
{
	const struct recent_packet *p = recent_at(r, position);

	assert_int_equal(p->number, number);
	for (uint32_t i = 0; i < p->len; i++)
		assert_int_equal(p->data[i], (uint8_t)number);
}

static void one_flow_among_others(void **state)
{
	struct recent *r = recent_new(BYTES);
	uint64_t at[8];

	for (uint64_t i = 0; i < 12; i++)
		put(r, 1 + i % 3, i, 60);
	assert_int_equal(recent_take(r, 2, at, 8), 4);
	for (unsigned i = 0; i < 4; i++)
		check(r, at[i], 1 + 3 * i);
	assert_int_equal(recent_take(r, 2, at, 8), 0); /* once */
	put(r, 2, 77, 10);
	assert_int_equal(recent_take(r, 2, at, 8), 1);
	check(r, at[0], 77);
	assert_int_equal(recent_take(r, 0, at, 8), 0); /* no flow is none */
	free(r);
}

static void the_latest_when_there_are_too_many(void **state)
{
	struct recent *r = recent_new(BYTES);
	uint64_t at[4];

	for (uint64_t i = 0; i < 10; i++)
		put(r, 5, i, 20);
	assert_int_equal(recent_take(r, 5, at, 4), 4);
	for (unsigned i = 0; i < 4; i++)
		check(r, at[i], 6 + i);
	free(r);
}

/* Random lengths, many rounds: what is given out is whole, in order, and the newest of its flow. */
static void what_is_overwritten_is_gone(void **state)
{
	struct recent *r = recent_new(BYTES);
	uint64_t at[512], number = 0;
	unsigned random = 12345;

	for (unsigned round = 0; round < 200; round++) {
		unsigned n;

		for (unsigned i = 0; i < 300; i++) {
			random = random * 1103515245u + 12345u;
			put(r, 1 + (random >> 16) % 5, number++, (random >> 8) % 1500);
		}
		n = recent_take(r, 1 + round % 5, at, 512);
		assert_true(n > 0);
		for (unsigned i = 0; i < n; i++) {
			const struct recent_packet *p = recent_at(r, at[i]);

			check(r, at[i], p->number);
			assert_int_equal(p->flow, 1 + round % 5);
			assert_true(!i || recent_at(r, at[i - 1])->number < p->number);
		}
	}
	free(r);
}

static void what_does_not_fit_is_left_out(void **state)
{
	struct recent *r = recent_new(BYTES);
	uint64_t at[2];

	assert_null(recent_new(1024));
	put(r, 9, 1, 100);
	put(r, 9, 2, BYTES);
	assert_int_equal(recent_take(r, 9, at, 2), 1);
	check(r, at[0], 1);
	free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_flow_among_others),
		cmocka_unit_test(the_latest_when_there_are_too_many),
		cmocka_unit_test(what_is_overwritten_is_gone),
		cmocka_unit_test(what_does_not_fit_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
