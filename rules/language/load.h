/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reading one rule; ruleset.c reads files of them.
 */
#ifndef LANGUAGE_LOAD_H
#define LANGUAGE_LOAD_H

#include "rules/language/draft.h"

/* Takes nothing: arena and options are borrowed. .classes is set by the caller. */
void language_init(struct language *l, struct arena *arena, const struct ruleset_options *o);
void language_clear(struct language *l);

/* Reads the draft's text (text, text_end are set, the text outlives the rule) into a new rule in
 * the arena. NULL: the draft holds the problem, or d->skip is set. */
struct rule *rule_read(struct draft *d);

#endif
