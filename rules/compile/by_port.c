/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Groups of packets and streams: what is looked at × transport protocol × direction × server ports.
 * Runs in the thread that loads a rule set.
 */
#include <stdlib.h>
#include <string.h>

#include "rules/compile/groups_private.h"

#define PORTS_WIDE 4096     /* a rule of so many ports is in the wide group */
#define NARROW_MAX 8192     /* groups of one table */
/* Of all groups of one table that have rules of few ports and those of many: memory, and time to load. One with more
 * literals than masks serve would be slower. */
#define JOINED_RULES_MAX 1000

static bool ports_wide(const struct rule *rule, const struct port_set *ports)
{
	uint32_t n = 0;

	if (ports->any || (rule->flags & RULE_BIDIRECTIONAL))
		return true;
	for (uint32_t i = 0; i < ports->count; i++)
		n += (uint32_t)ports->ranges[i].high - ports->ranges[i].low + 1;
	return n >= PORTS_WIDE;
}

bool rule_ports_wide(const struct rule *rule, unsigned direction)
{
	return ports_wide(rule, rule_server_ports(rule, direction));
}

static bool ports_hold(const struct port_set *ports, uint32_t port)
{
	for (uint32_t i = 0; i < ports->count; i++)
		if (port >= ports->ranges[i].low && port <= ports->ranges[i].high)
			return true;
	return false;
}

/* Which packets a table is for, and of those that are long which rules. */
enum payloads { PAYLOADS_ALL, PAYLOADS_LONG, PAYLOADS_LONG_GUARDED, PAYLOADS_LONG_NEAR };

/* One table under construction. */
struct port_draft {
	struct group_draft all; /* every rule that belongs here */
	unsigned direction;
	enum group_kind kind;
	enum payloads payloads;
};

/* Marks the first port of each elementary interval. */
static void bounds_mark(const struct port_draft *p, uint8_t *bounds)
{
	bounds[0] = 1;
	for (uint32_t i = 0; i < p->all.count; i++) {
		const struct rule *rule = p->all.items[i].rule;
		const struct port_set *ports = rule_server_ports(rule, p->direction);

		if (ports_wide(rule, ports))
			continue;
		for (uint32_t k = 0; k < ports->count; k++) {
			bounds[ports->ranges[k].low] = 1;
			if (ports->ranges[k].high < 65535)
				bounds[ports->ranges[k].high + 1] = 1;
		}
	}
}

/* The rules of few ports that hold this port, as a draft. */
static struct group_draft narrow_draft(struct groups_builder *b, const struct port_draft *p,
				       uint32_t port)
{
	struct group_draft d = {0};

	for (uint32_t i = 0; i < p->all.count; i++) {
		const struct rule *rule = p->all.items[i].rule;
		const struct port_set *ports = rule_server_ports(rule, p->direction);

		if (!ports_wide(rule, ports) && ports_hold(ports, port))
			group_draft_add(b, &d, rule, p->all.items[i].prefilter);
	}
	return d;
}

static bool group_draft_same(const struct group_draft *a, const struct group_draft *b)
{
	if (a->count != b->count)
		return false;
	for (uint32_t i = 0; i < a->count; i++)
		if (a->items[i].rule != b->items[i].rule)
			return false;
	return true;
}

/* Fills the table and returns the drafts it points to, [0] empty. */
static struct group_draft *narrow_drafts(struct groups_builder *b, const struct port_draft *p,
					 uint16_t *table, uint32_t *count)
{
	struct group_draft *drafts = calloc(NARROW_MAX, sizeof(*drafts));
	uint8_t *bounds = calloc(65536, 1);
	uint16_t at = 0;

	*count = 1;
	if (!drafts || !bounds) {
		b->failed = true;
		goto out;
	}
	bounds_mark(p, bounds);
	for (uint32_t port = 0; port < 65536 && !b->failed; port++) {
		if (bounds[port]) {
			struct group_draft d = narrow_draft(b, p, port);

			for (at = 0; at < *count && !group_draft_same(&drafts[at], &d); at++)
				;
			if (at < *count) {
				free(d.items);
			} else if (*count == NARROW_MAX) {
				free(d.items);
				b->failed = true;
			} else {
				drafts[(*count)++] = d;
			}
		}
		table[port] = at;
	}
out:
	free(bounds);
	return drafts;
}

