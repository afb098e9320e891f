/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A set of rules: texts are cut into documents, each document is a rule, a correlation, or a
 * problem.
 */
#include "control/behaviour/sigma.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/behaviour/sigma_private.h"

#define DOCUMENT_BYTES_MAX (1u << 20)
#define TAGS_MAX 64
#define REASON_BYTES 400

static const char *const level_names[] = {"informational", "low", "medium", "high", "critical"};

struct sigma_set *sigma_new(void)
{
	struct sigma_set *set = calloc(1, sizeof(*set));

	if (set && !(set->arena = arena_new(SIGMA_MEMORY_MAX))) {
		free(set);
		return NULL;
	}
	return set;
}

void sigma_free(struct sigma_set *set)
{
	if (!set)
		return;
	for (uint32_t i = 0; i < set->regex_count; i++)
		pcre2_code_free(set->regex[i]);
	free(set->regex);
	free(set->rule);
	free(set->problem);
	arena_free(set->arena);
	free(set);
}

/* Room for one more element of a growing array; false when out of memory. */
static bool grow(void *array, uint32_t count, uint32_t *cap, size_t size)
{
	void **at = array, *bigger;
	uint32_t more = *cap ? *cap * 2 : 64;

	if (count < *cap)
		return true;
	bigger = realloc(*at, more * size);
	if (!bigger)
		return false;
	*at = bigger;
	*cap = more;
	return true;
}

/* ---- problems ---- */

static void problem_add(struct sigma_set *set, enum sigma_fault fault, const char *file,
			uint32_t line, const char *rule, const char *reason)
{
	struct sigma_problem *p;

	if (set->problem_count >= SIGMA_PROBLEMS_MAX) {
		set->problems_left_out++;
		return;
	}
	if (!grow(&set->problem, set->problem_count, &set->problem_cap, sizeof(*p))) {
		set->failed = true;
		return;
	}
	p = &set->problem[set->problem_count];
	*p = (struct sigma_problem){.fault = fault, .file = file, .line = line};
	p->rule = arena_text(set->arena, rule, strlen(rule));
	p->reason = arena_text(set->arena, reason, strlen(reason));
	if (p->rule && p->reason)
		set->problem_count++;
	else
		set->failed = true;
}

static void reading_problem(struct reading *r, enum sigma_fault fault, const yaml_node_t *node,
			    const char *format, va_list args)
{
	char reason[REASON_BYTES];
	size_t line = r->first_line + (node ? node->start_mark.line : 0) + 1;

	if (r->bad)
		return; /* the first one is the cause */
	r->bad = true;
	vsnprintf(reason, sizeof(reason), format, args);
	/* A sentence of one line, whatever a rule put in it. */
	for (char *c = reason; *c; c++)
		if ((unsigned char)*c < 32 || *c == 127)
			*c = ' ';
	problem_add(r->set, fault, r->file, (uint32_t)line, r->title, reason);
}

bool reading_fail(struct reading *r, const yaml_node_t *node, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	reading_problem(r, SIGMA_WRONG, node, format, args);
	va_end(args);
	return false;
}

bool reading_cannot(struct reading *r, const yaml_node_t *node, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	reading_problem(r, SIGMA_CANNOT, node, format, args);
	va_end(args);
	return false;
}

void *reading_alloc(struct reading *r, size_t size)
{
	void *at = arena_alloc(r->set->arena, size ? size : 1);

	if (!at) {
		reading_fail(r, NULL, "the rules need more than %llu MiB of memory",
			     (unsigned long long)(SIGMA_MEMORY_MAX >> 20));
		r->bad = true;
	}
	return at;
}

char *reading_text(struct reading *r, const void *text, size_t len)
{
	char *at = reading_alloc(r, len + 1);

	if (at)
		memcpy(at, text, len);
	return at;
}

/* ---- YAML ---- */

const yaml_node_t *reading_node(struct reading *r, int id)
{
	/* Anchors may make a small text an endless tree: what is counted is every visit. */
	if (++r->nodes > DOCUMENT_NODES_MAX) {
		reading_fail(r, NULL, "the rule has more than %d values", DOCUMENT_NODES_MAX);
		return NULL;
	}
	return yaml_document_get_node(r->doc, id);
}

