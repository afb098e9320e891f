/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Look-ups in the memory of contacts beside what changes it: ingestion, days that expire.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "control/contact/contacts.h"
#include "control/contact/query.h"
#include "control/store/days.h"
#include "control/store/store.h"
#include "dataplane/event/record.h"
#include "tests/unit/control/feed.h"

#define FIRST_DAY 19753u
#define COMMIT_EVERY 5000

struct fixture {
	struct feed *f;
	struct store *store;
	struct contacts *contacts;
	struct store_batch *batch;
	char path[96];
	unsigned staged;
	atomic_bool stop;
	/* what a thread saw */
	uint64_t longest_ns;
	_Atomic uint64_t rounds;
	atomic_int err;
};

static int setup(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));

	x->f = feed_new();
	snprintf(x->path, sizeof(x->path), "%s/store", x->f->dir);
	assert_int_equal(store_open(&x->store, x->path, STORE_WRITE, NULL), 0);
	assert_int_equal(contacts_new(&x->contacts, x->store, x->f->config), 0);
	x->batch = store_batch_new();
	*state = x;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *x = *state;

	contacts_free(x->contacts);
	store_batch_free(x->batch);
	store_close(x->store);
	feed_free(x->f);
	free(x);
	return 0;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void commit(struct fixture *x)
{
	contacts_record(x->contacts, x->batch);
	assert_int_equal(store_write(x->store, x->batch, false), 0);
	store_batch_clear(x->batch);
	contacts_committed(x->contacts);
	x->staged = 0;
}

static const struct addr client = {{10, 0, 0, 1}};

static void stage(struct fixture *x, unsigned day, const char *name)
{
	struct record_head h = {.type = RECORD_contact, .ts_ns = (FIRST_DAY + day) * DAY_NS + 1000};
	_Alignas(8) uint8_t memory[512];
	struct recorder r;

	rec_begin(&r, memory, sizeof(memory), &h);
	rec_uint(&r, F_contact_kind, CONTACT_DOMAIN);
	rec_text(&r, F_contact_value, name);
	rec_addr(&r, F_contact_client, &client, 4);
	rec_end(&r);
	assert_int_equal(contacts_stage(x->contacts, (struct record_head *)(void *)memory), 0);
	if (++x->staged == COMMIT_EVERY)
		commit(x);
}

/* "…" of the key order that is not that in which they came. */
static void name_of(unsigned i, char text[64])
{
	snprintf(text, 64, "w%u.%08x.some-longer-name.example", i % 3, i * 2654435761u);
}

static void stage_names(struct fixture *x, unsigned day, unsigned n)
{
	char text[64];

	for (unsigned i = 0; i < n; i++) {
		name_of(i, text);
		stage(x, day, text);
	}
	commit(x);
}

static void keep_all(struct fixture *x)
{
	contacts_seal_all(x->contacts, 1);
	while (contacts_keep(x->contacts) == 1)
		;
}

/* How many contacts there are with names below this one. */
static uint64_t below(struct contact_session *s, const char *name)
{
	static uint8_t key[VALUE_KEY_MAX + 4];
	struct contact_result r = {0};
	struct contact_want want;
	uint64_t n = 0;

	assert_int_equal(contact_want_of(CONTACT_DOMAIN, name, true, &want, key), 0);
	assert_true(contacts_session_find(s, &want, NULL, &r) >= 0);
	assert_int_equal(contact_result_finish(&r), 0);
	for (size_t i = 0; i < r.count; i++)
		n += r.rows[i].count;
	contact_result_free(&r);
	return n;
}

/* Takes the lock of the contacts again and again, as ingestion does. */
static void *wait_for_lock(void *arg)
{
	struct fixture *x = arg;
	struct contacts_figures f;

	while (!x->stop) {
		uint64_t before = now_ns(), took;

		contacts_figures(x->contacts, &f);
		took = now_ns() - before;
		if (took > x->longest_ns)
			x->longest_ns = took;
	}
	return NULL;
}

