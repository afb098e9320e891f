/* SPDX-License-Identifier: BSD-3-Clause
 *
 * YARA rules as far as they can be judged without the file: its size and its hashes.
 *
 * libyara says whether a text compiles, and what the meta of its rules holds; it does not say
 * what a condition is made of. So the condition is read here from the source (YARA
 * documentation 4.2, "Writing YARA rules", "Hash module") into leaves joined by and, or, not:
 *   hash.md5(0, filesize) == "…"   and sha1, sha256, either way round
 *   filesize < 10KB                and the other relations, either way round
 *   anything else                  needs the content
 * and judged in three values: true, false, unknown. Meta named md5, sha1, sha256 or hash… with
 * 32, 40 or 64 hex digits names samples that the rule's writer says it is about: a stored file
 * with that hash is one of them.
 *
 * Threads: as sigma.h.
 */
#ifndef CONTROL_RETRO_YARA_RULES_H
#define CONTROL_RETRO_YARA_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define YARA_RULES_MAX 20000
#define YARA_LEAVES_MAX 4096 /* of a condition; more make it unknown */
#define YARA_TOKEN_MAX 4096  /* bytes of a name or number */
#define YARA_HASHES_MAX 4096 /* of a rule's meta */

enum yara_verdict { YARA_FALSE, YARA_TRUE, YARA_UNKNOWN };

enum yara_hash { YARA_MD5, YARA_SHA1, YARA_SHA256, YARA_HASHES };

/* What is known of a file. */
struct yara_file {
	const char *hash[YARA_HASHES]; /* lower-case hex; NULL: not known */
	bool size_known;
	uint64_t size;
	bool named; /* some rule names one of the hashes; set by yara_rules_look */
};

struct yara_rule {
	const char *name, *file;
	uint32_t line;
	bool private_rule; /* only other rules see it: never reported */
	bool wants_hash;   /* some leaf is a hash */
};

struct yara_problem {
	const char *rule, *file, *reason;
	uint32_t line;
};

struct yara_rules;

struct yara_rules *yara_rules_new(void);
void yara_rules_free(struct yara_rules *r);
/* Compiles a text (without includes) and reads its rules; a text with an error gives problems
 * and no rules, as YARA itself has it. 0, -ENOMEM. */
int yara_rules_read(struct yara_rules *r, const char *file, const char *text, size_t len);
uint32_t yara_rules_count(const struct yara_rules *r);
const struct yara_rule *yara_rules_at(const struct yara_rules *r, uint32_t index);
uint32_t yara_rules_problem_count(const struct yara_rules *r);
const struct yara_problem *yara_rules_problem(const struct yara_rules *r, uint32_t index);
/* Before a file is judged by all rules: after the last yara_rules_read, by one thread. */
void yara_rules_look(struct yara_rules *r, struct yara_file *file);
enum yara_verdict yara_rules_judge(const struct yara_rules *r, uint32_t index,
				   const struct yara_file *file);

/* Only the reading of the source: for tests of hostile texts that libyara would refuse. */
int yara_rules_scan(struct yara_rules *r, const char *file, const char *text, size_t len);

#endif
