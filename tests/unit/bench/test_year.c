/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The synthetic year: the same again, as it is described, and its truth what it emits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "bench/retro/dice.h"
#include "bench/retro/plant.h"
#include "dataplane/event/contact.h"

#define DAY_NS 86400000000000ull

struct sum {
	uint64_t hash, rows, names, v6, contacts, day_names, hours[24], weekend, weekday, proxies;
	uint64_t planted;
};

static int add(void *arg, const struct year_row *row)
{
	struct sum *s = arg;
	uint64_t h = row->kind + row->count * 31 + row->first_us * 7 + row->last_us + row->port;

	assert_true(row->first_us <= row->last_us);
	assert_true(row->last_us < DAY_NS / 1000);
	assert_true(row->count > 0);
	for (uint32_t i = 0; i < row->name_len; i++)
		h = h * 131 + (uint8_t)row->name[i];
	for (int i = 0; i < 16; i++)
		h = h * 131 + row->server.b[i] + row->client.b[i];
	s->hash = mix(s->hash ^ h);
	s->rows++;
	s->planted += row->campaign != 0;
	if (row->campaign)
		return 0;
	s->names += row->name != NULL;
	s->day_names += row->name && strchr(row->name, '-') != NULL;
	s->v6 += row->ip_version == 6;
	s->contacts += row->count;
	s->hours[row->first_us / 3600000000ull]++;
	s->proxies += row->kind == CONTACT_IP && row->server.b[0] == 10;
	return 0;
}

static struct year *make(uint64_t seed, uint32_t clients, uint32_t days)
{
	struct year *y = year_new(&(struct year_setup){seed, clients, days});

	assert_non_null(y);
	return y;
}

static void test_again(void **state)
{
	struct year *a = make(1, 200, 365), *b = make(1, 200, 365), *c = make(2, 200, 365);
	struct sum first = {0}, again = {0}, other = {0};

	for (uint32_t i = 0; i < 40; i++)
		year_client_day(a, i * 5, 200 + i, add, &first);
	/* Others' days in between change nothing. */
	for (uint32_t i = 0; i < 40; i++) {
		struct sum unused = {0};

		year_client_day(b, 199 - i, i, add, &unused);
		year_client_day(b, i * 5, 200 + i, add, &again);
		year_client_day(c, i * 5, 200 + i, add, &other);
	}
	assert_true(first.rows > 1000);
	assert_int_equal(first.hash, again.hash);
	assert_int_equal(first.rows, again.rows);
	assert_int_not_equal(first.hash, other.hash);
	year_free(a);
	year_free(b);
	year_free(c);
}

static void between(double low, double value, double high, const char *what)
{
	if (value < low || value > high)
		fail_msg("%s: %g is not in [%g, %g]", what, value, low, high);
}

static void test_facts(void **state)
{
	struct year *y = make(1, 20000, 365);
	struct sum s = {0}, one;
	double active[2] = {0}, days[2] = {0}, client_days, servers;

	for (uint32_t day = 0; day < 365; day += 13)
		for (uint32_t i = 0; i < 20000; i += 151) {
			bool weekend = year_weekend(day);

			one = s;
			year_client_day(y, i, day, add, &s);
			days[weekend]++;
			active[weekend] += s.names != one.names;
		}
	client_days = active[0] + active[1];
	servers = (double)(s.rows - s.planted - s.names);
	between(0.90, active[0] / days[0], 0.94, "at work on weekdays");
	between(0.20, active[1] / days[1], 0.30, "at work on other days");
	between(165, (double)s.names / client_days, 195, "names a client-day");
	between(215, servers / client_days, 265, "servers a client-day");
	between(0.06, (double)s.v6 / servers, 0.10, "IPv6");
	between(0.0009, (double)s.day_names / (double)s.names, 0.0022, "names of one day");
	assert_true(s.proxies > 0);
	/* Four fifths of the clients are nine hours ahead: their morning is midnight. */
	assert_true(s.hours[1] > 4 * s.hours[18]);
	year_free(y);
}

