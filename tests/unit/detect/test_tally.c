/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Thresholds and rates over several workers (tally.c, threshold.c, rate.c): hits dealt out to workers one after the
 * other are judged as one worker would have; at the same time, within the bounds that the files name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include <pthread.h>

#include "dataplane/detect/rate.h"
#include "dataplane/detect/tally.h"
#include "tests/unit/detect/fake.h"

#define WORKERS 3
#define S 1000000000ull
#define T0 (1700000000 * S)

/* Workers with a rule of one limit; the last of them counts for itself alone. */
struct crew {
	struct detect_peers *peers;
	struct worker w[WORKERS + 1];
	struct config *config;
	struct counters *counters;
	struct match limit;
	struct rule rule;
	struct program_rule of;
	struct detect_program program;
};

static struct crew *crew_new(struct match_threshold t)
{
	struct crew *c = aligned_alloc(64, (sizeof(*c) + 63) & ~(size_t)63);

	assert_non_null(c);
	memset(c, 0, sizeof(*c));
	c->peers = detect_peers_new(WORKERS);
	c->config = config_new();
	c->counters = calloc(WORKERS + 1, sizeof(*c->counters));
	c->limit.u.threshold = t;
	c->rule = (struct rule){.gid = 1, .sid = 7, .thresholds = &c->limit};
	c->of = (struct program_rule){.rule = &c->rule, .threshold_count = 1, .rate_limit = t.type == THRESHOLD_RATE_LIMIT};
	c->program.rules = &c->of;
	c->program.rule_count = 1;
	for (unsigned i = 0; i <= WORKERS; i++) {
		struct worker *w = &c->w[i];

		w->id = i;
		w->config = c->config;
		w->counters = &c->counters[i];
		w->in_the_wire = true;
		w->detect_peers = i < WORKERS ? c->peers : NULL;
		assert_int_equal(detect_worker_new(w), 0);
		w->detect->program = &c->program;
	}
	return c;
}

static void crew_free(struct crew *c)
{
	for (unsigned i = 0; i <= WORKERS; i++) {
		c->w[i].detect->program = NULL;
		detect_worker_free(&c->w[i]);
	}
	detect_peers_free(c->peers);
	config_free(c->config);
	free(c->counters);
	free(c);
}

static struct packet packet_of(unsigned source, uint64_t ts_ns)
{
	struct packet p = {.ip_version = 4, .len = 100, .ts_ns = ts_ns};

	p.src.b[3] = (uint8_t)source;
	p.dst.b[3] = (uint8_t)source;
	return p;
}

/* 16 × the answer, and the action. */
static unsigned hit(struct crew *c, unsigned worker, unsigned source, uint64_t ts_ns)
{
	struct packet p = packet_of(source, ts_ns);
	uint8_t action = 0;

	c->w[worker].now_ns = ts_ns;
	if (c->of.rate_limit)
		return rate_match(&c->w[worker], &p, 0, false);
	return (unsigned)threshold_run(&c->w[worker], &p, &c->of, &action) << 4 | action;
}

static const struct match_threshold kinds[] = {
	{.type = THRESHOLD_LIMIT, .count = 3, .seconds = 10},
	{.type = THRESHOLD_LIMIT, .count = 1, .seconds = 1},
	{.type = THRESHOLD_THRESHOLD, .count = 4, .seconds = 10},
	{.type = THRESHOLD_BOTH, .count = 5, .seconds = 10},
	{.type = THRESHOLD_BOTH, .count = 1, .seconds = 3},
	{.type = THRESHOLD_DETECTION_FILTER, .count = 6, .seconds = 10},
	{.type = THRESHOLD_BACKOFF, .count = 2, .multiplier = 3},
	{.type = THRESHOLD_RATE_FILTER, .count = 3, .seconds = 2, .timeout_s = 4, .new_action = ACTION_DROP},
	{.type = THRESHOLD_RATE_LIMIT, .packets = true, .rate = 20},
	{.type = THRESHOLD_RATE_LIMIT, .rate = 8000},
};

static void as_one_worker(void **state)
{
	static const uint8_t tracks[] = {TRACK_SRC, TRACK_DST, TRACK_RULE};
	unsigned seed = 3;

	(void)state;
	for (unsigned k = 0; k < sizeof(kinds) / sizeof(*kinds); k++)
		for (unsigned t = 0; t < sizeof(tracks); t++) {
			struct match_threshold limit = kinds[k];
			struct crew *c;
			uint64_t now = T0;
			unsigned answers[2] = {0};

			limit.track = tracks[t];
			c = crew_new(limit);
			for (unsigned i = 0; i < 20000; i++) {
				unsigned source = (unsigned)rand_r(&seed) % 3, one, many;

				now += (uint64_t)(rand_r(&seed) % 1000) * 100000 + (rand_r(&seed) % 100 ? 0 : 8 * S);
				one = hit(c, WORKERS, source, now);
				many = hit(c, (unsigned)rand_r(&seed) % WORKERS, source, now);
				if (one != many)
					fail_msg("kind %u, track %u, hit %u: %x, not %x", k, tracks[t], i, many, one);
				answers[one != 0]++;
			}
			assert_true(answers[0] + answers[1] == 20000 && answers[1]);
			crew_free(c);
		}
}

