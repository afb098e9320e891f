/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Files of the cache are written beside, as NAME.PID.tmp, and renamed. A writer that is killed leaves one, as large
 * as an image; nobody else would ever take it away.
 */
#ifndef RULES_LEFTOVER_H
#define RULES_LEFTOVER_H

/* Removes those of the folder whose writer is no more. That of another machine or of another space of process
 * numbers, which only seems to be no more, finds its file gone and makes none: a cache that cannot be written is no
 * reason to fail. */
void leftovers_remove(const char *dir);

#endif
