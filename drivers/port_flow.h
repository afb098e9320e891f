/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A flow that a port forwards by itself, and what it has forwarded. Shared by the engine, the drivers and the
 * program in the kernel: a fixed layout without holes; all that is not said is zero.
 */
#ifndef DRIVERS_PORT_FLOW_H
#define DRIVERS_PORT_FLOW_H

#include <linux/types.h>

#define PORT_FLOW_VLANS 2
#define PORT_FLOWS 32768 /* with the kernel at once */

struct port_flow {
	__u8 low[16], high[16];      /* the two ends, the lower address first; IPv4 in the first four bytes */
	__be16 low_port, high_port;  /* of equal addresses the lower port is low */
	__u16 vlan[PORT_FLOW_VLANS]; /* ids, outermost first */
	__u8 ip_version, ip_proto;   /* TCP or UDP, the first header behind that of IP */
	__u8 vlan_count;
	__u8 zero;
};

struct port_flow_count {
	__u64 packets[2], bytes[2]; /* [0]: from the low end; whole frames */
	__u64 last_ns;              /* CLOCK_MONOTONIC; 0: none yet */
	__u32 stopped;              /* SYN, FIN or RST was seen: what follows is not forwarded any more */
	__u32 zero;
};

#ifndef __bpf__
_Static_assert(sizeof(struct port_flow) == 44 && sizeof(struct port_flow_count) == 48, "without holes");
#endif

#endif
