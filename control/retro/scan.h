/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Retro scans: indicators looked up in the memory of contacts, all at once.
 *
 * Each scan is a run; family run: key number (8, big endian), value JSON: run, why, version, since
 * (version), state, started, ended, seconds, indicators, findings, new, error. The version up to
 * which everything was scanned stands in meta "retro/version": a scan that did not come to its
 * end is made again.
 *
 * Thread: jobs (offline: the only one).
 */
#ifndef CONTROL_RETRO_SCAN_H
#define CONTROL_RETRO_SCAN_H

#include "control/intel/feed.h"
#include "control/jobs/desk.h"
#include "control/retro/retro.h"

struct scan_options {
	const char *why;         /* "version", "schedule", "demand" */
	uint64_t since_version;  /* only indicators that are new since; 0: all */
	int kind;                /* 0: all */
	struct contact_window window; /* zeroes: all time */
};

/* Scans for what is known, keeps findings, appends the run as JSON. Progress in j->done of
 * j->total indicators. 0, -ECANCELED, -EAGAIN (the store is to be opened anew), -errno. */
int scan_known(struct desk *d, struct job *j, const struct scan_options *o, struct text *out);
/* Scans for a list that is not kept: {"given","loaded","refused":[…],"rows":[…]}. */
int scan_list(struct desk *d, struct job *j, const struct scan_options *o,
	      const struct feed_options *format, struct slice list, struct text *out);
/* The version up to which all was scanned. */
uint64_t scan_version(struct desk *d);
/* When the last complete scan of everything began; 0: never. */
uint64_t scan_full_ns(struct desk *d);
/* What an interrupted process left as running. */
int runs_recover(struct desk *d);
/* JSON array, the newest first. */
int runs_list(struct desk *d, uint64_t limit, struct text *out);

#endif
