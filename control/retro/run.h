/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The record of a scan (scan.h). Thread: jobs.
 */
#ifndef CONTROL_RETRO_RUN_H
#define CONTROL_RETRO_RUN_H

#include "control/retro/scan.h"

struct run {
	uint64_t number, version, started_ns;
	uint64_t indicators, findings, fresh;
};

/* Writes that it runs. 0 or -errno. */
int run_begin(struct run *run, struct desk *d, const struct scan_options *o);
/* Writes how it ended (err), appends it to out; a complete scan of all or of what is new moves
 * "retro/version". */
void run_end(struct run *run, struct desk *d, const struct scan_options *o, int err,
	     struct text *out);

#endif
