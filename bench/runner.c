/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/runner.h"

#include <sched.h>
#include <time.h>

#include "dataplane/detect/detect.h"
#include "dataplane/event/ring.h"
#include "dataplane/flow/flow.h"
#include "drivers/frame.h"

#define LONG_NS (10000ull * 1000000000) /* beyond any timeout */
#define ENDS_AT_ONCE 4096u

static double seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct span now(void)
{
	return (struct span){seconds(CLOCK_THREAD_CPUTIME_ID), seconds(CLOCK_MONOTONIC)};
}

static struct span since(struct span before)
{
	struct span after = now();

	return (struct span){after.cpu_s - before.cpu_s, after.wall_s - before.wall_s};
}

/* ---- the records: read by the bench in the place of the control process, not counted ---- */

static uint64_t mix(uint64_t v)
{
	v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9ull;
	v = (v ^ v >> 27) * 0x94d049bb133111ebull;
	return v ^ v >> 31;
}

static void read_alert(struct runner *r, const struct record_head *head)
{
	struct value gid = {0}, sid = {0};

	record_find(head, F_alert_gid, &gid);
	record_find(head, F_alert_signature_id, &sid);
	r->alert_mix += mix(gid.n << 32 ^ sid.n);
}

static void drain(struct runner *r)
{
	struct ring *ring = &r->lane->sink.event, *bulk = &r->lane->sink.bulk;
	struct span before = now(), took;
	uint64_t pos = ring_tail(ring), head = ring_head(ring);

	while (pos < head) {
		uint64_t avail;
		const struct record_head *record = ring_peek(ring, pos, &avail);

		if (!record_valid(record, avail))
			break;
		if (record->type == RECORD_alert)
			read_alert(r, record);
		pos += record->length;
	}
	ring_release(ring, head);
	if (bulk->shared)
		ring_release(bulk, ring_head(bulk));
	took = since(before);
	r->drain_cpu_s += took.cpu_s;
	r->drain_wall_s += took.wall_s;
}

/* Before a ring is so full that a worker would give up records. */
static void drain_if_due(struct runner *r)
{
	const struct ring *event = &r->lane->sink.event, *bulk = &r->lane->sink.bulk;

	if (ring_head(event) - ring_tail(event) > event->size_bytes / 4 ||
	    (bulk->shared && ring_head(bulk) - ring_tail(bulk) > bulk->size_bytes / 4))
		drain(r);
}

/* ---- turns ---- */

static void note_outcome(struct runner *r, const struct counters *before)
{
	const struct counters *c = r->lane->w.counters;

	r->outcome[r->outcome_count++] = (struct outcome){
		.alerts = c->detect_alert - before->detect_alert,
		.flows = c->flow_total - before->flow_total,
		.records = c->record_written - before->record_written,
		.records_lost = c->record_lost - before->record_lost,
		.scan_bytes = c->detect_scan_bytes - before->detect_scan_bytes,
		.scan_calls = c->detect_scan_calls - before->detect_scan_calls,
		.alert_mix = r->alert_mix,
		.held = traffic_held(&r->copy),
	};
}

static void cycles_add(struct counters *sum, const struct counters *before,
		       const struct counters *after)
{
	uint64_t *s = (uint64_t *)(void *)sum;
	const uint64_t *b = (const uint64_t *)(const void *)before;
	const uint64_t *a = (const uint64_t *)(const void *)after;

	for (size_t i = 0; i < sizeof(*sum) / sizeof(*s); i++)
		s[i] += a[i] - b[i];
}

static void feed(struct runner *r, size_t from, size_t to)
{
	struct lane *l = r->lane;
	struct rte_mbuf *burst[BURST];

	for (size_t i = from; i < to; i += BURST) {
		unsigned n = to - i < BURST ? (unsigned)(to - i) : BURST;

		traffic_take(&r->copy, i, n, burst);
		pipeline_burst(l, burst, n);
		lane_quiescent(l);
		drain_if_due(r);
	}
}

/* All flows end. Where there are more than a ring has room for, by their timers, which can be stopped to
 * read it. */
static void end_flows(struct runner *r)
{
	struct worker *w = &r->lane->w;

	if (r->traffic->is_made)
		w->now_ns += LONG_NS;
	while (r->traffic->is_made && w->counters->flow_active) {
		flow_timers(w, w->now_ns, ENDS_AT_ONCE);
		drain_if_due(r);
	}
	flow_end_all(w);
}

