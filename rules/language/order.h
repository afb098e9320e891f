/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The order in which rules are inspected, as the reference has it: by action, then by what they
 * do to bits (who sets comes before who reads, so that both can fire on one packet), then by
 * priority, sid, and last as they stand in the files.
 */
#ifndef LANGUAGE_ORDER_H
#define LANGUAGE_ORDER_H

#include <stddef.h>

#include "rules/rule.h"

/* Sorts rules (given in the order of the files) and sets rule->index. actions: "pass,drop,reject,
 * alert" in the order wanted, those not named behind; NULL or "": that one. 0, -EINVAL (a word that
 * is no action), or -ENOMEM. */
int rules_order(struct rule **rules, size_t count, const char *actions);

#endif
