/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Keys of what a rule tracks by: for tables of thresholds, rates and bits. No state.
 */
#ifndef DETECT_TRACK_H
#define DETECT_TRACK_H

#include <string.h>

#include "dataplane/packet/packet.h"

/* Both ends, whichever sent the packet: the lower address first. */
static inline void track_pair(const struct packet *p, struct addr *a, struct addr *b)
{
	bool forward = memcmp(&p->src, &p->dst, sizeof(p->src)) < 0;

	*a = forward ? p->src : p->dst;
	*b = forward ? p->dst : p->src;
}

static inline uint64_t track_mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* bytes: of the key, no padding that is not zero, a multiple of 8. */
static inline uint64_t track_hash(const void *key, size_t bytes)
{
	const uint8_t *at = key;
	uint64_t h = 0x2545f4914f6cdd1dull, a, b;
	size_t i = 0;

	for (; i + 16 <= bytes; i += 16) {
		memcpy(&a, at + i, sizeof(a));
		memcpy(&b, at + i + 8, sizeof(b));
		h = track_mix(h ^ a ^ 0x9e3779b97f4a7c15ull, b ^ 0xe7037ed1a0b428dbull);
	}
	if (i < bytes) {
		memcpy(&a, at + i, sizeof(a));
		h = track_mix(h ^ a, 0x9e3779b97f4a7c15ull);
	}
	return h ^ h >> 32;
}

#endif
