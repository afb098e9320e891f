/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A thread that keeps the wire whole past a worker that stalls, where neither the kernel (AF_XDP) nor a dispatcher
 * does it: ports of DPDK whose queues the workers read themselves. It looks at the workers' heartbeats; whose is too
 * old, or has not begun, has its frames sent straight out of the other side (or dropped, pair.fail_open: no) until it
 * beats again.
 *
 * A worker's queues have one owner at a time, and only for a burst: neither waits for the other for longer. A worker that
 * hangs inside a port's call keeps them: then the watchdog is what helps (control/daemon/watchdog.h).
 */
#ifndef ENGINE_STANDBY_H
#define ENGINE_STANDBY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/event/counters.h"

struct port;

enum queue_owner { QUEUES_FREE, QUEUES_WORKER, QUEUES_STANDBY };

struct standby_queues {
	_Alignas(64) _Atomic uint32_t owner; /* enum queue_owner */
};

struct standby {
	struct port **ports;           /* both sides; borrowed */
	unsigned workers;
	bool open;                     /* frames are passed on; else dropped */
	uint64_t max_age_ns;
	const uint64_t *beat_ns;       /* of each worker, CLOCK_MONOTONIC; 0: not begun */
	_Atomic uint64_t *passed, *dropped; /* frames; added to */
	_Atomic bool stop;
	struct standby_queues queues[MAX_WORKERS];
};

/* The thread's main; returns when stop is set. */
void *standby_main(void *standby);
/* One look, and a burst of each queue of workers that stall; *any: there are such. Returns frames taken. Its thread, and
 * tests. */
unsigned standby_turn(struct standby *s, uint64_t now_ns, bool *any);

/* A worker that found its queues taken: until the burst is through. */
void standby_wait(struct standby_queues *q);

/* A worker before and after it calls a port. Nothing is taken where s is NULL. */
static inline void standby_claim(struct standby *s, unsigned worker)
{
	uint32_t free = QUEUES_FREE;

	if (s && !atomic_compare_exchange_strong_explicit(&s->queues[worker].owner, &free, QUEUES_WORKER,
							  memory_order_acquire, memory_order_relaxed))
		standby_wait(&s->queues[worker]);
}

static inline void standby_release(struct standby *s, unsigned worker)
{
	if (s)
		atomic_store_explicit(&s->queues[worker].owner, QUEUES_FREE, memory_order_release);
}

#endif
