/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A small table of known bad indicators in a memfd, for tests that need no intelligence store. Not
 * thread-safe.
 */
#ifndef SUPPORT_INDICATORS_H
#define SUPPORT_INDICATORS_H

#include "dataplane/event/config.h"
#include "dataplane/event/indicator.h"

struct indicator_entry {
	unsigned kind;       /* of the entry */
	const char *value;   /* as people write it: name, hash in hex, address, network, ip:port */
	unsigned flags;      /* enum indicator_slot_flags; 0: SLOT_EXACT */
	enum config_intel action;
	const char *threat;
	uint8_t score;
};

/* Returns a new memfd, not sealed; entries end with kind 0. Aborts when something is wrong. */
int indicators_make(uint64_t version, const struct indicator_entry *entries);

#endif
