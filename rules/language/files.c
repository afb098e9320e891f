/* SPDX-License-Identifier: BSD-3-Clause */
#include "rules/language/files.h"

#include <glob.h>
#include <stdio.h>
#include <string.h>

bool rule_files_each(const char *pattern, bool (*visit)(void *arg, const char *path), void *arg, char *error,
		     size_t error_size)
{
	glob_t found;
	bool ok = true;
	int err;

	if (!strpbrk(pattern, "*?["))
		return visit(arg, pattern);
	err = glob(pattern, 0, NULL, &found);
	if (err == GLOB_NOMATCH) {
		snprintf(error, error_size, "no rule file has a name like %s", pattern);
		return false;
	}
	if (err) {
		snprintf(error, error_size, "the folder of %s cannot be read", pattern);
		return false;
	}
	for (size_t i = 0; ok && i < found.gl_pathc; i++)
		ok = visit(arg, found.gl_pathv[i]);
	globfree(&found);
	return ok;
}
