/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Asking the courier: several at once, given up on, and of one that dies.
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

#include "control/courier/courier.h"
#include "tests/unit/control/outside.h"

static struct config config;
static struct outside *outside;

struct question {
	struct courier *c;
	const char *url;
	atomic_bool stop;
	int err;
	struct courier_answer a;
	pthread_t thread;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* http://silent/ is never answered. */
static bool answer(void *arg, const struct courier_order *o, const char *body,
		   struct courier_answer *a)
{
	if (strstr(o->r.url, "silent"))
		return false;
	if (strstr(o->r.url, "again"))
		a->status = -EAGAIN;
	else if (strstr(o->r.url, "stopped"))
		a->status = -ECANCELED;
	else
		outside_body(a, o->r.url);
	return true;
}

static void *put_question(void *arg)
{
	struct question *q = arg;
	const struct courier_request r = {.kind = COURIER_FETCH, .url = q->url, .timeout_s = 30};

	q->err = courier_ask(q->c, &r, &q->stop, &q->a);
	return NULL;
}

static void begin(struct question *q, struct courier *c, const char *url)
{
	*q = (struct question){.c = c, .url = url};
	assert_int_equal(pthread_create(&q->thread, NULL, put_question, q), 0);
}

static void end(struct question *q)
{
	pthread_join(q->thread, NULL);
	if (q->a.body_fd >= 0)
		close(q->a.body_fd);
}

static int setup(void **state)
{
	outside = outside_new(answer, NULL);
	*state = courier_open(outside_channel(outside), &config);
	return 0;
}

static int teardown(void **state)
{
	courier_close(*state);
	outside_free(outside);
	return 0;
}

/* Who waits for a silent server is in nobody's way, and leaves when told to. */
static void each_gets_its_own(void **state)
{
	struct question silent, quick;
	double start = now();

	begin(&silent, *state, "http://silent/");
	for (int i = 0; i < 50; i++) {
		char url[64];

		snprintf(url, sizeof(url), "http://quick/%.*s", i, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
								   "xxxxxxxxxxxxxxxxxxxx");
		begin(&quick, *state, url);
		end(&quick);
		assert_int_equal(quick.err, 0);
		assert_int_equal(quick.a.bytes, strlen(url));
	}
	atomic_store(&silent.stop, true);
	end(&silent);
	assert_int_equal(silent.err, -ECANCELED);
	assert_true(now() - start < 15);
}

static void a_dead_courier_keeps_nobody(void **state)
{
	static const char gone[] = "{\"id\":0,\"status\":-32,\"error\":\"the courier process was ended\"}";
	struct question a, b;
	double start = now();

	begin(&a, *state, "http://silent/");
	begin(&b, *state, "http://silent/");
	usleep(300000);
	assert_int_equal(outside_say(outside, gone), 0);
	end(&a);
	end(&b);
	assert_int_equal(a.err, -EPIPE);
	assert_int_equal(b.err, -EPIPE);
	assert_string_equal(a.a.error, "the courier process was ended");
	/* What was said when nobody waited is not of the next. */
	assert_int_equal(outside_say(outside, gone), 0);
	begin(&a, *state, "http://quick/");
	end(&a);
	assert_int_equal(a.err, 0);
	outside_die(outside);
	begin(&a, *state, "http://quick/");
	end(&a);
	assert_int_equal(a.err, -EPIPE);
	assert_string_equal(a.a.error, "the courier process is gone");
	assert_true(now() - start < 5);
}

/* Who talks to strangers does not say what becomes of our jobs. */
static void no_status_of_our_own(void **state)
{
	static const char *const urls[] = {"http://again/", "http://stopped/"};
	struct question q;

	for (size_t i = 0; i < 2; i++) {
		begin(&q, *state, urls[i]);
		end(&q);
		assert_int_equal(q.err, 0);
		assert_int_equal(q.a.status, -EIO);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_gets_its_own, setup, teardown),
		cmocka_unit_test_setup_teardown(a_dead_courier_keeps_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(no_status_of_our_own, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
