/* SPDX-License-Identifier: BSD-3-Clause
 *
 * threshold.config: limits and suppressions that stand outside the rules.
 */
#ifndef LANGUAGE_THRESHOLDS_H
#define LANGUAGE_THRESHOLDS_H

#include "rules/language/draft.h"

/* Reads the file and adds its limits to the rules they name. Lines that are wrong are reported.
 * 0; or -1 and a sentence in error when the file cannot be read. */
int thresholds_load(struct draft *d, const char *path, struct rule **rules, size_t count,
		    struct ruleset_report *report, char *error, size_t error_size);

#endif
