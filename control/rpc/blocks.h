/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The blocks that were asked for, as the store keeps them (family meta, key "blocks", a line each: prefix,
 * end in ns or 0, bits a second or 0), so that they outlive this process and the dataplane. The rpc thread's.
 */
#ifndef CONTROL_RPC_BLOCKS_H
#define CONTROL_RPC_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/store/store.h"
#include "dataplane/base/addr.h"

#define KEPT_BLOCKS_MAX 4096

struct kept_block {
	struct addr_prefix prefix;
	uint64_t expires_ns; /* wall clock; 0: never */
	uint64_t rate_bps;   /* 0: nothing passes */
};

struct kept_blocks {
	struct kept_block *block;
	size_t count, room;
	bool read; /* from the store */
};

/* Reads them once; false: the store is closed just now, or cannot be read. */
bool kept_blocks_read(struct kept_blocks *k, struct store *s);
/* Adds or renews, or takes out (b->expires_ns and rate_bps mean nothing then), and stores all. False: the
 * store could not be written, or there are too many; what is in memory holds. */
bool kept_blocks_add(struct kept_blocks *k, struct store *s, const struct kept_block *b);
bool kept_blocks_remove(struct kept_blocks *k, struct store *s, const struct addr_prefix *p);
/* Forgets those that have ended. */
void kept_blocks_expire(struct kept_blocks *k, uint64_t now_ns);
void kept_blocks_free(struct kept_blocks *k);

#endif
