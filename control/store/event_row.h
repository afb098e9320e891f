/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How a record stands in the families alert and event.
 *
 * Key, 23 bytes, big endian, so that rows lie in the order of time and none can be there twice:
 *   day since 1970 (2) | time, ns since the epoch (8) | worker (1) | boot id, low half (4) |
 *   sequence number of the worker (8)
 * Value: what filters ask for, so that a row is refused without reading its JSON, then the JSON
 * text as it stands in eve.json:
 *   version 1 (1) | IP version (1) | length of the type's name (1) | 0 (1) | sid (4) |
 *   source port (2) | destination port (2) | flow id (8) | source, destination (4 or 16 each,
 *   none without IP) | name | JSON
 * Any thread.
 */
#ifndef CONTROL_STORE_EVENT_ROW_H
#define CONTROL_STORE_EVENT_ROW_H

#include <stdbool.h>
#include <stdint.h>

#include "control/base/text.h"
#include "control/store/store.h"
#include "dataplane/base/addr.h"

#define EVENT_KEY_BYTES 23
#define EVENT_WORKER_CONTROL 255 /* rows that no worker wrote: stats */

struct event_row {
	uint64_t ts_ns;
	uint8_t ip_version;
	uint32_t sid;
	uint16_t sport, dport;
	uint64_t flow_id;
	struct addr src, dst;
	struct slice type; /* "alert", "dns"; borrowed from the value */
	struct slice json; /* likewise */
};

void event_key(uint8_t *key, uint64_t ts_ns, uint8_t worker, uint64_t boot_id, uint64_t seq);
uint64_t event_key_time(const uint8_t *key);
/* The least key of that time. Returns its length. */
size_t event_key_from(uint8_t *key, uint64_t ts_ns);
/* Appends the value of row (its ts_ns stands in the key). */
void event_value(struct text *out, const struct event_row *row);
/* False: not of this format. */
bool event_read(struct event_row *row, struct slice key, struct slice value);

#endif
