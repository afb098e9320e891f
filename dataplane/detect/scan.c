/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The prefilter: one look over a run of bytes, by the sieve (sieve.c) or by Hyperscan, gives the rules
 * that are worth a look. What a literal must fulfil beyond its letters (case, place) is checked here, before a rule becomes a
 * candidate. Candidates are kept once each. Runs in the workers.
 */
#include <string.h>

#include "dataplane/detect/kept.h"
#include "dataplane/detect/scan.h"
#include "dataplane/detect/trace.h"

void candidate_add(struct detect_state *s, uint32_t rule)
{
	uint64_t *word = &s->candidate_bits[rule / 64], bit = 1ull << rule % 64;

	if (*word & bit)
		return;
	*word |= bit;
	__builtin_prefetch(&s->program->rules[rule]);
	s->candidates[s->candidate_count++] = rule;
}

/* start: of the literal, in the data. */
static inline void candidate_found(const struct scan *scan, uint32_t rule, uint64_t start)
{
	if (scan->s->kept)
		kept_note(scan->s->kept, rule, scan->base + start);
	candidate_add(scan->s, rule);
}

/* Places count from the first new byte, and where old bytes are shown also from the buffer's start,
 * which lies base bytes before data. */
static bool place_holds(const struct scan *scan, const struct group_entry *e, uint64_t to)
{
	if (to - scan->fresh >= e->end_min &&
	    to - scan->fresh + (scan->fresh ? 0 : scan->base) <= e->end_max)
		return true;
	return scan->fresh && to + scan->base >= e->end_min && to + scan->base <= e->end_max;
}

static bool form_holds(const struct scan *scan, const struct group_entry *e, uint64_t to)
{
	if ((e->flags & ENTRY_AT_END) && to != scan->len)
		return false;
	return !(e->flags & ENTRY_CASE) || memcmp(scan->data + to - e->len, e->pattern, e->len) == 0;
}

bool candidate_there(const struct detect_state *s, uint32_t rule)
{
	return s->candidate_bits[rule / 64] & 1ull << rule % 64;
}

/* What is known already need not be found again, except where it is noted at which places. */
static inline bool found_before(const struct scan *scan, uint32_t rule)
{
	return !scan->s->kept && candidate_there(scan->s, rule);
}

bool scan_found(struct scan *scan, uint32_t id, uint64_t to)
{
	const struct group_literal *literal = &scan->group->literals[id];
	const struct group_entry *e = &scan->group->entries[literal->first];
	bool all = true;

	if (to <= scan->fresh)
		return false;
	for (uint32_t i = 0; i < literal->count; i++, e++) {
		if (found_before(scan, e->rule))
			continue;
		if (place_holds(scan, e, to) && form_holds(scan, e, to)) {
			candidate_found(scan, e->rule, to - e->len);
			all = all && !scan->s->kept;
		} else {
			all = false;
			if (e->rule == scan->s->traced)
				trace_misplaced(scan->w, e, scan->data, scan->len, literal->len, to, scan->base);
		}
	}
	return all;
}

int scan_on_literal(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
		    void *context)
{
	scan_found(context, id, to);
	return 0;
}

/* ---- literals in one place ---- */

static bool text_same(const uint8_t *data, const struct group_entry *e)
{
	if (e->flags & ENTRY_CASE)
		return memcmp(data, e->pattern, e->len) == 0;
	for (uint32_t i = 0; i < e->len; i++)
		if (fold_byte(data[i]) != e->pattern[i])
			return false;
	return true;
}

/* The key stands at data[at]. */
static inline void placed_look(const struct scan *scan, const struct placed_class *c, uint32_t at)
{
	const struct pattern_group *g = scan->group;
	const struct placed_slot *slot;
	uint64_t key = placed_key(scan->data + at, scan->len - at, c->width);
	uint32_t hash = placed_hash(key), k = hash & c->mask;
	const struct group_entry *e, *end;

	if (!(c->filter[placed_filter(hash) / 64] >> placed_filter(hash) % 64 & 1))
		return;
	while ((slot = &g->placed_slots[c->first + k])->count && slot->key != key)
		k = (k + 1) & c->mask;
	e = &g->placed_entries[slot->first];
	for (end = e + slot->count; e < end; e++) {
		uint32_t from = c->from_end ? scan->len - e->len : at;

		if (e->len > (c->from_end ? scan->len : scan->len - at) || from + e->len <= scan->fresh ||
		    !place_holds(scan, e, from + e->len) || !text_same(scan->data + from, e))
			continue;
		candidate_found(scan, e->rule, from);
	}
}

