/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Paths: which ends of a flow are inside, among the addresses that most rules name. A rule on what comes from
 * outside is not looked for between two hosts inside, one on one's own servers not in what clients fetch: a group
 * has a variant for each path that has other rules. Whether an address is inside is all that is asked, so
 * variants hold a few rules that cannot match there, but all that can. Runs in the thread that loads a rule set.
 */
#include <stdlib.h>
#include <string.h>

#include "rules/addresses.h"
#include "rules/compile/groups_private.h"

/* Where an end may be. */
#define MAY_BE_INSIDE 1
#define MAY_BE_OUTSIDE 2

struct set_count {
	const struct addr_set *set;
	uint32_t rules;
};

static int order(const struct addr *a, const struct addr *b)
{
	return memcmp(a->b, b->b, sizeof(a->b));
}

static void set_count(struct set_count *counts, uint32_t mask, const struct addr_set *s)
{
	uint32_t at;

	if (s->any || !s->count)
		return;
	for (at = (uint32_t)addr_set_hash(s) & mask; counts[at].set && !addr_set_same(counts[at].set, s); at = (at + 1) & mask)
		;
	counts[at].set = s;
	counts[at].rules++;
}

static const struct addr_set *set_most_named(const struct set_count *counts, uint32_t mask)
{
	const struct set_count *most = NULL;

	for (uint32_t i = 0; i <= mask; i++)
		if (counts[i].set && (!most || counts[i].rules > most->rules))
			most = &counts[i];
	return most ? most->set : NULL;
}

static uint8_t ends_of(const struct addr_set *s, const struct addr_set *inside)
{
	uint8_t ends = 0;

	if (s->any)
		return MAY_BE_INSIDE | MAY_BE_OUTSIDE;
	for (uint32_t i = 0; i < s->count; i++) {
		const struct addr_range *r = &s->ranges[i];
		bool within = false;

		for (uint32_t k = 0; k < inside->count; k++) {
			const struct addr_range *q = &inside->ranges[k];

			if (q->ip_version != r->ip_version || order(&q->high, &r->low) < 0 || order(&r->high, &q->low) < 0)
				continue;
			ends |= MAY_BE_INSIDE;
			within |= order(&q->low, &r->low) <= 0 && order(&r->high, &q->high) <= 0;
		}
		if (!within)
			ends |= MAY_BE_OUTSIDE;
	}
	return ends;
}

static bool end_may_be(uint8_t ends, bool inside)
{
	return ends & (inside ? MAY_BE_INSIDE : MAY_BE_OUTSIDE);
}

/* Bit a path. src, dst: where the ends may be. The sides of a rule are those of a packet; of one on both directions of a
 * transaction, those of the packet to the server. */
static uint8_t paths_of(const struct rule *rule, uint8_t src, uint8_t dst, unsigned direction)
{
	bool swapped = direction && !(rule->flags & RULE_TRANSACTIONAL);
	bool both = rule->flags & RULE_BIDIRECTIONAL;
	uint8_t paths = 0;

	for (unsigned path = 0; path < PATH_COUNT; path++) {
		bool client = path & PATH_FROM_INSIDE, server = path & PATH_TO_INSIDE;

		if (((!swapped || both) && end_may_be(src, client) && end_may_be(dst, server)) ||
		    ((swapped || both) && end_may_be(src, server) && end_may_be(dst, client)))
			paths |= (uint8_t)(1u << path);
	}
	return paths;
}

static void rule_paths_note(struct groups_builder *b, const struct rule *rule)
{
	uint8_t src = ends_of(&rule->src, &b->out->inside), dst = ends_of(&rule->dst, &b->out->inside);

	for (unsigned d = 0; d < 2; d++)
		b->paths[rule->index].of[d] = paths_of(rule, src, dst, d);
}

void groups_inside_choose(struct groups_builder *b)
{
	const struct ruleset *set = b->set;
	const struct addr_set *inside;
	struct set_count *counts;
	uint32_t mask = 15;

	while (mask < 4 * set->rule_count)
		mask = mask << 1 | 1;
	counts = calloc((size_t)mask + 1, sizeof(*counts));
	b->paths = calloc(set->rule_count + 1, sizeof(*b->paths));
	if (!counts || !b->paths) {
		b->failed = true;
		free(counts);
		return;
	}
	for (size_t i = 0; i < set->rule_count; i++) {
		set_count(counts, mask, &set->rules[i]->src);
		set_count(counts, mask, &set->rules[i]->dst);
	}
	inside = set_most_named(counts, mask);
	free(counts);
	b->out->inside.any = !inside;
	b->out->inside.ranges = inside ? inside->ranges : NULL;
	b->out->inside.count = inside ? inside->count : 0;
	for (size_t i = 0; i < set->rule_count; i++)
		rule_paths_note(b, set->rules[i]);
}

unsigned draft_variants(const struct groups_builder *b, const struct group_draft *d, unsigned direction,
			uint8_t of_path[PATH_COUNT], uint8_t paths[PATH_COUNT + 1])
{
	/* of each path, which sets of paths its rules are for: paths with the same ones have the same rules */
	uint32_t kinds[PATH_COUNT] = {0};
	unsigned count = 0;

	for (uint32_t i = 0; i < d->count; i++) {
		uint8_t set = b->paths[d->items[i].rule->index].of[direction];

		for (unsigned path = 0; path < PATH_COUNT; path++)
			if (set >> path & 1)
				kinds[path] |= 1u << set;
	}
	for (unsigned path = 0; path < PATH_COUNT; path++) {
		unsigned k = 1;

		while (k <= count && kinds[paths[k]] != kinds[path])
			k++;
		if (kinds[path] && k > count)
			paths[++count] = (uint8_t)path;
		of_path[path] = kinds[path] ? (uint8_t)k : 0;
	}
	return count;
}

struct group_draft draft_variant(struct groups_builder *b, const struct group_draft *d, unsigned direction, uint8_t path)
{
	struct group_draft v = {0};

	for (uint32_t i = 0; i < d->count && !b->failed; i++)
		if (b->paths[d->items[i].rule->index].of[direction] >> path & 1)
			group_draft_add(b, &v, d->items[i].rule, d->items[i].prefilter);
	return v;
}
