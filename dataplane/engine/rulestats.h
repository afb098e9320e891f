/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The rules' costs, summed over the workers (detect.profile). Main thread, which alone frees
 * programs.
 */
#ifndef ENGINE_RULESTATS_H
#define ENGINE_RULESTATS_H

#include <stdint.h>

struct engine;

/* Writes the rows (event/rule_stat.h) to fd; *count: how many. 0; -EOPNOTSUPP: rules are not
 * profiled; -errno. */
int rulestats_write(const struct engine *e, int fd, uint64_t *count);

#endif
