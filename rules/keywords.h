/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The keyword table for those outside rules/: lists, reference pages, editors.
 */
#ifndef RULES_KEYWORDS_H
#define RULES_KEYWORDS_H

#include <stdbool.h>
#include <stddef.h>

struct keyword_info {
	const char *name, *aliases, *place, *about, *doc;
};

/* The i-th keyword, from 0; false behind the last. */
bool keyword_info_get(size_t i, struct keyword_info *out);

#endif
