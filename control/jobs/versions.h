/* SPDX-License-Identifier: BSD-3-Clause
 *
 * When each version of the intelligence was published: meta "intel/at/" version (8, big endian),
 * value ns (8). For TAXII, whose clients ask by time. Writing by jobs; reading by any thread.
 */
#ifndef CONTROL_JOBS_VERSIONS_H
#define CONTROL_JOBS_VERSIONS_H

#include "control/store/store.h"

/* Later than every version before, by a microsecond at least, whatever the clock says. */
int version_note(struct store *s, uint64_t version, uint64_t now_ns);
/* After a start: the process before may have ended between publishing and noting. */
void version_note_missing(struct store *s, uint64_t version, uint64_t now_ns);
/* The newest version published at or before that time; 0: none. */
uint64_t version_at(struct store *s, uint64_t ns);
/* When it was published. Whoever has all up to the version `complete` misses nothing when he goes on
 * with version_at of that time: of a version that was not noted it is rather earlier. */
uint64_t version_time_ns(struct store *s, uint64_t version, uint64_t complete);

#endif
