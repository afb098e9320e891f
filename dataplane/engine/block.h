/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An operator's blocks: prefixes whose packets are dropped in the wire until a time. The list is
 * the main thread's; from it an immutable table is made that workers read through an RCU pointer.
 * A look-up probes once for each distinct prefix length.
 */
#ifndef ENGINE_BLOCK_H
#define ENGINE_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/base/addr.h"

#define BLOCKS_MAX 65536u

struct block {
	struct addr_prefix prefix;
	uint64_t expires_ns; /* packet time; 0: never */
};

struct block_list {
	struct block *blocks;
	size_t count, room;
};

struct block_table;

/* Adds or renews. 0, -ENOSPC at BLOCKS_MAX, -ENOMEM, -EINVAL: not a prefix. */
int block_add(struct block_list *l, const struct addr_prefix *p, uint64_t expires_ns);
/* 0, or -ENOENT. */
int block_remove(struct block_list *l, const struct addr_prefix *p);
/* Removes what has expired; true if there was something. */
bool block_expire(struct block_list *l, uint64_t now_ns);
void block_list_clear(struct block_list *l);

/* New, owned by the caller: free(). NULL: no memory. */
struct block_table *block_table_new(const struct block_list *l);
/* Linear in the number of distinct prefix lengths. */
bool block_hit(const struct block_table *t, const struct addr *a, int ip_version, uint64_t now_ns);

#endif
