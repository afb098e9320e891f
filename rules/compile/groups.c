/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Deals the rules of a set to pattern groups. A group under construction (struct draft) is a list
 * of items, rule and literal; when all are there, drafts become pattern groups: equal literals are
 * one, groups with the same literals share a database.
 *
 * Payload rules are split by the server ports they name. Rules of few ports are dealt to the
 * elementary intervals of all such ports, so that a packet meets only the rules that could concern
 * it; rules of many ports (PORTS_WIDE and more) are in one group beside.
 *
 * Runs in the thread that loads a rule set.
 */
#include "rules/compile/groups.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "rules/arena.h"
#include "rules/compile/database.h"
#include "rules/compile/groups_private.h"

#define CHILDREN 2

/* ---- memory: the set's ---- */

void *groups_alloc(struct groups_builder *b, size_t bytes)
{
	void *block = b->failed ? NULL : arena_alloc(b->set->arena, bytes);

	b->failed = !block;
	return block;
}

/* ---- where rules belong ---- */

static bool has_payload(const struct rule *rule)
{
	for (uint32_t i = 0; i < rule->buffer_count; i++)
		if (strcmp(rule->buffers[i].name, "payload") == 0)
			return true;
	return false;
}

static bool has_event(const struct rule *rule)
{
	for (uint32_t i = 0; i < rule->packet_match_count; i++)
		if (rule->packet_matches[i].keyword == KEYWORD_decode_event ||
		    rule->packet_matches[i].keyword == KEYWORD_stream_event)
			return true;
	return false;
}

enum group_kind rule_group_kind(const struct rule *rule)
{
	if (rule->flags & (RULE_PRE_FLOW | RULE_PRE_STREAM))
		return GROUP_PRE;
	if (rule->flags & RULE_HAS_APP)
		return GROUP_APP_ALWAYS;
	if (rule->flags & RULE_IP_ONLY)
		return GROUP_IP_ONLY;
	if (has_event(rule))
		return GROUP_EVENT;
	return has_payload(rule) ? GROUP_PACKET : GROUP_PACKET_ALWAYS;
}

/* Fields that single packets have: a rule that asks for one looks at packets alone. */
static bool of_packet(uint16_t keyword)
{
	static const uint16_t keywords[] = {
		KEYWORD_dsize, KEYWORD_tcp_flags, KEYWORD_tcp_seq, KEYWORD_tcp_ack,
		KEYWORD_tcp_window, KEYWORD_tcp_mss, KEYWORD_tcp_wscale, KEYWORD_ttl, KEYWORD_tos,
		KEYWORD_id, KEYWORD_ipopts, KEYWORD_fragbits, KEYWORD_fragoffset, KEYWORD_sameip,
		KEYWORD_itype, KEYWORD_icode, KEYWORD_icmp_id, KEYWORD_icmp_seq, KEYWORD_icmpv6_mtu,
		KEYWORD_vlan_id, KEYWORD_vlan_layers, KEYWORD_ipv4_csum, KEYWORD_tcpv4_csum,
		KEYWORD_tcpv6_csum, KEYWORD_udpv4_csum, KEYWORD_udpv6_csum, KEYWORD_icmpv4_csum,
		KEYWORD_icmpv6_csum,
	};

	for (size_t i = 0; i < sizeof(keywords) / sizeof(*keywords); i++)
		if (keywords[i] == keyword)
			return true;
	return false;
}

unsigned rule_payload_use(const struct rule *rule)
{
	if (rule->flags & RULE_PACKET_ONLY)
		return USE_PACKET;
	if (rule->flags & RULE_STREAM_ONLY)
		return USE_STREAM;
	for (uint32_t i = 0; i < rule->packet_match_count; i++)
		if (of_packet(rule->packet_matches[i].keyword))
			return USE_PACKET;
	for (uint32_t i = 0; i < rule->packet_match_count; i++)
		if (rule->packet_matches[i].keyword == KEYWORD_stream_size)
			return USE_PACKET | USE_STREAM;
	for (uint32_t i = 0; i < rule->buffer_count; i++) {
		const struct rule_buffer *b = &rule->buffers[i];

		if (strcmp(b->name, "payload") != 0)
			continue;
		for (uint32_t k = 0; k < b->match_count; k++)
			if (b->matches[k].keyword == KEYWORD_content &&
			    (b->matches[k].u.content.flags &
			     (CONTENT_OFFSET | CONTENT_DEPTH | CONTENT_STARTSWITH)))
				return USE_PACKET | USE_STREAM;
	}
	return USE_STREAM;
}