/* One loop of the traffic through the pipeline; at its end no flow and no memory of one is left. */
static void engine_turn(struct runner *r, struct round *round)
{
	struct lane *l = r->lane;
	struct counters before = *l->w.counters, begin;
	struct span start, at_end;

	r->alert_mix = 0;
	feed(r, 0, r->traffic->warm);
	r->drain_cpu_s = r->drain_wall_s = 0;
	begin = *l->w.counters;
	start = now();
	feed(r, r->traffic->warm, r->traffic->count);
	if (round) {
		round->engine = since(start);
		round->engine.cpu_s -= r->drain_cpu_s;
		round->engine.wall_s -= r->drain_wall_s;
		round->begun = l->w.counters->flow_total - begin.flow_total;
		round->ended = l->w.counters->flow_ended - begin.flow_ended;
		round->open = l->w.counters->flow_active;
		cycles_add(&r->cycles, &begin, l->w.counters);
		r->drain_cpu_s = r->drain_wall_s = 0;
	}
	at_end = now();
	end_flows(r);
	decode_worker_reset(&l->w);
	detect_worker_reset(&l->w);
	if (round) {
		round->end = since(at_end);
		round->end.cpu_s -= r->drain_cpu_s;
		round->end.wall_s -= r->drain_wall_s;
		if (!r->traffic->is_made) { /* the end of flows is part of what a capture costs */
			round->engine.cpu_s += round->end.cpu_s;
			round->engine.wall_s += round->end.wall_s;
		}
	}
	drain(r);
	traffic_next(&r->copy);
	note_outcome(r, &before);
}

static void bare_turn(struct runner *r, struct round *round)
{
	struct span start = now();

	r->bare_matches = scans_run(r->scans);
	round->bare = since(start);
}

/* What making the frames costs by itself. Gives back what it takes. */
static void source_turn(struct runner *r, struct round *round)
{
	struct rte_mbuf *burst[BURST];
	size_t count = r->traffic->count;
	struct span start = now();

	for (size_t i = r->traffic->warm; i < count; i += BURST) {
		unsigned n = count - i < BURST ? (unsigned)(count - i) : BURST;

		traffic_take(&r->copy, i, n, burst);
		for (unsigned k = 0; k < n; k++)
			rte_mbuf_refcnt_set(burst[k], 1);
	}
	round->source = since(start);
	traffic_next(&r->copy);
}

static void pin(int core)
{
	cpu_set_t set;

	if (core < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET(core, &set);
	pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

/* A ring's pages are there before the time counts: a live ring has long been written to. Empty yet. */
static void touch_ring(const struct ring *ring)
{
	volatile uint8_t *data = ring->data;

	/* It is mapped twice in a row. */
	for (uint64_t at = 0; data && at < 2 * ring->size_bytes; at += 4096)
		data[at] = 0;
}

static bool prepare(struct runner *r)
{
	pin(r->core);
	touch_ring(&r->lane->sink.event);
	touch_ring(&r->lane->sink.bulk);
	r->scans = scans_new();
	if (!r->scans || traffic_copy_new(&r->copy, r->traffic, r->lane->w.id) != 0)
		r->error = "no memory for a copy of the capture";
	else if (lane_modules_new(r->lane) != 0)
		r->error = r->lane->engine->shared->status.error;
	return !r->error;
}

/* A loop, at whose end flows are idle for a while. */
static void idle_turn(struct runner *r)
{
	r->memory.begin = idle_read(&r->lane->w);
	feed(r, 0, r->traffic->count);
	idle_wait(&r->lane->w, &r->memory);
	end_flows(r);
	decode_worker_reset(&r->lane->w);
	detect_worker_reset(&r->lane->w);
	drain(r);
}

void *runner_main(void *runner)
{
	struct runner *r = runner;
	bool good = prepare(r);

	pthread_barrier_wait(r->barrier);
	if (good && r->idle) {
		idle_turn(r);
		lane_modules_free(r->lane);
		traffic_copy_free(&r->copy);
		return NULL;
	}
	if (good)
		engine_turn(r, NULL);
	r->scans_whole = true;
	if (good && !r->engine_only) {
		scans_begin(r->scans);
		engine_turn(r, NULL);
		r->scans_whole = scans_end();
	}
	for (unsigned i = 0; i < r->rounds; i++) {
		pthread_barrier_wait(r->barrier);
		if (good)
			engine_turn(r, &r->round[i]);
		pthread_barrier_wait(r->barrier);
		if (good)
			bare_turn(r, &r->round[i]);
		pthread_barrier_wait(r->barrier);
		if (good)
			source_turn(r, &r->round[i]);
	}
	if (good && r->groups)
		r->tallies = scans_tally(r->scans);
	if (good) {
		lane_modules_free(r->lane);
		traffic_copy_free(&r->copy);
	}
	return NULL;
}
