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

#include "dataplane/event/config.h"
#include "rules/rule.h"

struct home {
	struct addr_range *inside, *proxies; /* sorted by (ip_version, low), disjoint */
	uint32_t inside_count, proxy_count;  /* no proxies: any inside host may be one */
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
