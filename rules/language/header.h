/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Sets of addresses and ports as rules write them: any, items, lists, negation, nesting, variables.
 */
#ifndef LANGUAGE_HEADER_H
#define LANGUAGE_HEADER_H

#include "rules/language/draft.h"

/* How deep lists and variables may nest. */
#define SET_DEPTH_MAX 64
/* Items of one set with all variables written out. */
#define SET_ITEMS_MAX 65536

/* Reads a whole set from text. The result is in the arena, and kept for the same text again. */
bool address_set_parse(struct draft *d, const struct scan *text, struct addr_set *out);
bool port_set_parse(struct draft *d, const struct scan *text, struct port_set *out);

/* A walk over the items of a set with its lists and variables. item: one item without `!`, and
 * whether it is excluded. */
struct set_walk {
	struct draft *d;
	const char *what; /* "address", "port" */
	const char *const *names, *const *values;
	size_t variable_count;
	const char *place; /* inside a variable: where the rule names it; else NULL */
	unsigned items;
	bool negated_in_text;
	bool (*item)(struct set_walk *w, const struct scan *item, bool excluded);
};

bool set_walk(struct set_walk *w, struct scan text);
/* Notes a problem with an item, at the rule's own text. */
#define set_fail(w, item, advice, ...)                                                             \
	draft_fail((w)->d, (w)->place ? (w)->place : (item)->p, advice, __VA_ARGS__)

#endif
