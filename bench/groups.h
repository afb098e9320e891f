/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What each pattern group costs: the recorded scans run bare once more, each timed by itself. Main
 * thread, after the run.
 */
#ifndef BENCH_GROUPS_H
#define BENCH_GROUPS_H

#include "bench/scans.h"
#include "rules/ruleset.h"

/* A line a database, the dearest first; of groups that share one the first is named. */
void groups_text(struct scan_tally *tallies, unsigned count, const struct ruleset *set);

#endif
