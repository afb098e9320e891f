/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Problems of rule files, collected while loading.
 */
#ifndef LANGUAGE_REPORT_H
#define LANGUAGE_REPORT_H

#include "rules/ruleset.h"

/* Appends a problem; texts are copied. Nothing when report is NULL or memory is out. */
void report_add(struct ruleset_report *report, const char *file, uint32_t line, uint32_t column,
		uint32_t sid, bool refused, const char *reason, const char *advice);

#endif
