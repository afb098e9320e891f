/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Versions of the rules side by side: files in DIR/versions/NAME, and DIR/current, a symbolic link to
 * one, which is swapped by a rename: whoever opens DIR/current/x.rules gets the old or the new version,
 * whole. Names are times, so that their order is that of making. One thread, under a lock.
 */
#ifndef UPDATE_VERSIONS_H
#define UPDATE_VERSIONS_H

#include <stddef.h>
#include <stdint.h>

#define VERSION_NAME 48
#define VERSIONS_LIST_MAX 1024

struct version {
	char name[VERSION_NAME];
	int current;
};

/* Makes DIR and takes its lock: a descriptor to be closed; -EBUSY: somebody else has it; -errno. */
int versions_lock(const char *dir);
/* A new folder for the files of the next version; path holds its name. 0 or -errno. */
int versions_stage(const char *dir, char *path, size_t size);
/* Takes a folder away that was staged. */
void versions_unstage(const char *path);
/* Makes it a version (name holds VERSION_NAME) and the current one; keeps the last `keep`. */
int versions_commit(const char *dir, const char *staged, unsigned keep, char *name);
int versions_switch(const char *dir, const char *name);
/* Oldest first. Returns how many, at most max; -errno. */
int versions_list(const char *dir, struct version *out, int max);

/* Whole and on disk, or as before. 0 or -errno. */
int versions_write_file(const char *path, const void *data, size_t size);

#endif
