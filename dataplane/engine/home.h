/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which addresses are inside (config home_nets, else the rules' HOME_NET), and which of them are
 * proxies that speak for others (contacts.proxies). Made once at start; immutable after, read by
 * all workers.
 */
#ifndef ENGINE_HOME_H
#define ENGINE_HOME_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "dataplane/base/cursor.h"
#include "dataplane/event/config.h"
#include "rules/rule.h"

#define HOME_RANGES_FEW 8u

/* IPv4 addresses as numbers, both inside. */
struct home_range4 {
	uint32_t low, high;
};

struct home {
	struct addr_range *inside, *proxies; /* sorted by (ip_version, low), disjoint */
	uint32_t inside_count, proxy_count;  /* no proxies: any inside host may be one */
	/* those of .inside that are IPv4's, where they are few: what each flow that begins is compared with */
	struct home_range4 inside4[HOME_RANGES_FEW];
	uint32_t inside4_count; /* of IPv4; more than HOME_RANGES_FEW: .inside is to be asked */
};

/* Returns new; NULL and a sentence that names the key. */
struct home *home_new(const struct config *c, char *error, size_t error_size);
void home_free(struct home *h);

/* Is the address in one of the ranges? */
static inline bool home_range(const struct addr_range *ranges, uint32_t count, const struct addr *a,
			      int ip_version)
{
	uint32_t low = 0, high = count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct addr_range *r = &ranges[middle];

		if (r->ip_version != ip_version ? r->ip_version < ip_version
						: addr_less(&r->high, a))
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && ranges[low].ip_version == ip_version &&
	       !addr_less(a, &ranges[low].low);
}

/* h NULL: nothing is known, so nothing is inside. */
static inline bool home_inside(const struct home *h, const struct addr *a, int ip_version)
{
	uint32_t v = get_be32(a->b);
	bool inside = false;

	if (h && ip_version == 4 && h->inside4_count <= HOME_RANGES_FEW) {
		for (uint32_t i = 0; i < h->inside4_count; i++)
			inside |= v - h->inside4[i].low <= h->inside4[i].high - h->inside4[i].low;
		return inside;
	}
	return h && home_range(h->inside, h->inside_count, a, ip_version);
}

/* A host whose word about its clients is taken. */
static inline bool home_proxy(const struct home *h, const struct addr *a, int ip_version)
{
	if (!h || !h->proxy_count)
		return home_inside(h, a, ip_version);
	return home_range(h->proxies, h->proxy_count, a, ip_version);
}

#endif
