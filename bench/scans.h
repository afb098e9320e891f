/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the prefilter was given: every hs_scan of this process passes through here (the linker's
 * --wrap). While recording, buffers are copied; afterwards they can be scanned again with nothing
 * around it.
 */
#ifndef BENCH_SCANS_H
#define BENCH_SCANS_H

#include <stdint.h>

struct scans;

/* Of one thread. NULL: no memory. */
struct scans *scans_new(void);
/* The calling thread's scans are recorded from here on … to here. */
void scans_begin(struct scans *s);
void scans_end(void);
/* Runs them again; returns the seconds (the fastest of several runs), adds counts and bytes. */
double scans_run(struct scans *s, uint64_t *count, uint64_t *bytes);

#endif
