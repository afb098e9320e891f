/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reading single rules in tests.
 */
#ifndef SUPPORT_RULE_READER_H
#define SUPPORT_RULE_READER_H

#include "rules/language/load.h"

struct rule_reader {
	struct arena *arena;
	struct language language;
	struct draft draft;
};

/* With HOME_NET 10.0.0.0/8, EXTERNAL_NET !$HOME_NET, HTTP_PORTS [80,8080]. Aborts without memory.
 */
struct rule_reader *rule_reader_new(void);
void rule_reader_free(struct rule_reader *r);
/* NULL: the draft holds the problem. The text need not be terminated. */
const struct rule *rule_reader_read(struct rule_reader *r, const char *text, size_t len);
/* Column of the last problem, from 1. */
unsigned rule_reader_column(const struct rule_reader *r);

#endif
