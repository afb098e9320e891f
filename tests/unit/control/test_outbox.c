/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The outbox: each finding to each destination, none for another's sake, whatever does not answer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "control/base/when.h"
#include "control/courier/notify.h"
#include "control/courier/outbox.h"
#include "control/store/bytes.h"
#include "tests/unit/control/feed.h"
#include "tests/unit/control/outside.h"

#define MINUTE_NS 60000000000ull

struct fixture {
	struct feed *f;
	struct store *s;
	struct outside *outside;
	struct courier *courier;
	struct notifier *n;
	atomic_bool stop;
	_Atomic unsigned asked, told[4]; /* told: by the number in http://N/ */
	unsigned dead;                   /* asks from this number on fail; 0: none */
	char last[256];
};

static bool answer(void *arg, const struct courier_order *o, const char *body,
		   struct courier_answer *a)
{
	struct fixture *x = arg;
	const char *digit = strpbrk(o->r.url, "0123456789");

	x->asked++;
	if (strstr(o->r.url, "silent"))
		return false;
	if (strstr(o->r.url, "dead") || (x->dead && x->asked >= x->dead)) {
		a->status = -ECONNREFUSED;
		snprintf(a->error, sizeof(a->error), "nobody there");
		return true;
	}
	if (digit && *digit < '4')
		x->told[*digit - '0']++;
	snprintf(x->last, sizeof(x->last), "%.255s", body);
	outside_body(a, "");
	return true;
}

static int setup(void **state)
{
	static struct fixture x;
	char path[96];

	x = (struct fixture){.f = feed_new()};
	snprintf(path, sizeof(path), "%s/store", x.f->dir);
	assert_int_equal(store_open(&x.s, path, STORE_WRITE, NULL), 0);
	x.outside = outside_new(answer, &x);
	x.courier = courier_open(outside_channel(x.outside), x.f->config);
	*state = &x;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *x = *state;

	notifier_free(x->n);
	courier_close(x->courier);
	outside_free(x->outside);
	store_close(x->s);
	feed_free(x->f);
	return 0;
}

static void start(struct fixture *x, const char *key, const char *value)
{
	char error[256];

	assert_int_equal(config_set(x->f->config, key, value, error, sizeof(error)), 0);
	notifier_free(x->n);
	x->n = notifier_new(x->s, x->f->config, x->courier);
}

static json_t *finding(int id)
{
	return json_pack("{s:i s:s s:s s:s s:s}", "id", id, "client", "10.0.0.1", "kind", "domain",
			 "indicator", "evil.example.com", "first", "2026-01-01T00:00:00.000000+0000");
}

static void found(struct fixture *x, int from, int to)
{
	struct store_batch *b = store_batch_new();

	for (int i = from; i < to; i++) {
		json_t *f = finding(i);

		assert_int_equal(notify_enqueue(x->s, b, x->f->config, f), 0);
		json_decref(f);
	}
	assert_int_equal(store_write(x->s, b, true), 0);
	store_batch_free(b);
}

static unsigned waiting(struct fixture *x)
{
	struct store_iter *it = store_iter_new(x->s, STORE_outbox, NULL, NULL, NULL);
	unsigned n = 0;

	for (store_iter_first(it); store_iter_valid(it); store_iter_next(it))
		n++;
	store_iter_free(it);
	return n;
}

static void flush(struct fixture *x, uint64_t now_ns)
{
	assert_int_equal(notifier_flush(x->n, now_ns, &x->stop), 0);
}

static void a_dead_server_keeps_nothing_from_the_others(void **state)
{
	struct fixture *x = *state;
	uint64_t now = wall_clock_ns();

	start(x, "intel.share", "http://dead/,http://1/,http://2/");
	found(x, 1, 2);
	assert_int_equal(waiting(x), 3);
	for (unsigned i = 0; i < 5; i++)
		flush(x, now + i * 10 * MINUTE_NS);
	assert_int_equal(x->told[1], 1);
	assert_int_equal(x->told[2], 1);
	assert_int_equal(waiting(x), 1);
	assert_in_range(x->asked, 4, 7); /* the dead one was asked again, but less and less often */
	/* Nobody is told later who was not there then. */
	start(x, "intel.share", "http://dead/,http://3/");
	flush(x, now + 100 * MINUTE_NS);
	assert_int_equal(x->told[3], 0);
	flush(x, now + 8 * 24 * 60 * MINUTE_NS);
	assert_int_equal(waiting(x), 0);
}

static void rows_of_old_go_to_all(void **state)
{
	struct fixture *x = *state;
	uint64_t now = wall_clock_ns();
	json_t *row = json_pack("{s:i s:i s:o}", "tries", 0, "next", 0, "finding", finding(1));
	char *text = json_dumps(row, 0);
	uint8_t key[9];

	put_be64(key, now);
	key[8] = NOTIFY_SHARE;
	assert_int_equal(store_put(x->s, STORE_outbox, key, sizeof(key), text, strlen(text)), 0);
	start(x, "intel.share", "http://dead/,http://1/,http://2/");
	flush(x, now);
	flush(x, now + MINUTE_NS / 10);
	assert_int_equal(x->told[1], 1);
	assert_int_equal(x->told[2], 1);
	assert_int_equal(waiting(x), 1);
	free(text);
	json_decref(row);
}

/* A message for each finding; all in one walk over the outbox, and none twice. */
static void many_lines_of_syslog(void **state)
{
	struct fixture *x = *state;
	uint64_t now;
	clock_t start_clock;

	start(x, "notify.syslog", "tcp://1:514");
	found(x, 0, 3000);
	now = wall_clock_ns();
	start_clock = clock();
	x->dead = 301;
	flush(x, now);
	assert_int_equal(x->told[1], 300);
	assert_int_equal(waiting(x), 2700);
	x->dead = 0;
	flush(x, now + 2 * MINUTE_NS);
	assert_int_equal(x->told[1], 3000);
	assert_int_equal(waiting(x), 0);
	assert_true((double)(clock() - start_clock) / CLOCKS_PER_SEC < 10);
}

static void *flush_thread(void *arg)
{
	struct fixture *x = arg;

	return (void *)(intptr_t)notifier_flush(x->n, wall_clock_ns(), &x->stop);
}

/* Who waits for a server is not at the store, and leaves when told to. */
static void a_silent_server_holds_nobody(void **state)
{
	struct fixture *x = *state;
	pthread_t thread;
	time_t began = time(NULL);
	void *result;

	start(x, "notify.webhook", "http://silent/");
	found(x, 1, 2);
	assert_int_equal(pthread_create(&thread, NULL, flush_thread, x), 0);
	while (!x->asked)
		usleep(1000);
	assert_int_equal(store_reopen(x->s), 0);
	atomic_store(&x->stop, true);
	pthread_join(thread, &result);
	assert_int_equal((intptr_t)result, -ECANCELED);
	assert_int_equal(waiting(x), 1);
	assert_true(time(NULL) - began < 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_dead_server_keeps_nothing_from_the_others, setup,
						teardown),
		cmocka_unit_test_setup_teardown(rows_of_old_go_to_all, setup, teardown),
		cmocka_unit_test_setup_teardown(many_lines_of_syslog, setup, teardown),
		cmocka_unit_test_setup_teardown(a_silent_server_holds_nobody, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
