/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Are two rule sets the same, whatever they came from?
 */
#ifndef SUPPORT_RULESET_COMPARE_H
#define SUPPORT_RULESET_COMPARE_H

#include <stddef.h>

#include "rules/ruleset.h"

/* The first difference as a sentence in out, or true: rules with all their conditions and texts, groups
 * with what finds their literals, databases. */
bool ruleset_same(const struct ruleset *a, const struct ruleset *b, char *out, size_t size);
/* Counts and problems. */
bool report_same(const struct ruleset_report *a, const struct ruleset_report *b, char *out, size_t size);

#endif
