/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Whether the machine is quiet enough to measure on: /proc/stat, /proc/loadavg, and what it is.
 */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

/* Ticks of all processors since boot. */
struct machine_ticks {
	uint64_t busy, steal, total;
};

struct machine {
	unsigned cores;
	char model[96];
	char kernel[64];
	double load1;
	uint64_t huge_pages_free; /* of 2 MB */
};

#define MACHINE_OTHERS_MAX 0.05  /* of all processors, before the run */
#define MACHINE_STEAL_MAX 0.01   /* during the run */
#define MACHINE_WAIT_MAX 0.05    /* of a turn's time, spent waiting for a processor */

void machine_read(struct machine *m);
struct machine_ticks machine_ticks(void);
/* Share of the processors that others use, watched for that long. *tsc_hz: rate of the time-stamp
 * counter meanwhile. */
double machine_others(unsigned milliseconds, double *tsc_hz);
double machine_steal(struct machine_ticks before, struct machine_ticks after);

#endif
