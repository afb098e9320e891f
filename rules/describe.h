/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A condition of a rule as text, in the spelling of the rule language: what was understood, not what
 * was written. For explanations. Any thread.
 */
#ifndef RULES_DESCRIBE_H
#define RULES_DESCRIBE_H

#include <stddef.h>

#include "rules/ruleset.h"

/* "content:\"evil\"; nocase; depth:4", cut where out ends. set names bits and numbers of flows; NULL:
 * they go by number. Returns out. */
char *match_describe(const struct match *m, const struct ruleset *set, char *out, size_t size);
/* "xor:\"0d0a\"". Returns out. */
char *transform_describe(const struct transform *t, char *out, size_t size);
/* Bytes as in a content: printable ones, others as |0d 0a|. Returns out. */
char *bytes_describe(const uint8_t *data, size_t len, char *out, size_t size);
/* "10.0.0.0/8, 192.0.2.1-192.0.2.9", at most max ranges, then "… 7 more". Returns out. */
char *addr_set_describe(const struct addr_set *set, unsigned max, char *out, size_t size);
char *port_set_describe(const struct port_set *set, unsigned max, char *out, size_t size);
const char *keyword_name_of(unsigned keyword);
const char *rule_action_name(unsigned action);
/* "" for that of the action itself. */
const char *rule_scope_name(unsigned scope);

#endif
