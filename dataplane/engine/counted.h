/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Frames of flows whose packets are only counted (flow/counted.h), without a struct packet. A burst is looked at as a
 * whole before it is decoded; a frame that might be such a one waits undecoded, and when its turn comes it is counted if
 * all stages of pipeline.c would have done no more, else decoded then. A lane's own.
 */
#ifndef ENGINE_COUNTED_H
#define ENGINE_COUNTED_H

#include "dataplane/flow/counted.h"

struct lane;

/* Of the burst in hand. */
struct counted_sums {
	struct plain_counts plain;
	uint32_t released;       /* packets of released flows */
	uint64_t released_bytes;
};

/* May frames of the next burst be counted only? */
bool counted_open(const struct lane *l);
/* The frame, which waits and of which len bytes are looked at, is counted if it may be. False: its packet must be made;
 * nothing is counted then. */
bool counted_run(struct lane *l, const struct flow_sight *s, uint32_t len);
/* What the burst's frames were counted to be goes into the worker's counters. */
void counted_end(struct lane *l);

#endif
