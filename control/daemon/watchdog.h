/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Finds a dataplane that lives but hangs: its workers, the dispatcher before them and its main thread each write a
 * heartbeat into shared memory. Supervisor.
 *
 * Time counts only while it is looked: no look adds more than WATCHDOG_STEP_NS, so that a machine that was suspended,
 * or a supervisor that got no core itself, takes nobody for dead.
 */
#ifndef CONTROL_DAEMON_WATCHDOG_H
#define CONTROL_DAEMON_WATCHDOG_H

#include <stdint.h>

#include "dataplane/event/counters.h"

#define WATCHDOG_STEP_NS 200000000ull
#define WATCHDOG_MAIN_NS 30000000000ull /* the main thread forwards nothing, and may take long for a command */
#define WATCHDOG_THREADS (MAX_WORKERS + 2) /* workers, dispatcher, main */

struct watchdog {
	uint64_t last_ns;                    /* of the last look */
	uint64_t seen[WATCHDOG_THREADS];     /* heartbeats */
	uint64_t silent_ns[WATCHDOG_THREADS]; /* since they last changed */
};

/* Forgets all: another dataplane runs. */
void watchdog_reset(struct watchdog *d);
/* The thread that has hung (workers by number, then the dispatcher, then main), or -1. limit_ns: of workers and
 * dispatcher; 0: none of these is watched. */
int watchdog_look(struct watchdog *d, const struct dataplane_status *st, unsigned workers, uint64_t now_ns,
		  uint64_t limit_ns);

#endif
