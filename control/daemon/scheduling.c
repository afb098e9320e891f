/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/daemon/scheduling.h"

#include <sys/resource.h>

#include "dataplane/event/cores.h"

cpu_set_t scheduling_cores(const struct config *c, const cpu_set_t *allowed)
{
	uint16_t pinned[CORES_MAX];
	cpu_set_t left = *allowed;
	char error[200];
	int count = cores_parse(c->cores, pinned, error, sizeof(error));

	for (int i = 0; i < count; i++)
		CPU_CLR(pinned[i], &left);
	return CPU_COUNT(&left) ? left : *allowed;
}

/* The workers pin themselves; all other threads keep what they start with. */
void scheduling_child(const struct config *c, bool other)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) == 0) {
		set = scheduling_cores(c, &set);
		(void)sched_setaffinity(0, sizeof(set), &set);
	}
	if (other && c->control_nice)
		(void)setpriority(PRIO_PROCESS, 0, (int)c->control_nice);
}
