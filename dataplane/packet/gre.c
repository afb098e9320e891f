/* SPDX-License-Identifier: BSD-3-Clause
 *
 * GRE version 0 (RFC 1701, 2784, 2890), version 1 as in PPTP (RFC 2637), and ERSPAN types I and II
 * inside it. Worker thread.
 */
#include "dataplane/packet/layer.h"
#include "dataplane/packet/link.h"

/* First byte. */
enum {
	GRE_CHECKSUM = 0x80,
	GRE_ROUTING = 0x40,
	GRE_KEY = 0x20,
	GRE_SEQUENCE = 0x10,
	GRE_STRICT = 0x08,
	GRE_RECURSION = 0x07
};
/* Second byte. */
enum { GRE_FLAGS = 0x78, GRE_ACK = 0x80, GRE_VERSION = 0x07 };

/* Source routes of RFC 1701: family, offset, length, then the route; an empty one ends them. */
static bool skip_routes(struct cursor *c)
{
	for (;;) {
		uint16_t family = cursor_be16(c);
		uint8_t len;

		cursor_skip(c, 1);
		len = cursor_u8(c);
		if (c->bad)
			return false;
		if (family == 0 && len == 0)
			return true;
		if (!cursor_skip(c, len))
			return false;
	}
}

/* Moves c past a version 0 header; the event that says why not, or ANOMALY_none. */
static enum anomaly_id version0(const uint8_t *h, struct cursor *c)
{
	size_t more = 0;

	if (h[0] & GRE_RECURSION)
		return ANOMALY_gre_version0_recur;
	if (h[1] & GRE_FLAGS)
		return ANOMALY_gre_version0_flags;
	if (h[0] & (GRE_CHECKSUM | GRE_ROUTING))
		more += 4;
	if (h[0] & GRE_KEY)
		more += 4;
	if (h[0] & GRE_SEQUENCE)
		more += 4;
	if (!cursor_skip(c, more))
		return ANOMALY_gre_version0_hdr_too_big;
	if ((h[0] & GRE_ROUTING) && !skip_routes(c))
		return ANOMALY_gre_version0_malformed_sre_hdr;
	return ANOMALY_none;
}

/* Likewise for version 1; *payload: bytes that the header says follow. */
static enum anomaly_id version1(const uint8_t *h, struct cursor *c, uint16_t *payload)
{
	size_t more = 0;

	if (h[0] & GRE_CHECKSUM)
		return ANOMALY_gre_version1_chksum;
	if (h[0] & GRE_ROUTING)
		return ANOMALY_gre_version1_route;
	if (h[0] & GRE_STRICT)
		return ANOMALY_gre_version1_ssr;
	if (h[0] & GRE_RECURSION)
		return ANOMALY_gre_version1_recur;
	if (h[1] & GRE_FLAGS)
		return ANOMALY_gre_version1_flags;
	if (get_be16(h + 2) != ETHER_PPP)
		return ANOMALY_gre_version1_wrong_protocol;
	if (!(h[0] & GRE_KEY))
		return ANOMALY_gre_version1_no_key;
	*payload = cursor_be16(c);
	cursor_skip(c, 2);
	if (h[0] & GRE_SEQUENCE)
		more += 4;
	if (h[1] & GRE_ACK)
		more += 4;
	return cursor_skip(c, more) && !c->bad ? ANOMALY_none : ANOMALY_gre_version1_hdr_too_big;
}

static enum layer payload_layer(const uint8_t *h)
{
	switch (get_be16(h + 2)) {
	case ETHER_IPV4:
		return LAYER_ipv4;
	case ETHER_IPV6:
		return LAYER_ipv6;
	case ETHER_PPP:
		return LAYER_ppp;
	case ETHER_VLAN:
		return LAYER_vlan;
	case ETHER_ARP:
		return LAYER_arp;
	case ETHER_TRANSPARENT_BRIDGING:
		return LAYER_ethernet;
	case ETHER_ERSPAN:
		/* Type II has a sequence number, type I nothing but the frame. */
		return h[0] & GRE_SEQUENCE ? LAYER_erspan2 : LAYER_erspan1;
	default:
		return LAYER_END;
	}
}

enum layer decode_gre(struct decoder *d, struct packet *p, struct cursor *c)
{
	const uint8_t *h = cursor_take(c, 4);
	enum anomaly_id wrong;
	uint16_t payload = 1;
	enum layer inner;

	if (!h)
		return decode_invalid(d, p, ANOMALY_gre_pkt_too_small);
	p->l4 = h;
	p->flags |= PACKET_L4;
	switch (h[1] & GRE_VERSION) {
	case 0:
		wrong = version0(h, c);
		break;
	case 1:
		wrong = version1(h, c, &payload);
		break;
	default:
		wrong = ANOMALY_gre_wrong_version;
	}
	if (wrong)
		return decode_invalid(d, p, wrong);
	p->payload = c->p;
	p->payload_len = (uint32_t)cursor_left(c);
	inner = payload_layer(h);
	if (inner != LAYER_END && payload > 0)
		decode_inner(d, p, *c, inner);
	return LAYER_END;
}

enum layer decode_erspan1(struct decoder *d, struct packet *p, struct cursor *c)
{
	return LAYER_ethernet;
}

enum layer decode_erspan2(struct decoder *d, struct packet *p, struct cursor *c)
{
	const uint8_t *h = cursor_take(c, 8);
	uint16_t vlan;

	if (!h)
		return decode_invalid(d, p, ANOMALY_erspan_header_too_small);
	if (h[0] >> 4 != 1)
		return decode_invalid(d, p, ANOMALY_erspan_unsupported_version);
	vlan = get_be16(h) & 0xfff;
	if (vlan && p->vlan_count == PACKET_VLAN_MAX)
		return decode_invalid(d, p, ANOMALY_erspan_too_many_vlan_layers);
	if (vlan)
		p->vlan[p->vlan_count++] = vlan;
	return LAYER_ethernet;
}
