/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the files about findings share. Nobody else includes it.
 */
#ifndef CONTROL_RETRO_FINDING_PRIVATE_H
#define CONTROL_RETRO_FINDING_PRIVATE_H

#include "control/retro/finding.h"

/* prefix: 'f' or 'm'; indicator: as intel_key makes it. key: FINDING_KEY_MAX. Returns the length. */
size_t finding_key(uint8_t *key, char prefix, struct slice indicator, const struct addr *client,
		   int ip_version);
size_t finding_id_key(uint8_t *key, uint64_t id); /* key: 9 */
void finding_set_time(json_t *o, const char *key, uint64_t ns);
void finding_note_change(json_t *f, const char *who, const char *what, const char *note);
/* Gives the retro record to ingest, which deletes the marker. */
void finding_announce(struct desk *d, const json_t *f);

#endif
