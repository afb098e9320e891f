/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/engine/standby.c with ports of our own: who has the queues, and what becomes of the frames.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <pthread.h>
#include <time.h>

#include "dataplane/engine/standby.h"
#include "drivers/frame.h"
#include "drivers/port_driver.h"

#define MS 1000000ull
#define AGE (50 * MS)

static struct fake {
	struct port port;
	unsigned waiting[2]; /* frames on its queues */
	unsigned sent[2];
	unsigned takes;      /* of a burst */
} sides[2];

static uint64_t beats[2];
static _Atomic uint64_t passed, dropped;
static struct port *ports[2] = {&sides[0].port, &sides[1].port};
static struct standby *standby;

static uint16_t fake_rx(struct port *p, unsigned queue, struct rte_mbuf **frames, uint16_t n)
{
	struct fake *f = (struct fake *)(void *)p;
	uint16_t got = 0;

	for (; got < n && f->waiting[queue]; got++, f->waiting[queue]--)
		frames[got] = frame_new(64);
	return got;
}

static uint16_t fake_tx(struct port *p, unsigned queue, struct rte_mbuf **frames, uint16_t n)
{
	struct fake *f = (struct fake *)(void *)p;
	uint16_t sent = n < f->takes ? n : (uint16_t)f->takes;

	for (uint16_t i = 0; i < sent; i++)
		frame_free(frames[i]);
	f->sent[queue] += sent;
	return sent;
}

static const struct port_ops ops = {.scheme = "fake", .rx_burst = fake_rx, .tx_burst = fake_tx};

static int setup(void **state)
{
	memset(sides, 0, sizeof(sides));
	for (unsigned i = 0; i < 2; i++) {
		sides[i].port.ops = &ops;
		sides[i].takes = 1000;
		beats[i] = 1000 * MS;
	}
	passed = dropped = 0;
	assert_int_equal(posix_memalign((void **)&standby, 64, sizeof(*standby)), 0);
	memset(standby, 0, sizeof(*standby));
	standby->ports = ports;
	standby->workers = 2;
	standby->open = true;
	standby->max_age_ns = AGE;
	standby->beat_ns = beats;
	standby->passed = &passed;
	standby->dropped = &dropped;
	return 0;
}

static int teardown(void **state)
{
	free(standby);
	return 0;
}

static void a_worker_that_beats_keeps_its_queues(void **state)
{
	bool any;

	sides[0].waiting[0] = 5;
	assert_int_equal(standby_turn(standby, 1000 * MS + AGE, &any), 0);
	assert_false(any);
	assert_int_equal(sides[0].waiting[0], 5);
}

/* Worker 1 stalls: what waits for it goes out of the other side; worker 0 is left alone; then it comes back. */
static void a_worker_that_stalls_is_passed_by(void **state)
{
	uint64_t now = 1001 * MS + AGE;
	bool any;

	beats[0] = now;
	sides[0].waiting[0] = sides[0].waiting[1] = 5;
	sides[1].waiting[1] = 7;
	assert_int_equal(standby_turn(standby, now, &any), 12);
	assert_true(any);
	assert_int_equal(sides[0].waiting[0], 5);
	assert_int_equal(sides[1].sent[1], 5);
	assert_int_equal(sides[0].sent[1], 7);
	assert_int_equal(passed, 12);
	/* Between the bursts it takes them at once. */
	standby_claim(standby, 1);
	assert_int_equal(standby->queues[1].owner, QUEUES_WORKER);
	sides[0].waiting[1] = 3;
	assert_int_equal(standby_turn(standby, now, &any), 0);
	standby_release(standby, 1);
	beats[1] = now;
	assert_int_equal(standby_turn(standby, now + AGE, &any), 0);
	assert_false(any);
	assert_int_equal(sides[0].waiting[1], 3);
}

static void inside_a_port_they_stay_the_workers(void **state)
{
	bool any;

	standby_claim(standby, 0);
	beats[1] = 9000 * MS;
	sides[0].waiting[0] = 1;
	assert_int_equal(standby_turn(standby, 9000 * MS, &any), 0);
	standby_release(standby, 0);
	assert_int_equal(standby_turn(standby, 9000 * MS, &any), 1);
}

static void what_is_not_taken_is_counted(void **state)
{
	bool any;

	sides[1].takes = 2;
	sides[0].waiting[0] = 5;
	standby_turn(standby, 9000 * MS, &any);
	assert_int_equal(passed, 2);
	assert_int_equal(dropped, 3);
	standby->open = false;
	sides[1].waiting[0] = 4;
	standby_turn(standby, 9000 * MS, &any);
	assert_int_equal(passed, 2);
	assert_int_equal(dropped, 7);
}

static void *a_worker(void *arg)
{
	for (unsigned i = 0; i < 200000; i++) {
		standby_claim(standby, 0);
		assert_int_equal(standby->queues[0].owner, QUEUES_WORKER);
		standby_release(standby, 0);
	}
	atomic_store(&standby->stop, true);
	return NULL;
}

/* It never beats, so both want the queues all the time; the worker gets them each time. */
static void two_threads(void **state)
{
	pthread_t worker;
	bool any;

	standby->workers = 1;
	beats[0] = 0;
	standby->max_age_ns = 0;
	pthread_create(&worker, NULL, a_worker, NULL);
	for (uint64_t now = 1; !standby->stop; now += 2)
		standby_turn(standby, now, &any);
	pthread_join(worker, NULL);
	assert_int_equal(standby->queues[0].owner, QUEUES_FREE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_worker_that_beats_keeps_its_queues, setup, teardown),
		cmocka_unit_test_setup_teardown(a_worker_that_stalls_is_passed_by, setup, teardown),
		cmocka_unit_test_setup_teardown(inside_a_port_they_stay_the_workers, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_not_taken_is_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(two_threads, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
