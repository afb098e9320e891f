/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The protocols a rule's header may name.
 */
#ifndef LANGUAGE_PROTOCOL_H
#define LANGUAGE_PROTOCOL_H

#include "rules/language/scan.h"
#include "rules/rule.h"

struct protocol_row {
	const char *name;
	uint8_t ip_protos;   /* enum rule_ip_proto: carriers of an application protocol */
	uint8_t ip_versions; /* 0: both */
	bool app;
	uint32_t flags; /* enum rule_flags */
};

/* NULL: there is none of that name (any case). */
const struct protocol_row *protocol_find(const struct scan *name);
const struct protocol_row *protocol_app_find(const struct scan *name);

#endif