bool rule_has_direction(const struct rule *rule, unsigned direction)
{
	uint32_t both = rule->flags & (RULE_TO_SERVER | RULE_TO_CLIENT);

	if (both == 0 || both == (RULE_TO_SERVER | RULE_TO_CLIENT))
		return true;
	return both == (direction ? RULE_TO_CLIENT : RULE_TO_SERVER);
}

const struct port_set *rule_server_ports(const struct rule *rule, unsigned direction)
{
	return direction ? &rule->sport : &rule->dport;
}

/* ---- drafts ---- */

void group_draft_add(struct groups_builder *b, struct group_draft *d, const struct rule *rule,
	       const struct group_prefilter *prefilter)
{
	struct draft_item *items;

	if (d->count == d->cap) {
		d->cap = d->cap ? d->cap * 2 : 16;
		items = realloc(d->items, d->cap * sizeof(*items));
		if (!items) {
			b->failed = true;
			return;
		}
		d->items = items;
	}
	d->items[d->count++] = (struct draft_item){rule, prefilter};
}

/* Literals ascending by their folded bytes, then rules ascending; items without a literal last. */
static int item_order(const void *a, const void *b)
{
	const struct draft_item *x = a, *y = b;
	const struct bytes *l = &x->prefilter->literal, *m = &y->prefilter->literal;
	uint32_t n = l->len < m->len ? l->len : m->len;

	if (!l->len != !m->len)
		return l->len ? -1 : 1;
	for (uint32_t i = 0; i < n; i++) {
		int difference = tolower(l->data[i]) - tolower(m->data[i]);

		if (difference)
			return difference;
	}
	if (l->len != m->len)
		return l->len < m->len ? -1 : 1;
	return x->rule->index < y->rule->index ? -1 : x->rule->index > y->rule->index;
}

static bool literal_same(const struct bytes *a, const struct bytes *b)
{
	if (a->len != b->len)
		return false;
	for (uint32_t i = 0; i < a->len; i++)
		if (tolower(a->data[i]) != tolower(b->data[i]))
			return false;
	return true;
}

/* The buffer must be as long as the content: nothing is before and nothing behind it. */
static bool is_whole_buffer(const struct group_prefilter *p)
{
	for (uint32_t i = 0; i < p->buffer->match_count; i++) {
		const struct match *m = &p->buffer->matches[i];

		if (m->keyword == KEYWORD_bsize && m->u.number.op == NUMBER_EQUAL &&
		    m->u.number.low == p->content->pattern.len)
			return true;
	}
	return false;
}

struct group_entry group_entry_of(const struct draft_item *item)
{
	const struct match_content *c = item->prefilter->content;
	const struct bytes *l = &item->prefilter->literal;
	uint32_t before = (uint32_t)(l->data - c->pattern.data);
	uint32_t after = c->pattern.len - before - l->len;
	struct group_entry e = {.rule = item->rule->index, .len = (uint16_t)l->len, .end_max = UINT32_MAX};
	bool absolute = !(c->flags & (CONTENT_DISTANCE | CONTENT_WITHIN)) &&
			c->offset.variable < 0 && c->depth.variable < 0;

	if (!(c->flags & CONTENT_NOCASE)) {
		e.flags |= ENTRY_CASE;
		e.pattern = l->data;
	}
	if ((c->flags & CONTENT_ENDSWITH) && after == 0)
		e.flags |= ENTRY_AT_END;
	e.end_min = before + l->len;
	if ((item->rule->flags & RULE_HAS_APP) && is_whole_buffer(item->prefilter)) {
		e.end_max = e.end_min;
		return e;
	}
	if (!absolute)
		return e;
	if ((c->flags & CONTENT_OFFSET) && c->offset.value > 0)
		e.end_min += (uint32_t)c->offset.value;
	if (c->flags & CONTENT_STARTSWITH)
		e.end_max = before + l->len;
	else if ((c->flags & CONTENT_DEPTH) && c->depth.value > 0)
		e.end_max = (uint32_t)(c->depth.value +
				       (c->flags & CONTENT_OFFSET ? c->offset.value : 0)) - after;
	return e;
}

static void reach_add(struct pattern_group *group, const struct group_entry *e)
{
	uint32_t reach = e->flags & ENTRY_AT_END ? UINT32_MAX : e->end_max;

	if (reach > group->reach)
		group->reach = reach;
}

