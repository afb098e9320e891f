/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/daemon/watchdog.h"

#include <stdbool.h>
#include <string.h>

void watchdog_reset(struct watchdog *d)
{
	memset(d, 0, sizeof(*d));
}

/* A beat of 0 is of a thread that has not begun, or has ended. */
static bool hangs(struct watchdog *d, unsigned thread, uint64_t beat, uint64_t step_ns, uint64_t limit_ns)
{
	if (!beat || beat != d->seen[thread]) {
		d->seen[thread] = beat;
		d->silent_ns[thread] = 0;
		return false;
	}
	d->silent_ns[thread] += step_ns;
	return limit_ns && d->silent_ns[thread] >= limit_ns;
}

int watchdog_look(struct watchdog *d, const struct dataplane_status *st, unsigned workers, uint64_t now_ns,
		  uint64_t limit_ns)
{
	uint64_t step = d->last_ns && now_ns > d->last_ns ? now_ns - d->last_ns : 0;
	int found = -1;

	if (step > WATCHDOG_STEP_NS)
		step = WATCHDOG_STEP_NS;
	d->last_ns = now_ns;
	for (unsigned i = 0; i <= workers; i++)
		if (hangs(d, i, __atomic_load_n(&st->beat_ns[i], __ATOMIC_RELAXED), step, limit_ns) && found < 0)
			found = (int)i;
	if (hangs(d, workers + 1, __atomic_load_n(&st->heartbeat_ns, __ATOMIC_RELAXED), step, WATCHDOG_MAIN_NS) &&
	    found < 0)
		found = (int)workers + 1;
	return found;
}
