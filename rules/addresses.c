/* SPDX-License-Identifier: BSD-3-Clause */
#include "rules/addresses.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "rules/rule.h"

uint64_t addr_set_hash(const struct addr_set *s)
{
	uint64_t h = s->count;

	for (uint32_t i = 0; i < s->count; i++) {
		h = XXH3_64bits_withSeed(s->ranges[i].low.b, sizeof(s->ranges[i].low.b), h);
		h = XXH3_64bits_withSeed(s->ranges[i].high.b, sizeof(s->ranges[i].high.b), h + s->ranges[i].ip_version);
	}
	return h;
}

static bool range_same(const struct addr_range *a, const struct addr_range *b)
{
	return a->ip_version == b->ip_version && addr_equal(&a->low, &b->low) && addr_equal(&a->high, &b->high);
}

bool addr_set_same(const struct addr_set *a, const struct addr_set *b)
{
	if (a->any != b->any || a->count != b->count)
		return false;
	for (uint32_t i = 0; i < a->count; i++)
		if (!range_same(&a->ranges[i], &b->ranges[i]))
			return false;
	return true;
}
