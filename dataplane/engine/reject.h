/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a reject rule sends: a TCP reset, or an ICMP unreachable (administratively prohibited), with
 * the link header of the packet it answers. Pure functions.
 */
#ifndef ENGINE_REJECT_H
#define ENGINE_REJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/packet/packet.h"

/* Link header, IPv6 header, ICMP, and what is quoted of the packet. */
#define REJECT_MAX_BYTES 700u

/* Builds the answer to p, for its source or its destination; returns its length, 0 when there is
 * none to be sent (an inner packet, a link other than Ethernet, a reset, an ICMP error, a group
 * address). */
uint32_t reject_build(const struct packet *p, bool to_source, uint8_t out[REJECT_MAX_BYTES]);

#endif
