/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Sightings: that others have seen an indicator, as they report it over TAXII.
 *
 * Family lookup: key 'T' | indicator's key (intel_key) | name of who saw it, 0; value JSON: who, kind,
 * value, first, last, count, received. One for each indicator and reporter: a later report takes
 * the place of an earlier one.
 *
 * Threads: writing by jobs; reading by any, inside store_enter.
 */
#ifndef CONTROL_INTEL_SIGHTING_H
#define CONTROL_INTEL_SIGHTING_H

#include "control/base/text.h"
#include "control/store/store.h"

#define SIGHTING_WHO_MAX 64

struct sighting {
	const char *who, *value;
	int kind;
	uint64_t first_ns, last_ns, count, received_ns;
};

/* Puts it into the batch. -EINVAL: not a value of its kind. */
int sighting_put(struct store *s, struct store_batch *b, const struct sighting *sighting);
/* Appends a JSON array: those of an indicator (kind 0: all), at most limit. */
int sighting_list(struct store *s, int kind, const char *value, uint64_t limit, struct text *out);

#endif
