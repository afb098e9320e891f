/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Records in the order of time against a set: single rules, and the state of correlations.
 *
 * Each correlation and each combination of its group-by values has a group. What a group keeps:
 *   counts with a lower bound     times of the last matches within the timespan (for value_count:
 *                                 hash and time of each distinct value); the bound reached is a
 *                                 hit, then the group begins anew
 *   counts with an upper bound    the count since the group's first match; judged when the
 *                                 timespan after it has passed, as fewer can be known only then
 *   temporal                      the last time of each rule
 *   temporal_ordered              for each rule the latest beginning of a chain that reached it
 * Groups are bounded in number and memory. At the bound those whose time is over are given up;
 * if that is not enough a match is left out and counted.
 */
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "control/behaviour/sigma_private.h"
#include "control/contact/hash.h"

#define GROUPS_DEFAULT 1000000
#define MEMORY_DEFAULT (128ull << 20)
#define EVENT_BYTES 4096 /* what a kept record is taken to cost */
#define TABLE_FIRST 1024
#define SWEEP_EVERY_NS 1000000000ull

struct group {
	XXH128_hash_t key;
	const struct sigma_rule *rule;
	uint64_t first_ns, last_ns;
	uint64_t *slot;            /* times, or pairs of hash and time */
	uint32_t head, count, cap; /* of slot */
	json_t *last;              /* of windows that close: owned */
};

struct sigma_state {
	const struct sigma_set *set;
	uint32_t *by_type[RECORD_COUNT], type_count[RECORD_COUNT];
	struct group **table;
	uint64_t table_size, groups, groups_max;
	uint64_t memory, memory_max;
	uint64_t left_out, swept_ns;
};

struct hit_call {
	void (*hit)(void *arg, const struct sigma_hit *h);
	void *arg;
};

struct sigma_state *sigma_state_new(const struct sigma_set *set,
				    const struct sigma_state_limits *limits)
{
	struct sigma_state *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->set = set;
	s->groups_max = limits && limits->groups ? limits->groups : GROUPS_DEFAULT;
	s->memory_max = limits && limits->memory_bytes ? limits->memory_bytes : MEMORY_DEFAULT;
	s->table_size = TABLE_FIRST;
	s->table = calloc(s->table_size, sizeof(struct group *));
	for (unsigned t = 0; t < RECORD_COUNT; t++) {
		s->by_type[t] = calloc(set->count + 1, sizeof(uint32_t));
		if (!s->by_type[t] || !s->table) {
			sigma_state_free(s);
			return NULL;
		}
		for (uint32_t i = 0; i < set->count; i++)
			if (set->rule[i]->program && (set->rule[i]->types >> t & 1))
				s->by_type[t][s->type_count[t]++] = i;
	}
	return s;
}

static void group_free(struct sigma_state *s, struct group *g)
{
	s->memory -= sizeof(*g) + g->cap * sizeof(uint64_t) + (g->last ? EVENT_BYTES : 0);
	json_decref(g->last);
	free(g->slot);
	free(g);
}

void sigma_state_free(struct sigma_state *s)
{
	if (!s)
		return;
	for (uint64_t i = 0; s->table && i < s->table_size; i++)
		if (s->table[i])
			group_free(s, s->table[i]);
	for (unsigned t = 0; t < RECORD_COUNT; t++)
		free(s->by_type[t]);
	free(s->table);
	free(s);
}

uint64_t sigma_state_left_out(const struct sigma_state *s)
{
	return s->left_out;
}

/* ---- the table of groups: open addressing, at most half full ---- */

static struct group **place_of(struct group **table, uint64_t size, XXH128_hash_t key)
{
	uint64_t i = key.low64 & (size - 1);

	while (table[i] && !XXH128_isEqual(table[i]->key, key))
		i = (i + 1) & (size - 1);
	return &table[i];
}

static bool table_grow(struct sigma_state *s)
{
	uint64_t size = s->table_size * 2;
	struct group **table = calloc(size, sizeof(struct group *));

	if (!table)
		return false;
	for (uint64_t i = 0; i < s->table_size; i++)
		if (s->table[i])
			*place_of(table, size, s->table[i]->key) = s->table[i];
	free(s->table);
	s->table = table;
	s->table_size = size;
	return true;
}

