/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Changes rules as rules: options, heads, lists and numbers rather than bytes. What it has seen of
 * real rules (grammar_learn) it mixes into others; the rest it makes from the keyword table.
 * The same seed and the same learned rules give the same text.
 */
#ifndef SUPPORT_RULE_GRAMMAR_H
#define SUPPORT_RULE_GRAMMAR_H

#include <stddef.h>
#include <stdint.h>

struct grammar;

struct grammar *grammar_new(void);
void grammar_free(struct grammar *g);

/* Keeps options and heads of a rule file's text; of many it keeps a sample. */
void grammar_learn(struct grammar *g, const char *text, size_t len);

/* Changes the rules in text (len bytes, room for max) in place. Returns the new length, at least 1
 * where max is. */
size_t grammar_mutate(struct grammar *g, char *text, size_t len, size_t max, uint64_t seed);

#endif
