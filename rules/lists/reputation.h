/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reputation of addresses (iprep): how bad an address or a network is in a category, from 0 to 127.
 * Read from files that the configuration names, with every rule set; immutable, any thread looks up.
 *   categories: "number,name,text" a line; reputation: "address or network,number of category,score".
 * The longest network that has the category counts.
 */
#ifndef RULES_REPUTATION_H
#define RULES_REPUTATION_H

#include <stdbool.h>
#include <stddef.h>

#include "dataplane/base/addr.h"

#define REPUTATION_CATEGORIES 61 /* numbers 1 to 60 */
#define REPUTATION_MAX 127

struct reputation;

/* NULL and a sentence when a file cannot be read. A line that is wrong is skipped; *bad counts them. */
struct reputation *reputation_read(const char *categories, const char *const *files, size_t file_count,
				   size_t *bad, char *error, size_t error_size);
void reputation_free(struct reputation *r);
/* The number of a category; 0: there is none of that name. */
unsigned reputation_category(const struct reputation *r, const char *name, size_t len);
/* -1: not listed in that category. */
int reputation_of(const struct reputation *r, unsigned category, const struct addr *a, uint8_t ip_version);

#endif