const yaml_node_t *reading_member(struct reading *r, const yaml_node_t *map, const char *key)
{
	size_t len = strlen(key);

	if (!map || map->type != YAML_MAPPING_NODE)
		return NULL;
	for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top;
	     p++) {
		const yaml_node_t *k = reading_node(r, p->key);

		if (!k)
			return NULL;
		if (k->type == YAML_SCALAR_NODE && k->data.scalar.length == len &&
		    memcmp(k->data.scalar.value, key, len) == 0)
			return reading_node(r, p->value);
	}
	return NULL;
}

const char *scalar_text(const yaml_node_t *n)
{
	return n && n->type == YAML_SCALAR_NODE ? (const char *)n->data.scalar.value : "";
}

bool scalar_plain_null(const yaml_node_t *n)
{
	const char *text = scalar_text(n);

	return n && n->type == YAML_SCALAR_NODE &&
	       n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       (!*text || strcmp(text, "~") == 0 || strcmp(text, "null") == 0 ||
		strcmp(text, "Null") == 0 || strcmp(text, "NULL") == 0);
}

bool span_parse(const char *text, uint64_t *ns)
{
	static const char units[] = "smhdw";
	static const uint64_t seconds[] = {1, 60, 3600, 86400, 604800};
	const char *unit;
	char *end;
	unsigned long long n;

	if (!isdigit((unsigned char)*text))
		return false;
	n = strtoull(text, &end, 10);
	unit = *end && !end[1] ? strchr(units, *end) : NULL;
	if (!unit || !n || n > 1000000)
		return false;
	*ns = n * seconds[unit - units] * 1000000000ull;
	return *ns <= 400 * 86400 * 1000000000ull;
}

/* ---- the head of a rule ---- */

static const char *head_text(struct reading *r, const yaml_node_t *map, const char *key)
{
	const yaml_node_t *n = reading_member(r, map, key);

	if (!n || n->type != YAML_SCALAR_NODE)
		return "";
	return reading_text(r, n->data.scalar.value, strlen(scalar_text(n)));
}

static bool read_level(struct reading *r, const yaml_node_t *map, struct sigma_rule *rule)
{
	const yaml_node_t *n = reading_member(r, map, "level");

	rule->level = SIGMA_MEDIUM;
	if (!n)
		return true;
	for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
		if (strcasecmp(scalar_text(n), level_names[i]) == 0) {
			rule->level = (enum sigma_level)i;
			return true;
		}
	}
	return reading_fail(r, n,
			    "level is \"%.40s\"; it must be one of informational, low, medium, "
			    "high, critical",
			    scalar_text(n));
}

static bool read_tags(struct reading *r, const yaml_node_t *map, struct sigma_rule *rule)
{
	const yaml_node_t *n = reading_member(r, map, "tags");
	const char **tags;

	if (!n || n->type != YAML_SEQUENCE_NODE)
		return true;
	tags = reading_alloc(r, TAGS_MAX * sizeof(*tags));
	if (!tags)
		return false;
	for (yaml_node_item_t *i = n->data.sequence.items.start; i < n->data.sequence.items.top;
	     i++) {
		const char *text = scalar_text(reading_node(r, *i));

		if (rule->tag_count == TAGS_MAX)
			return reading_fail(r, n, "there are more than %d tags", TAGS_MAX);
		tags[rule->tag_count] = reading_text(r, text, strlen(text));
		if (!tags[rule->tag_count++])
			return false;
	}
	rule->tags = tags;
	return true;
}

/* Which records the rule is about. A member that is known decides; service, being the narrower
 * one, before category, before product. */
static bool read_source(struct reading *r, const yaml_node_t *map)
{
	static const char *const members[] = {"service", "category", "product"};
	const yaml_node_t *source = reading_member(r, map, "logsource");
	char text[300] = "";
	bool about_us = false;

	if (!source || source->type != YAML_MAPPING_NODE)
		return reading_fail(r, source ? source : map, "there is no logsource");
	for (size_t i = 0; i < 3; i++) {
		const yaml_node_t *n = reading_member(r, source, members[i]);
		const char *value = scalar_text(n);
		size_t len = strlen(text);

		if (!*value)
			continue;
		r->types = source_types(value);
		if (r->types)
			return true;
		about_us |= strcasecmp(value, "metsuke") == 0 || strcasecmp(value, "suricata") == 0;
		snprintf(text + len, sizeof(text) - len, "%s%s: %.60s", len ? ", " : "", members[i],
			 value);
	}
	/* Records of this engine, of any type. */
	if (about_us && !*scalar_text(reading_member(r, source, "service")) &&
	    !*scalar_text(reading_member(r, source, "category"))) {
		r->types = source_types("");
		return true;
	}
	if (!*text)
		return reading_fail(r, source, "logsource names no category, product or service");
	return reading_cannot(r, source, "no records of logsource %s are kept here", text);
}

