/* SPDX-License-Identifier: BSD-3-Clause
 *
 * classification.config and reference.config: what a rule's classtype and reference mean. Built
 * in (classes.def) or read from files in the formats of the reference:
 *   config classification: name,text,priority
 *   config reference: key prefix-of-the-URL
 * Read once when a rule set is loaded; immutable afterwards.
 */
#ifndef LANGUAGE_CLASSES_H
#define LANGUAGE_CLASSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rules/arena.h"

struct classes;

/* A file name NULL or "" stands for the built-in table. Returns new, in the arena; NULL with one
 * sentence in error (file and line). A wrong line of a file is an error. */
struct classes *classes_new(struct arena *arena, const char *classification_file,
			    const char *reference_file, char *error, size_t error_size);
/* By name, any case. *text is borrowed from the classes. */
bool classes_find(const struct classes *c, const char *name, size_t len, const char **text,
		  uint8_t *priority);
/* Beginning of the URLs of a reference system, any case; NULL: unknown. */
const char *classes_reference(const struct classes *c, const char *key, size_t len);

#endif
