/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Counters as JSON: EVE's stats records and the answer to "counters". Nested by the dots of the
 * counters' paths. Any thread.
 */
#ifndef CONTROL_INGEST_STATS_H
#define CONTROL_INGEST_STATS_H

#include "control/base/text.h"
#include "dataplane/event/config.h"
#include "dataplane/event/counters.h"

/* What counters mean here. All borrowed. */
struct stats_about {
	const struct config *config;             /* which policies are in force */
	const struct dataplane_status *status;   /* rules, transports of protocols; NULL: not known */
	bool no_zeros;                           /* counters that are 0 are left out */
};

/* Appends the members of the stats object: "decoder":{…},"flow":{…},… */
void stats_members(struct text *out, const struct counters *c, const struct stats_about *about);
/* One EVE line: timestamp, event_type, stats with uptime in seconds. host may be NULL. */
void stats_record(struct text *out, const struct counters *c, const struct stats_about *about, uint64_t ts_ns,
		  uint64_t uptime_s, const char *host);

#endif
