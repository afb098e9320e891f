/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/base/pause.h"

#include <time.h>

uint64_t pause_next(struct pause *p, bool found)
{
	if (found) {
		p->turns = 0;
		return 0;
	}
	if (p->awaited)
		return PAUSE_SHORT_NS;
	if (p->turns >= PAUSE_TURNS)
		return PAUSE_LONG_NS;
	p->turns++;
	return PAUSE_NS;
}

void pause_sleep(uint64_t ns)
{
	const struct timespec t = {.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};

	if (ns)
		nanosleep(&t, NULL);
}
