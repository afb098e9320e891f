/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What is collected of one rule's matches while refit goes through the store. One thread.
 */
#ifndef CONTROL_RETRO_REFIT_TALLY_H
#define CONTROL_RETRO_REFIT_TALLY_H

#include <jansson.h>
#include <stdint.h>

#include "control/base/text.h"
#include "dataplane/base/addr.h"

struct tally_host {
	struct addr addr;
	uint8_t ip_version;
};

struct tally {
	uint64_t count, first_ns, last_ns;
	struct tally_host *host; /* in the order they were met */
	uint32_t hosts;
	uint64_t hosts_more; /* addresses of matches that found no room; may repeat */
	struct text samples; /* EVE records, comma between them */
	uint32_t sample_count;
	uint64_t looked, unknown, unhashed; /* YARA: files, of which not judged, without hashes */
};

/* A rule that matched. All borrowed. */
struct tally_row {
	const char *title, *id, *kind, *file, *level;
	uint32_t line;
	int order; /* of the level */
	const char *const *tags;
	uint32_t tag_count;
	const struct tally *tally;
};

/* samples: at most so many are kept of a rule; *room: bytes left for those of all rules. */
void tally_add(struct tally *t, uint64_t ts_ns, const json_t *event, uint32_t samples,
	       uint64_t *room);
void tally_free(struct tally *t);
/* The rows, put in order, as a JSON array. */
void tally_write(struct text *out, struct tally_row *rows, uint32_t count);

#endif
