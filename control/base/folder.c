/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/base/folder.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

int folder_make(const char *path, mode_t mode)
{
	char part[4096];
	size_t n = strlen(path);

	if (n >= sizeof(part))
		return -ENAMETOOLONG;
	memcpy(part, path, n + 1);
	for (size_t i = 1; i <= n; i++) {
		if (part[i] != '/' && part[i])
			continue;
		part[i] = '\0';
		if (mkdir(part, mode) != 0 && errno != EEXIST)
			return -errno;
		part[i] = path[i];
	}
	return 0;
}

void folder_beside(char *out, size_t size, const char *configured, const char *store, const char *name)
{
	char path[4096]; /* dirname changes it */

	if (*configured) {
		snprintf(out, size, "%s", configured);
		return;
	}
	snprintf(path, sizeof(path), "%s", store);
	snprintf(out, size, "%.4000s/%s", dirname(path), name);
}
