/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Correlations (Sigma Correlation Rules Specification 2.0.2) and the older aggregations, as they
 * are written; and their joining with the rules they name, once all are read.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/behaviour/sigma_private.h"

#define ROUNDS_MAX 16 /* correlations of correlations of … */

static bool count_of(struct reading *r, const yaml_node_t *at, const char *text, uint64_t *n)
{
	char *end;

	*n = isdigit((unsigned char)*text) ? strtoull(text, &end, 10) : 0;
	if (!isdigit((unsigned char)*text) || *end || *n > COUNT_MAX)
		return reading_fail(r, at, "\"%.40s\" is not a number up to %d", text, COUNT_MAX);
	return true;
}

/* Narrows the counts that match by one relation; false: there is no such relation. */
static bool bound(struct sigma_correlation *c, const char *relation, uint64_t n)
{
	if (strcmp(relation, "gt") == 0 || strcmp(relation, ">") == 0)
		c->low = n + 1;
	else if (strcmp(relation, "gte") == 0 || strcmp(relation, ">=") == 0)
		c->low = n;
	else if (strcmp(relation, "lt") == 0 || strcmp(relation, "<") == 0)
		c->high = n ? n - 1 : 0;
	else if (strcmp(relation, "lte") == 0 || strcmp(relation, "<=") == 0)
		c->high = n;
	else if (strcmp(relation, "eq") == 0 || strcmp(relation, "=") == 0 ||
		 strcmp(relation, "==") == 0)
		c->low = c->high = n;
	else
		return false;
	return true;
}

static bool bounds_done(struct reading *r, const yaml_node_t *at, struct sigma_correlation *c)
{
	if (c->low > c->high)
		return reading_fail(r, at,
				    "no count can be both: more than allowed by one bound is "
				    "asked for by the other");
	if (!c->low && c->high == UINT64_MAX)
		return reading_fail(r, at, "the count would always match");
	c->closes = c->high != UINT64_MAX;
	return true;
}

static bool read_kind(struct reading *r, const yaml_node_t *map, struct sigma_correlation *c)
{
	static const char *const kinds[] = {"event_count", "value_count", "temporal",
					    "temporal_ordered"};
	static const char *const later[] = {"value_sum", "value_avg", "value_percentile",
					    "value_median"};
	const yaml_node_t *n = reading_member(r, map, "type");

	for (unsigned i = 0; i < 4; i++) {
		if (strcmp(scalar_text(n), kinds[i]) == 0) {
			c->kind = (enum correlation_kind)i;
			return true;
		}
		if (strcmp(scalar_text(n), later[i]) == 0)
			return reading_cannot(r, n, "correlations of type %s are not evaluated",
					      later[i]);
	}
	return reading_fail(r, n ? n : map,
			    "the type of a correlation is event_count, value_count, "
			    "temporal or temporal_ordered, not \"%.40s\"",
			    scalar_text(n));
}

static bool add_input(struct reading *r, const yaml_node_t *n, struct sigma_correlation *c)
{
	const char *text = scalar_text(n);
	struct correlation_input *in;

	if (!*text)
		return reading_fail(r, n, "a correlation names its rules by name or id");
	if (c->inputs == CORRELATED_MAX)
		return reading_fail(r, n, "a correlation of more than %d rules", CORRELATED_MAX);
	in = &c->input[c->inputs++];
	in->line = r->first_line + (uint32_t)n->start_mark.line + 1;
	in->name = reading_text(r, text, strlen(text));
	return in->name != NULL;
}

static bool add_group(struct reading *r, const yaml_node_t *n, struct sigma_correlation *c)
{
	const char *text = scalar_text(n);

	if (!*text || strlen(text) > NAME_BYTES_MAX)
		return reading_fail(r, n, "group-by is a list of fields");
	if (c->groups == GROUP_FIELDS_MAX)
		return reading_fail(r, n, "group-by has more than %d fields", GROUP_FIELDS_MAX);
	c->group_names[c->groups] = reading_text(r, text, strlen(text));
	return c->group_names[c->groups++] != NULL;
}

/* A text, or a list of them. */
static bool each_text(struct reading *r, const yaml_node_t *n, struct sigma_correlation *c,
		      bool (*take)(struct reading *, const yaml_node_t *,
				   struct sigma_correlation *))
{
	if (n->type != YAML_SEQUENCE_NODE)
		return take(r, n, c);
	for (yaml_node_item_t *i = n->data.sequence.items.start; i < n->data.sequence.items.top;
	     i++) {
		const yaml_node_t *one = reading_node(r, *i);

		if (!one || !take(r, one, c))
			return false;
	}
	return true;
}

