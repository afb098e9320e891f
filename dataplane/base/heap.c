/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/base/heap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#if HAVE_JEMALLOC
#include <jemalloc/jemalloc.h>

int heap_init(struct heap *h, uint64_t limit_bytes)
{
	size_t size = sizeof(h->arena), mib[3], n = 3;
	ssize_t never = -1;

	memset(h, 0, sizeof(*h));
	h->limit_bytes = limit_bytes;
	if (mallctl("arenas.create", &h->arena, &size, NULL, 0) != 0)
		return -ENOMEM;
	/* its own cache: the thread's would keep freed blocks of an arena that is gone */
	if (mallctl("tcache.create", &h->cache, &size, NULL, 0) != 0)
		return -ENOMEM;
	/* what was once used stays: a page given back is zeroed anew in the packet path (2 MiB of it, where pages
	 * are huge), and the cap says how much there can be */
	if (mallctlnametomib("arena.0.dirty_decay_ms", mib, &n) == 0) {
		mib[1] = h->arena;
		mallctlbymib(mib, n, NULL, NULL, &never, sizeof(never));
	}
	h->flags = MALLOCX_ARENA(h->arena) | MALLOCX_TCACHE(h->cache);
	return 0;
}

void heap_fini(struct heap *h)
{
	size_t mib[3], n = 3;

	mallctl("tcache.destroy", NULL, NULL, &h->cache, sizeof(h->cache));
	if (mallctlnametomib("arena.0.destroy", mib, &n) == 0) {
		mib[1] = h->arena;
		mallctlbymib(mib, n, NULL, NULL, NULL, 0);
	}
}

static void *raw_alloc(struct heap *h, size_t size)
{
	return mallocx(size, h->flags);
}

static void *raw_realloc(struct heap *h, void *block, size_t size)
{
	return rallocx(block, size, h->flags);
}

static size_t raw_size(void *block)
{
	return sallocx(block, 0);
}

/* Of a block for so many bytes, which need not be looked up. */
static size_t raw_size_for(void *block, size_t size)
{
	(void)block;
	return nallocx(size, 0);
}

static void raw_free(struct heap *h, void *block, size_t size)
{
	sdallocx(block, size, h->flags);
}
#else
#include <malloc.h>

int heap_init(struct heap *h, uint64_t limit_bytes)
{
	memset(h, 0, sizeof(*h));
	h->limit_bytes = limit_bytes;
	return 0;
}

void heap_fini(struct heap *h)
{
	(void)h;
}

static void *raw_alloc(struct heap *h, size_t size)
{
	(void)h;
	return malloc(size);
}

static void *raw_realloc(struct heap *h, void *block, size_t size)
{
	(void)h;
	return realloc(block, size);
}

static size_t raw_size(void *block)
{
	return malloc_usable_size(block);
}

static size_t raw_size_for(void *block, size_t size)
{
	(void)size;
	return raw_size(block);
}

static void raw_free(struct heap *h, void *block, size_t size)
{
	(void)h;
	(void)size;
	free(block);
}
#endif

void *heap_alloc(struct heap *h, size_t size)
{
	void *block;

	if (size == 0)
		size = 1;
	if (h->used_bytes + size > h->limit_bytes || size > h->limit_bytes) {
		h->refused++;
		return NULL;
	}
	block = raw_alloc(h, size);
	if (!block) {
		h->refused++;
		return NULL;
	}
	h->used_bytes += raw_size_for(block, size);
	return block;
}

void *heap_zalloc(struct heap *h, size_t size)
{
	void *block = heap_alloc(h, size);

	if (block)
		memset(block, 0, size);
	return block;
}

void *heap_realloc(struct heap *h, void *block, size_t size)
{
	size_t before;
	void *moved;

	if (!block)
		return heap_alloc(h, size);
	if (size == 0)
		size = 1;
	before = raw_size(block);
	if (size > before && h->used_bytes - before + size > h->limit_bytes) {
		h->refused++;
		return NULL;
	}
	moved = raw_realloc(h, block, size);
	if (!moved) {
		h->refused++;
		return NULL;
	}
	h->used_bytes += raw_size_for(moved, size) - before;
	return moved;
}

void heap_free(struct heap *h, void *block)
{
	size_t size;

	if (!block)
		return;
	size = raw_size(block);
	h->used_bytes -= size;
	raw_free(h, block, size);
}

void *heap_dup(struct heap *h, const void *data, size_t len)
{
	void *block = heap_alloc(h, len);

	if (block && len)
		memcpy(block, data, len);
	return block;
}
