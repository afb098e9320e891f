/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The thread that loads a set, before it looks into the cache.
 */
#include "rules/leftover.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool ends_with(const char *text, size_t len, const char *end)
{
	size_t n = strlen(end);

	return len > n && memcmp(text + len - n, end, n) == 0;
}

/* Who writes, or has written, a file of this name; 0: it is not one of ours that is being written. */
static pid_t writer_of(const char *name)
{
	size_t len = strlen(name), digits;
	long pid;

	if (!ends_with(name, len, ".tmp"))
		return 0;
	len -= strlen(".tmp");
	for (digits = 0; digits < len && name[len - digits - 1] >= '0' && name[len - digits - 1] <= '9'; digits++)
		;
	if (!digits || digits > 10 || digits == len || name[len - digits - 1] != '.')
		return 0;
	pid = strtol(name + len - digits, NULL, 10);
	len -= digits + 1;
	if (!ends_with(name, len, ".rules-image") && !ends_with(name, len, ".hsdb"))
		return 0;
	return pid > 0 && pid <= INT_MAX ? (pid_t)pid : 0;
}

void leftovers_remove(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	pid_t writer;

	while (d && (e = readdir(d)) != NULL) {
		writer = writer_of(e->d_name);
		if (writer && kill(writer, 0) != 0 && errno == ESRCH)
			unlinkat(dirfd(d), e->d_name, 0);
	}
	if (d)
		closedir(d);
}
