/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/clock.h"

#include <time.h>

#include <rte_cycles.h>

#define NS_PER_SECOND 1000000000ull
/* A wall clock that jumped further than this is followed at once. */
#define JUMP_NS 500000000ll

static uint64_t wall_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * NS_PER_SECOND + (uint64_t)t.tv_nsec;
}

static uint64_t scale(uint64_t ticks, uint64_t mult)
{
	return (uint64_t)((unsigned __int128)ticks * mult >> 32);
}

static void publish(struct clock *c, uint64_t tsc, uint64_t ns, uint64_t mult)
{
	uint32_t seq = atomic_load_explicit(&c->sequence, memory_order_relaxed);

	atomic_store_explicit(&c->sequence, seq + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	atomic_store_explicit(&c->tsc, tsc, memory_order_relaxed);
	atomic_store_explicit(&c->ns, ns, memory_order_relaxed);
	atomic_store_explicit(&c->mult, mult, memory_order_relaxed);
	atomic_store_explicit(&c->sequence, seq + 2, memory_order_release);
}

uint64_t clock_at(struct clock *c, uint64_t tsc)
{
	for (;;) {
		uint32_t before = atomic_load_explicit(&c->sequence, memory_order_acquire);
		uint64_t base = atomic_load_explicit(&c->tsc, memory_order_relaxed);
		uint64_t ns = atomic_load_explicit(&c->ns, memory_order_relaxed);
		uint64_t mult = atomic_load_explicit(&c->mult, memory_order_relaxed);

		atomic_thread_fence(memory_order_acquire);
		if (before & 1 ||
		    atomic_load_explicit(&c->sequence, memory_order_relaxed) != before)
			continue;
		/* A reading from just before the anchor. */
		return tsc < base ? ns - scale(base - tsc, mult) : ns + scale(tsc - base, mult);
	}
}

static void base_set(struct clock *c, uint64_t tsc, uint64_t wall)
{
	c->base_tsc = tsc;
	c->base_ns = wall;
}

void clock_start(struct clock *c, uint64_t hz)
{
	uint64_t tsc = rte_rdtsc(), wall = wall_ns();

	c->hz = hz ? hz : 1;
	base_set(c, tsc, wall);
	publish(c, tsc, wall, (uint64_t)(((unsigned __int128)NS_PER_SECOND << 32) / c->hz));
}

int64_t clock_anchor(struct clock *c)
{
	uint64_t tsc = rte_rdtsc(), wall = wall_ns(), said = clock_at(c, tsc);
	int64_t skew = (int64_t)(said - wall);
	uint64_t mult;

	/* The rate as seen since the start: what the processor says of it is off by some 0.1 %. */
	if (wall > c->base_ns + NS_PER_SECOND / 2)
		c->hz = (uint64_t)((unsigned __int128)(tsc - c->base_tsc) * NS_PER_SECOND /
				   (wall - c->base_ns));
	mult = (uint64_t)(((unsigned __int128)NS_PER_SECOND << 32) / (c->hz ? c->hz : 1));
	if (skew > JUMP_NS || skew < -JUMP_NS) {
		base_set(c, tsc, wall);
		publish(c, tsc, wall, mult);
		return skew;
	}
	/* The difference is worked off over the next second. */
	mult = (uint64_t)((unsigned __int128)mult * (uint64_t)((int64_t)NS_PER_SECOND - skew) / NS_PER_SECOND);
	publish(c, tsc, said, mult);
	return skew;
}
