/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the two ways of searching for a group's literals share. Of the worker that scans.
 */
#ifndef DETECT_SCAN_H
#define DETECT_SCAN_H

#include "dataplane/detect/program.h"

#define SCAN_SETTLED 8 /* a power of two */

struct scan {
	struct worker *w;
	struct detect_state *s;
	const struct pattern_group *group;
	const uint8_t *data;
	uint64_t base;
	uint32_t len;
	uint32_t fresh; /* what ends here or before was seen in an earlier scan */
	bool end;
	/* Of the sieve: keys of anchors of which this scan can learn nothing more, by their bits; 0: none. Traffic made
	 * of one literal over and over costs no more than a question for each. */
	uint64_t settled[SCAN_SETTLED];
};

/* A literal ends at `to`. True: all of its rules are candidates, it need not be told of again. */
bool scan_found(struct scan *scan, uint32_t literal, uint64_t to);

/* The same as Hyperscan's callback, context is the scan. Always 0. */
int scan_on_literal(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
		    void *context);

/* sieve.c: tells scan_found of all literals; false: the run is one for Hyperscan. The group has
 * literals, the run bytes. */
bool sieve_run(struct scan *scan);

#endif
