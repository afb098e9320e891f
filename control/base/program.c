/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/base/program.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifndef METSUKE_LIBEXECDIR
#define METSUKE_LIBEXECDIR "/usr/libexec/metsuke"
#endif

void program_find(const char *file, char *path, size_t size)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (n > 0) {
		self[n] = '\0';
		slash = strrchr(self, '/');
		if (slash) {
			*slash = '\0';
			snprintf(path, size, "%.400s/%s", self, file);
			if (access(path, X_OK) == 0)
				return;
		}
	}
	snprintf(path, size, "%s/%s", METSUKE_LIBEXECDIR, file);
}