/* A worker that counts for itself alone: what one pair of hosts does is on one worker anyway. */
static void pairs_are_one_workers(void **state)
{
	struct crew *c = crew_new((struct match_threshold){.type = THRESHOLD_LIMIT, .count = 1, .seconds = 10,
							   .track = TRACK_PAIR});

	(void)state;
	assert_int_equal(hit(c, 0, 1, T0), ALERT_WRITE << 4);
	assert_int_equal(hit(c, 1, 1, T0), ALERT_WRITE << 4);
	assert_int_equal(hit(c, 1, 1, T0), ALERT_HIDE << 4);
	crew_free(c);
}

/* Where the table of one worker is full the entry used least lately gives way there, not with the others. */
static void full_table(void **state)
{
	struct crew *c = crew_new((struct match_threshold){.type = THRESHOLD_LIMIT, .count = 1, .seconds = 3600,
							   .track = TRACK_SRC});
	struct packet p = packet_of(0, T0);
	unsigned written = 0;
	uint8_t action;

	(void)state;
	assert_int_equal(hit(c, 0, 1, T0), ALERT_WRITE << 4);
	for (uint32_t i = 1; i <= 100000; i++) {
		memcpy(p.src.b + 8, &i, sizeof(i));
		p.ts_ns = T0 + i;
		written += threshold_run(&c->w[1], &p, &c->of, &action) == ALERT_WRITE;
	}
	assert_int_equal(written, 100000);
	assert_int_equal(hit(c, 1, 1, T0 + S), ALERT_HIDE << 4);
	assert_int_equal(hit(c, 2, 1, T0 + S), ALERT_HIDE << 4);
	crew_free(c);
}

/* ---- at the same time ---- */

#define HITS 100000u

struct hand {
	struct crew *crew;
	unsigned worker, spoke, passed;
	pthread_barrier_t *start;
	uint64_t end_ns;
};

static uint64_t clock_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * S + (uint64_t)t.tv_nsec;
}

static void *hits(void *arg)
{
	struct hand *h = arg;

	pthread_barrier_wait(h->start);
	for (unsigned i = 0; i < HITS; i++)
		h->spoke += hit(h->crew, h->worker, 1, T0) == ALERT_WRITE << 4;
	return NULL;
}

static void *packets(void *arg)
{
	struct hand *h = arg;

	pthread_barrier_wait(h->start);
	for (uint64_t now = clock_now(); now < h->end_ns; now = clock_now())
		h->passed += hit(h->crew, h->worker, 1, now) == 0;
	return NULL;
}

/* All at once; how many spoke, or passed. */
static unsigned together(struct crew *c, void *(*run)(void *), uint64_t end_ns)
{
	struct hand hands[WORKERS];
	pthread_t threads[WORKERS];
	pthread_barrier_t start;
	unsigned sum = 0;

	pthread_barrier_init(&start, NULL, WORKERS);
	for (unsigned i = 0; i < WORKERS; i++) {
		hands[i] = (struct hand){.crew = c, .worker = i, .start = &start, .end_ns = end_ns};
		assert_int_equal(pthread_create(&threads[i], NULL, run, &hands[i]), 0);
	}
	for (unsigned i = 0; i < WORKERS; i++) {
		pthread_join(threads[i], NULL);
		sum += hands[i].spoke + hands[i].passed;
	}
	pthread_barrier_destroy(&start);
	return sum;
}

static void thresholds_together(void **state)
{
	static const struct {
		struct match_threshold t;
		unsigned alerts;
	} cases[] = {
		{{.type = THRESHOLD_LIMIT, .count = 1000, .seconds = 10}, 1000},
		{{.type = THRESHOLD_LIMIT, .count = 1, .seconds = 10}, 1},
		{{.type = THRESHOLD_THRESHOLD, .count = 10, .seconds = 10}, WORKERS * HITS / 10},
		{{.type = THRESHOLD_BOTH, .count = WORKERS * HITS, .seconds = 10}, 1},
		{{.type = THRESHOLD_BOTH, .count = HITS, .seconds = 10}, 1},
		{{.type = THRESHOLD_DETECTION_FILTER, .count = HITS, .seconds = 10}, WORKERS * HITS - HITS},
		{{.type = THRESHOLD_BACKOFF, .count = 2, .multiplier = 2}, 18},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct match_threshold t = cases[i].t;
		struct crew *c;

		t.track = TRACK_SRC;
		c = crew_new(t);
		assert_in_range(together(c, hits, 0), cases[i].alerts, cases[i].alerts + WORKERS - 1);
		crew_free(c);
	}
}

static void rates_together(void **state)
{
	struct crew *c = crew_new((struct match_threshold){.type = THRESHOLD_RATE_LIMIT, .packets = true, .rate = 2000,
							   .track = TRACK_SRC});
	uint64_t begin = clock_now();
	unsigned passed = together(c, packets, begin + S / 2);

	(void)state;
	/* half a second, the burst of a tenth, and one packet of each */
	assert_in_range(passed, 100, 1200 + WORKERS);
	crew_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_one_worker), cmocka_unit_test(pairs_are_one_workers), cmocka_unit_test(full_table),
		cmocka_unit_test(thresholds_together), cmocka_unit_test(rates_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
