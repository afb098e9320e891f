/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The queue of long work: order, progress, cancelling, being run again, what a waiting client gets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "control/jobs/desk.h"
#include "control/jobs/jobs.h"
#include "tests/unit/control/feed.h"

struct fixture {
	struct feed *f;
	struct store *s;
	struct desk desk;
	struct jobs *jobs;
};

static int setup(void **state)
{
	static struct fixture x;
	char path[96];

	x = (struct fixture){.f = feed_new()};
	snprintf(path, sizeof(path), "%s/store", x.f->dir);
	assert_int_equal(store_open(&x.s, path, STORE_WRITE, NULL), 0);
	desk_init(&x.desk);
	assert_int_equal(jobs_start(&x.jobs, x.s, &x.desk, NULL), 0);
	*state = &x;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *x = *state;

	jobs_stop(x->jobs);
	desk_fini(&x->desk);
	store_close(x->s);
	feed_free(x->f);
	return 0;
}

static int say_hello(struct job *j, struct desk *d)
{
	text_str(&j->result, "\"hello\"");
	return 0;
}

static int third_time(struct job *j, struct desk *d)
{
	text_str(&j->result, "\"done\"");
	return ++j->done < 3 ? -EAGAIN : 0;
}

static int until_stopped(struct job *j, struct desk *d)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	while (!j->stop)
		nanosleep(&pause, NULL);
	return -ECANCELED;
}

/* Waits until stopped, outside the store, which others may use and open anew meanwhile. */
static int wait_outside(struct job *j, struct desk *d)
{
	until_stopped(j, d);
	return job_enter(j) == -ECANCELED ? -ECANCELED : 0;
}

static int take_turns(struct job *j, struct desk *d)
{
	for (int i = 0; i < 100; i++) {
		if (job_enter(j) != 0)
			return -ECANCELED;
		j->done++;
		job_leave(j);
	}
	text_str(&j->result, "\"turns\"");
	return 0;
}

static int break_down(struct job *j, struct desk *d)
{
	snprintf(j->error, sizeof(j->error), "it did not work");
	return -EIO;
}

static const struct job *wait_for(struct jobs *js)
{
	struct pollfd p = {.fd = jobs_fd(js), .events = POLLIN};
	const struct job *j = NULL;

	for (int i = 0; i < 1000 && !j; i++) {
		uint64_t count;

		if (poll(&p, 1, 10) > 0 && read(jobs_fd(js), &count, sizeof(count)) < 0)
			break;
		j = jobs_take_finished(js);
	}
	return j;
}

static uint64_t submit(struct jobs *js, int (*run)(struct job *, struct desk *), uint64_t client)
{
	struct job *j = job_new("test", run);

	assert_non_null(j);
	j->client = client;
	return jobs_submit(js, j);
}

static void in_order_with_their_answers(void **state)
{
	struct fixture *x = *state;
	const struct job *j;

	assert_int_equal(submit(x->jobs, say_hello, 7), 1);
	assert_int_equal(submit(x->jobs, third_time, 8), 2);
	assert_int_equal(submit(x->jobs, break_down, 9), 3);
	j = wait_for(x->jobs);
	assert_int_equal(j->client, 7);
	assert_int_equal(j->state, JOB_DONE);
	assert_memory_equal(j->result.data, "\"hello\"", 7);
	j = wait_for(x->jobs);
	assert_int_equal(j->client, 8);
	assert_int_equal(j->result.len, 6); /* what earlier attempts wrote is gone */
	j = wait_for(x->jobs);
	assert_int_equal(j->client, 9);
	assert_int_equal(j->state, JOB_FAILED);
	assert_string_equal(j->error, "it did not work");
	assert_null(jobs_take_finished(x->jobs));
}

static void stopped_when_asked(void **state)
{
	struct fixture *x = *state;
	uint64_t first = submit(x->jobs, until_stopped, 7), second = submit(x->jobs, say_hello, 8);

	assert_true(jobs_cancel(x->jobs, second));
	assert_true(jobs_cancel(x->jobs, first));
	assert_false(jobs_cancel(x->jobs, 99));
	assert_int_equal(wait_for(x->jobs)->state, JOB_CANCELLED);
	assert_int_equal(wait_for(x->jobs)->state, JOB_CANCELLED);
}

static uint64_t submit_outside(struct jobs *js, int (*run)(struct job *, struct desk *),
			       uint64_t client)
{
	struct job *j = job_new("test", run);

	j->client = client;
	j->outside = true;
	return jobs_submit(js, j);
}

static void who_waits_outside_holds_up_nobody(void **state)
{
	struct fixture *x = *state;
	uint64_t first = submit_outside(x->jobs, wait_outside, 7);
	const struct job *j;
	struct text list = {0};

	assert_true(jobs_outside(x->jobs));
	submit(x->jobs, say_hello, 8);
	j = wait_for(x->jobs);
	assert_int_equal(j->client, 8);
	assert_int_equal(j->state, JOB_DONE);
	assert_int_equal(store_reopen(x->s), 0);
	jobs_list(x->jobs, &list);
	assert_non_null(strstr(text_cstr(&list), "\"running\""));
	text_free(&list);
	assert_true(jobs_cancel(x->jobs, first));
	j = wait_for(x->jobs);
	assert_int_equal(j->client, 7);
	assert_int_equal(j->state, JOB_CANCELLED);
	assert_false(jobs_outside(x->jobs));
	/* In turns with a job that is at the store for long. */
	first = submit(x->jobs, until_stopped, 9);
	submit_outside(x->jobs, take_turns, 10);
	usleep(50000);
	assert_true(jobs_cancel(x->jobs, first));
	j = wait_for(x->jobs);
	if (j->client == 9) /* in whatever order they end */
		j = wait_for(x->jobs);
	assert_int_equal(j->client, 10);
	assert_int_equal(j->done, 100);
}

static void too_much_is_refused(void **state)
{
	struct fixture *x = *state;
	uint64_t first = submit(x->jobs, until_stopped, 0);
	unsigned taken = 0;

	while (taken < 2 * JOBS_QUEUED_MAX && submit(x->jobs, say_hello, 0))
		taken++;
	assert_in_range(taken, JOBS_QUEUED_MAX - 1, JOBS_QUEUED_MAX + 1);
	assert_true(jobs_cancel(x->jobs, first));
}

static void listed_newest_first(void **state)
{
	struct fixture *x = *state;
	struct text out = {0};

	submit(x->jobs, say_hello, 1);
	submit(x->jobs, say_hello, 1);
	wait_for(x->jobs);
	wait_for(x->jobs);
	jobs_list(x->jobs, &out);
	assert_non_null(strstr(text_cstr(&out), "[{\"job\":2,\"what\":\"test\",\"state\":\"done\""));
	text_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(in_order_with_their_answers, setup, teardown),
		cmocka_unit_test_setup_teardown(stopped_when_asked, setup, teardown),
		cmocka_unit_test_setup_teardown(who_waits_outside_holds_up_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(too_much_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(listed_newest_first, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
