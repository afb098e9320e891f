/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Behaviour rules: Sigma rules over EVE records.
 *
 * Sources: Sigma Rules Specification 2.0.2 (sections "Log source", "Detection", "Condition";
 * special values: wildcards, escapes, null, empty), appendix "Sigma Modifiers" 2.1.0, Sigma
 * Correlation Rules Specification 2.0.2, and for rules of the older form the aggregations of
 * specification 1 ("| count(field) by group > n" with timeframe).
 *
 * A text is one or more YAML documents; each is a rule or a correlation. They are read one by
 * one: a wrong one becomes a problem with file, line and reason, the others load.
 *
 * Meaning: values are compared as texts without regard to (ASCII) case unless |cased; numbers
 * and booleans of a record by their text. A field that stands in a record several times (an
 * array) matches if any of its values does. null: the field is absent. A list of values is "or",
 * with |all "and"; a list of maps is "or", the members of a map are "and". Keywords without a
 * field are sought in every text of the record.
 *
 * Threads: sigma_read and sigma_finish by one; afterwards a set is read only and may be shared.
 * A sigma_state belongs to one thread.
 */
#ifndef CONTROL_BEHAVIOUR_SIGMA_H
#define CONTROL_BEHAVIOUR_SIGMA_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/event/fields.h"

#define SIGMA_TEXT_MAX (8u << 20)       /* bytes of one text */
#define SIGMA_RULES_MAX 20000           /* rules of a set */
#define SIGMA_MEMORY_MAX (256ull << 20) /* of a set */
#define SIGMA_PROBLEMS_MAX 20000        /* kept; more are counted only */

enum sigma_level {
	SIGMA_INFORMATIONAL,
	SIGMA_LOW,
	SIGMA_MEDIUM,
	SIGMA_HIGH,
	SIGMA_CRITICAL,
};

/* Why a rule is not in use. */
enum sigma_fault {
	SIGMA_WRONG,  /* not a rule as the specification has them, or beyond a limit */
	SIGMA_CANNOT, /* a good rule about what is not recorded here: cannot be judged */
};

struct sigma_problem {
	enum sigma_fault fault;
	const char *file;
	uint32_t line;
	const char *rule;   /* its title; "" if it was not read that far */
	const char *reason; /* a sentence without its full stop */
};

struct sigma_program;
struct sigma_correlation;

/* Borrowed from its set. */
struct sigma_rule {
	uint32_t index; /* in its set */
	const char *title, *id, *name, *status, *file;
	uint32_t line;
	enum sigma_level level;
	const char *const *tags;
	uint32_t tag_count;
	uint64_t types;                      /* bit 1 << enum record_type: records it can match */
	bool quiet;                          /* only feeds correlations: not reported itself */
	const struct sigma_program *program; /* NULL: a correlation */
	const struct sigma_correlation *correlation; /* also of rules with an aggregation */
};

struct sigma_set;

/* NULL: out of memory. */
struct sigma_set *sigma_new(void);
void sigma_free(struct sigma_set *set);
/* Reads the rules of a text; file is its name in messages. Both are copied. 0, or -ENOMEM. */
int sigma_read(struct sigma_set *set, const char *file, const char *text, size_t len);
/* Joins correlations with the rules they name. Once, after the last sigma_read. 0, or -ENOMEM. */
int sigma_finish(struct sigma_set *set);

uint32_t sigma_count(const struct sigma_set *set);
const struct sigma_rule *sigma_rule(const struct sigma_set *set, uint32_t index);
uint32_t sigma_problem_count(const struct sigma_set *set);
const struct sigma_problem *sigma_problem(const struct sigma_set *set, uint32_t index);
/* Problems beyond SIGMA_PROBLEMS_MAX. */
uint64_t sigma_problems_left_out(const struct sigma_set *set);
const char *sigma_level_name(enum sigma_level level);
/* Types that some rule is about. */
uint64_t sigma_types(const struct sigma_set *set);
/* RECORD_COUNT: there is no such type. */
enum record_type sigma_type(const void *name, size_t len);

/* Whether the rule's detection holds of one record (an aggregation is not looked at). The
 * caller sees to the type. False for correlations. */
bool sigma_match(const struct sigma_rule *rule, const json_t *event);

/* Values so far that were not judged (and so did not match) because an expression of the rule
 * reached its limits. Any thread. */
uint64_t sigma_gave_up(const struct sigma_rule *rule);

/* Whether a record may match some rule of its type, by a look at its JSON text as EVE writes it:
 * false is certain. What may not match need not be parsed. */
bool sigma_may_match(const struct sigma_set *set, enum record_type type, const void *json,
		     size_t len);

/* The optional paths (fields.def) that a rule needs: calls see for each. */
void sigma_optional(const struct sigma_rule *rule, void (*see)(void *arg, uint32_t optional),
		    void *arg);
extern const struct sigma_optional_row {
	const char *path, *when;
} sigma_optional_rows[]; /* ends with path == NULL */
/* Whether the record has it. */
bool sigma_has_optional(const json_t *event, uint32_t optional);

/* ---- records in the order of time ---- */

struct sigma_hit {
	const struct sigma_rule *rule;
	uint64_t ts_ns;
	const json_t *event; /* borrowed: the record that completed it */
};

struct sigma_state_limits {
	uint64_t memory_bytes; /* of groups of correlations; 0: 128 MiB */
	uint32_t groups;       /* 0: 1,000,000 */
};

struct sigma_state;

/* Set is borrowed until sigma_state_free. NULL: out of memory. limits may be NULL. */
struct sigma_state *sigma_state_new(const struct sigma_set *set,
				    const struct sigma_state_limits *limits);
void sigma_state_free(struct sigma_state *state);
/* One record: every rule that it matches or completes goes to hit. */
void sigma_state_event(struct sigma_state *state, uint64_t ts_ns, enum record_type type,
		       const json_t *event, void (*hit)(void *arg, const struct sigma_hit *h),
		       void *arg);
/* Time has come to ts_ns: windows that ended before are judged (those with an upper bound). */
void sigma_state_time(struct sigma_state *state, uint64_t ts_ns,
		      void (*hit)(void *arg, const struct sigma_hit *h), void *arg);
/* Records that were not counted because a limit was reached. */
uint64_t sigma_state_left_out(const struct sigma_state *state);

#endif
