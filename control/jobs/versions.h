/* SPDX-License-Identifier: BSD-3-Clause
 *
 * When each version of the intelligence was published: meta "intel/at/" version (8, big endian),
 * value ns (8). For TAXII, whose clients ask by time. Writing by jobs; reading by any thread.
 */
#ifndef CONTROL_JOBS_VERSIONS_H
#define CONTROL_JOBS_VERSIONS_H

#include "control/store/store.h"

int version_note(struct store *s, uint64_t version, uint64_t now_ns);
/* The newest version published at or before that time; 0: none. */
uint64_t version_at(struct store *s, uint64_t ns);
/* When it was; of one that was not noted, the next that was, else now. */
uint64_t version_published_ns(struct store *s, uint64_t version);

#endif
