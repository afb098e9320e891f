/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How long the reader of a ring rests when it has found nothing. Nobody wakes it (a worker makes no system
 * call), and each look takes a core from whom it belongs to: so it looks seldom, and still so often that 10 Gbit/s
 * do not fill a ring of 32 MB in between. Over captures a worker waits for room: then a rest is short.
 */
#ifndef CONTROL_BASE_PAUSE_H
#define CONTROL_BASE_PAUSE_H

#include <stdbool.h>
#include <stdint.h>

#define PAUSE_SHORT_NS 1000000u  /* somebody waits */
#define PAUSE_NS 10000000u       /* something came a moment ago */
#define PAUSE_LONG_NS 25000000u  /* nothing came for PAUSE_TURNS */
#define PAUSE_TURNS 100u

struct pause {
	bool awaited;   /* set by the owner: a worker or a process waits for the reader */
	unsigned turns; /* in a row that found nothing */
};

/* After a turn that found something or not; ns to sleep, 0: none. */
uint64_t pause_next(struct pause *p, bool found);
void pause_sleep(uint64_t ns);

#endif
