/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A worker's own allocator for parser state (transactions, header fields, body windows): one
 * jemalloc arena with a cap. Not for the fixed pools of packets, flows and segments, which are
 * allocated at start. Owned and used by one thread only. An allocation that would pass the cap
 * fails with NULL: that is an event for the caller (memcap), never growth.
 */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stddef.h>
#include <stdint.h>

struct heap {
	uint64_t used_bytes;  /* usable size of all that is allocated */
	uint64_t limit_bytes;
	uint64_t refused;     /* allocations that failed at the cap */
	unsigned arena;       /* jemalloc arena index */
	unsigned cache;       /* jemalloc cache index */
	int flags;            /* MALLOCX_* for these */
};

/* 0, or -ENOMEM when no arena could be made. */
int heap_init(struct heap *h, uint64_t limit_bytes);
/* All blocks must have been freed. */
void heap_fini(struct heap *h);
/* Not zeroed. NULL at the cap. */
void *heap_alloc(struct heap *h, size_t size);
void *heap_zalloc(struct heap *h, size_t size);
/* Like realloc: NULL leaves the old block valid. */
void *heap_realloc(struct heap *h, void *block, size_t size);
/* NULL is fine. */
void heap_free(struct heap *h, void *block);
/* Copy of len bytes. */
void *heap_dup(struct heap *h, const void *data, size_t len);

#endif