static bool read_detection(struct reading *r, const yaml_node_t *map, struct sigma_rule *rule)
{
	const yaml_node_t *detection = reading_member(r, map, "detection"), *condition;
	struct sigma_program *program = reading_alloc(r, sizeof(*program));
	struct sigma_correlation *correlation;
	const char *aggregation = NULL;

	if (!program)
		return false;
	if (!detection || detection->type != YAML_MAPPING_NODE)
		return reading_fail(r, detection ? detection : map, "there is no detection");
	for (yaml_node_pair_t *p = detection->data.mapping.pairs.start;
	     p < detection->data.mapping.pairs.top; p++) {
		const yaml_node_t *key = reading_node(r, p->key),
				  *value = reading_node(r, p->value);
		const char *name = scalar_text(key);

		if (!key || !value)
			return false;
		if (strcmp(name, "condition") == 0 || strcmp(name, "timeframe") == 0)
			continue;
		if (!selection_read(r, name, value))
			return false;
	}
	condition = reading_member(r, detection, "condition");
	if (!condition)
		return reading_fail(r, detection, "detection has no condition");
	program->selection = reading_alloc(r, r->selections * sizeof(*program->selection));
	if (!program->selection)
		return false;
	memcpy((void *)(uintptr_t)program->selection, r->selection,
	       r->selections * sizeof(*program->selection));
	program->selections = r->selections;
	if (!condition_read(r, condition, program, &aggregation))
		return false;
	program->optional = r->optional;
	program->gave_up = r->gave_up;
	rule->program = program;
	if (!aggregation)
		return true;
	correlation = reading_alloc(r, sizeof(*correlation));
	rule->correlation = correlation;
	return correlation &&
	       aggregation_read(r, condition, aggregation,
				scalar_text(reading_member(r, detection, "timeframe")),
				correlation);
}

static bool read_rule(struct reading *r, const yaml_node_t *map, struct sigma_rule *rule)
{
	const yaml_node_t *correlation = reading_member(r, map, "correlation");
	struct sigma_correlation *c;

	r->title = rule->title = head_text(r, map, "title");
	rule->id = head_text(r, map, "id");
	rule->name = head_text(r, map, "name");
	rule->status = head_text(r, map, "status");
	rule->file = r->file;
	rule->line = r->first_line + (uint32_t)map->start_mark.line + 1;
	if (r->bad)
		return false;
	if (!*rule->title)
		return reading_fail(r, map, "the rule has no title");
	if (strlen(rule->title) > NAME_BYTES_MAX)
		return reading_fail(r, map, "the title has more than %d characters",
				    NAME_BYTES_MAX);
	if (!read_level(r, map, rule) || !read_tags(r, map, rule))
		return false;
	if (correlation) {
		c = reading_alloc(r, sizeof(*c));
		rule->correlation = c;
		return c && correlation_read(r, correlation, c);
	}
	if (reading_member(r, map, "filter") && !reading_member(r, map, "detection"))
		return reading_cannot(r, map,
				      "filters (rules that change other rules) are not read");
	if (reading_member(r, map, "action"))
		return reading_fail(r, map,
				    "\"action\" belongs to rule collections, which the "
				    "specification has given up: write each rule in full");
	if (!read_source(r, map) || !read_detection(r, map, rule))
		return false;
	rule->types = r->types;
	return true;
}

/* ---- documents ---- */

static void take_root(struct reading *r, const yaml_node_t *root)
{
	struct sigma_set *set = r->set;
	struct sigma_rule *rule;

	if (root->type != YAML_MAPPING_NODE) {
		/* Nothing but comments between two markers is no rule. */
		if (!scalar_plain_null(root))
			reading_fail(r, root, "a rule is a list of \"key: value\" lines");
		return;
	}
	if (set->count >= SIGMA_RULES_MAX) {
		reading_fail(r, root, "there are more than %d rules", SIGMA_RULES_MAX);
		return;
	}
	rule = reading_alloc(r, sizeof(*rule));
	if (!rule || !read_rule(r, root, rule) || r->bad)
		return;
	if (!grow(&set->rule, set->count, &set->cap, sizeof(*set->rule))) {
		set->failed = true;
		return;
	}
	rule->index = set->count;
	set->types |= rule->types;
	set->rule[set->count++] = rule;
}

