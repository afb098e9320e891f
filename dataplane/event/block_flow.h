/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A flow as an operator names it, to block it: two ends and a protocol, whichever way packets go. As text
 * "10.0.0.7:4711-203.0.113.5:443/tcp", IPv6 as "[2001:db8::1]:4711-[2001:db8::2]:443/udp". Any process.
 */
#ifndef EVENT_BLOCK_FLOW_H
#define EVENT_BLOCK_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/base/addr.h"

#define BLOCK_FLOW_TEXT_MAX 128

/* All zero: none. The lower end first (addresses, then ports), so that both directions are one. */
struct block_flow {
	struct addr low, high;
	uint16_t low_port, high_port;
	uint8_t ip_version, ip_proto;
	uint8_t reserved[2];
};

/* The flow between two ends. */
struct block_flow block_flow_of(const struct addr *a, uint16_t a_port, const struct addr *b, uint16_t b_port, int ip_version,
				uint8_t ip_proto);
/* 0, or -EINVAL: not the text of a flow. */
int block_flow_parse(const char *text, struct block_flow *out);
/* Returns text, which holds BLOCK_FLOW_TEXT_MAX bytes. */
char *block_flow_format(const struct block_flow *f, char *text);

static inline bool block_flow_equal(const struct block_flow *a, const struct block_flow *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

#endif