static bool read_condition(struct reading *r, const yaml_node_t *map, struct sigma_correlation *c)
{
	const yaml_node_t *n = reading_member(r, map, "condition");
	bool temporal = c->kind == TEMPORAL || c->kind == TEMPORAL_ORDERED;

	c->high = UINT64_MAX;
	if (!n && temporal) {
		c->low = c->inputs;
		return true;
	}
	if (!n || n->type != YAML_MAPPING_NODE)
		return reading_fail(r, n ? n : map,
				    "the condition of a correlation is a map such as "
				    "\"gte: 10\"");
	for (yaml_node_pair_t *p = n->data.mapping.pairs.start; p < n->data.mapping.pairs.top;
	     p++) {
		const yaml_node_t *key = reading_node(r, p->key),
				  *value = reading_node(r, p->value);
		const char *text = scalar_text(value);
		uint64_t count;

		if (!key || !value)
			return false;
		if (strcmp(scalar_text(key), "field") == 0) {
			c->value_name = reading_text(r, text, strlen(text));
			continue;
		}
		if (!count_of(r, value, text, &count))
			return false;
		if (!bound(c, scalar_text(key), count))
			return reading_fail(
				r, key,
				"a condition of counts is gt, gte, lt, lte or eq, not %.40s",
				scalar_text(key));
	}
	if (c->kind == VALUE_COUNT && !c->value_name)
		return reading_fail(r, n, "value_count needs \"field\" in its condition");
	if (temporal && (c->high != UINT64_MAX || c->low > c->inputs))
		return reading_fail(r, n,
				    "a temporal correlation counts how many of its %u rules were "
				    "seen: only gt and gte, up to that",
				    c->inputs);
	if (c->kind == TEMPORAL_ORDERED && c->low != c->inputs)
		return reading_fail(r, n, "an ordered correlation needs all its rules");
	return bounds_done(r, n, c);
}

static bool read_aliases(struct reading *r, const yaml_node_t *map, struct sigma_correlation *c)
{
	const yaml_node_t *aliases = reading_member(r, map, "aliases");

	if (!aliases || aliases->type != YAML_MAPPING_NODE)
		return true;
	for (uint32_t g = 0; g < c->groups; g++) {
		const yaml_node_t *one = reading_member(r, aliases, c->group_names[g]);

		for (uint32_t i = 0; one && i < c->inputs; i++) {
			const char *text = scalar_text(reading_member(r, one, c->input[i].name));

			if (*text && !(c->alias_name[g][i] = reading_text(r, text, strlen(text))))
				return false;
		}
	}
	return !r->bad;
}

bool correlation_read(struct reading *r, const yaml_node_t *map, struct sigma_correlation *c)
{
	const yaml_node_t *rules, *groups, *span;

	if (map->type != YAML_MAPPING_NODE)
		return reading_fail(r, map, "correlation is a map");
	if (!read_kind(r, map, c))
		return false;
	rules = reading_member(r, map, "rules");
	c->input = reading_alloc(r, CORRELATED_MAX * sizeof(*c->input));
	if (!c->input)
		return false;
	if (!rules)
		return reading_fail(r, map, "the correlation names no rules");
	groups = reading_member(r, map, "group-by");
	if (!each_text(r, rules, c, add_input) || (groups && !each_text(r, groups, c, add_group)))
		return false;
	span = reading_member(r, map, "timespan");
	if (!span_parse(scalar_text(span), &c->span_ns))
		return reading_fail(r, span ? span : map,
				    "timespan is a number and s, m, h or d, such as 10m");
	c->generate = strcasecmp(scalar_text(reading_member(r, map, "generate")), "true") == 0;
	return read_condition(r, map, c) && read_aliases(r, map, c);
}

/* ---- "| count(field) by group, group > n" ---- */

static size_t word(const char **at)
{
	*at += strspn(*at, " \t\r\n,");
	if (**at == '(' || **at == ')')
		return 1;
	return strcspn(*at, " \t\r\n,()<>=");
}

static bool aggregation_groups(struct reading *r, const yaml_node_t *at, const char **text,
			       struct sigma_correlation *c)
{
	size_t n;

	while ((n = word(text)) != 0) {
		if (c->groups == GROUP_FIELDS_MAX)
			return reading_fail(r, at, "an aggregation by more than %d fields",
					    GROUP_FIELDS_MAX);
		c->group_names[c->groups] = reading_text(r, *text, n);
		if (!c->group_names[c->groups++])
			return false;
		*text += n;
	}
	return true;
}

