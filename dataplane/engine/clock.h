/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Packet time on live ports: the time-stamp counter, anchored to the wall clock every second. The
 * main thread anchors, workers read (a sequence lock: they retry, they never wait). Between two
 * anchors the rate is adjusted so that the time reaches the wall clock without jumping back.
 */
#ifndef ENGINE_CLOCK_H
#define ENGINE_CLOCK_H

#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

struct clock {
	_Atomic uint32_t sequence; /* odd while it is being written */
	_Atomic uint64_t tsc;      /* of the anchor */
	_Atomic uint64_t ns;       /* wall time then */
	_Atomic uint64_t mult;     /* ns per tick, 32.32 fixed point */
	/* main thread only */
	uint64_t hz;
	uint64_t base_tsc, base_ns; /* since when the rate is measured */
};

/* hz: of the counter. */
void clock_start(struct clock *c, uint64_t hz);
/* Anchors anew. Returns what the clock said minus what the wall clock says, in ns. */
int64_t clock_anchor(struct clock *c);
uint64_t clock_at(struct clock *c, uint64_t tsc);

/* CLOCK_MONOTONIC; by the vDSO, no system call. */
static inline uint64_t monotonic_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

#endif
