/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/event/ring.c, record.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "dataplane/event/record.h"
#include "dataplane/event/ring.h"

/* A ring keeps its records in order, across its end, and refuses what does not fit. */
static void ring_wraps(void **state)
{
	int fd = ring_create("test", 4096, 7);
	struct ring w, r;
	uint64_t pos = 0, avail, next = 1;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(ring_attach(&w, fd), 0);
	assert_int_equal(ring_attach(&r, fd), 0);
	for (uint64_t i = 1; i <= 10000;) {
		uint32_t len = 8 * (1 + i % 37);
		uint64_t *at = ring_reserve(&w, len, 0);

		if (at) {
			for (uint32_t k = 0; k < len / 8; k++)
				at[k] = i;
			ring_commit(&w, len);
			i++;
			continue;
		}
		for (const uint64_t *got = ring_peek(&r, pos, &avail); avail;
		     got = ring_peek(&r, pos, &avail)) {
			uint32_t n = 8 * (1 + next % 37);

			for (uint32_t k = 0; k < n / 8; k++)
				assert_int_equal(got[k], next);
			pos += n;
			next++;
		}
		ring_release(&r, pos);
	}
	assert_true(next > 9000);
	assert_null(ring_reserve(&w, 4096, 8));
	ring_detach(&w);
	ring_detach(&r);
	close(fd);
}

/* What is written is read; a record that does not fit is cut at a value and stays well formed. */
static void record_round_trip(void **state)
{
	static _Alignas(8) uint8_t memory[512];
	struct record_head head = {.type = RECORD_alert, .seq = 9};
	struct recorder rec;
	struct value_reader reader;
	struct value v;
	int depth = 0, texts = 0;

	(void)state;
	rec_begin(&rec, memory, sizeof(memory), &head);
	rec_open(&rec, F_alert_alert);
	rec_uint(&rec, F_alert_signature_id, 2019401);
	rec_uint(&rec, F_alert_gid, UINT64_MAX);
	for (int i = 0; i < 100; i++)
		rec_text(&rec, F_alert_signature, "a signature of thirty letters");
	rec_close(&rec);
	rec_end(&rec);
	assert_true(record_valid((void *)memory, sizeof(memory)));
	assert_true(((struct record_head *)(void *)memory)->flags & RECORD_TRUNCATED);
	assert_true(record_find((void *)memory, F_alert_gid, &v));
	assert_true(v.n == UINT64_MAX);
	value_reader_init(&reader, (void *)memory);
	while (value_next(&reader, &v)) {
		if (v.close)
			depth--;
		else if (v.kind == KIND_OBJECT)
			depth++;
		else if (v.kind == KIND_TEXT)
			texts += v.body.len == 29;
	}
	assert_false(reader.bad);
	assert_int_equal(depth, 0);
	assert_true(texts > 3 && texts < 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ring_wraps),
		cmocka_unit_test(record_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
