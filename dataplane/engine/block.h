/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An operator's blocks: prefixes and flows whose packets are dropped in the wire until a time, all of them or
 * those beyond a rate. The list is the main thread's; from it an immutable table is made that workers read
 * through an RCU pointer. A look-up probes once for each distinct prefix length, and once for flows where any are
 * blocked.
 */
#ifndef ENGINE_BLOCK_H
#define ENGINE_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/base/addr.h"
#include "dataplane/engine/limit.h"
#include "dataplane/event/block_flow.h"

#define BLOCKS_MAX 65536u

struct block {
	struct addr_prefix prefix;
	struct block_flow flow; /* none: the prefix counts */
	uint64_t expires_ns; /* packet time; 0: never */
	struct limit *limit; /* owner: the list; NULL: every packet is dropped */
};

struct block_list {
	struct block *blocks;
	size_t count, room;
	unsigned lanes;      /* that limits are for; set by the owner */
	struct limit *gone;  /* limits that workers may still use, chained; block_list_take_gone */
};

struct block_table;

/* Adds or renews; rate_bps 0: every packet is dropped. 0, -ENOSPC at BLOCKS_MAX, -ENOMEM, -EINVAL: not a
 * prefix, -ERANGE: no such rate. */
int block_add(struct block_list *l, const struct addr_prefix *p, uint64_t expires_ns, uint64_t rate_bps);
/* 0, or -ENOENT. */
int block_remove(struct block_list *l, const struct addr_prefix *p);
/* The same of a flow; its packets pass or not whatever is said of its hosts, if that lets them. */
int block_flow_add(struct block_list *l, const struct block_flow *f, uint64_t expires_ns, uint64_t rate_bps);
int block_flow_remove(struct block_list *l, const struct block_flow *f);
/* Removes what has expired; true if there was something. */
bool block_expire(struct block_list *l, uint64_t now_ns);
/* No worker uses anything of it any more. */
void block_list_clear(struct block_list *l);
/* What was taken out since the last call; block_limits_free when no worker uses it any more. */
struct limit *block_list_take_gone(struct block_list *l);
void block_limits_free(struct limit *chain);
/* Deals the limits' rates out to the lanes. */
void block_list_deal(struct block_list *l);

/* New, owned by the caller: free(). NULL: no memory. */
struct block_table *block_table_new(const struct block_list *l);
/* True: dropped, whatever it is. False: *limit is that of the longest prefix that has one, or NULL. Linear in
 * the number of distinct prefix lengths. */
bool block_hit(const struct block_table *t, const struct addr *a, int ip_version, uint64_t now_ns,
	       struct limit **limit);
/* The same of a flow; no prefixes are looked at. */
bool block_flow_hit(const struct block_table *t, const struct block_flow *f, uint64_t now_ns, struct limit **limit);
/* Are flows blocked at all? */
bool block_has_flows(const struct block_table *t);
/* Does the table, which may be NULL, block or limit one of the two, or a flow between them? */
bool blocks_concern(const struct block_table *t, const struct addr *a, const struct addr *b, int ip_version,
		    uint64_t now_ns);

#endif