/* NULL: no room. */
static struct group *group_of(struct sigma_state *s, const struct sigma_rule *rule,
			      XXH128_hash_t key)
{
	struct group **place = place_of(s->table, s->table_size, key), *g = *place;

	if (g)
		return g;
	if (s->groups >= s->groups_max || s->memory + sizeof(*g) > s->memory_max ||
	    (2 * (s->groups + 1) > s->table_size && !table_grow(s)))
		return NULL;
	place = place_of(s->table, s->table_size, key);
	g = calloc(1, sizeof(*g));
	if (!g)
		return NULL;
	g->key = key;
	g->rule = rule;
	s->memory += sizeof(*g);
	s->groups++;
	*place = g;
	return g;
}

/* Room for more slots behind count; false when there is none. */
static bool slots(struct sigma_state *s, struct group *g, uint32_t more)
{
	uint32_t cap = g->cap ? g->cap * 2 : 4;
	uint64_t *slot;

	if (g->head) {
		memmove(g->slot, g->slot + g->head, (g->count - g->head) * sizeof(*slot));
		g->count -= g->head;
		g->head = 0;
	}
	if (g->count + more <= g->cap)
		return true;
	while (cap < g->count + more)
		cap *= 2;
	if (s->memory + (cap - g->cap) * sizeof(*slot) > s->memory_max)
		return false;
	slot = realloc(g->slot, cap * sizeof(*slot));
	if (!slot)
		return false;
	s->memory += (cap - g->cap) * sizeof(*slot);
	g->slot = slot;
	g->cap = cap;
	return true;
}

/* ---- the kinds ---- */

static bool too_old(uint64_t then, uint64_t now, uint64_t span)
{
	return now > then && now - then > span;
}

static bool count_event(struct sigma_state *s, struct group *g, const struct sigma_correlation *c,
			uint64_t ts)
{
	while (g->head < g->count && too_old(g->slot[g->head], ts, c->span_ns))
		g->head++;
	if (g->count == g->cap && !slots(s, g, 1)) {
		s->left_out++;
		return false;
	}
	g->slot[g->count++] = ts;
	if (g->count - g->head < c->low)
		return false;
	g->head = g->count = 0;
	return true;
}

static void forget_values(struct group *g, uint64_t ts, uint64_t span)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < g->count; i += 2) {
		if (too_old(g->slot[i + 1], ts, span))
			continue;
		g->slot[kept] = g->slot[i];
		g->slot[kept + 1] = g->slot[i + 1];
		kept += 2;
	}
	g->count = kept;
}

/* Remembers a value as seen at ts, at most max of them. */
static void count_value(struct sigma_state *s, struct group *g, uint64_t hash, uint64_t ts,
			uint64_t max)
{
	for (uint32_t i = 0; i < g->count; i += 2) {
		if (g->slot[i] == hash) {
			g->slot[i + 1] = ts;
			return;
		}
	}
	if (g->count / 2 >= max)
		return;
	if (g->count + 2 > g->cap && !slots(s, g, 2)) {
		s->left_out++;
		return;
	}
	g->slot[g->count] = hash;
	g->slot[g->count + 1] = ts;
	g->count += 2;
}

static void count_values(struct sigma_state *s, struct group *g, const struct sigma_correlation *c,
			 const struct sigma_field *field, const json_t *event, uint64_t ts)
{
	const json_t *value[64];
	uint32_t n = field_values(field, event, value, 64);
	char room[32];
	size_t len;

	if (!c->closes)
		forget_values(g, ts, c->span_ns);
	for (uint32_t i = 0; i < n; i++) {
		const char *text = value_text(value[i], room, &len);

		if (text)
			count_value(s, g, secret_hash(text, len), ts,
				    c->closes ? c->high + 1 : c->low);
	}
}

