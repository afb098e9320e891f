/* SPDX-License-Identifier: BSD-3-Clause
 *
 * classification.config and reference.config: what classtype and reference names stand for.
 */
#ifndef LANGUAGE_CLASSES_H
#define LANGUAGE_CLASSES_H

#include "rules/arena.h"
#include "rules/language/names.h"

struct class_row {
	const char *text;
	uint8_t priority;
};

struct classes {
	struct names by_name;    /* value: struct class_row */
	struct names references; /* value: prefix of the URL */
};

/* The built-in tables, or those of the files where one is given (not NULL, not ""). 0; or -1 and a
 * sentence in error. */
int classes_load(struct classes *c, struct arena *arena, const char *classification_file,
		 const char *reference_file, char *error, size_t error_size);
void classes_clear(struct classes *c);
const struct class_row *class_find(const struct classes *c, const char *name, size_t len);
/* NULL: not known. */
const char *reference_find(const struct classes *c, const char *name, size_t len);

#endif
