/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the files of this folder share: the compiled form of rules. All of it lives in the arena
 * of its set and does not change after loading.
 */
#ifndef CONTROL_BEHAVIOUR_PRIVATE_H
#define CONTROL_BEHAVIOUR_PRIVATE_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdatomic.h>
#include <yaml.h>

#include "control/behaviour/sigma.h"
#include "dataplane/base/addr.h"
#include "rules/arena.h"

#define DOCUMENT_DEPTH_MAX 16    /* nesting of YAML */
#define DOCUMENT_NODES_MAX 50000 /* of a rule */
#define NAME_BYTES_MAX 256       /* of a selection, field, rule */
#define VALUE_BYTES_MAX 4096     /* of one value */
#define VALUES_MAX 20000         /* of one field in one rule */
#define SELECTIONS_MAX 256       /* of a rule */
#define ITEMS_MAX 10000          /* fields in all selections of a rule */
#define STEPS_MAX 4096           /* of a compiled condition */
#define OPERATORS_MAX 128        /* waiting while a condition is read: its nesting */
#define PATH_PARTS_MAX 8
#define PATHS_MAX 4           /* places where a field may stand */
#define FIELD_VALUES_MAX 1024 /* values of a field in one record that are looked at */
#define WINDASH_MAX 3         /* dashes of a value that are permuted */
#define GROUP_FIELDS_MAX 8
#define CORRELATED_MAX 32 /* rules that a correlation names */
#define CHAIN_MAX 64      /* hits that one record can complete */
#define COUNT_MAX 100000  /* of a correlation's threshold */
#define REGEX_MATCH_LIMIT 100000
#define REGEX_DEPTH_LIMIT 1000
#define REGEX_HEAP_KIB 1024

struct sigma_path {
	const char *part[PATH_PARTS_MAX];
	uint32_t parts;
};

struct sigma_field {
	const char *name;
	struct sigma_path path[PATHS_MAX];
	uint32_t paths; /* 0: the whole record (keywords) */
};

enum pattern_kind {
	PATTERN_EXACT,
	PATTERN_PREFIX,
	PATTERN_SUFFIX,
	PATTERN_CONTAINS,
	PATTERN_GLOB,
	PATTERN_REGEX,
	PATTERN_CIDR,
	PATTERN_NULL,
	PATTERN_EXISTS,
	PATTERN_NOT_EXISTS,
	PATTERN_LESS,
	PATTERN_LESS_EQUAL,
	PATTERN_GREATER,
	PATTERN_GREATER_EQUAL,
	PATTERN_FIELD, /* the value of another field; .within says how */
};

#define GLOB_MANY 0x100 /* units of a glob beside bytes: any run, any one character */
#define GLOB_ONE 0x101

struct sigma_pattern {
	enum pattern_kind kind;
	enum pattern_kind within; /* PATTERN_FIELD: EXACT, PREFIX, SUFFIX, CONTAINS */
	bool cased;
	const uint8_t *text; /* lower case unless cased */
	uint32_t len;
	const uint16_t *glob;   /* len units */
	pcre2_code *regex;      /* freed with the set */
	atomic_ullong *gave_up; /* values for which the expression reached a limit */
	struct addr_prefix cidr;
	double number;
	const struct sigma_field *other;
};

/* One value as written: any of its forms will do. */
struct sigma_value {
	const struct sigma_pattern *form;
	uint32_t forms;
};

struct sigma_item {
	const struct sigma_field *field;
	const struct sigma_value *value;
	uint32_t values;
	bool all, differs;
};

struct sigma_group { /* "and" */
	const struct sigma_item *item;
	uint32_t items;
};

struct sigma_selection { /* "or" */
	const char *name;
	const struct sigma_group *group;
	uint32_t groups;
};

/* A condition is a run of steps on one truth value. */
enum step_kind { STEP_TEST, STEP_NOT, STEP_SKIP_IF_TRUE, STEP_SKIP_IF_FALSE };

struct sigma_step {
	enum step_kind kind;
	uint32_t n; /* TEST: the selection; SKIP: the step to go on at */
};

struct sigma_program {
	const struct sigma_selection *selection;
	uint32_t selections;
	const struct sigma_step *step;
	uint32_t steps;
	uint32_t optional;      /* bits of sigma_optional_rows */
	atomic_ullong *gave_up; /* NULL: it has no expressions */
};

enum correlation_kind { EVENT_COUNT, VALUE_COUNT, TEMPORAL, TEMPORAL_ORDERED };

/* How one correlated rule's records are grouped and counted. */
struct correlation_input {
	const char *name; /* as written: name or id */
	uint32_t rule;    /* index in the set */
	uint32_t line;
	struct sigma_field group[GROUP_FIELDS_MAX];
	struct sigma_field value;
};