static bool see_rule(struct sigma_state *s, struct group *g, const struct sigma_correlation *c,
		     uint32_t input, uint64_t ts)
{
	uint64_t seen = 0;

	if (!g->count && !slots(s, g, c->inputs)) {
		s->left_out++;
		return false;
	}
	if (!g->count)
		memset(g->slot, 0, c->inputs * sizeof(*g->slot));
	g->count = c->inputs;
	if (c->kind == TEMPORAL) {
		g->slot[input] = ts;
		for (uint32_t i = 0; i < c->inputs; i++)
			seen += g->slot[i] && !too_old(g->slot[i], ts, c->span_ns);
	} else if (input == 0) {
		g->slot[0] = ts;
		seen = c->inputs == 1;
	} else if (g->slot[input - 1] && !too_old(g->slot[input - 1], ts, c->span_ns)) {
		g->slot[input] = g->slot[input - 1];
		seen = input + 1 == c->inputs ? c->inputs : 0;
	}
	if (seen < c->low)
		return false;
	g->count = 0;
	return true;
}

/* Whether the window that ended had as many as the rule asks for. */
static bool window_matches(const struct group *g)
{
	const struct sigma_correlation *c = g->rule->correlation;
	uint64_t n = c->kind == VALUE_COUNT ? g->count / 2 : g->count;

	return n && n >= c->low && n <= c->high;
}

/* The record that a hit is shown by. */
struct completion {
	json_t *event; /* owned */
	uint64_t ts;
};

/* A record in a window that is judged at its end. The window before, if it just ended and
 * matched, is the hit: true, and *by is its last record. */
static bool count_closing(struct sigma_state *s, struct group *g, const struct sigma_correlation *c,
			  const struct correlation_input *in, const json_t *event, uint64_t ts,
			  struct completion *by)
{
	bool fired = false;

	if (g->last && too_old(g->first_ns, ts, c->span_ns)) {
		fired = window_matches(g);
		if (fired)
			*by = (struct completion){json_incref(g->last), g->last_ns};
		g->count = 0;
	}
	if (!g->count)
		g->first_ns = ts;
	if (c->kind == VALUE_COUNT)
		count_values(s, g, c, &in->value, event, ts);
	else
		g->count += g->count < UINT32_MAX;
	if (!g->last)
		s->memory += EVENT_BYTES;
	json_decref(g->last);
	g->last = json_incref((json_t *)(uintptr_t)event);
	g->last_ns = ts;
	return fired;
}

static bool group_key(const struct sigma_rule *rule, const struct correlation_input *in,
		      const json_t *event, XXH128_hash_t *key)
{
	XXH3_state_t hash;
	char room[32];

	/* Under a secret: records must not choose whose group they count in. */
	XXH3_128bits_reset_withSecret(&hash, hash_secret(), HASH_SECRET_BYTES);
	XXH3_128bits_update(&hash, &rule->index, sizeof(rule->index));
	for (uint32_t i = 0; i < rule->correlation->groups; i++) {
		const json_t *value;
		const char *text;
		size_t len;

		/* Without the field it belongs to no group. */
		if (!field_values(&in->group[i], event, &value, 1) ||
		    !(text = value_text(value, room, &len)))
			return false;
		XXH3_128bits_update(&hash, &len, sizeof(len));
		XXH3_128bits_update(&hash, text, len);
	}
	*key = XXH3_128bits_digest(&hash);
	return true;
}

/* A match of an input: true if the correlation is complete; by an earlier record if *by is set. */
static bool correlate(struct sigma_state *s, const struct sigma_rule *rule, uint32_t input,
		      uint64_t ts, const json_t *event, struct completion *by)
{
	const struct sigma_correlation *c = rule->correlation;
	const struct correlation_input *in = &c->input[input];
	XXH128_hash_t key;
	struct group *g;

	if (!group_key(rule, in, event, &key))
		return false;
	g = group_of(s, rule, key);
	if (!g) {
		s->left_out++;
		return false;
	}
	if (c->closes)
		return count_closing(s, g, c, in, event, ts, by);
	g->last_ns = ts;
	if (c->kind == TEMPORAL || c->kind == TEMPORAL_ORDERED)
		return see_rule(s, g, c, input, ts);
	if (c->kind == EVENT_COUNT)
		return count_event(s, g, c, ts);
	count_values(s, g, c, &in->value, event, ts);
	if (g->count / 2 < c->low)
		return false;
	g->count = 0;
	return true;
}

