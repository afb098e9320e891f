/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/idle.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#if HAVE_JEMALLOC
#include <jemalloc/jemalloc.h>
#endif

#include "dataplane/flow/table.h"
#include "dataplane/stream/session.h"

#define NS_PER_S 1000000000ull
#define AT_ONCE 4096u
#define TURNS 7

/* What the thread has taken by itself, the worker's heap included. */
static uint64_t thread_bytes(void)
{
	uint64_t taken = 0, given = 0;
#if HAVE_JEMALLOC
	size_t size = sizeof(taken);

	if (mallctl("thread.allocated", &taken, &size, NULL, 0) != 0 ||
	    mallctl("thread.deallocated", &given, &size, NULL, 0) != 0)
		return 0;
#endif
	return taken - given;
}

struct idle_memory idle_read(const struct worker *w)
{
	return (struct idle_memory){
		.flows = w->counters->flow_active,
		.sessions = w->counters->tcp_active_sessions,
		.resting = w->counters->tcp_resting_sessions,
		.heap_bytes = w->heap.used_bytes,
		.library_bytes = thread_bytes() - w->heap.used_bytes,
	};
}

static bool pass(struct worker *w, struct flow *f, void *arg)
{
	(void)w;
	(void)f;
	(void)arg;
	return true;
}

/* Each flow at rest wakes and rests again. */
static double again(struct worker *w)
{
	struct timespec from, to;
	double s, least = 1e9;

	for (unsigned i = 0; i < TURNS; i++) {
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
		flow_walk(w, pass, NULL);
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
		s = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
		least = s < least ? s : least;
	}
	return w->counters->tcp_resting_sessions ? least / (double)w->counters->tcp_resting_sessions : 0;
}

static bool look_at(struct worker *w, struct flow *f, void *arg)
{
	struct idle_proto *proto = (struct idle_proto *)arg + f->app_proto;

	(void)w;
	proto->flows++;
	proto->open += f->app && f->app->live;
	for (unsigned d = 0; f->tcp && d < 2; d++)
		proto->window_bytes += f->tcp->side[d].bytes ? f->tcp->side[d].bytes->raw_len : 0;
	return true;
}

static void end_of(struct worker *w, unsigned id, struct idle_proto *proto)
{
	struct flow_table *t = w->flows;
	uint64_t heap = w->heap.used_bytes, library = thread_bytes() - heap;

	for (uint32_t i = 0; i < t->fresh; i = flow_index_next(i))
		if (flow_cold(&t->flows[i])->id && t->flows[i].app_proto == id)
			flow_end(w, &t->flows[i], FLOW_END_SHUTDOWN);
	proto->heap_bytes = heap - w->heap.used_bytes;
	proto->library_bytes = library - (thread_bytes() - w->heap.used_bytes);
}

void idle_wait(struct worker *w, struct idle *idle)
{
	uint64_t rest_s = w->flows->rest_ns / NS_PER_S;

	idle->awake = idle_read(w);
	for (uint64_t s = 0; s < 2 * rest_s + 2; s++) {
		w->now_ns += NS_PER_S;
		for (unsigned i = 0; i < 16; i++)
			flow_timers(w, w->now_ns, AT_ONCE);
	}
	idle->rest = idle_read(w);
	idle->again_s = again(w);
	flow_walk(w, look_at, idle->proto);
	for (unsigned i = 0; i < APP_PROTO_COUNT; i++)
		end_of(w, i, &idle->proto[i]);
}

static void line(const char *name, const struct idle_memory *begin, const struct idle_memory *m)
{
	double flows = m->flows ? (double)m->flows : 1;
	double own = sizeof(struct flow) + sizeof(struct flow_cold) +
		     (double)sizeof(struct flow_bucket) / BUCKET_LOAD;
	double session = (double)(m->sessions - m->resting) * sizeof(struct tcp_session) / flows;
	double heap = (double)(m->heap_bytes - begin->heap_bytes) / flows;
	double library = (double)(int64_t)(m->library_bytes - begin->library_bytes) / flows;

	printf("  %-8s %8" PRIu64 " flows, %" PRIu64 " at rest: flow %.0f + session %.0f + heap %.0f + libraries %.0f = "
	       "%.0f bytes\n", name, m->flows, m->resting, own, session, heap, library, own + session + heap + library);
}

void idle_text(const struct idle *idle)
{
	line("awake", &idle->begin, &idle->awake);
	line("at rest", &idle->begin, &idle->rest);
	printf("  a wake and a rest: %.0f ns\n", idle->again_s * 1e9);
	printf("\n  %-14s %8s %8s %10s %10s %10s   bytes a flow\n", "protocol", "flows", "open", "look-back", "heap",
	       "libraries");
	for (unsigned i = 0; i < APP_PROTO_COUNT; i++) {
		const struct idle_proto *p = &idle->proto[i];

		if (p->flows)
			printf("  %-14s %8" PRIu64 " %8" PRIu64 " %10" PRIu64 " %10" PRIu64 " %10" PRIu64 "\n",
			       app_proto_names[i], p->flows, p->open, p->window_bytes / p->flows,
			       p->heap_bytes / p->flows, p->library_bytes / p->flows);
	}
}