/* A group without its database: a job is left for it. */
void group_draft_finish(struct groups_builder *b, struct group_draft *d, struct pattern_group *group)
{
	struct group_literal *literals;
	struct group_entry *entries;
	uint32_t *always;
	struct database_literal *texts;
	const struct bytes *last = NULL;

	group_placed_take(b, d, group);
	literals = groups_alloc(b, (d->count + 1) * sizeof(*literals));
	entries = groups_alloc(b, (d->count + 1) * sizeof(*entries));
	always = groups_alloc(b, (d->count + 1) * sizeof(*always));
	texts = groups_alloc(b, (d->count + 1) * sizeof(*texts));
	if (b->failed)
		return;
	qsort(d->items, d->count, sizeof(*d->items), item_order);
	for (uint32_t i = 0; i < d->count; i++) {
		const struct bytes *l = &d->items[i].prefilter->literal;

		if (!l->len) {
			always[group->always_count++] = d->items[i].rule->index;
			continue;
		}
		if (!last || !literal_same(last, l)) {
			literals[group->literal_count] =
				(struct group_literal){.first = group->entry_count, .len = l->len};
			texts[group->literal_count++] = (struct database_literal){l->data, l->len};
			if (l->len > group->literal_max)
				group->literal_max = l->len;
			last = l;
		}
		entries[group->entry_count] = group_entry_of(&d->items[i]);
		reach_add(group, &entries[group->entry_count++]);
		literals[group->literal_count - 1].count++;
	}
	group->literals = literals;
	group->entries = entries;
	group->always = always;
	b->out->literal_count += group->literal_count;
	free(d->items);
	*d = (struct group_draft){0};
	if (group->literal_count)
		groups_want_database(b, group, texts);
	for (uint32_t i = 0; i < group->literal_count && !b->failed; i++)
		literals[i].text = texts[i].data;
	if (group->literal_count && !b->failed)
		group_sieve_make(b, group);
}

/* ---- databases ---- */

static uint64_t texts_hash(const struct database_literal *texts, uint32_t count)
{
	uint64_t h = count;

	for (uint32_t i = 0; i < count; i++) {
		uint8_t folded[256];
		uint32_t n = texts[i].len < sizeof(folded) ? texts[i].len : sizeof(folded);

		for (uint32_t k = 0; k < n; k++)
			folded[k] = (uint8_t)tolower(texts[i].data[k]);
		h = XXH3_64bits_withSeed(folded, n, h * 31 + texts[i].len);
	}
	return h;
}

void groups_want_database(struct groups_builder *b, struct pattern_group *group,
			  struct database_literal *texts)
{
	struct wanted *w;

	if (b->wanted_count == b->wanted_cap) {
		b->wanted_cap = b->wanted_cap ? b->wanted_cap * 2 : 64;
		w = realloc(b->wanted, b->wanted_cap * sizeof(*w));
		if (!w) {
			b->failed = true;
			return;
		}
		b->wanted = w;
	}
	/* One spelling for all cases, so that the same literals make the same database. */
	for (uint32_t i = 0; i < group->literal_count; i++) {
		uint8_t *folded = groups_alloc(b, texts[i].len);

		if (!folded)
			return;
		for (uint32_t k = 0; k < texts[i].len; k++)
			folded[k] = (uint8_t)tolower(texts[i].data[k]);
		texts[i].data = folded;
	}
	b->wanted[b->wanted_count++] =
		(struct wanted){group, texts, texts_hash(texts, group->literal_count), 0};
}

static int wanted_order(const void *a, const void *b)
{
	const struct wanted *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->group->literal_count < y->group->literal_count ? -1 : 1;
}

static bool wanted_same(const struct wanted *x, const struct wanted *y)
{
	if (x->hash != y->hash || x->group->literal_count != y->group->literal_count)
		return false;
	for (uint32_t i = 0; i < x->group->literal_count; i++)
		if (x->texts[i].len != y->texts[i].len ||
		    memcmp(x->texts[i].data, y->texts[i].data, x->texts[i].len) != 0)
			return false;
	return true;
}

static bool sieve_serves_all(const struct sieve *s, enum sieve_kind kind)
{
	return kind < SIEVE_KINDS && s->masks[kind] && !s->masks[kind]->short_only;
}

