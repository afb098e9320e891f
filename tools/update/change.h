/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the operator changes in rules of others: on, off, rewritten. As in suricata-update: an item
 * says which rules, "2019401", "1:2019401", "re:EXPRESSION" (anywhere in the rule, without regard to
 * case) or "group:NAME" (of its file, with * and ?); an item of modify adds "FROM" "TO", an expression
 * and what takes its place (\1 is the first group). An item that begins with / names a file with an
 * item a line, # begins a comment. A rule that is both disabled and enabled is enabled. One thread.
 */
#ifndef UPDATE_CHANGE_H
#define UPDATE_CHANGE_H

#include "dataplane/event/config.h"
#include "rules/listing.h"

struct changes;

struct change_counts {
	size_t enabled, disabled, modified;
	size_t broken; /* would have been no rule after modify: left as they were */
};

/* New; NULL and a sentence that names the item. */
struct changes *changes_new(const struct config_list *enable, const struct config_list *disable,
			    const struct config_list *modify, char *error, size_t error_size);
void changes_free(struct changes *c);
void changes_apply(struct changes *c, struct listing *l, struct change_counts *counts);

#endif
