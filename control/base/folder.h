/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Folders. Any thread.
 */
#ifndef CONTROL_BASE_FOLDER_H
#define CONTROL_BASE_FOLDER_H

#include <sys/types.h>

/* Makes the folder and those above it that are missing, each with the mode. 0 or -errno. */
int folder_make(const char *path, mode_t mode);
/* The configured folder; where none is ("") the one called name beside the store's. Cut to size. */
void folder_beside(char *out, size_t size, const char *configured, const char *store, const char *name);

#endif