static bool aggregation_field(struct reading *r, const yaml_node_t *at, const char **text,
			      struct sigma_correlation *c)
{
	size_t n = word(text);

	if (**text != '(')
		return reading_fail(r, at, "write count() or count(field)");
	++*text;
	n = word(text);
	if (n && **text != ')') {
		c->kind = VALUE_COUNT;
		c->value_name = reading_text(r, *text, n);
		if (!c->value_name)
			return false;
		*text += n;
		n = word(text);
	}
	if (**text != ')')
		return reading_fail(r, at, "the \")\" of count( is missing");
	++*text;
	return true;
}

bool aggregation_read(struct reading *r, const yaml_node_t *at, const char *text,
		      const char *timeframe, struct sigma_correlation *c)
{
	char relation[3] = "", number[24] = "";
	uint64_t count;
	size_t n = word(&text);

	c->kind = EVENT_COUNT;
	c->high = UINT64_MAX;
	c->inputs = 1;
	c->input = reading_alloc(r, sizeof(*c->input));
	if (!c->input)
		return false;
	c->input->line = r->first_line + (uint32_t)at->start_mark.line + 1;
	if (n != 5 || strncasecmp(text, "count", 5) != 0)
		return reading_cannot(r, at,
				      "of the older aggregations only count is evaluated, not %.*s",
				      n > 40 ? 40 : (int)n, text);
	text += n;
	if (!aggregation_field(r, at, &text, c))
		return false;
	n = word(&text);
	if (n == 2 && strncasecmp(text, "by", 2) == 0) {
		text += n;
		if (!aggregation_groups(r, at, &text, c))
			return false;
	}
	text += strspn(text, " ");
	n = strspn(text, "<>=");
	memcpy(relation, text, n < 3 ? n : 2);
	text += n;
	text += strspn(text, " ");
	n = strspn(text, "0123456789");
	memcpy(number, text, n < sizeof(number) ? n : sizeof(number) - 1);
	if (!count_of(r, at, number, &count))
		return false;
	if (!bound(c, relation, count) || text[n + strspn(text + n, " \t\r\n")])
		return reading_fail(r, at, "an aggregation ends with > >= < <= or = and a number");
	if (!*timeframe)
		return reading_fail(
			r, at, "the aggregation needs a timeframe, such as \"timeframe: 10m\"");
	if (!span_parse(timeframe, &c->span_ns))
		return reading_fail(r, at, "timeframe \"%.40s\" is not a number and s, m, h or d",
				    timeframe);
	return bounds_done(r, at, c);
}

/* ---- joining ---- */

struct joining {
	struct sigma_set *set;
	bool *done; /* by rule: types are known */
	bool *bad;
};

static bool find_input(struct joining *j, struct reading *r, struct correlation_input *in)
{
	for (uint32_t i = 0; i < j->set->count; i++) {
		const struct sigma_rule *rule = j->set->rule[i];

		if (!j->bad[i] &&
		    (strcmp(rule->name, in->name) == 0 || strcmp(rule->id, in->name) == 0)) {
			in->rule = i;
			return true;
		}
	}
	r->first_line = in->line - 1;
	return reading_cannot(r, NULL,
			      "it correlates the rule %.80s, which is not among those that "
			      "could be read",
			      in->name);
}

/* The fields by which records of one input are told apart and counted. */
static bool resolve_input(struct reading *r, struct sigma_correlation *c, uint32_t i,
			  uint64_t types)
{
	struct correlation_input *in = &c->input[i];

	for (uint32_t g = 0; g < c->groups; g++) {
		const char *name = c->alias_name[g][i] ? c->alias_name[g][i] : c->group_names[g];

		if (!field_resolve(r, NULL, name, strlen(name), types, &in->group[g]))
			return false;
	}
	return !c->value_name ||
	       field_resolve(r, NULL, c->value_name, strlen(c->value_name), types, &in->value);
}

/* One correlation whose inputs are all known. */
static void join_one(struct joining *j, struct sigma_rule *rule)
{
	struct sigma_correlation *c = (struct sigma_correlation *)(uintptr_t)rule->correlation;
	struct reading r = {.set = j->set, .file = rule->file, .title = rule->title};

	r.first_line = rule->line - 1;
	for (uint32_t i = 0; i < c->inputs && !r.bad; i++) {
		uint64_t types = j->set->rule[c->input[i].rule]->types;

		r.first_line = c->input[i].line - 1;
		resolve_input(&r, c, i, types);
		rule->types |= types;
	}
	j->bad[rule->index] = r.bad;
	j->done[rule->index] = true;
}

