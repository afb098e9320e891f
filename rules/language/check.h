/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What `metsuke rules check` and `metsuke rules keywords` print.
 */
#ifndef LANGUAGE_CHECK_H
#define LANGUAGE_CHECK_H

#include <stdbool.h>
#include <stdio.h>

#include "rules/ruleset.h"

enum check_form { CHECK_TABLE, CHECK_JSON, CHECK_MARKDOWN };

/* Loads (without databases) and prints share and problems. 0 all rules load, 1 some are refused,
 * 2 nothing could be read: one sentence went to err. */
int rules_check(const struct ruleset_options *o, enum check_form form, FILE *out, FILE *err);
/* The keyword table. */
void rules_keywords(enum check_form form, FILE *out);

#endif
