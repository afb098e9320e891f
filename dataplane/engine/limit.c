/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/limit.h"

#include <stdlib.h>
#include <string.h>

#include "dataplane/event/counters.h"

#define KEPT_PART 8 /* of an even share: what a lane has without packets */

struct limit *limit_new(uint64_t rate_bps, unsigned lanes)
{
	size_t bytes = sizeof(struct limit) + lanes * sizeof(struct limit_lane);
	struct limit *l = aligned_alloc(64, (bytes + 63) / 64 * 64);

	if (!l)
		return NULL;
	memset(l, 0, bytes);
	l->lanes = lanes;
	limit_change(l, rate_bps);
	return l;
}

void limit_change(struct limit *l, uint64_t rate_bps)
{
	l->rate_bps = rate_bps;
	for (unsigned i = 0; i < l->lanes; i++)
		atomic_store_explicit(&l->lane[i].rate_bps, rate_bps / l->lanes, memory_order_relaxed);
}

void limit_deal(struct limit *l)
{
	uint64_t kept = l->rate_bps / l->lanes / KEPT_PART, rest = l->rate_bps - kept * l->lanes, sum = 0;
	uint64_t offered[MAX_WORKERS];

	for (unsigned i = 0; i < l->lanes; i++) {
		uint64_t now = atomic_load_explicit(&l->lane[i].offered_bits, memory_order_relaxed);

		offered[i] = now - l->lane[i].dealt_bits;
		l->lane[i].dealt_bits = now;
		sum += offered[i];
	}
	for (unsigned i = 0; sum && i < l->lanes; i++)
		atomic_store_explicit(&l->lane[i].rate_bps,
				      kept + (uint64_t)((double)rest * (double)offered[i] / (double)sum),
				      memory_order_relaxed);
}

bool limit_take(struct limit *l, unsigned lane, uint32_t bytes, uint64_t now_ns)
{
	struct limit_lane *mine = &l->lane[lane];
	uint64_t rate = atomic_load_explicit(&mine->rate_bps, memory_order_relaxed), bits = 8ull * bytes, cost_ns;

	atomic_store_explicit(&mine->offered_bits,
			      atomic_load_explicit(&mine->offered_bits, memory_order_relaxed) + bits,
			      memory_order_relaxed);
	cost_ns = bucket_cost(bits, rate);
	if (!bucket_holds(&mine->bucket, cost_ns, now_ns))
		return false;
	bucket_take(&mine->bucket, cost_ns, now_ns);
	return true;
}

bool limit_tell(struct limit *l, unsigned lane, uint64_t now_ns)
{
	return bucket_tell(&l->lane[lane].bucket, now_ns);
}
