/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The blocks that were asked for, as the store keeps them (family meta, key "blocks", a line each: prefix or flow,
 * end in ns or 0, bits a second or 0), so that they outlive this process and the dataplane. The rpc thread's.
 */
#ifndef CONTROL_RPC_BLOCKS_H
#define CONTROL_RPC_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/store/store.h"
#include "dataplane/base/addr.h"
#include "dataplane/event/block_flow.h"

#define KEPT_BLOCKS_MAX 4096
#define KEPT_BLOCK_TEXT_MAX BLOCK_FLOW_TEXT_MAX

struct kept_block {
	struct addr_prefix prefix;
	uint64_t expires_ns; /* wall clock; 0: never */
	uint64_t rate_bps;   /* 0: nothing passes */
	struct block_flow flow; /* none: the prefix counts */
};

struct kept_blocks {
	struct kept_block *block;
	size_t count, room;
	bool read; /* from the store */
	struct kept_writer *writer; /* NULL: nothing was to be written yet */
};

#define KEPT_WAIT_MS 200 /* for the store; a stalled one must not keep an operator from blocking more */

enum kept {
	KEPT_STORED,
	KEPT_LATER, /* the store takes its time; it is written when it can */
	KEPT_NOT,   /* it could not be written, or there are too many; what is in memory holds */
};

/* Reads them once; false: the store is closed just now, or cannot be read. */
bool kept_blocks_read(struct kept_blocks *k, struct store *s);
/* Adds or renews, or takes out (b->expires_ns and rate_bps mean nothing then), and stores all. The
 * store is the same each time. */
enum kept kept_blocks_add(struct kept_blocks *k, struct store *s, const struct kept_block *b);
enum kept kept_blocks_remove(struct kept_blocks *k, struct store *s, const struct kept_block *b);
/* Is it blocked? */
bool kept_blocks_has(struct kept_blocks *k, struct store *s, const struct kept_block *b);
/* What is blocked, as text: "10.0.0.0/8", or a flow. 0, or -EINVAL. */
int kept_block_parse(const char *text, struct kept_block *out);
/* Returns text, which holds KEPT_BLOCK_TEXT_MAX bytes. */
char *kept_block_format(const struct kept_block *b, char *text);
/* Forgets those that have ended. */
void kept_blocks_expire(struct kept_blocks *k, uint64_t now_ns);
void kept_blocks_free(struct kept_blocks *k);

#endif