static bool inputs_done(const struct joining *j, const struct sigma_correlation *c, bool *bad)
{
	bool done = true;

	for (uint32_t i = 0; i < c->inputs; i++) {
		*bad |= j->bad[c->input[i].rule];
		done &= j->done[c->input[i].rule];
	}
	return done;
}

static void join_round(struct joining *j, bool last)
{
	for (uint32_t i = 0; i < j->set->count; i++) {
		struct sigma_rule *rule = j->set->rule[i];
		struct reading r = {.set = j->set, .file = rule->file, .title = rule->title};
		bool bad = false;

		r.first_line = rule->line - 1;
		if (j->done[i] || j->bad[i])
			continue;
		if (inputs_done(j, rule->correlation, &bad) && !bad)
			join_one(j, rule);
		else if (bad)
			reading_cannot(&r, NULL, "a rule that it correlates cannot be used");
		else if (last)
			reading_fail(&r, NULL,
				     "correlations name each other in a circle, or are more than "
				     "%d deep",
				     ROUNDS_MAX);
		j->bad[i] |= r.bad;
	}
}

static int add_feed(struct sigma_set *set, uint32_t rule, uint32_t correlation, uint32_t input)
{
	struct sigma_feed *f = arena_alloc(set->arena, sizeof(*f));

	if (!f)
		return -ENOMEM;
	*f = (struct sigma_feed){correlation, input, set->feed[rule]};
	set->feed[rule] = f;
	return 0;
}

/* Rules that only feed correlations are not reported themselves, unless one asks for it. */
static int make_feeds(struct joining *j)
{
	struct sigma_set *set = j->set;
	int err = 0;

	set->feed = arena_alloc(set->arena, (set->count ? set->count : 1) * sizeof(*set->feed));
	if (!set->feed)
		return -ENOMEM;
	for (unsigned pass = 0; pass < 2; pass++) {
		for (uint32_t i = 0; i < set->count; i++) {
			const struct sigma_correlation *c = set->rule[i]->correlation;

			if (!c || set->rule[i]->program || j->bad[i])
				continue;
			for (uint32_t k = 0; k < c->inputs && !err; k++) {
				if (pass == 0)
					set->rule[c->input[k].rule]->quiet = true;
				else if (c->generate)
					set->rule[c->input[k].rule]->quiet = false;
				if (pass == 0)
					err = add_feed(set, c->input[k].rule, i, k);
			}
		}
	}
	return err;
}

/* Takes bad rules out and gives the others their final numbers. */
static void squeeze(struct joining *j, uint32_t *moved)
{
	struct sigma_set *set = j->set;
	uint32_t n = 0;

	for (uint32_t i = 0; i < set->count; i++) {
		moved[i] = n;
		if (j->bad[i])
			continue;
		j->bad[n] = false;
		set->rule[n] = set->rule[i];
		set->rule[n]->index = n;
		n++;
	}
	set->count = n;
	set->types = 0;
	for (uint32_t i = 0; i < n; i++) {
		struct sigma_correlation *c =
			(struct sigma_correlation *)(uintptr_t)set->rule[i]->correlation;

		set->types |= set->rule[i]->types;
		for (uint32_t k = 0; c && k < c->inputs; k++)
			c->input[k].rule = moved[c->input[k].rule];
	}
}

int correlation_join(struct sigma_set *set)
{
	struct joining j = {.set = set};
	uint32_t *moved = calloc(set->count + 1, sizeof(*moved));
	int err = -ENOMEM;

	j.done = calloc(set->count + 1, sizeof(*j.done));
	j.bad = calloc(set->count + 1, sizeof(*j.bad));
	if (!moved || !j.done || !j.bad)
		goto out;
	for (uint32_t i = 0; i < set->count; i++) {
		struct sigma_rule *rule = set->rule[i];
		struct sigma_correlation *c =
			(struct sigma_correlation *)(uintptr_t)rule->correlation;
		struct reading r = {.set = set, .file = rule->file, .title = rule->title};

		j.done[i] = !c;
		if (c && rule->program) {
			c->input->rule = i;
			r.first_line = c->input->line - 1;
			j.bad[i] = !resolve_input(&r, c, 0, rule->types);
			j.done[i] = true;
			continue;
		}
		for (uint32_t k = 0; c && k < c->inputs && !j.bad[i]; k++)
			j.bad[i] = !find_input(&j, &r, &c->input[k]);
	}
	for (unsigned round = 0; round <= ROUNDS_MAX; round++)
		join_round(&j, round == ROUNDS_MAX);
	squeeze(&j, moved);
	err = set->failed ? -ENOMEM : make_feeds(&j);
out:
	free(moved);
	free(j.done);
	free(j.bad);
	return err;
}
