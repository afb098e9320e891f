/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The store's budget: the oldest days of a class that takes too much go, and no others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/process/budget.h"
#include "control/store/bytes.h"
#include "tests/unit/control/feed.h"

#define MIB (1u << 20)
#define FIRST_DAY 20000u
#define ROW_BYTES 65536u

struct world {
	struct feed *feed;
	struct store *store;
	struct contacts *contacts;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	char dir[128];

	assert_non_null(w);
	w->feed = feed_new();
	snprintf(dir, sizeof(dir), "%s/store", w->feed->dir);
	assert_int_equal(store_open(&w->store, dir, STORE_WRITE, NULL), 0);
	assert_int_equal(contacts_new(&w->contacts, w->store, w->feed->config), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	contacts_free(w->contacts);
	store_close(w->store);
	feed_free(w->feed);
	free(w);
	return 0;
}

/* One MiB that cannot be compressed, of each of the days. */
static void fill(struct world *w, enum store_family f, const char *prefix, unsigned days)
{
	static uint8_t value[ROW_BYTES];
	unsigned seed = 5;
	uint8_t key[32];

	for (unsigned d = 0; d < days; d++) {
		for (unsigned i = 0; i < MIB / ROW_BYTES; i++) {
			size_t n = strlen(prefix);

			memcpy(key, prefix, n);
			put_be16(key + n, (uint16_t)(FIRST_DAY + d));
			put_be64(key + n + 2, i);
			for (size_t k = 0; k < sizeof(value); k++)
				value[k] = (uint8_t)(rand_r(&seed) >> 8);
			assert_int_equal(store_put(w->store, f, key, n + 10, value, sizeof(value)),
					 0);
		}
		assert_int_equal(store_flush(w->store), 0);
	}
}

/* How many rows of that day there are. */
static unsigned rows_of(struct world *w, enum store_family f, const char *prefix, unsigned day)
{
	size_t n = strlen(prefix);
	uint8_t from[8], to[8];
	struct slice low = {from, n + 2}, high = {to, n + 2};
	struct store_iter *it;
	unsigned count = 0;

	memcpy(from, prefix, n);
	memcpy(to, prefix, n);
	put_be16(from + n, (uint16_t)day);
	put_be16(to + n, (uint16_t)(day + 1));
	it = store_iter_new(w->store, f, NULL, &low, &high);
	for (store_iter_first(it); store_iter_valid(it); store_iter_next(it))
		count++;
	store_iter_free(it);
	return count;
}

static void assert_days(struct world *w, enum store_family f, const char *prefix, unsigned days,
			unsigned gone)
{
	for (unsigned d = 0; d < days; d++)
		assert_int_equal(rows_of(w, f, prefix, FIRST_DAY + d),
				 d < gone ? 0 : MIB / ROW_BYTES);
}

static struct budget budget_of(struct world *w, uint64_t mib)
{
	struct budget b;

	w->feed->config->store_budget = mib * MIB;
	w->feed->config->store_share_contacts = 50;
	w->feed->config->store_share_alerts = 15;
	w->feed->config->store_share_events = 25;
	budget_init(&b, w->store, w->contacts, w->feed->config);
	return b;
}

static void test_within(void **state)
{
	struct world *w = *state;
	struct budget b = budget_of(w, 100);

	fill(w, STORE_alert, "", 5);
	assert_int_equal(budget_keep(&b), 0);
	assert_days(w, STORE_alert, "", 5, 0);
	assert_false(b.said[BUDGET_ALERTS]);
}

static json_t *report(struct budget *b)
{
	struct text out = {0};
	json_t *o;

	budget_put(b, &out);
	o = json_loadb((char *)out.data, out.len, 0, NULL);
	assert_non_null(o);
	text_free(&out);
	return o;
}

static json_int_t figure(const json_t *o, int class, const char *key)
{
	return json_integer_value(
		json_object_get(json_array_get(json_object_get(o, "classes"), (size_t)class), key));
}

static void test_report(void **state)
{
	struct world *w = *state;
	struct budget b = budget_of(w, 100);
	json_t *o = report(&b);
	const json_t *alerts;

	assert_int_equal(json_integer_value(json_object_get(o, "bytes")), 100 * MIB);
	assert_int_equal(figure(o, BUDGET_CONTACTS, "percent"), 50);
	assert_int_equal(figure(o, BUDGET_CONTACTS, "allowed_bytes"), 50 * MIB);
	assert_int_equal(figure(o, BUDGET_ALERTS, "used_bytes"), 0);
	alerts = json_array_get(json_object_get(o, "classes"), BUDGET_ALERTS);
	assert_null(json_object_get(alerts, "oldest_day"));
	json_decref(o);
	fill(w, STORE_alert, "", 5);
	o = report(&b);
	alerts = json_array_get(json_object_get(o, "classes"), BUDGET_ALERTS);
	assert_string_equal(json_string_value(json_object_get(alerts, "oldest_day")), "2024-10-04");
	assert_true(figure(o, BUDGET_ALERTS, "used_bytes") >= 5 * MIB);
	assert_true(figure(o, BUDGET_ALERTS, "used_bytes") < 6 * MIB);
	assert_int_equal(figure(o, BUDGET_EVENTS, "used_bytes"), 0);
	json_decref(o);
}

static void test_oldest_days_go(void **state)
{
	struct world *w = *state;
	struct budget b = budget_of(w, 14); /* 3.5 MiB of records, 2.1 of alerts, 7 of contacts */

	fill(w, STORE_event, "", 6);
	fill(w, STORE_alert, "", 2);
	fill(w, STORE_contact, "p", 9);
	for (int turn = 0; turn < 3; turn++) {
		assert_int_equal(budget_keep(&b), 0);
		assert_days(w, STORE_event, "", 6, 3);
		assert_days(w, STORE_alert, "", 2, 0);
		assert_days(w, STORE_contact, "p", 9, 3);
	}
	assert_true(b.said[BUDGET_EVENTS] && b.said[BUDGET_CONTACTS]);
	assert_false(b.said[BUDGET_ALERTS]);
}

static void test_newest_stays(void **state)
{
	struct world *w = *state;
	struct budget b = budget_of(w, 1);

	fill(w, STORE_alert, "", 3);
	assert_int_equal(budget_keep(&b), 0);
	assert_days(w, STORE_alert, "", 3, 2);
	fill(w, STORE_event, "", 1);
	assert_int_equal(budget_keep(&b), 0);
	assert_days(w, STORE_event, "", 1, 0);
}

static void test_empty_and_default(void **state)
{
	struct world *w = *state;
	struct budget b = budget_of(w, 0);

	assert_int_equal(budget_keep(&b), 0);
	b = budget_of(w, 1);
	assert_int_equal(budget_keep(&b), 0);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_within),
		CASE(test_report),
		CASE(test_oldest_days_go),
		CASE(test_newest_stays),
		CASE(test_empty_and_default),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
