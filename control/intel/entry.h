/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One entry of intelligence: an indicator as one source knows it. Texts are borrowed.
 */
#ifndef CONTROL_INTEL_ENTRY_H
#define CONTROL_INTEL_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "control/intel/tlp.h"
#include "control/store/store.h"

#define INTEL_TEXT_MAX 256 /* bytes of each text of an entry; longer ones are cut */
#define INTEL_SOURCE_MAX 64

struct intel_entry {
	int kind;               /* kinds.h: enum contact_kind, INDICATOR_CIDR, INDICATOR_IP_PORT */
	struct slice value;     /* as text, as given */
	bool below;             /* domain: its subdomains too */
	bool allow;             /* not bad whatever others say */
	uint8_t confidence;     /* 0 to 100; the entry's score is confidence × severity's weight */
	uint8_t severity;       /* 1 high, 2 medium, 3 low, 4 information */
	uint8_t tlp;            /* enum intel_tlp */
	uint64_t first_seen_ns; /* 0: not said */
	uint64_t valid_until_ns; /* 0: for ever */
	struct slice source, threat, family, category, note;
};

#endif
