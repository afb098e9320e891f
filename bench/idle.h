/* SPDX-License-Identifier: BSD-3-Clause
 *
 * --idle: what a flow that is idle takes. At the end of the first loop, before flows are ended, time goes on without a
 * packet until sessions rest (stream.rest); memory is read before and after that.
 */
#ifndef BENCH_IDLE_H
#define BENCH_IDLE_H

#include <stdint.h>

#include "dataplane/engine/worker.h"
#include "dataplane/event/app_proto.h"

struct idle_memory {
	uint64_t flows, sessions, resting;
	uint64_t heap_bytes;    /* of the worker's heap */
	uint64_t library_bytes; /* of what parsers' libraries take themselves; 0 without jemalloc */
};

/* Of the flows of a protocol, at rest and not. */
struct idle_proto {
	uint64_t flows, open;   /* open: with a transaction that is not done with */
	uint64_t window_bytes;  /* look-back of rules */
	uint64_t heap_bytes, library_bytes; /* what their end gave back, the windows included */
};

struct idle {
	struct idle_memory begin, awake, rest;
	double again_s;         /* a wake and a rest of one flow, the least of some turns */
	struct idle_proto proto[APP_PROTO_COUNT];
};

struct idle_memory idle_read(const struct worker *w);
/* Reads .awake and .rest; .begin was read before the traffic. Then ends the flows, protocol by protocol. */
void idle_wait(struct worker *w, struct idle *idle);
void idle_text(const struct idle *idle);

#endif
