/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The files that a name in the configuration stands for.
 */
#ifndef LANGUAGE_FILES_H
#define LANGUAGE_FILES_H

#include <stdbool.h>
#include <stddef.h>

/* Visits the file of that name; or, where there is a * ? [ in it, those it fits, in the order of their
 * names. Ends when a visit gives false. False: one did, or there is a sentence in error. */
bool rule_files_each(const char *pattern, bool (*visit)(void *arg, const char *path), void *arg, char *error,
		     size_t error_size);

#endif
