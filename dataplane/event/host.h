/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How a host record came to know what it says. The numbers stand in the store: only append. What
 * is said by a later one of this list wins over an earlier one of the same time.
 */
#ifndef EVENT_HOST_H
#define EVENT_HOST_H

enum host_source {
	HOST_ARP = 1,  /* sender of an ARP packet, IPv6 neighbour advertisement: address, MAC */
	HOST_TLS = 2,  /* client certificate: user or name of its subject */
	HOST_NBNS = 3, /* NetBIOS name registration or answer (RFC 1002, 4.2): address, name */
	HOST_MDNS = 4, /* mDNS answer with an address (RFC 6762): address, name */
	HOST_KRB5 = 5, /* AS-REQ (RFC 4120, 5.4): user, or machine account; NetBIOS address */
	HOST_DHCP = 6, /* acknowledged lease (RFC 2131, 2132): address, MAC, name, duration */
	HOST_SOURCE_COUNT
};

#endif
