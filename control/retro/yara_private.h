/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What yara_rules.c (rules, libyara, judging) and yara_source.c (reading the source) share.
 */
#ifndef CONTROL_RETRO_YARA_PRIVATE_H
#define CONTROL_RETRO_YARA_PRIVATE_H

#include "control/retro/yara_rules.h"
#include "rules/arena.h"

#define YARA_MEMORY_MAX (256ull << 20)

enum yara_step_kind {
	YARA_STEP_UNKNOWN, /* needs the content */
	YARA_STEP_CONSTANT,
	YARA_STEP_HASH,
	YARA_STEP_SIZE,
	YARA_STEP_AND,
	YARA_STEP_OR,
	YARA_STEP_NOT,
};

enum yara_relation { YARA_LT, YARA_LE, YARA_GT, YARA_GE, YARA_EQ, YARA_NE };

/* One step of a condition in postfix order. */
struct yara_step {
	uint8_t kind, hash, relation;
	uint64_t n;      /* CONSTANT, SIZE */
	const char *hex; /* HASH */
};

struct yara_meta_hash {
	enum yara_hash hash;
	const char *hex;
};

struct yara_compiled {
	struct yara_rule rule;
	bool global;
	uint32_t text; /* number of the text it stands in */
	const struct yara_step *step;
	uint32_t steps;
	struct yara_meta_hash *meta;
	uint32_t metas;
	bool sized; /* its verdict depends on the size */
	/* The verdict of files whose hashes no rule names, by which hashes are known; of rules that
	 * do not depend on the size. */
	uint8_t plain[1 << YARA_HASHES];
};

struct yara_rules {
	struct arena *arena;
	struct yara_compiled *rule;
	uint32_t count, cap;
	struct yara_problem *problem;
	uint32_t problem_count, problem_cap;
	uint32_t texts, globals;
	const char **hex; /* all that rules name, sorted; made by the first look */
	uint32_t hexes;
	bool ready;
	bool failed; /* memory ran out */
};

/* Appends the rules that stand in a text. False: out of memory, or too many. */
bool yara_source_read(struct yara_rules *r, const char *file, const char *text, size_t len);
struct yara_compiled *yara_add(struct yara_rules *r);
/* 32, 40 or 64 hex digits → which hash, and *hex in lower case; false: none. */
bool yara_hash_parse(struct yara_rules *r, const char *text, size_t len, enum yara_hash *hash,
		     const char **hex);

#endif
