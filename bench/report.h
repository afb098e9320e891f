/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From the workers' rounds to figures, as text or JSON. Main thread, after the run.
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdbool.h>

#include "bench/machine.h"
#include "bench/runner.h"

struct figure {
	double median, low, high;
};

struct report {
	const struct runner *runners;
	unsigned workers, rounds;
	const struct traffic *traffic;
	const char *capture;
	uint64_t rules_loaded, rules_refused;
	struct machine machine;
	double others, steal;       /* shares of the machine */
	double tsc_hz;
	/* worked out by report_make; rates of all workers together, each with a core of its own */
	struct figure with_source, engine, bare; /* packets a second */
	struct figure ratio;        /* engine to bare */
	struct figure source_s, end_s, engine_s, wait; /* a worker and loop; wait: share of wall time */
	struct figure wall;         /* packets a second by the wall clock, source included */
	struct counters cycles;
	struct outcome outcome;     /* of a loop */
};

void report_make(struct report *r);
/* Every loop of every worker came to the same; else one sentence on stderr for each that did not. */
bool report_loops_agree(const struct report *r);
/* True: the figures are not to be relied on, and the reasons on stderr. */
bool report_disturbed(const struct report *r);
void report_text(const struct report *r, bool disturbed);
void report_json(const struct report *r, bool disturbed);

#endif
