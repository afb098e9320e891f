/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Counters as JSON: EVE's stats records and the answer to "counters". Nested by the dots of the
 * counters' paths. Any thread.
 */
#ifndef CONTROL_INGEST_STATS_H
#define CONTROL_INGEST_STATS_H

#include "control/base/text.h"
#include "dataplane/event/counters.h"

/* Appends the members of the stats object: "decoder":{…},"flow":{…},… */
void stats_members(struct text *out, const struct counters *c);
/* One EVE line: timestamp, event_type, stats with uptime in seconds. host may be NULL. */
void stats_record(struct text *out, const struct counters *c, uint64_t ts_ns, uint64_t uptime_s,
		  const char *host);

#endif
