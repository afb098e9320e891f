/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Memory of a worker for the whole run: pages of its own, huge ones where they are reserved, first
 * touched by the worker, so on its NUMA node. The size stands just before the block.
 *
 * And how jemalloc gets its own: rules and their databases are megabytes that every packet touches
 * in other places, on small pages a walk of the page tables each time.
 */
#include "dataplane/engine/worker.h"

#include <sys/mman.h>

#if HAVE_JEMALLOC
/* Read by jemalloc as the program starts. */
extern const char *malloc_conf;
const char *malloc_conf = "thp:always,metadata_thp:always";
#endif

#define HUGE_BYTES ((size_t)2 << 20)
#define PAGE_BYTES ((size_t)4096)

struct memory_head {
	void *base;
	size_t bytes;
};

/* Huge ones are reserved at once, or there are none: one that is found missing when it is touched is a SIGBUS. */
static void *pages(size_t bytes, bool huge)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | (huge ? MAP_HUGETLB : MAP_NORESERVE), -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

void *worker_memory(struct worker *w, size_t bytes, size_t align)
{
	size_t unit, total;
	uint8_t *base = NULL, *at;
	struct memory_head *head;
	bool huge = w->huge_pages && bytes >= HUGE_BYTES;

	if (align < 64)
		align = 64;
	if (bytes > SIZE_MAX / 2)
		return NULL;
	unit = huge ? HUGE_BYTES : PAGE_BYTES;
	total = (bytes + sizeof(*head) + align + unit - 1) & ~(unit - 1);
	if (huge)
		base = pages(total, true);
	if (!base)
		base = pages(total, false);
	if (!base)
		return NULL;
	if (!w->offline && total >= HUGE_BYTES)
		madvise(base, total, MADV_HUGEPAGE);
	at = (uint8_t *)(((uintptr_t)base + sizeof(*head) + align - 1) & ~(uintptr_t)(align - 1));
	head = (struct memory_head *)(void *)at - 1;
	head->base = base;
	head->bytes = total;
	return at;
}

void worker_memory_free(struct worker *w, void *memory)
{
	struct memory_head head;

	if (!memory)
		return;
	head = ((struct memory_head *)memory)[-1];
	munmap(head.base, head.bytes);
}
