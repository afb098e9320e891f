/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One dispatcher thread in front of several lanes, where the source cannot spread flows itself: it
 * takes frames, hashes (steer.h), and hands them to the lanes' rings; live, it also sends what the
 * lanes hand back. All rings have one producer and one consumer.
 */
#ifndef ENGINE_HANDOVER_H
#define ENGINE_HANDOVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/event/counters.h"

struct engine;
struct lane;
struct rte_mbuf;
struct rte_ring;

#define HANDOVER_FRAMES 2048u /* in each ring */

struct handover {
	struct rte_ring *in[MAX_WORKERS];     /* dispatcher → lane */
	struct rte_ring *out[MAX_WORKERS][2]; /* lane → dispatcher, by outgoing port; NULL: tap */
	_Atomic uint64_t lost[MAX_WORKERS];   /* frames the lane had no room for; writer dispatcher */
	_Atomic bool over;                    /* the source has ended; writer dispatcher */
	uint64_t stalled;                     /* lanes that are given nothing, a bit each; the dispatcher's */
	unsigned lane_count;
};

/* A ring of `count` (a power of two) elements of so many bytes between two threads, in memory of its own for free();
 * NULL: no memory. */
struct rte_ring *ring_between(const char *name, unsigned element, unsigned count);

/* Rings for the lanes; ports: how many may be sent to. NULL: no memory. */
struct handover *handover_new(unsigned lane_count, unsigned ports);
void handover_free(struct handover *h);
/* Dispatcher: gives n frames to their lanes. wait: until there is room (captures), unless *stop;
 * else frames without room are freed and counted. Those of lanes that have stalled are left to the caller: they
 * stand first in frames then; how many. */
unsigned handover_give(struct handover *h, struct rte_mbuf **frames, unsigned n, bool wait,
		       const _Atomic bool *stop);
/* Lane: how full its ring is, in percent. */
unsigned handover_depth(const struct handover *h, unsigned lane);
/* Lane: takes up to n. */
unsigned handover_take(struct handover *h, unsigned lane, struct rte_mbuf **frames, unsigned n);

#endif
