/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Times as people and files write them. Any thread.
 */
#ifndef CONTROL_BASE_WHEN_H
#define CONTROL_BASE_WHEN_H

#include <stdbool.h>
#include <stdint.h>

/* "2024-01-31T09:30:00.123456+0000", "2024-01-31", "1706693400.5", "2h" (ago). ns since the epoch. */
bool time_parse(const char *text, uint64_t *ns);
uint64_t wall_clock_ns(void);

#endif
