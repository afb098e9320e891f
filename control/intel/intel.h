/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Indicators of compromise. Every change makes a new version, so that whatever works from the
 * indicators (a scan, a worker's table) can say from which.
 *
 * Family intel: key  kind (1) | value's key (kinds.h); a network: 4 or 6, address, bits
 *               value JSON: value, note, source, added, version
 * meta "intel/version": the newest version, 8 bytes, big endian.
 * Threads: changes by the rpc thread alone; reading by any, inside store_enter.
 */
#ifndef CONTROL_INTEL_INTEL_H
#define CONTROL_INTEL_INTEL_H

#include "control/contact/kinds.h"
#include "control/store/store.h"

#define INTEL_KEY_MAX (1 + VALUE_KEY_MAX)

/* The key of an indicator; 0: not a value of that kind. */
size_t intel_key(int kind, const char *value, uint8_t *key);
/* 1: added, 0: it was there (its note is replaced), or -errno. -EINVAL: not of that kind. */
int intel_add(struct store *s, int kind, const char *value, const char *note, const char *source,
	      uint64_t now_ns, uint64_t *version);
/* 1: taken out, with what was found of it; 0: it was not there; or -errno. */
int intel_del(struct store *s, int kind, const char *value, uint64_t *version);
uint64_t intel_version(struct store *s);

/* Calls back for every indicator of that kind (0: of all), in order: the row's JSON. A callback
 * that returns nonzero ends it, and is returned. */
int intel_each(struct store *s, int kind,
	       int (*call)(void *arg, int kind, struct slice key, struct slice json), void *arg);
/* Calls back for every indicator that a contact's value matches: itself, a domain above it, a
 * network around it. */
int intel_match(struct store *s, int kind, const uint8_t *key, size_t len,
		int (*call)(void *arg, int kind, struct slice key, struct slice json), void *arg);
/* The value of an indicator's key as people write it. */
void intel_print(struct text *out, int kind, struct slice key);

#endif
