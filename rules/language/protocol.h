/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The protocols a rule's header may name, the hooks and the frames of each (dataplane/event/hook.def, frame.def).
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

#define HOOK_NAMES_BYTES 512 /* what the longest list of names needs */

/* NULL: there is none of that name (any case). */
const struct protocol_row *protocol_find(const struct scan *name);
const struct protocol_row *protocol_app_find(const struct scan *name);

/* Is the protocol in a list of words? */
bool protocol_in(const char *app, size_t len, const char *list);

/* Has one of the protocols (words; http1 is http) a hook of that name, in either direction? False: names
 * holds those that they have, as text. */
bool protocol_hook_known(const char *apps, const struct scan *hook, char *names, size_t size);

/* Has one of the protocols (likewise; NULL: any) a frame of that name, which may stand behind its own and a dot? */
bool protocol_frame_known(const char *apps, const char *frame);

#endif
