/* SPDX-License-Identifier: BSD-3-Clause
 *
 * DNS, private to dns*.c: its options. Made at start, read by the worker.
 */
#ifndef APP_DNS_H
#define APP_DNS_H

#include "dataplane/app/dns_message.h"

#define DNS_PORTS_MAX 8

/* What of eve.types.dns concerns us, and the ports at which less has to look like DNS. */
struct dns_config {
	uint16_t ports[2][DNS_PORTS_MAX]; /* UDP, TCP; 0 behind the last */
	bool requests, responses, detailed, grouped, filtered, version_2;
	uint8_t wanted[65536 / 8]; /* filtered: bit by type */
};

/* proto.configure. */
void dns_configure(const struct worker *w, void *memory);

static inline bool dns_type_wanted(const struct dns_config *c, uint16_t type)
{
	return !c->filtered || c->wanted[type / 8] >> type % 8 & 1;
}

#endif
