/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One file, in a process of its own: forked by the analyser for it, and gone with it.
 */
#ifndef CONTROL_ANALYSIS_WORKER_H
#define CONTROL_ANALYSIS_WORKER_H

#include "control/analysis/analysis.h"

#define WORKER_EXIT_VERDICT 64 /* exit status of a good end: this and the verdict */
#define WORKER_EXIT_MEMORY 32
#define WORKER_EXIT_CONFINE 33 /* it could not give up its rights, and did nothing */

struct worker_job {
	const char *name, *declared;
	bool mailed;
	const char *mail; /* text of the mail that it came in; "" */
	int file;          /* read only */
	int report;        /* a memfd */
	bool confine;      /* no: for builds and tests that cannot */
};

/* Does not return. */
void worker_run(const struct worker_job *job, const struct analysis_limits *limits, const struct analysis_tools *tools)
	__attribute__((noreturn));

#endif
