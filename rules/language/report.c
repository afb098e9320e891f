/* SPDX-License-Identifier: BSD-3-Clause */
#include "rules/language/report.h"

#include <stdlib.h>
#include <string.h>

void report_add(struct ruleset_report *report, const char *file, uint32_t line, uint32_t column,
		uint32_t sid, bool refused, const char *reason, const char *advice)
{
	struct ruleset_problem *p;
	size_t n = report ? report->problem_count : 0;

	if (!report)
		return;
	/* Space grows in powers of two. */
	if ((n & (n - 1)) == 0) {
		p = realloc(report->problems, (n ? 2 * n : 1) * sizeof(*p));
		if (!p)
			return;
		report->problems = p;
	}
	p = &report->problems[n];
	*p = (struct ruleset_problem){
		.line = line, .column = column, .sid = sid, .refused = refused};
	p->file = strdup(file);
	p->reason = strdup(reason);
	p->advice = strdup(advice ? advice : "");
	if (p->file && p->reason && p->advice) {
		report->problem_count++;
		return;
	}
	free(p->file);
	free(p->reason);
	free(p->advice);
}

void ruleset_report_clear(struct ruleset_report *report)
{
	for (size_t i = 0; i < report->problem_count; i++) {
		free(report->problems[i].file);
		free(report->problems[i].reason);
		free(report->problems[i].advice);
	}
	free(report->problems);
	*report = (struct ruleset_report){0};
}
