/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which cores the processes may run on, and how they share them with the workers: what writes records must not
 * take a core from what forwards packets. Supervisor.
 */
#ifndef CONTROL_DAEMON_SCHEDULING_H
#define CONTROL_DAEMON_SCHEDULING_H

#include <sched.h>

#include "dataplane/event/config.h"

/* The cores of "allowed" that no worker is pinned to; all of them where none would be left, or none is pinned. */
cpu_set_t scheduling_cores(const struct config *c, const cpu_set_t *allowed);

/* A child before its program runs. other: it is not the dataplane, which gives way to nobody. What the system
 * refuses is left as it is. */
void scheduling_child(const struct config *c, bool other);

#endif