/* All that a port leads to as one group: bytes are searched once instead of twice. Replaces a draft of few ports. */
static void draft_join(struct groups_builder *b, const struct group_draft *wide, struct group_draft *narrow)
{
	struct group_draft both = {0};
	uint32_t w = 0, n = 0;

	while (w < wide->count || n < narrow->count) {
		bool next_wide = n == narrow->count ||
				 (w < wide->count && wide->items[w].rule->index < narrow->items[n].rule->index);
		const struct draft_item *item = next_wide ? &wide->items[w++] : &narrow->items[n++];

		group_draft_add(b, &both, item->rule, item->prefilter);
	}
	free(narrow->items);
	*narrow = both;
}

/* The groups of most rules are those of the ports that are met most. joined[i]: the draft has the wide rules, too. */
static void drafts_join(struct groups_builder *b, const struct group_draft *wide, struct group_draft *drafts,
			uint32_t count, bool *joined)
{
	uint32_t left = JOINED_RULES_MAX;

	while (wide->count && !b->failed) {
		uint32_t best = 0;

		for (uint32_t i = 1; i < count; i++)
			if (!joined[i] && wide->count + drafts[i].count <= JOINED_RULES_MAX &&
			    (!best || drafts[i].count > drafts[best].count))
				best = i;
		if (!best || wide->count + drafts[best].count > left)
			return;
		left -= wide->count + drafts[best].count;
		draft_join(b, wide, &drafts[best]);
		joined[best] = true;
	}
}

static void port_group_finish(struct groups_builder *b, const struct port_draft *p, struct group_draft *d,
			      struct pattern_group *group)
{
	if (p->payloads == PAYLOADS_LONG_GUARDED)
		group_guards_make(b, d, group);
	group_draft_finish(b, d, group);
}

static void port_finish(struct groups_builder *b, struct port_draft *p, struct port_groups *out)
{
	struct group_draft wide = {0}, *drafts;
	struct pattern_group *group;
	uint16_t *table = calloc(65536, sizeof(*table)), *kept;
	bool *joined = calloc(NARROW_MAX, sizeof(*joined));
	uint32_t count = 0;

	for (uint32_t i = 0; i < p->all.count; i++) {
		const struct rule *rule = p->all.items[i].rule;

		if (ports_wide(rule, rule_server_ports(rule, p->direction)))
			group_draft_add(b, &wide, rule, p->all.items[i].prefilter);
	}
	drafts = table && joined ? narrow_drafts(b, p, table, &count) : NULL;
	if (drafts && p->payloads != PAYLOADS_LONG_GUARDED && p->kind != GROUP_PACKET_ALWAYS)
		drafts_join(b, &wide, drafts, count, joined);
	if (wide.count && (group = groups_alloc(b, sizeof(*group))) != NULL) {
		out->wide = group;
		port_group_finish(b, p, &wide, group);
	}
	free(wide.items);
	if (!drafts) {
		b->failed = true;
		free(table);
		free(joined);
		return;
	}
	group = groups_alloc(b, count * sizeof(*group));
	for (uint32_t i = 1; i < count; i++) {
		if (group) {
			port_group_finish(b, p, &drafts[i], &group[i]);
			group[i].with_wide = joined[i];
		}
		free(drafts[i].items);
	}
	free(drafts);
	free(joined);
	if (count > 1 && group && (kept = groups_alloc(b, 65536 * sizeof(*kept))) != NULL) {
		memcpy(kept, table, 65536 * sizeof(*kept));
		out->narrow = group;
		out->narrow_count = count;
		out->narrow_by_port = kept;
	}
	free(table);
}

static bool rule_has_l4(const struct rule *rule, unsigned l4)
{
	static const uint8_t protos[GROUP_L4_COUNT] = {
		[GROUP_TCP] = RULE_TCP,
		[GROUP_UDP] = RULE_UDP,
		[GROUP_OTHER] = RULE_ANY_PROTO & ~(RULE_TCP | RULE_UDP),
	};

	if (!(rule->ip_protos & protos[l4]))
		return false;
	for (uint32_t i = 0; i < rule->packet_match_count; i++) {
		const struct match *m = &rule->packet_matches[i];

		/* ip_proto: one number, one transport */
		if (m->keyword == KEYWORD_ip_proto && m->u.number.op == NUMBER_EQUAL &&
		    l4 != (m->u.number.low == 6 ? GROUP_TCP : m->u.number.low == 17 ? GROUP_UDP : GROUP_OTHER))
			return false;
	}
	return true;
}

static bool rule_belongs(const struct rule *rule, enum group_kind kind, unsigned l4)
{
	enum group_kind own = rule_group_kind(rule);

	if (!rule_has_l4(rule, l4))
		return false;
	if (kind == GROUP_PACKET_ALWAYS)
		return own == kind;
	if (own != GROUP_PACKET)
		return false;
	if (l4 != GROUP_TCP)
		return kind == GROUP_PACKET && !(rule->flags & RULE_STREAM_ONLY);
	return rule_payload_use(rule) & (kind == GROUP_STREAM ? USE_STREAM : USE_PACKET);
}