#define NAMES 150000
#define LOOKS 40
#define TRIES 8

/* One session of so many look-ups that the values of the table are sorted. Returns its longest one. */
static uint64_t look_often(struct fixture *x)
{
	uint64_t longest = 0;
	struct contact_session *s;
	char text[64];

	assert_int_equal(contacts_session_new(&s, x->contacts), 0);
	for (unsigned i = 0; i < LOOKS; i++) {
		uint64_t before = now_ns(), took;

		name_of(i * 1000, text);
		assert_int_equal(below(s, text + 3), 1);
		took = now_ns() - before;
		longest = took > longest ? took : longest;
	}
	contacts_session_free(s);
	return longest;
}

/* Who ingests does not wait while a session sorts a big table. The machine may have let the other
 * thread wait: one try of several is enough. */
static void test_sorting(void **state)
{
	struct fixture *x = *state;
	bool good = false;

	stage_names(x, 0, NAMES);
	for (unsigned i = 0; i < TRIES && !good; i++) {
		pthread_t thread;
		uint64_t longest;

		x->stop = false;
		x->longest_ns = 0;
		assert_int_equal(pthread_create(&thread, NULL, wait_for_lock, x), 0);
		longest = look_often(x);
		x->stop = true;
		pthread_join(thread, NULL);
		good = x->longest_ns < longest / 2;
		if (!good)
			print_message("waited %.1f ms of %.1f\n", (double)x->longest_ns / 1e6,
				      (double)longest / 1e6);
	}
	assert_true(good);
}

static void *ingest(void *arg)
{
	struct fixture *x = arg;
	char text[64];

	for (unsigned i = NAMES; !x->stop && i < 2 * NAMES; i++) {
		name_of(i, text);
		stage(x, 0, text);
	}
	commit(x);
	return NULL;
}

/* A table that grows while it is sorted: what was there is found. */
static void test_sorting_growing(void **state)
{
	struct fixture *x = *state;
	pthread_t thread;

	stage_names(x, 0, NAMES);
	assert_int_equal(pthread_create(&thread, NULL, ingest, x), 0);
	for (unsigned i = 0; i < 5; i++)
		look_often(x);
	x->stop = true;
	pthread_join(thread, NULL);
	/* sealed: nothing of it changes */
	contacts_seal_all(x->contacts, 1);
	look_often(x);
}

static void *read_client(void *arg)
{
	struct fixture *x = arg;

	while (!x->stop && !x->err) {
		struct contact_result r = {0};
		struct contact_session *s;
		int found;

		assert_int_equal(contacts_session_new(&s, x->contacts), 0);
		found = contacts_session_client(s, &client, 4, NULL, &r);
		if (found < 0)
			x->err = found;
		contacts_session_free(s);
		contact_result_free(&r);
		x->rounds++;
	}
	return NULL;
}

#define EXPIRE_DAYS 12
#define READERS 3
#define EXPIRE_NAMES 25000

/* Days expire while a client's are read: they are told or not, and it is no error. */
static void test_expire(void **state)
{
	struct fixture *x = *state;
	pthread_t thread[READERS];

	for (unsigned day = 0; day < EXPIRE_DAYS; day++) {
		stage_names(x, day, EXPIRE_NAMES);
		keep_all(x);
	}
	for (unsigned i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, read_client, x), 0);
	for (unsigned day = 1; day <= EXPIRE_DAYS; day++) {
		uint64_t before = x->rounds;

		while (x->rounds == before && !x->err)
			nanosleep(&(struct timespec){0, 1000000}, NULL);
		assert_int_equal(contacts_expire(x->contacts, (uint16_t)(FIRST_DAY + day)), 0);
	}
	x->stop = true;
	for (unsigned i = 0; i < READERS; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(x->err, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {TEST(test_sorting), TEST(test_sorting_growing), TEST(test_expire)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
