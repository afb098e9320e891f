/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the prefilter was given: every run of bytes that is searched for literals passes through here
 * (the linker's --wrap, so the engine's own code has no hook), whatever searches it. While recording,
 * buffers are copied; afterwards hs_scan can go over them again with nothing around it. One thread's.
 */
#ifndef BENCH_SCANS_H
#define BENCH_SCANS_H

#include <stdbool.h>
#include <stdint.h>

struct scans;

struct scan_tally {
	const void *database;
	uint64_t calls, bytes, matches, cycles; /* of hs_scan */
	uint64_t engine_cycles; /* as the engine searches, candidates noted */
};

/* NULL: no memory. */
struct scans *scans_new(void);
void scans_free(struct scans *s);
/* The calling thread's scans are recorded from here on … to here. False: not all found room. */
void scans_begin(struct scans *s);
bool scans_end(void);
/* Runs them all again. Returns matches seen, so that nothing can be left out. */
uint64_t scans_run(struct scans *s);
uint64_t scans_count(const struct scans *s);
uint64_t scans_bytes(const struct scans *s);
/* How many different databases. */
unsigned scans_databases(const struct scans *s);
/* Runs them all once more, in the worker whose they are; one for each database, the caller's. NULL: no memory. */
struct scan_tally *scans_tally(struct scans *s);

#endif