static void placed_run(const struct scan *scan)
{
	const struct pattern_group *g = scan->group;
	uint64_t len = scan->len;

	for (const struct placed_class *c = g->placed; c < g->placed + g->placed_count; c++) {
		if (c->from_end) {
			if (c->width <= len)
				placed_look(scan, c, (uint32_t)len - c->width);
			continue;
		}
		/* from the first new byte; and from the start of the buffer, where old bytes are shown */
		if ((scan->fresh || scan->base == 0) && (uint64_t)scan->fresh + c->at + c->width <= len)
			placed_look(scan, c, scan->fresh + c->at);
		if (scan->fresh && c->at >= scan->base && c->at - scan->base + c->width <= len)
			placed_look(scan, c, (uint32_t)(c->at - scan->base));
	}
}

/* The literal of the rule that is followed stands elsewhere. */
static WATCHING void placed_explain(const struct scan *scan)
{
	const struct pattern_group *g = scan->group;

	for (uint32_t i = 0; i < g->placed_entry_count; i++) {
		const struct group_entry *e = &g->placed_entries[i];
		struct group_entry any_case = *e;
		uint8_t folded[UINT8_MAX];

		/* of packets it may be another one than the one that explanations name */
		if (e->rule != scan->s->traced || e->len > sizeof(folded) || candidate_there(scan->s, e->rule) ||
		    e->len != scan->s->program->groups->prefilter[e->rule].literal.len)
			continue;
		for (uint32_t k = 0; k < e->len; k++)
			folded[k] = fold_byte(e->pattern[k]);
		any_case.flags = 0;
		any_case.pattern = folded;
		for (uint32_t from = 0; from + e->len <= scan->len; from++)
			if (from + e->len > scan->fresh && text_same(scan->data + from, &any_case))
				trace_misplaced(scan->w, e, scan->data, scan->len, e->len, from + e->len,
						scan->base);
	}
}

void scan_group_from(struct worker *w, const struct pattern_group *group, const uint8_t *data,
		     uint32_t len, uint32_t fresh, uint64_t base, bool end)
{
	struct detect_state *s = w->detect;
	struct scan scan = {w, s, group, data, base, len, fresh, end, {0}};

	for (uint32_t i = 0; i < group->always_count; i++)
		candidate_add(s, group->always[i]);
	if (len == 0)
		return;
	if (group->placed_count) {
		placed_run(&scan);
		if (s->traced != TRACE_NO_RULE)
			placed_explain(&scan);
	}
	if (!group->literal_count)
		return;
	scan.len = group_searched(group, len, fresh);
	w->counters->detect_scan_calls++;
	w->counters->detect_scan_bytes += scan.len;
	if (!sieve_run(&scan))
		hs_scan(group->database, (const char *)data, scan.len, 0, s->scratch, scan_on_literal, &scan);
}

/* Few: insertion. Many: off the bitmap, which is in order. */
#define SORT_FEW 48

void candidates_sort(struct detect_state *s)
{
	uint32_t n = s->candidate_count, *list = s->candidates, at = 0;

	if (n <= SORT_FEW) {
		for (uint32_t i = 1; i < n; i++) {
			uint32_t v = list[i], k = i;

			for (; k > 0 && list[k - 1] > v; k--)
				list[k] = list[k - 1];
			list[k] = v;
		}
		return;
	}
	for (uint32_t word = 0; at < n; word++)
		for (uint64_t bits = s->candidate_bits[word]; bits; bits &= bits - 1)
			list[at++] = word * 64 + (uint32_t)__builtin_ctzll(bits);
}

void candidates_clear(struct detect_state *s)
{
	for (uint32_t i = 0; i < s->candidate_count; i++)
		s->candidate_bits[s->candidates[i] / 64] = 0;
	s->candidate_count = 0;
}
