/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A rule set: rules parsed, ordered, grouped, with their pattern databases. Immutable; made by
 * one thread, read by many.
 *
 * Groups: for every buffer (and the payload of packets and of streams) × direction × protocol ×
 * port group there is one pattern group: the prefilter literal of each of its rules in one
 * Hyperscan block-mode database (literals only, rules/compile/). A group's hit gives the rules
 * whose literal it is. Rules without a literal are listed apart and tried always.
 * A pointer that is added to struct ruleset must be added to rules/image/shape.c.
 */
#ifndef RULES_RULESET_H
#define RULES_RULESET_H

#include <stddef.h>

#include "rules/lists/lists.h"
#include "rules/rule.h"

struct ruleset_variables {
	const char *const *address_names, *const *address_values;
	size_t address_count;
	const char *const *port_names, *const *port_values;
	size_t port_count;
};

/* Fewer rules are read in the time that an image takes. */
#define RULESET_IMAGE_LEAST 500

struct ruleset_options {
	const char *const *files; /* rule files; a name with * ? [ is a pattern */
	size_t file_count;
	bool firewall;             /* what no firewall rule accepts is dropped */
	const char *const *firewall_files; /* of firewall rules, in this order */
	size_t firewall_file_count;
	struct ruleset_variables variables;
	const char *classification_file; /* NULL or "": the built-in one */
	const char *reference_file;
	const char *threshold_file; /* NULL or "": none */
	const char *action_order;   /* NULL or "": pass,drop,reject,alert */
	const char *cache_dir;      /* compiled databases, images of sets; NULL or "": none are kept */
	uint32_t image_least;       /* sets of so many rules are kept as images; 0: RULESET_IMAGE_LEAST */
	struct lists_options lists; /* dataset, datarep, filemd5 … */
	const char *reputation_categories; /* iprep; NULL or "": none */
	const char *const *reputation_files;
	size_t reputation_file_count;
	const char *geoip_database;        /* geoip; NULL or "": none */
	const char *script_dir;            /* lua, luaxform, beside the folder of the rule file; NULL or "": none */
	bool no_scripts;
	bool no_ja4;                       /* the engine makes none */
	bool parse_only;            /* rules check: no grouping, no databases */
	bool every_database;        /* of groups that masks serve on this processor, too: where they are not to be used */
	bool in_the_wire;
};

/* One rule (or line) that could not be taken, or was taken with a remark. */
struct ruleset_problem {
	char *file;
	uint32_t line, column; /* from 1; column of the token that is wrong */
	uint32_t sid;          /* 0: not known */
	bool refused;          /* false: a warning */
	bool firewall;         /* a firewall rule */
	char *reason;          /* "byte_test: operator \"=>\" is not one of < > = <= >= & ^" */
	char *advice;          /* what to do; "" if there is nothing to say */
};

struct ruleset_report {
	size_t active; /* rules that are not comments */
	size_t loaded, refused, duplicates;
	size_t firewall_refused; /* of refused: firewall rules */
	size_t skipped; /* requires not met */
	struct ruleset_problem *problems;
	size_t problem_count;
	uint64_t databases, databases_from_cache;
	double parse_seconds, group_seconds, compile_seconds, image_seconds;
	bool from_image;       /* rules/image: nothing had to be read and grouped */
	char image_note[640];  /* what is wrong with the image there was, or why none was made; "": nothing */
};

struct ruleset {
	struct rule *const *rules; /* by index: the order of inspection */
	size_t rule_count;
	bool firewall;             /* as ruleset_options.firewall */
	uint32_t firewall_count;   /* the first so many rules are the firewall's */
	uint32_t flowbit_count, xbit_count, hostbit_count, flowint_count;
	const char *const *flowbit_names, *const *xbit_names, *const *hostbit_names, *const *flowint_names;
	struct lists *lists;           /* owns the lists that rules look up in */
	struct reputation *reputation; /* rules/lists/reputation.h; NULL: none configured */
	struct geoip *geoip;           /* rules/lists/geoip.h; likewise */
	const struct script_use *scripts; /* by .next */
	uint32_t script_count;
	struct ruleset_groups *groups; /* rules/compile/groups.h; NULL with parse_only */
	struct arena *arena;           /* owns everything above */
};

/* Loads. Bad rules are reported, the others load. NULL only when nothing could be done at all
 * (a file cannot be read, memory): then error holds one sentence. report may be NULL; free its
 * contents with ruleset_report_clear. */
struct ruleset *ruleset_load(const struct ruleset_options *o, struct ruleset_report *report,
			     char *error, size_t error_size);
void ruleset_free(struct ruleset *set);
void ruleset_report_clear(struct ruleset_report *report);

/* A set of addresses written as in a rule's head: "[10.0.0.0/8,!10.9.0.0/16]", "$HOME_NET".
 * Returns 0 and the ranges (sorted by family and low end, disjoint; the caller frees them), or
 * -ENOMEM, -EINVAL and a sentence that names the item and what to write instead. */
int ruleset_addresses(const struct ruleset_variables *v, const char *text,
		      struct addr_range **ranges, uint32_t *count, char *error, size_t error_size);

#endif
