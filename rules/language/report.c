/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The list of problems of a load. One thread.
 */
#include "rules/language/report.h"

#include <stdlib.h>
#include <string.h>

void report_add(struct ruleset_report *report, const struct ruleset_problem *problem)
{
	struct ruleset_problem *p;

	if (!report)
		return;
	/* The space is the next power of two: growing at those counts is enough. */
	if ((report->problem_count & (report->problem_count - 1)) == 0) {
		size_t space = report->problem_count ? report->problem_count * 2 : 1;

		p = realloc(report->problems, space * sizeof(*p));
		if (!p)
			return;
		report->problems = p;
	}
	p = &report->problems[report->problem_count];
	*p = *problem;
	p->file = strdup(problem->file ? problem->file : "");
	p->reason = strdup(problem->reason ? problem->reason : "");
	p->advice = strdup(problem->advice ? problem->advice : "");
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