/* Groups that masks serve on this processor need none. */
static void wanted_drop(struct groups_builder *b)
{
	enum sieve_kind kind = sieve_kind_possible();
	uint32_t kept = 0;

	for (uint32_t i = 0; i < b->wanted_count; i++)
		if (!sieve_serves_all(b->wanted[i].group->sieve, kind))
			b->wanted[kept++] = b->wanted[i];
	b->wanted_count = kept;
}

static int databases_make(struct groups_builder *b, const struct ruleset_options *o,
			  struct ruleset_report *report, char *error, size_t error_size)
{
	struct database_job *jobs = calloc(b->wanted_count + 1, sizeof(*jobs));
	struct ruleset_groups *g = b->out;
	uint32_t count = 0;
	int rc;

	g->databases = groups_alloc(b, (b->wanted_count + 1) * sizeof(hs_database_t *));
	if (!jobs || b->failed) {
		free(jobs);
		snprintf(error, error_size, "not enough memory to group the rules");
		return -1;
	}
	if (!o->every_database)
		wanted_drop(b);
	if (b->wanted_count)
		qsort(b->wanted, b->wanted_count, sizeof(*b->wanted), wanted_order);
	for (uint32_t i = 0; i < b->wanted_count; i++) {
		struct wanted *w = &b->wanted[i];

		if (i == 0 || !wanted_same(w, &b->wanted[i - 1]))
			jobs[count++] = (struct database_job){
				.literals = w->texts, .literal_count = w->group->literal_count};
		w->job = count - 1;
	}
	rc = database_make(jobs, count, o->cache_dir, CHILDREN, error, error_size);
	for (uint32_t i = 0; i < count && rc == 0; i++) {
		g->databases[g->database_count++] = jobs[i].out;
		if (report)
			report->databases_from_cache += jobs[i].from_cache;
	}
	for (uint32_t i = 0; i < b->wanted_count && rc == 0; i++)
		b->wanted[i].group->database = jobs[b->wanted[i].job].out;
	if (report)
		report->databases += count;
	free(jobs);
	return rc;
}

/* ---- the set ---- */

static double seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint32_t *list_of(struct groups_builder *b, enum group_kind kind, int direction,
			 uint32_t *count)
{
	const struct ruleset *set = b->set;
	uint32_t *list = groups_alloc(b, (set->rule_count + 1) * sizeof(*list));

	*count = 0;
	for (size_t i = 0; list && i < set->rule_count; i++) {
		const struct rule *rule = set->rules[i];

		if (rule_group_kind(rule) != kind)
			continue;
		if (direction >= 0 && (!rule_has_direction(rule, (unsigned)direction) ||
				       b->out->prefilter[i].buffer))
			continue;
		list[(*count)++] = (uint32_t)i;
	}
	return list;
}

int ruleset_groups_build(struct ruleset *set, const struct ruleset_options *o,
			 struct ruleset_report *report, char *error, size_t error_size)
{
	struct groups_builder b = {.set = set, .out = arena_alloc(set->arena, sizeof(*b.out)),
				   .all_masks = o->every_database};
	struct ruleset_groups *g;
	double start = seconds_now(), grouped;
	int rc = -1;

	if (!b.out) {
		snprintf(error, error_size, "not enough memory to group the rules");
		return -1;
	}
	g = b.out;
	g->prefilter = groups_alloc(&b, (set->rule_count + 1) * sizeof(*g->prefilter));
	for (size_t i = 0; i < set->rule_count && !b.failed; i++)
		g->prefilter[i] = group_prefilter_choose(set->rules[i]);
	if (!b.failed)
		groups_inside_choose(&b);
	if (!b.failed) {
		groups_choose_in_place(&b);
		groups_by_buffer(&b);
		groups_by_port(&b);
		g->events = list_of(&b, GROUP_EVENT, -1, &g->event_count);
		g->ip_only = list_of(&b, GROUP_IP_ONLY, -1, &g->ip_only_count);
		for (int d = 0; d < 2; d++)
			g->app_always[d] = list_of(&b, GROUP_APP_ALWAYS, d, &g->app_always_count[d]);
	}
	grouped = seconds_now();
	rc = databases_make(&b, o, report, error, error_size);
	free(b.wanted);
	free(b.paths);
	if (report) {
		report->group_seconds += grouped - start;
		report->compile_seconds += seconds_now() - grouped;
	}
	if (rc)
		ruleset_groups_free(g);
	else
		set->groups = g;
	return rc;
}

void ruleset_groups_free(struct ruleset_groups *groups)
{
	for (uint32_t i = 0; groups && i < groups->database_count; i++)
		hs_free_database(groups->databases[i]);
}
