/* SPDX-License-Identifier: BSD-3-Clause
 *
 * ARP (RFC 826) for Ethernet and IPv4. Worker thread.
 */
#include "dataplane/packet/layer.h"

#define ARP_HEADER_BYTES 8
#define ARP_BYTES 28

enum { HARDWARE_ETHERNET = 1, PROTOCOL_IPV4 = 0x0800, OPCODE_MAX = 4 };

enum layer decode_arp(struct decoder *d, struct packet *p, struct cursor *c)
{
	const uint8_t *h = cursor_peek(c, ARP_HEADER_BYTES);
	uint16_t opcode;

	if (!h)
		return decode_invalid(d, p, ANOMALY_arp_pkt_too_small);
	if (get_be16(h) != HARDWARE_ETHERNET)
		return decode_invalid(d, p, ANOMALY_arp_unsupported_hardware);
	if (get_be16(h + 2) != PROTOCOL_IPV4)
		return decode_invalid(d, p, ANOMALY_arp_unsupported_protocol);
	if (!cursor_peek(c, ARP_BYTES))
		return decode_invalid(d, p, ANOMALY_arp_invalid_pkt);
	if (h[4] != 6)
		return decode_invalid(d, p, ANOMALY_arp_invalid_hardware_size);
	if (h[5] != 4)
		return decode_invalid(d, p, ANOMALY_arp_invalid_protocol_size);
	opcode = get_be16(h + 6);
	if (opcode == 0 || opcode > OPCODE_MAX)
		return decode_invalid(d, p, ANOMALY_arp_unsupported_opcode);
	p->l3 = h;
	p->flags |= PACKET_ARP;
	return LAYER_END;
}
