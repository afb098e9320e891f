/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A capture's conversations made new: host bits of both ends change within their prefixes, the same
 * way in both directions, so that flows stay whole and no two hosts become one.
 *
 * Which bits may change: an address lies in blocks of 2^16, 2^12, 2^8, 2^4 addresses; the largest of
 * them that no boundary of a rule's, variable's or policy's address range cuts is the one it moves
 * in, by an exclusive or. Membership in every such range so stays as it was; an address in none of
 * them pure, and those that mean something by themselves (multicast, loopback, 0/8), stay. At most
 * the last 16 bits change, in IPv6 too.
 *
 * A frame is planned once (struct readdress) and moved by a difference, in place; moving twice by the
 * same difference gives the frame back. Checksums are kept as right or wrong as they were (RFC 1624).
 * What carries addresses in its payload is left alone, but for the packet an ICMP error quotes.
 * No DPDK here. Any thread.
 */
#ifndef BENCH_READDRESS_H
#define BENCH_READDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/base/addr.h"

struct address_map;

/* NULL: no memory. */
struct address_map *address_map_new(void);
void address_map_free(struct address_map *m);
/* Keeps membership in low … high (both inside). 0 or -ENOMEM. */
int address_map_keep(struct address_map *m, const struct addr *low, const struct addr *high,
		     int ip_version);
/* The same for each prefix in a text like "[10.0.0.0/8,!192.0.2.1]"; other words are passed over. */
int address_map_keep_text(struct address_map *m, const char *text);
/* Once, after the last keep and before the first bits. */
void address_map_ready(struct address_map *m);
/* How many of the address's last bits may change: 0 4 8 12 16. */
unsigned address_map_bits(const struct address_map *m, const uint8_t *address, int ip_version);

/* Where a frame's addresses and checksums stand; offsets, 0: there is none. */
struct readdress {
	uint16_t ip;           /* the outermost IP header */
	uint16_t sum;          /* of what follows it */
	uint16_t quoted;       /* IP header inside an ICMP error */
	uint8_t version, quoted_version;
	bool sum_is_udp;       /* 0 stands for none */
	uint8_t bits[4];       /* source, destination; quoted source, quoted destination */
};

/* False: nothing in it moves. */
bool readdress_plan(const struct address_map *m, const uint8_t *frame, uint32_t len,
		    unsigned link_type, struct readdress *out);
/* difference: of the keys of two loops. */
void readdress_move(const struct readdress *p, uint8_t *frame, uint16_t difference);
/* The key of a loop: 0 for loop 0; as many loops as a block has addresses differ in all bits. */
uint16_t readdress_key(uint64_t loop);

#endif
