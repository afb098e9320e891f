/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The prefilter: one Hyperscan call over a run of bytes gives the rules that are worth a look. What
 * a literal must fulfil beyond its letters (case, place) is checked here, before a rule becomes a
 * candidate. Candidates are kept once each. Runs in the workers.
 */
#include <string.h>

#include "dataplane/detect/program.h"
#include "dataplane/detect/trace.h"

struct scan {
	struct worker *w;
	struct detect_state *s;
	const struct pattern_group *group;
	const uint8_t *data;
	uint64_t base;
	uint32_t len;
	uint32_t fresh; /* what ends here or before was seen in an earlier scan */
	bool end;
};

void candidate_add(struct detect_state *s, uint32_t rule)
{
	uint64_t *word = &s->candidate_bits[rule / 64], bit = 1ull << rule % 64;

	if (*word & bit)
		return;
	*word |= bit;
	s->candidates[s->candidate_count++] = rule;
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

static bool form_holds(const struct scan *scan, const struct group_literal *literal,
		       const struct group_entry *e, uint64_t to)
{
	if ((e->flags & ENTRY_AT_END) && to != scan->len)
		return false;
	return !(e->flags & ENTRY_CASE) ||
	       memcmp(scan->data + to - literal->len, e->pattern, literal->len) == 0;
}

bool candidate_there(const struct detect_state *s, uint32_t rule)
{
	return s->candidate_bits[rule / 64] & 1ull << rule % 64;
}

static int on_literal(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
		      void *context)
{
	struct scan *scan = context;
	const struct group_literal *literal = &scan->group->literals[id];
	const struct group_entry *e = &scan->group->entries[literal->first];

	if (to <= scan->fresh)
		return 0;
	for (uint32_t i = 0; i < literal->count; i++, e++) {
		if (place_holds(scan, e, to) && form_holds(scan, literal, e, to))
			candidate_add(scan->s, e->rule);
		else if (e->rule == scan->s->traced)
			trace_misplaced(scan->w, e, scan->data, scan->len, literal->len, to, scan->base);
	}
	return 0;
}

void scan_group(struct worker *w, const struct pattern_group *group, const uint8_t *data,
		uint32_t len, uint64_t base, bool end)
{
	scan_group_from(w, group, data, len, 0, base, end);
}

void scan_group_from(struct worker *w, const struct pattern_group *group, const uint8_t *data,
		     uint32_t len, uint32_t fresh, uint64_t base, bool end)
{
	struct detect_state *s = w->detect;
	struct scan scan = {w, s, group, data, base, len, fresh, end};

	for (uint32_t i = 0; i < group->always_count; i++)
		candidate_add(s, group->always[i]);
	if (!group->database || len == 0)
		return;
	w->counters->detect_scan_calls++;
	w->counters->detect_scan_bytes += len;
	hs_scan(group->database, (const char *)data, len, 0, s->scratch, on_literal, &scan);
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

const struct pattern_group *port_group_narrow(const struct port_groups *g, uint16_t port)
{
	unsigned at = g->narrow_by_port ? g->narrow_by_port[port] : 0;

	return at ? &g->narrow[at] : NULL;
}
