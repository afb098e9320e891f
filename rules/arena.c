/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Chunks of at least CHUNK bytes in a list; an allocation is a step in the newest one. Any thread,
 * one at a time.
 */
#include "rules/arena.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define CHUNK ((size_t)1 << 20)
#define ALIGN 16

struct chunk {
	struct chunk *before;
	size_t size, used;
	_Alignas(ALIGN) char bytes[];
};

struct arena {
	struct chunk *newest;
	uint64_t used, limit;
	uintptr_t low, high; /* all chunks are in between */
	void *mapping;       /* NULL: of chunks */
};

struct arena *arena_new(uint64_t limit_bytes)
{
	struct arena *a = calloc(1, sizeof(*a));

	if (a)
		a->limit = limit_bytes;
	return a;
}

void arena_free(struct arena *a)
{
	if (!a)
		return;
	while (a->newest) {
		struct chunk *c = a->newest;

		a->newest = c->before;
		free(c);
	}
	if (a->mapping)
		munmap(a->mapping, a->used);
	free(a);
}

static bool arena_grow(struct arena *a, size_t size)
{
	size_t space = size > CHUNK ? size : CHUNK;
	struct chunk *c = malloc(sizeof(*c) + space);

	if (!c)
		return false;
	*c = (struct chunk){.before = a->newest, .size = space};
	if (!a->newest || (uintptr_t)c < a->low)
		a->low = (uintptr_t)c;
	if ((uintptr_t)c->bytes + space > a->high)
		a->high = (uintptr_t)c->bytes + space;
	a->newest = c;
	return true;
}

static void *arena_take(struct arena *a, size_t size)
{
	void *at;

	size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	if (a->limit && a->used + size > a->limit)
		return NULL;
	if ((!a->newest || a->newest->size - a->newest->used < size) && !arena_grow(a, size))
		return NULL;
	at = a->newest->bytes + a->newest->used;
	a->newest->used += size;
	a->used += size;
	return at;
}

void *arena_alloc(struct arena *a, size_t size)
{
	void *at = arena_take(a, size);

	return at ? memset(at, 0, size) : NULL;
}

void *arena_copy(struct arena *a, const void *data, size_t size)
{
	void *at = arena_take(a, size);

	return at && size ? memcpy(at, data, size) : at;
}

char *arena_text(struct arena *a, const char *text, size_t len)
{
	char *at = arena_take(a, len + 1);

	if (!at)
		return NULL;
	memcpy(at, text, len);
	at[len] = '\0';
	return at;
}

struct arena *arena_of_mapping(void *mapping, size_t size)
{
	struct arena *a = calloc(1, sizeof(*a));

	if (a) {
		a->mapping = mapping;
		a->used = a->limit = size;
		a->low = (uintptr_t)mapping;
		a->high = a->low + size;
	}
	return a;
}

bool arena_holds(const struct arena *a, const void *address)
{
	uintptr_t at = (uintptr_t)address;

	if (at < a->low || at >= a->high)
		return false;
	if (a->mapping)
		return true;
	for (const struct chunk *c = a->newest; c; c = c->before)
		if (at >= (uintptr_t)c->bytes && at < (uintptr_t)c->bytes + c->size)
			return true;
	return false;
}

uint64_t arena_used(const struct arena *a)
{
	return a->used;
}