static void test_zipf(void **state)
{
	struct dice d = dice_new(1, DICE_PICK, 0, 0);
	double top = 0, ten = 0, thousand = 0, most = 0, n = 1000000;
	struct zipf z;

	zipf_init(&z, 0.98, 2.7, YEAR_DOMAINS);
	for (int i = 0; i < (int)n; i++) {
		uint32_t rank = zipf_draw(&z, &d);

		assert_true(rank < YEAR_DOMAINS);
		top += rank == 0;
		ten += rank < 10;
		thousand += rank < 1000;
		most += rank < 100000;
	}
	between(0.017, top / n, 0.019, "the first");
	between(0.09, ten / n, 0.10, "the first ten");
	between(0.38, thousand / n, 0.42, "the first thousand");
	between(0.73, most / n, 0.77, "the first hundred thousand");
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void test_names_differ(void **state)
{
	struct year *y = make(1, 200, 365);
	enum { N = 200000 };
	char(*name)[32] = calloc(N, sizeof(*name)), room[YEAR_NAME_MAX];

	assert_non_null(name);
	for (uint32_t i = 0; i < N; i++) {
		assert_true(year_domain(y, i, room) < sizeof(*name));
		memcpy(name[i], room, sizeof(*name));
		assert_null(strpbrk(name[i], "q-0123456789"));
	}
	qsort(name, N, sizeof(*name), compare_names);
	for (uint32_t i = 1; i < N; i++)
		assert_string_not_equal(name[i - 1], name[i]);
	year_absent_name(y, 7, room);
	assert_non_null(strchr(room, 'q'));
	free(name);
	year_free(y);
}

/* ---- the truth, once more from the rows of all clients ---- */

struct check {
	struct truths *truths;
	uint64_t *left; /* contacts of each truth that were not yet seen */
	const struct year *y;
	uint32_t day;
};

static bool below(const char *name, uint32_t len, const char *domain)
{
	size_t n = strlen(domain);

	return len >= n && strcmp(name + len - n, domain) == 0 &&
	       (len == n || name[len - n - 1] == '.');
}

static int take(void *arg, const struct year_row *row)
{
	struct check *c = arg;
	uint64_t at = (uint64_t)(YEAR_FIRST_DAY + c->day) * DAY_NS;
	char text[ADDR_TEXT_MAX];
	bool found = false;

	if (row->kind == CONTACT_IP)
		addr_format(&row->server, row->ip_version, text);
	for (size_t i = 0; i < c->truths->count && !found; i++) {
		struct truth *t = &c->truths->rows[i];

		if (t->ip_version != row->ip_version || !addr_equal(&t->client, &row->client))
			continue;
		found = row->kind == CONTACT_IP
				? t->kind == CONTACT_IP && strcmp(t->indicator, text) == 0
				: t->kind == CONTACT_DOMAIN &&
					  below(row->name, row->name_len, t->indicator);
		if (!found)
			continue;
		assert_true(at + row->first_us * 1000 >= t->first_ns);
		assert_true(at + row->last_us * 1000 <= t->last_ns);
		assert_true(c->left[i] >= row->count);
		c->left[i] -= row->count;
	}
	/* In the truth if, and only if, the row says so. */
	assert_int_equal(found, row->indicator != NULL);
	return 0;
}

static void test_truth(void **state)
{
	struct year *y = make(3, 30, 40);
	struct truths t;
	struct check c = {.truths = &t, .y = y};

	assert_int_equal(truths_of_year(y, 0, &t), 0);
	assert_true(t.count > 100);
	c.left = calloc(t.count, sizeof(*c.left));
	assert_non_null(c.left);
	for (size_t i = 0; i < t.count; i++) {
		c.left[i] = t.rows[i].count;
		assert_true(t.rows[i].first_ns <= t.rows[i].last_ns);
		assert_true(t.rows[i].days >= 1 && t.rows[i].days <= 40);
	}
	for (c.day = 0; c.day < 40; c.day++)
		for (uint32_t i = 0; i < 30; i++)
			year_client_day(y, i, c.day, take, &c);
	for (size_t i = 0; i < t.count; i++)
		assert_int_equal(c.left[i], 0);
	free(c.left);
	truths_free(&t);
	year_free(y);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_again), cmocka_unit_test(test_facts),
		cmocka_unit_test(test_zipf),  cmocka_unit_test(test_names_differ),
		cmocka_unit_test(test_truth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
