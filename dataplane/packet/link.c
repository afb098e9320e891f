/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Link layers: Ethernet and its tags (802.1Q, 802.1ad, 802.1ah, VN-Tag, FabricPath), LLC and SNAP,
 * Linux cooked captures, BSD loopback, raw IP, Cisco HDLC, Frame Relay, NFLOG, ARCnet. Worker thread.
 */
#include "dataplane/packet/link.h"

#include "dataplane/packet/layer.h"

#define SLL_LLC 4 /* ETH_P_802_2 */

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

/* IP by itself, or SNAP with a type of Ethernet (RFC 1042; 802.1H, which keeps tunnelled types). */
bool decode_llc_follows(const struct cursor *c)
{
	static const uint8_t ip[] = {6, 6, 3}, snap[] = {0xaa, 0xaa, 3, 0, 0, 0}, bridge[] = {0xaa, 0xaa, 3, 0, 0, 0xf8};
	const uint8_t *h = cursor_peek(c, 8);

	return h && (!memcmp(h, ip, sizeof(ip)) || !memcmp(h, snap, sizeof(snap)) || !memcmp(h, bridge, sizeof(bridge)));
}

enum layer decode_llc(struct decoder *d, struct packet *p, struct cursor *c)
{
	const uint8_t *h = cursor_take(c, 3);
	bool known;

	if (!h || h[0] == 6)
		return h ? LAYER_ipv4 : LAYER_END;
	h = cursor_take(c, 5);
	return h ? decode_ethertype(d, p, get_be16(h + 3), &known) : LAYER_END;
}

/* What is behind the length is nobody's. */
static enum layer ethertype_or_llc(struct decoder *d, struct packet *p, struct cursor *c, uint16_t type, bool *known)
{
	if (type > ETHER_LENGTH_MAX || !d->s->llc || !decode_llc_follows(c))
		return decode_ethertype(d, p, type, known);
	*known = true;
	if (type < cursor_left(c))
		*c = cursor_sub(c, type);
	return LAYER_llc;
}

enum layer decode_ethernet(struct decoder *d, struct packet *p, struct cursor *c)
{
	const uint8_t *h = cursor_take(c, 14);
	bool known;

	if (!h)
		return decode_invalid(d, p, ANOMALY_ethernet_pkt_too_small);
	return ethertype_or_llc(d, p, c, get_be16(h + 12), &known);
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
	next = ethertype_or_llc(d, p, c, get_be16(h + 2), &known);
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
	if (get_be16(h + 14) == SLL_LLC && decode_llc_follows(c))
		return LAYER_llc;
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

/* An address of two to four bytes, then RFC 2427, or, as Cisco has it, a type of Ethernet. */
enum layer decode_frelay(struct decoder *d, struct packet *p, struct cursor *c)
{
	enum { ADDRESS_MAX = 4, ADDRESS_END = 1, UNNUMBERED = 3, PAD = 0, IPV4 = 0xcc, IPV6 = 0x8e, SNAP = 0x80 };
	uint8_t byte, next;
	bool known;

	for (unsigned i = 0; i < ADDRESS_MAX; i++) {
		byte = cursor_u8(c);
		if (byte & ADDRESS_END)
			break;
	}
	next = cursor_u8(c);
	if (next == UNNUMBERED) {
		next = cursor_u8(c);
		if (next == PAD)
			next = cursor_u8(c);
		if (next == SNAP && cursor_take(c, 3)) /* OUI */
			return decode_ethertype(d, p, cursor_be16(c), &known);
		if (!c->bad)
			return next == IPV4 ? LAYER_ipv4 : next == IPV6 ? LAYER_ipv6 : LAYER_END;
	}
	byte = cursor_u8(c);
	if (c->bad)
		return decode_invalid(d, p, ANOMALY_frame_relay_pkt_too_small);
	return decode_ethertype(d, p, (uint16_t)(next << 8 | byte), &known);
}

/* What a rule of netfilter copied to user space: values, of which one is the packet. */
enum layer decode_nflog(struct decoder *d, struct packet *p, struct cursor *c)
{
	enum { PAYLOAD = 9, TYPE_MASK = 0x7fff };
	const uint8_t *h = cursor_take(c, 4), *tlv;

	while (h && (tlv = cursor_take(c, 4))) {
		uint32_t len = (uint32_t)tlv[0] | (uint32_t)tlv[1] << 8, fill = -len & 3;
		struct cursor value = cursor_sub(c, len < 4 ? SIZE_MAX : len - 4);

		if (value.bad)
			break;
		if (((tlv[2] | tlv[3] << 8) & TYPE_MASK) == PAYLOAD) {
			*c = value;
			return h[0] == 10 ? LAYER_ipv6 : h[0] == 2 ? LAYER_ipv4 : LAYER_END;
		}
		cursor_skip(c, fill < cursor_left(c) ? fill : cursor_left(c));
	}
	return decode_invalid(d, p, ANOMALY_nflog_malformed);
}

/* Behind the addresses: RFC 1051 has the type alone, RFC 1201 flag and number for fragments, of which
 * none is looked into. */
static enum layer arcnet(struct decoder *d, struct packet *p, struct cursor *c, size_t addresses)
{
	enum { IPV4_OLD = 240, IPV4 = 212, IPV6 = 196, EXCEPTION = 0xff };
	uint8_t type, flag;

	cursor_skip(c, addresses);
	type = cursor_u8(c);
	flag = type == IPV4 || type == IPV6 ? cursor_u8(c) : 0;
	if (flag == EXCEPTION) {
		cursor_skip(c, 3);
		flag = cursor_u8(c);
	}
	if (type == IPV4 || type == IPV6)
		cursor_skip(c, 2);
	if (c->bad)
		return decode_invalid(d, p, ANOMALY_arcnet_pkt_too_small);
	if (type == IPV4_OLD || (type == IPV4 && !flag))
		return LAYER_ipv4;
	return type == IPV6 && !flag ? LAYER_ipv6 : LAYER_END;
}

enum layer decode_arcnet(struct decoder *d, struct packet *p, struct cursor *c)
{
	return arcnet(d, p, c, 2);
}

/* With an offset that the card had. */
enum layer decode_arcnet_linux(struct decoder *d, struct packet *p, struct cursor *c)
{
	return arcnet(d, p, c, 4);
}
