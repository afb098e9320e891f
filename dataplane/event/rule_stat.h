/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a rule cost and did, as the dataplane tells it: rows in a memfd, summed over the workers,
 * for rules that were a candidate at least once (detect.profile).
 */
#ifndef EVENT_RULE_STAT_H
#define EVENT_RULE_STAT_H

#include <stddef.h>
#include <stdint.h>

#define RULE_STAT_MSG 96

struct rule_stat {
	uint32_t gid, sid, rev, reserved;
	uint64_t candidates; /* times it was run: its literal was found, or it is tried always */
	uint64_t verified;   /* of these, its head fitted and its conditions were judged */
	uint64_t matches;    /* all held */
	uint64_t alerts;     /* written */
	uint64_t cycles;     /* of the time-stamp counter, from the runs that were timed */
	char msg[RULE_STAT_MSG]; /* begin of it; terminated */
};

/* A new memfd, owned by the caller; or -errno. */
int rule_stats_create(void);
/* All rows behind fd, those that cost most first: new, to be freed with free; NULL: none, or no
 * memory. Does not take fd. */
struct rule_stat *rule_stats_read(int fd, size_t *count);

#endif
