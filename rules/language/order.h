/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The order in which rules are inspected.
 */
#ifndef LANGUAGE_ORDER_H
#define LANGUAGE_ORDER_H

#include <stddef.h>

#include "rules/rule.h"

/* Sorts and numbers: actions (pass, drop, reject, alert), then rules that set state before those
 * that ask for it, then priority, then sid. 0 or -ENOMEM. */
int rules_order(struct rule **rules, size_t count);

#endif
