/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What becomes of a file that was seen: it waits (pending.h), is analysed (analysis/pool.h), and by its
 * verdict is kept, reported (ABCD….analysis.json beside it), put into quarantine, and told as a record `file` through
 * a ring that the control process reads like those of the workers. One thread: that of the files process.
 */
#ifndef CONTROL_FILES_EXAMINE_H
#define CONTROL_FILES_EXAMINE_H

#include <stdbool.h>
#include <stdint.h>

#include "control/files/pending.h"
#include "dataplane/event/boot.h"
#include "dataplane/event/config.h"
#include "dataplane/event/counters.h"

struct examine;

/* Starts the analyser: before the sandbox. NULL after a sentence. */
struct examine *examine_new(const struct config *c, const struct boot *b);
/* Inside the sandbox, with the store's folder, borrowed: what was left by an earlier process goes on. 0 or -errno. */
int examine_begin(struct examine *e, int store);
void examine_free(struct examine *e);
/* Whether a file with this content has to be looked into; and whether another one may come now. */
bool examine_wants(struct examine *e, const uint8_t sha256[32]);
bool examine_has_room(const struct examine *e);
/* The file's end is on its way into the pending folder … */
struct pending *examine_pending(struct examine *e);
/* … and is there. */
void examine_add(struct examine *e, const char *name, const char *sha256_hex);
/* A new table of indicators, for look-ups of hashes; borrowed. */
void examine_indicators(struct examine *e, int image);
/* Takes what the analyser has done, waiting at most so long. 0, or -EPIPE: it is gone. */
int examine_turn(struct examine *e, int wait_ms);
/* Files that are not done. */
unsigned examine_open(const struct examine *e);
/* Fills in its part of the figures. */
void examine_tell(const struct examine *e, struct files_figures *f);

#endif
