/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An operator's rate limit: so many bits a second, with bursts of a tenth of a second (base/bucket.h).
 *
 * Every lane has a bucket of its own; the main thread deals the rate out anew from what each lane was
 * offered since it last looked, so that the sum is the rate wherever the packets come. A lane without
 * packets keeps a small share, for those that come next.
 */
#ifndef ENGINE_LIMIT_H
#define ENGINE_LIMIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/base/bucket.h"

#define LIMIT_RATE_MIN 8000ull               /* bits a second */
#define LIMIT_RATE_MAX 1000000000000ull

struct limit_lane {
	_Atomic uint64_t rate_bps;     /* writer: main */
	_Atomic uint64_t offered_bits; /* writer: the lane */
	struct bucket bucket;          /* the lane's */
	uint64_t dealt_bits;           /* main's: offered_bits when it last looked */
} __attribute__((aligned(64)));

struct limit {
	uint64_t rate_bps;
	unsigned lanes;
	struct limit *next;            /* block.c's own */
	struct limit_lane lane[];
};

/* NULL: no memory. free() it when no lane uses it. */
struct limit *limit_new(uint64_t rate_bps, unsigned lanes);
void limit_change(struct limit *l, uint64_t rate_bps);
/* Main thread, some times a second. */
void limit_deal(struct limit *l);

/* Lane: does the packet pass? */
bool limit_take(struct limit *l, unsigned lane, uint32_t bytes, uint64_t now_ns);
/* Lane: is this drop to be told of? Once a second. */
bool limit_tell(struct limit *l, unsigned lane, uint64_t now_ns);

#endif