/* dsize: can it hold for a payload of more than GROUP_SHORT_BYTES? */
static bool rule_takes_long(const struct rule *rule)
{
	for (uint32_t i = 0; i < rule->packet_match_count; i++) {
		const struct match *m = &rule->packet_matches[i];

		if (m->keyword != KEYWORD_dsize)
			continue;
		if ((m->u.number.op == NUMBER_EQUAL || m->u.number.op == NUMBER_LESS_EQUAL) &&
		    m->u.number.low <= GROUP_SHORT_BYTES)
			return false;
		if (m->u.number.op == NUMBER_LESS && m->u.number.low <= GROUP_SHORT_BYTES + 1)
			return false;
		if (m->u.number.op == NUMBER_BETWEEN && m->u.number.high <= GROUP_SHORT_BYTES + 1)
			return false;
	}
	return true;
}

static const struct group_prefilter *prefilter_in(const struct groups_builder *b, enum group_kind kind, size_t rule)
{
	static const struct group_prefilter none;

	if (kind == GROUP_PACKET_ALWAYS)
		return &none;
	return kind == GROUP_PACKET ? &b->out->packet_prefilter[rule] : &b->out->prefilter[rule];
}

/* Where the rule belongs among those for long payloads. */
static enum payloads rule_payloads(const struct groups_builder *b, const struct rule *rule)
{
	const struct draft_item item = {rule, &b->out->packet_prefilter[rule->index]};
	struct group_entry e;
	struct group_guard guard;

	if (!item.prefilter->literal.len)
		return PAYLOADS_LONG;
	e = group_entry_of(&item);
	if (group_entry_in_one_place(&e))
		return PAYLOADS_LONG;
	if (rule_guard(rule, &guard))
		return PAYLOADS_LONG_GUARDED;
	return !(e.flags & ENTRY_AT_END) && e.end_max <= GROUP_NEAR_BYTES ? PAYLOADS_LONG_NEAR : PAYLOADS_LONG;
}

static bool payloads_hold(const struct groups_builder *b, const struct rule *rule, enum payloads payloads)
{
	return payloads == PAYLOADS_ALL || (rule_takes_long(rule) && rule_payloads(b, rule) == payloads);
}

static void port_groups_make(struct groups_builder *b, enum group_kind kind, enum payloads payloads, unsigned l4,
			     unsigned direction, struct path_ports *out)
{
	struct group_draft all = {0};
	uint8_t paths[PATH_COUNT + 1];
	struct port_groups *variants;

	for (size_t i = 0; i < b->set->rule_count && !b->failed; i++) {
		const struct rule *rule = b->set->rules[i];

		if (rule_belongs(rule, kind, l4) && rule_has_direction(rule, direction) &&
		    payloads_hold(b, rule, payloads))
			group_draft_add(b, &all, rule, prefilter_in(b, kind, i));
	}
	out->count = draft_variants(b, &all, direction, out->of_path, paths) + 1;
	variants = groups_alloc(b, out->count * sizeof(*variants));
	for (unsigned k = 1; variants && k < out->count && !b->failed; k++) {
		struct port_draft p = {.all = draft_variant(b, &all, direction, paths[k]), .direction = direction,
				       .kind = kind, .payloads = payloads};

		port_finish(b, &p, &variants[k]);
		free(p.all.items);
	}
	out->variants = variants;
	free(all.items);
}

void groups_by_port(struct groups_builder *b)
{
	struct ruleset_groups *g = b->out;

	for (unsigned d = 0; d < 2; d++) {
		for (unsigned l4 = 0; l4 < GROUP_L4_COUNT; l4++) {
			port_groups_make(b, GROUP_PACKET, PAYLOADS_ALL, l4, d, &g->packet[l4][d]);
			port_groups_make(b, GROUP_PACKET, PAYLOADS_LONG, l4, d, &g->packet_long[l4][d]);
			port_groups_make(b, GROUP_PACKET, PAYLOADS_LONG_GUARDED, l4, d, &g->packet_guarded[l4][d]);
			port_groups_make(b, GROUP_PACKET, PAYLOADS_LONG_NEAR, l4, d, &g->packet_near[l4][d]);
			port_groups_make(b, GROUP_PACKET_ALWAYS, PAYLOADS_ALL, l4, d, &g->packet_always[l4][d]);
		}
		port_groups_make(b, GROUP_STREAM, PAYLOADS_ALL, GROUP_TCP, d, &g->stream[d]);
	}
}
