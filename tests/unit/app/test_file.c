/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/file.c, file_window.c: the buffers that rules look at
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "dataplane/app/file.h"
#include "tests/unit/app/harness.h"

typedef bool view(struct worker *w, struct flow *f, struct tx *tx, enum direction d, unsigned instance, struct buffer_view *out);

static void files_make(struct harness *h, struct tx *tx, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		char name[16];
		struct file *file = file_open(&h->w, &h->flow, tx, TO_SERVER, (const uint8_t *)name,
					      (uint32_t)snprintf(name, sizeof(name), "%u", i));

		assert_non_null(file);
		file_append(&h->w, file, (const uint8_t *)name, (uint32_t)strlen(name));
		file_close(&h->w, file, FILE_CLOSED);
	}
}

static bool shows(struct harness *h, view *get, struct tx *tx, unsigned instance, const char *text)
{
	struct buffer_view v;

	return get(&h->w, &h->flow, tx, TO_SERVER, instance, &v) && v.len == strlen(text) && memcmp(v.data, text, v.len) == 0;
}

/* Whatever was asked for before: the same number is the same file. */
static void by_number(void **state)
{
	struct harness *h = harness_new(6, 80, NULL);
	struct tx one = {0}, two = {0};
	view *const views[] = {file_view, file_name_view};
	struct buffer_view v;

	(void)state;
	files_make(h, &one, 5);
	files_make(h, &two, 2);
	for (unsigned i = 0; i < 2; i++) {
		assert_true(shows(h, views[i], &one, 0, "0"));
		assert_true(shows(h, views[i], &one, 1, "1"));
		assert_true(shows(h, views[i], &one, 1, "1"));
		assert_true(shows(h, views[i], &one, 4, "4"));
		assert_true(shows(h, views[i], &one, 3, "3"));
		assert_true(shows(h, views[i], &two, 1, "1"));
		assert_true(shows(h, views[i], &one, 2, "2"));
		assert_true(shows(h, views[i], &one, 3, "3"));
		assert_false(views[i](&h->w, &h->flow, &one, TO_SERVER, 5, &v));
		assert_false(views[i](&h->w, &h->flow, &two, TO_SERVER, 2, &v));
	}
	assert_true(shows(h, file_name_view, &two, 0, "0"));
	file_free_all(&h->w, &two);
	assert_true(shows(h, file_name_view, &one, 1, "1"));
	file_free_all(&h->w, &one);
	assert_false(file_name_view(&h->w, &h->flow, &one, TO_SERVER, 2, &v));
	harness_free(h);
}

static double seconds(view *get, unsigned count)
{
	struct harness *h = harness_new(6, 25, NULL);
	struct tx tx = {0};
	struct timespec a, b;
	struct buffer_view v;

	files_make(h, &tx, count);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	for (unsigned round = 0; round < 2000; round++) {
		unsigned n = 0;

		while (get(&h->w, &h->flow, &tx, TO_SERVER, n, &v))
			n++;
		assert_int_equal(n, count);
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	file_free_all(&h->w, &tx);
	harness_free(h);
	return (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
}

static void linear_time(void **state)
{
	(void)state;
	assert_true(seconds(file_name_view, 1000) < 8 * 2 * seconds(file_name_view, 125));
	assert_true(seconds(file_view, 1000) < 8 * 2 * seconds(file_view, 125));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_number),
		cmocka_unit_test(linear_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
