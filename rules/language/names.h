/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Names numbered in the order they come up: flowbits and their like over a rule set; and a map from
 * text to a pointer (sets of addresses already worked out, patterns already tried).
 */
#ifndef LANGUAGE_NAMES_H
#define LANGUAGE_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rules/arena.h"

struct name_entry {
	const char *text;
	size_t len;
	uint64_t hash;
	void *value;
};

struct names {
	struct arena *arena;        /* borrowed; holds the texts */
	struct name_entry *entries; /* by number */
	uint32_t count, space;
	uint32_t *slots; /* number + 1; 0: free */
	uint32_t slot_count;
};

#define NAMES_FULL UINT32_MAX

void names_init(struct names *n, struct arena *arena);
void names_clear(struct names *n);
/* The number of a name, new or known; NAMES_FULL when out of memory. */
uint32_t names_number(struct names *n, const char *text, size_t len);
/* The entry of a name, new (value NULL) or known; NULL when out of memory. Borrowed until the next
 * call. */
struct name_entry *names_entry(struct names *n, const char *text, size_t len);
/* NULL: not there. */
struct name_entry *names_find(const struct names *n, const char *text, size_t len);

#endif
