/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Link layers: Ethernet and its tags (802.1Q, 802.1ad, 802.1ah, VN-Tag, FabricPath), Linux cooked
 * captures, BSD loopback, raw IP, Cisco HDLC. Worker thread.
 */
#include "dataplane/packet/link.h"

#include "dataplane/packet/layer.h"

enum layer decode_ethertype(struct decoder *d, struct packet *p, uint16_t type, bool *known)
{
	*known = true;
	switch (type) {
	case ETHER_IPV4:
		return LAYER_ipv4;
	case ETHER_IPV6:
		return LAYER_ipv6;
	case ETHER_ARP:
		return LAYER_arp;
	case ETHER_VLAN:
	case ETHER_8021AD:
	case ETHER_QINQ:
		if (p->vlan_count < PACKET_VLAN_MAX)
			return LAYER_vlan;
		decode_event(d, p, ANOMALY_vlan_too_many_layers);
		return LAYER_END;
	case ETHER_8021AH:
		return LAYER_ieee8021ah;
	case ETHER_PPPOE_SESSION:
		return LAYER_pppoe_session;
	case ETHER_PPPOE_DISCOVERY:
		return LAYER_pppoe_discovery;
	case ETHER_MPLS:
	case ETHER_MPLS_UPSTREAM:
		return LAYER_mpls;
	case ETHER_DCE:
		return LAYER_dce;
	case ETHER_VNTAG:
		return LAYER_vntag;
	case ETHER_NSH:
		return LAYER_nsh;
	default:
		*known = false;
		d->w->counters->decoder_unknown_ethertype++;
		decode_event(d, p, ANOMALY_ethernet_unknown_ethertype);
		return LAYER_END;
	}
}

enum layer decode_ethernet(struct decoder *d, struct packet *p, struct cursor *c)
{
	const uint8_t *h = cursor_take(c, 14);
	bool known;

	if (!h)
		return decode_invalid(d, p, ANOMALY_ethernet_pkt_too_small);
	return decode_ethertype(d, p, get_be16(h + 12), &known);
}

/* Cisco FabricPath: two bytes, then another Ethernet header. */
enum layer decode_dce(struct decoder *d, struct packet *p, struct cursor *c)
{
	if (!cursor_peek(c, 16))
		return decode_invalid(d, p, ANOMALY_dce_pkt_too_small);
	cursor_skip(c, 2);
	return LAYER_ethernet;
}

enum layer decode_vlan(struct decoder *d, struct packet *p, struct cursor *c)
{
	struct counters *count = d->w->counters;
	const uint8_t *h = cursor_take(c, 4);
	enum layer next;
	bool known;

	if (p->vlan_count == 0)
		count->decoder_vlan++;
	else if (p->vlan_count == 1)
		count->decoder_vlan_qinq++;
	else
		count->decoder_vlan_qinqinq++;
	if (!h)
		return decode_invalid(d, p, ANOMALY_vlan_header_too_small);
	p->vlan[p->vlan_count++] = get_be16(h) & 0xfff;
	next = decode_ethertype(d, p, get_be16(h + 2), &known);
	if (!known)
		decode_invalid(d, p, ANOMALY_vlan_unknown_type);
	return next;
}

/* 802.1Qbh: four bytes of direction and interfaces, then the next type. */
enum layer decode_vntag(struct decoder *d, struct packet *p, struct cursor *c)
{
	const uint8_t *h = cursor_take(c, 6);
	enum layer next;
	bool known;

	if (!h)
		return decode_invalid(d, p, ANOMALY_vntag_header_too_small);
	next = decode_ethertype(d, p, get_be16(h + 4), &known);
	if (!known)
		decode_invalid(d, p, ANOMALY_vntag_unknown_type);
	return next;
}

/* Provider backbone bridges: service tag, customer addresses, then the next type. */
enum layer decode_ieee8021ah(struct decoder *d, struct packet *p, struct cursor *c)
{
	const uint8_t *h = cursor_take(c, 18);
	bool known;

	if (!h)
		return decode_invalid(d, p, ANOMALY_ieee8021ah_header_too_small);
	return decode_ethertype(d, p, get_be16(h + 16), &known);
}

enum layer decode_sll(struct decoder *d, struct packet *p, struct cursor *c)
{
	const uint8_t *h = cursor_take(c, 16);
	bool known;

	if (!h)
		return decode_invalid(d, p, ANOMALY_sll_pkt_too_small);
	return decode_ethertype(d, p, get_be16(h + 14), &known);
}

enum layer decode_sll2(struct decoder *d, struct packet *p, struct cursor *c)
{
	const uint8_t *h = cursor_take(c, 20);
	bool known;

	if (!h)
		return decode_invalid(d, p, ANOMALY_sll2_pkt_too_small);
	return decode_ethertype(d, p, get_be16(h), &known);
}

/* The address families that mean IPv6 on the systems that write such captures. */
static enum layer family_layer(struct decoder *d, struct packet *p, uint32_t family)
{
	switch (family) {
	case 2:
		return LAYER_ipv4;
	case 10: /* Linux */
	case 23: /* Windows */
	case 24: /* NetBSD, OpenBSD */
	case 26: /* Solaris */
	case 28: /* FreeBSD */
	case 30: /* macOS */
		return LAYER_ipv6;
	default:
		decode_event(d, p, ANOMALY_ltnull_unsupported_type);
		return LAYER_END;
	}
}

/* The family stands in the byte order of the machine that captured: take what makes sense. */
enum layer decode_null(struct decoder *d, struct packet *p, struct cursor *c)
{
	const uint8_t *h = cursor_take(c, 4);

	if (!h)
		return decode_invalid(d, p, ANOMALY_ltnull_pkt_too_small);
	if (h[0] == 0 && h[1] == 0)
		return family_layer(d, p, get_be32(h));
	return family_layer(
		d, p, (uint32_t)h[3] << 24 | (uint32_t)h[2] << 16 | (uint32_t)h[1] << 8 | h[0]);
}

/* OpenBSD: as above, always in network order. */
enum layer decode_loop(struct decoder *d, struct packet *p, struct cursor *c)
{
	const uint8_t *h = cursor_take(c, 4);

	if (!h)
		return decode_invalid(d, p, ANOMALY_ltnull_pkt_too_small);
	return family_layer(d, p, get_be32(h));
}

enum layer decode_raw(struct decoder *d, struct packet *p, struct cursor *c)
{
	const uint8_t *h = cursor_peek(c, 20);

	if (!h)
		return decode_invalid(d, p, ANOMALY_ipv4_pkt_too_small);
	switch (h[0] >> 4) {
	case 4:
		return LAYER_ipv4;
	case 6:
		return LAYER_ipv6;
	default:
		decode_event(d, p, ANOMALY_ipraw_invalid_ip_version);
		return LAYER_END;
	}
}

enum layer decode_chdlc(struct decoder *d, struct packet *p, struct cursor *c)
{
	const uint8_t *h = cursor_take(c, 4);
	bool known;

	if (!h)
		return decode_invalid(d, p, ANOMALY_chdlc_pkt_too_small);
	return decode_ethertype(d, p, get_be16(h + 2), &known);
}
