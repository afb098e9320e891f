/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A token bucket, told by the time at which it is full again: the generic cell rate algorithm (ITU-T I.371,
 * annex A), with bursts of a tenth of a second. All zero: full.
 */
#ifndef BASE_BUCKET_H
#define BASE_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

#define BUCKET_SECOND_NS 1000000000ull
#define BUCKET_BURST_NS (BUCKET_SECOND_NS / 10)

struct bucket {
	uint64_t full_ns; /* when it is full again */
	uint64_t told_ns; /* when a packet beyond it was last told of */
};

/* How long `amount` takes at so many a second; amount below 2^34. Rate 0 counts as 1. */
static inline uint64_t bucket_cost(uint64_t amount, uint64_t rate)
{
	return amount * BUCKET_SECOND_NS / (rate ? rate : 1);
}

/* A packet passes a full bucket however long it is. */
static inline bool bucket_holds(const struct bucket *b, uint64_t cost_ns, uint64_t now_ns)
{
	return b->full_ns <= now_ns || b->full_ns - now_ns + cost_ns <= BUCKET_BURST_NS;
}

static inline void bucket_take(struct bucket *b, uint64_t cost_ns, uint64_t now_ns)
{
	b->full_ns = (b->full_ns > now_ns ? b->full_ns : now_ns) + cost_ns;
}

/* Is a packet beyond it to be told of? Once a second. */
static inline bool bucket_tell(struct bucket *b, uint64_t now_ns)
{
	if (b->told_ns && now_ns < b->told_ns + BUCKET_SECOND_NS)
		return false;
	b->told_ns = now_ns;
	return true;
}

#endif
