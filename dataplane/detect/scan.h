/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the two ways of searching for a group's literals share. Of the worker that scans.
 */
#ifndef DETECT_SCAN_H
#define DETECT_SCAN_H

#include "dataplane/detect/program.h"

struct scan {
	struct worker *w;
	struct detect_state *s;
	const struct pattern_group *group;
	const uint8_t *data;
	uint64_t base;
	uint32_t len;
	uint32_t fresh; /* what ends here or before was seen in an earlier scan */
	bool end;
};

/* A literal ends at `to`: Hyperscan's callback, context is the scan. Always 0. */
int scan_on_literal(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
		    void *context);

/* sieve.c: tells scan_on_literal of all literals; false: the run is one for Hyperscan. The group has
 * literals, the run bytes. */
bool sieve_run(struct scan *scan);

#endif
