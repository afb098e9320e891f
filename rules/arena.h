/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Memory that is given back all at once: everything a rule set is made of. One thread allocates;
 * afterwards it is read only. An arena may have a limit: past it an allocation gives NULL.
 */
#ifndef RULES_ARENA_H
#define RULES_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

/* NULL when out of memory. limit_bytes 0: none. */
struct arena *arena_new(uint64_t limit_bytes);
void arena_free(struct arena *a);
/* Zeroed, aligned for any type. NULL when out of memory. */
void *arena_alloc(struct arena *a, size_t size);
/* Copy of size bytes, aligned for any type. */
void *arena_copy(struct arena *a, const void *data, size_t size);
/* Copy of len characters, terminated. */
char *arena_text(struct arena *a, const char *text, size_t len);
uint64_t arena_used(const struct arena *a);
/* Is that an address of its memory? */
bool arena_holds(const struct arena *a, const void *address);
/* An arena that is a mapping already full; it is unmapped with it. NULL when out of memory. */
struct arena *arena_of_mapping(void *mapping, size_t size);

#endif