/* ---- hits and what they complete ---- */

struct chain {
	const struct sigma_rule *rule[CHAIN_MAX];
	struct completion by[CHAIN_MAX];
	uint32_t count;
};

static void chain_add(struct sigma_state *s, struct chain *q, const struct sigma_rule *rule,
		      json_t *event, uint64_t ts)
{
	if (q->count == CHAIN_MAX) {
		s->left_out++;
		return;
	}
	q->rule[q->count] = rule;
	q->by[q->count++] = (struct completion){json_incref(event), ts};
}

static void feed(struct sigma_state *s, struct chain *q, const struct sigma_rule *rule,
		 uint32_t input, uint64_t ts, json_t *event)
{
	struct completion by = {0};

	if (correlate(s, rule, input, ts, event, &by))
		chain_add(s, q, rule, by.event ? by.event : event, by.event ? by.ts : ts);
	json_decref(by.event);
}

static void dispatch(struct sigma_state *s, struct chain *q, const struct hit_call *call)
{
	for (uint32_t i = 0; i < q->count; i++) {
		struct sigma_hit h = {q->rule[i], q->by[i].ts, q->by[i].event};

		if (!h.rule->quiet)
			call->hit(call->arg, &h);
		for (struct sigma_feed *f = s->set->feed[h.rule->index]; f; f = f->next)
			feed(s, q, s->set->rule[f->correlation], f->input, h.ts_ns, q->by[i].event);
		json_decref(q->by[i].event);
	}
	q->count = 0;
}

void sigma_state_event(struct sigma_state *s, uint64_t ts_ns, enum record_type type,
		       const json_t *event, void (*hit)(void *arg, const struct sigma_hit *h),
		       void *arg)
{
	const struct hit_call call = {hit, arg};
	json_t *e = (json_t *)(uintptr_t)event; /* jansson counts references in it */
	struct chain q;

	q.count = 0;
	if ((s->groups >= s->groups_max || s->memory + EVENT_BYTES > s->memory_max) &&
	    ts_ns >= s->swept_ns + SWEEP_EVERY_NS)
		sigma_state_time(s, ts_ns, hit, arg);
	for (uint32_t i = 0; type < RECORD_COUNT && i < s->type_count[type]; i++) {
		const struct sigma_rule *rule = s->set->rule[s->by_type[type][i]];

		if (!sigma_match(rule, event))
			continue;
		if (rule->correlation)
			feed(s, &q, rule, 0, ts_ns, e);
		else
			chain_add(s, &q, rule, e, ts_ns);
		dispatch(s, &q, &call);
	}
}

void sigma_state_time(struct sigma_state *s, uint64_t ts_ns,
		      void (*hit)(void *arg, const struct sigma_hit *h), void *arg)
{
	const struct hit_call call = {hit, arg};
	struct group **old = s->table, **over;
	uint64_t n = 0;
	struct chain q;

	q.count = 0;
	over = s->groups ? calloc(s->groups, sizeof(struct group *)) : NULL;
	s->table = over ? calloc(s->table_size, sizeof(struct group *)) : NULL;
	s->swept_ns = ts_ns;
	if (!s->table) {
		s->table = old;
		free(over);
		return;
	}
	for (uint64_t i = 0; i < s->table_size; i++) {
		struct group *g = old[i];
		const struct sigma_correlation *c = g ? g->rule->correlation : NULL;

		if (!g)
			continue;
		if (too_old(c->closes ? g->first_ns : g->last_ns, ts_ns, c->span_ns))
			over[n++] = g;
		else
			*place_of(s->table, s->table_size, g->key) = g;
	}
	free(old);
	s->groups -= n;
	/* What they complete may make groups anew, so the table is whole before. */
	for (uint64_t i = 0; i < n; i++) {
		struct group *g = over[i];

		if (g->rule->correlation->closes && window_matches(g)) {
			chain_add(s, &q, g->rule, g->last, g->last_ns);
			dispatch(s, &q, &call);
		}
		group_free(s, g);
	}
	free(over);
}
