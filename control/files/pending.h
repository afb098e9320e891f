/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Files that wait for their analysis: DIR/pending/NAME is the content (a link of its own), NAME.record what the
 * traffic said of it. Both are there before the ring's tail moves and go when the analysis is done, so a process that
 * dies between goes on with them. One thread.
 */
#ifndef CONTROL_FILES_PENDING_H
#define CONTROL_FILES_PENDING_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/event/record.h"

#define PENDING_NAME_MAX 64

struct pending {
	int dir; /* -1: not open */
};

/* store: the store's folder. 0 or -errno. */
int pending_open(struct pending *p, int store);
void pending_close(struct pending *p);
/* The content is linked from the folder it is in under the same name. 0 or -errno; nothing is there then. */
int pending_put(struct pending *p, int from, const char *name, const struct record_head *record);
/* The record, which the caller frees; NULL: none, broken, or written by another build. */
struct record_head *pending_record(const struct pending *p, const char *name);
/* The content, read only; -1 and errno. */
int pending_file(const struct pending *p, const char *name);
/* Links the content into the store as path (ab/abcd…). 0, -EEXIST when it is there, -errno. */
int pending_keep(const struct pending *p, const char *name, int store, const char *path);
void pending_drop(struct pending *p, const char *name);
/* All that are there, of earlier boots too. */
void pending_each(const struct pending *p, void (*call)(void *arg, const char *name), void *arg);

#endif