static void read_document(struct sigma_set *set, const char *file, uint32_t first_line,
			  const char *text, size_t len)
{
	struct reading r = {.set = set, .file = file, .first_line = first_line, .title = ""};
	yaml_document_t doc;
	yaml_parser_t parser;
	yaml_node_t *root;

	if (len > DOCUMENT_BYTES_MAX) {
		reading_fail(&r, NULL, "the rule has more than %u bytes", DOCUMENT_BYTES_MAX);
		return;
	}
	if (!yaml_parser_initialize(&parser)) {
		set->failed = true;
		return;
	}
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	if (!yaml_parser_load(&parser, &doc)) {
		r.first_line += (uint32_t)parser.problem_mark.line;
		reading_fail(&r, NULL, "not valid YAML: %s%s%s",
			     parser.context ? parser.context : "", parser.context ? ": " : "",
			     parser.problem ? parser.problem : "unreadable");
		yaml_parser_delete(&parser);
		return;
	}
	r.doc = &doc;
	root = yaml_document_get_root_node(&doc);
	if (root)
		take_root(&r, root);
	yaml_document_delete(&doc);
	yaml_parser_delete(&parser);
}

static const char *line_end(const char *p, const char *end)
{
	const char *feed = memchr(p, '\n', (size_t)(end - p));

	return feed ? feed + 1 : end;
}

/* A line "---" or "..." is a marker of documents wherever it stands (YAML 1.2, 9.1.2). */
static bool is_marker(const char *p, const char *end)
{
	if (end - p < 3 || (memcmp(p, "---", 3) != 0 && memcmp(p, "...", 3) != 0))
		return false;
	return end - p == 3 || p[3] == ' ' || p[3] == '\t' || p[3] == '\r' || p[3] == '\n';
}

int sigma_read(struct sigma_set *set, const char *file, const char *text, size_t len)
{
	const char *end = text + len, *start = text, *p = text;
	const char *name = arena_text(set->arena, file, strlen(file));
	uint32_t line = 0, first_line = 0;

	if (!name)
		return -ENOMEM;
	if (len > SIGMA_TEXT_MAX) {
		problem_add(set, SIGMA_WRONG, name, 1, "", "the file has more than 8 MiB");
		return set->failed ? -ENOMEM : 0;
	}
	while (p < end) {
		const char *next = line_end(p, end);

		if (p > start && is_marker(p, end)) {
			read_document(set, name, first_line, start, (size_t)(p - start));
			first_line = line;
			start = p;
			/* "..." ends a document; what follows begins a line later. */
			if (*p == '.') {
				start = next;
				first_line++;
			}
		}
		p = next;
		line++;
	}
	if (end > start)
		read_document(set, name, first_line, start, (size_t)(end - start));
	return set->failed ? -ENOMEM : 0;
}

int sigma_finish(struct sigma_set *set)
{
	int err = correlation_join(set);

	return !err && needles_make(set) != 0 ? -ENOMEM : err;
}

/* ---- what it holds ---- */

uint32_t sigma_count(const struct sigma_set *set)
{
	return set->count;
}

const struct sigma_rule *sigma_rule(const struct sigma_set *set, uint32_t index)
{
	return set->rule[index];
}

uint32_t sigma_problem_count(const struct sigma_set *set)
{
	return set->problem_count;
}

const struct sigma_problem *sigma_problem(const struct sigma_set *set, uint32_t index)
{
	return &set->problem[index];
}

uint64_t sigma_problems_left_out(const struct sigma_set *set)
{
	return set->problems_left_out;
}

uint64_t sigma_gave_up(const struct sigma_rule *rule)
{
	const struct sigma_program *p = rule->program;

	return p && p->gave_up ? atomic_load_explicit(p->gave_up, memory_order_relaxed) : 0;
}

const char *sigma_level_name(enum sigma_level level)
{
	return level_names[level];
}

uint64_t sigma_types(const struct sigma_set *set)
{
	return set->types;
}

enum record_type sigma_type(const void *name, size_t len)
{
	unsigned type = 0;

	while (type < RECORD_COUNT && (strlen(record_rows[type].name) != len ||
				       memcmp(record_rows[type].name, name, len) != 0))
		type++;
	return (enum record_type)type;
}
