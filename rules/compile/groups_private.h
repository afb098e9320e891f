/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the files of rules/compile share while groups are being built.
 */
#ifndef COMPILE_GROUPS_PRIVATE_H
#define COMPILE_GROUPS_PRIVATE_H

#include "rules/compile/groups.h"

struct database_literal;

struct draft_item {
	const struct rule *rule;
	const struct group_prefilter *prefilter; /* literal.len 0: none */
};

struct group_draft {
	struct draft_item *items;
	uint32_t count, cap;
};

struct wanted {
	struct pattern_group *group;
	struct database_literal *texts; /* folded */
	uint64_t hash;
	uint32_t job;
};

/* On which paths a rule can match, by direction: bit enum group_path. */
struct rule_paths {
	uint8_t of[2];
};

struct groups_builder {
	struct ruleset *set;
	struct rule_paths *paths; /* by rule index */
	struct ruleset_groups *out; /* in the set's arena, as all of it */
	struct wanted *wanted;
	uint32_t wanted_count, wanted_cap;
	bool all_masks; /* for any processor, not only for the one at hand */
	bool failed; /* memory was out once */
};

/* Zeroed, of the set's arena. NULL and .failed when memory is out. */
void *groups_alloc(struct groups_builder *b, size_t bytes);
void group_draft_add(struct groups_builder *b, struct group_draft *d, const struct rule *rule,
	       const struct group_prefilter *prefilter);
struct group_entry group_entry_of(const struct draft_item *item);
/* placed.c: can the literal stand in one place only? */
bool group_entry_in_one_place(const struct group_entry *e);
/* Literals in one place go from the draft into the group's tables. */
void group_placed_take(struct groups_builder *b, struct group_draft *d, struct pattern_group *group);
/* guard.c: what the payload must begin with for the rule to match on a packet; false: nothing is known. */
bool rule_guard(const struct rule *rule, struct group_guard *guard);
/* The guards of the draft's rules, each of which has one, become the group's. More than GUARDS_MAX: the
 * group stays without. */
void group_guards_make(struct groups_builder *b, const struct group_draft *d, struct pattern_group *group);
/* Fills out->packet_prefilter. */
void groups_choose_in_place(struct groups_builder *b);
/* sieve.c: of the group's literals. */
void group_sieve_make(struct groups_builder *b, struct pattern_group *group);
/* masks.c: of a sieve whose anchors are there. */
void group_masks_make(struct groups_builder *b, struct sieve *s);
/* Of the anchor of a literal. */
static inline uint8_t sieve_anchor_width(uint32_t literal_len)
{
	return literal_len >= 4 ? 4 : literal_len >= 2 ? 2 : 1;
}
/* Makes the group, empties the draft, asks for the database. */
void group_draft_finish(struct groups_builder *b, struct group_draft *d, struct pattern_group *group);
void groups_want_database(struct groups_builder *b, struct pattern_group *group,
			  struct database_literal *texts);
/* path.c. Sets out->inside and b->paths. */
void groups_inside_choose(struct groups_builder *b);
/* Variants of a draft: [k] from 1 on is that of paths[k] and of all paths with of_path[path] = k; a path that no rule
 * is for has 0. Returns how many. */
unsigned draft_variants(const struct groups_builder *b, const struct group_draft *d, unsigned direction,
			uint8_t of_path[PATH_COUNT], uint8_t paths[PATH_COUNT + 1]);
/* The rules of the draft that can match on the path. The caller frees the items. */
struct group_draft draft_variant(struct groups_builder *b, const struct group_draft *d, unsigned direction, uint8_t path);
/* Fill out->buffers, and .packet, .stream and .packet_always. */
void groups_by_buffer(struct groups_builder *b);
void groups_by_port(struct groups_builder *b);

#endif
