/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rules that say nothing but addresses (lists of bad hosts): judged on the first packet of each
 * direction of a flow, and on every packet without one. Each rule is filed under the narrower of its
 * two sides; the ranges of all rules are cut into elementary intervals, so that one binary search a
 * side finds the rules whose list holds the address. Rules with two wide sides are tried always.
 *
 * Built by the main thread; runs in the workers.
 */
#include <stdlib.h>
#include <string.h>

#include "dataplane/detect/profile.h"
#include "dataplane/detect/trace.h"

#define SPAN_WIDE (1ull << 26) /* IPv4 addresses of a side that is not worth filing */

struct interval {
	struct addr low;        /* up to the next interval's */
	uint32_t first, count;  /* in .rules */
};

/* By side (source, destination) and IP version. */
struct interval_map {
	struct interval *intervals;
	uint32_t count;
};

struct ip_only {
	struct interval_map maps[2][2];
	uint32_t *rules;        /* lists of all intervals */
	uint32_t rule_count, rule_cap;
	uint32_t *always;
	uint32_t always_count;
};

struct edge {
	struct addr at;
	uint32_t rule;
	bool opens;
};

static uint64_t set_span(const struct addr_set *set)
{
	uint64_t span = 0;

	if (set->any)
		return UINT64_MAX;
	for (uint32_t i = 0; i < set->count; i++) {
		const struct addr_range *r = &set->ranges[i];

		if (r->ip_version == 4)
			span += (uint64_t)get_be32(r->high.b) - get_be32(r->low.b) + 1;
		else if (memcmp(r->low.b, r->high.b, 4) != 0)
			span += SPAN_WIDE;
		else
			span++;
	}
	return span;
}

/* 0 source, 1 destination, -1 neither. */
static int side_of(const struct rule *rule)
{
	uint64_t src = set_span(&rule->src), dst = set_span(&rule->dst);

	if ((rule->flags & RULE_BIDIRECTIONAL) || (src >= SPAN_WIDE && dst >= SPAN_WIDE))
		return -1;
	return src <= dst ? 0 : 1;
}

static int edge_order(const void *a, const void *b)
{
	return memcmp(((const struct edge *)a)->at.b, ((const struct edge *)b)->at.b, 16);
}

/* One past; false at the end of the space. */
static bool addr_next(struct addr *a, unsigned bytes)
{
	for (unsigned i = bytes; i-- > 0;)
		if (++a->b[i])
			return true;
	return false;
}

static struct edge *edges_of(const struct detect_program *p, int side, uint8_t version,
			     uint32_t *count)
{
	struct edge *edges = NULL;
	uint32_t n = 0, cap = 0;

	for (uint32_t i = 0; i < p->groups->ip_only_count; i++) {
		const struct program_rule *r = &p->rules[p->groups->ip_only[i]];
		const struct addr_set *set = side ? &r->rule->dst : &r->rule->src;

		if (r->refused || side_of(r->rule) != side)
			continue;
		for (uint32_t k = 0; k < set->count; k++) {
			struct addr end = set->ranges[k].high;

			if (set->ranges[k].ip_version != version)
				continue;
			if (n + 2 > cap) {
				cap = cap ? cap * 2 : 1024;
				struct edge *more = realloc(edges, cap * sizeof(*edges));

				if (!more)
					goto out;
				edges = more;
			}
			edges[n++] = (struct edge){set->ranges[k].low, r->rule->index, true};
			if (addr_next(&end, version == 4 ? 4 : 16))
				edges[n++] = (struct edge){end, r->rule->index, false};
		}
	}
out:
	*count = n;
	if (n)
		qsort(edges, n, sizeof(*edges), edge_order);
	return edges;
}

static bool list_append(struct ip_only *i, const uint32_t *active, uint32_t count)
{
	while (i->rule_count + count > i->rule_cap) {
		uint32_t cap = i->rule_cap ? i->rule_cap * 2 : 4096;
		uint32_t *rules = realloc(i->rules, cap * sizeof(*rules));

		if (!rules)
			return false;
		i->rules = rules;
		i->rule_cap = cap;
	}
	if (count)
		memcpy(i->rules + i->rule_count, active, count * sizeof(*active));
	i->rule_count += count;
	return true;
}