struct sigma_correlation {
	enum correlation_kind kind;
	uint64_t span_ns;
	uint64_t low, high; /* counts that match: [low, high] */
	bool closes;        /* can be judged only when its window ends */
	bool generate;
	uint32_t groups;
	struct correlation_input *input;
	uint32_t inputs;
	const char *group_names[GROUP_FIELDS_MAX];
	const char *value_name;
	const char *alias_name[GROUP_FIELDS_MAX][CORRELATED_MAX]; /* NULL: as group_names */
};

/* Which correlations a rule feeds, and as which of their inputs. */
struct sigma_feed {
	uint32_t correlation; /* rule index */
	uint32_t input;
	struct sigma_feed *next;
};

struct sigma_set {
	struct arena *arena;
	struct sigma_rule **rule;
	struct sigma_feed **feed; /* by rule; after sigma_finish */
	uint32_t count, cap;
	struct sigma_problem *problem;
	uint32_t problem_count, problem_cap;
	uint64_t problems_left_out;
	pcre2_code **regex;
	uint32_t regex_count, regex_cap;
	struct sigma_needles *needles; /* by record type; after sigma_finish */
	uint64_t types;
	bool failed; /* memory ran out */
};

/* One rule while it is read. */
struct reading {
	struct sigma_set *set;
	yaml_document_t *doc;
	const char *file;
	uint32_t first_line; /* of the document in its file, from 0 */
	const char *title;
	uint64_t types;
	uint32_t nodes, items;
	bool bad;    /* a problem was said: the rule is dropped */
	bool cannot; /* what is wrong is not the rule's fault */
	struct sigma_selection selection[SELECTIONS_MAX];
	uint32_t selections;
	uint32_t optional;
	atomic_ullong *gave_up; /* of this rule; made with its first expression */
};

/* Says what is wrong with the rule, once; returns false. node may be NULL. */
bool reading_fail(struct reading *r, const yaml_node_t *node, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
bool reading_cannot(struct reading *r, const yaml_node_t *node, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* NULL sets set->failed and the rule is dropped. */
void *reading_alloc(struct reading *r, size_t size);
char *reading_text(struct reading *r, const void *text, size_t len);
const yaml_node_t *reading_node(struct reading *r, int id);
/* A member of a mapping; NULL: not there. */
const yaml_node_t *reading_member(struct reading *r, const yaml_node_t *map, const char *key);
/* A scalar's text, "" if it is none; terminated, borrowed from the document. */
const char *scalar_text(const yaml_node_t *n);
bool scalar_plain_null(const yaml_node_t *n);
/* "90m" → ns; false if it is no time. */
bool span_parse(const char *text, uint64_t *ns);

/* fields.c: false after reading_cannot. */
bool field_resolve(struct reading *r, const yaml_node_t *at, const char *name, size_t len,
		   uint64_t types, struct sigma_field *out);
/* Types of a logsource; 0: none of what is recorded. */
uint64_t source_types(const char *name);
/* The values of a field in a record; at most max. Arrays are gone through. */
uint32_t field_values(const struct sigma_field *f, const json_t *event, const json_t **out,
		      uint32_t max);

/* selection.c: a member of detection that is not the condition. */
bool selection_read(struct reading *r, const char *name, const yaml_node_t *n);
/* value.c: values of a key with its modifiers ("|contains|all", or ""). */
bool item_read(struct reading *r, const yaml_node_t *key, const char *modifiers,
	       const struct sigma_field *field, const yaml_node_t *values, struct sigma_item *out);
/* encode.c: base64 and UTF-16 of bytes. Lengths; out must have room: 4/3 + 4, twice + 2. */
size_t encode_base64(const uint8_t *in, size_t len, char *out);
size_t encode_utf16(const uint8_t *in, size_t len, bool big, bool mark, uint8_t *out);

/* condition.c: the steps; *aggregation is the text after "|", or NULL. */
bool condition_read(struct reading *r, const yaml_node_t *n, struct sigma_program *program,
		    const char **aggregation);
/* correlation.c */
bool correlation_read(struct reading *r, const yaml_node_t *map, struct sigma_correlation *out);
bool aggregation_read(struct reading *r, const yaml_node_t *at, const char *text,
		      const char *timeframe, struct sigma_correlation *out);
int correlation_join(struct sigma_set *set);

/* needle.c: 0, or -1 when out of memory. */
int needles_make(struct sigma_set *set);

/* match.c */
bool pattern_match(const struct sigma_pattern *p, const void *text, size_t len);
/* A scalar as text: *len; room holds 32 bytes. NULL: no scalar. */
const char *value_text(const json_t *v, char room[32], size_t *len);

#endif
