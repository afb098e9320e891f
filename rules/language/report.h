/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Filling a report of problems.
 */
#ifndef LANGUAGE_REPORT_H
#define LANGUAGE_REPORT_H

#include "rules/ruleset.h"

/* Adds one problem; the texts are copied. report may be NULL. Out of memory: the problem is counted
 * but not kept. */
void report_add(struct ruleset_report *report, const struct ruleset_problem *problem);

#endif
