/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Files that are kept but out of reach: DIR/quarantine/SHA256 holds the content with every bit turned, behind a
 * line that says so, so that nothing runs it, opens it or takes it away by mistake. The budget does not touch it.
 * Used by the files process and by `metsuke files`.
 */
#ifndef CONTROL_FILES_QUARANTINE_H
#define CONTROL_FILES_QUARANTINE_H

#include <stdbool.h>

#define QUARANTINE_HEX 64 /* digits of a SHA-256 */

/* Whether it is a name of the store: 64 lower-case hex digits. */
bool quarantine_is_hex(const char *text);
/* Moves ab/HEX of the store into quarantine. 0; -ENOENT: it is not there; -errno. */
int quarantine_put(int store, const char *hex);
/* The other way; what does not have its SHA-256 any more stays: -EBADMSG. */
int quarantine_restore(int store, const char *hex);
/* Writes the content, as it was, to a descriptor. As quarantine_restore. */
int quarantine_read(int store, const char *hex, int to);
bool quarantine_has(int store, const char *hex);

#endif