static void active_change(uint32_t *active, uint32_t *count, const struct edge *e)
{
	if (e->opens) {
		active[(*count)++] = e->rule;
		return;
	}
	for (uint32_t i = 0; i < *count; i++)
		if (active[i] == e->rule) {
			active[i] = active[--*count];
			return;
		}
}

static bool map_build(const struct detect_program *p, struct ip_only *out, int side, uint8_t version)
{
	struct interval_map *map = &out->maps[side][version == 6];
	uint32_t count, active_count = 0;
	struct edge *edges = edges_of(p, side, version, &count);
	uint32_t *active = calloc(count + 1, sizeof(*active));
	bool ok = active != NULL;

	map->intervals = calloc(count + 1, sizeof(*map->intervals));
	ok = ok && map->intervals;
	for (uint32_t i = 0; ok && i < count;) {
		struct addr at = edges[i].at;

		for (; i < count && addr_equal(&edges[i].at, &at); i++)
			active_change(active, &active_count, &edges[i]);
		map->intervals[map->count++] =
			(struct interval){at, out->rule_count, active_count};
		ok = list_append(out, active, active_count);
	}
	free(active);
	free(edges);
	return ok;
}

struct ip_only *ip_only_new(const struct detect_program *p)
{
	struct ip_only *out = calloc(1, sizeof(*out));
	uint32_t n = p->groups->ip_only_count;

	if (!out)
		return NULL;
	out->always = calloc(n + 1, sizeof(*out->always));
	for (int side = 0; side < 2; side++)
		if (!out->always || !map_build(p, out, side, 4) || !map_build(p, out, side, 6)) {
			ip_only_free(out);
			return NULL;
		}
	for (uint32_t i = 0; i < n; i++)
		if (side_of(p->rules[p->groups->ip_only[i]].rule) < 0)
			out->always[out->always_count++] = p->groups->ip_only[i];
	return out;
}

void ip_only_free(struct ip_only *i)
{
	if (!i)
		return;
	for (unsigned side = 0; side < 2; side++)
		for (unsigned v = 0; v < 2; v++)
			free(i->maps[side][v].intervals);
	free(i->rules);
	free(i->always);
	free(i);
}

static void candidates_of_address(struct detect_state *s, const struct ip_only *o, unsigned side,
				  const struct packet *p)
{
	const struct interval_map *map = &o->maps[side][p->ip_version == 6];
	const struct addr *a = side ? &p->dst : &p->src;
	uint32_t low = 0, high = map->count;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (memcmp(map->intervals[middle].low.b, a->b, 16) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return;
	for (uint32_t i = 0; i < map->intervals[low - 1].count; i++)
		candidate_add(s, o->rules[map->intervals[low - 1].first + i]);
}

static void rule_run(struct worker *w, struct packet *p, uint32_t index)
{
	struct detect_state *s = w->detect;
	const struct program_rule *r = &s->program->rules[index];
	struct match_context c = {.w = w, .s = s, .p = p, .f = p->flow, .rule = r};

	chain_rule_begin(&s->chain);
	if (r->refused || !header_matches(s, p, r, false) || !packet_checks_hold(&c))
		return;
	if (post_run(&c))
		alert_add(w, index, false, NULL, NULL);
}

void ip_only_run(struct worker *w, struct packet *p)
{
	struct detect_state *s = w->detect;
	const struct ip_only *o = s->program->ip_only;

	if (!o || !p->ip_version || (p->flags & PACKET_PSEUDO) ||
	    (p->flow && !(p->flags & PACKET_FIRST_IN_DIRECTION)))
		return;
	for (unsigned side = 0; side < 2; side++)
		candidates_of_address(s, o, side, p);
	for (uint32_t i = 0; i < o->always_count; i++)
		candidate_add(s, o->always[i]);
	if (!s->candidate_count)
		return;
	candidates_sort(s);
	for (uint32_t i = 0; i < s->candidate_count; i++) {
		struct profile_mark mark = {0};

		if (s->candidates[i] == s->traced)
			trace_rule(w, p, true);
		if (s->watched)
			mark = profile_begin(w, s->candidates[i]);
		rule_run(w, p, s->candidates[i]);
		profile_end(w, &mark);
	}
	candidates_clear(s);
}
