/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Address sets of rules as keys: many rules name the same.
 */
#ifndef RULES_ADDRESSES_H
#define RULES_ADDRESSES_H

#include <stdbool.h>
#include <stdint.h>

struct addr_set;

uint64_t addr_set_hash(const struct addr_set *s);
/* The same addresses; how they were written does not count. */
bool addr_set_same(const struct addr_set *a, const struct addr_set *b);

#endif
