/* SPDX-License-Identifier: BSD-3-Clause
 *
 * PPP (RFC 1661, 1662) and PPP over Ethernet (RFC 2516). Worker thread.
 */
#include "dataplane/packet/layer.h"

enum ppp_protocol {
	PPP_IPV4 = 0x0021,
	PPP_OSI = 0x0023,
	PPP_XNS = 0x0025,
	PPP_DECNET = 0x0027,
	PPP_APPLETALK = 0x0029,
	PPP_IPX = 0x002b,
	PPP_VJ_COMPRESSED = 0x002d,
	PPP_VJ_UNCOMPRESSED = 0x002f,
	PPP_BRIDGE = 0x0031,
	PPP_STREAM = 0x0033,
	PPP_VINES = 0x0035,
	PPP_MULTILINK = 0x003d,
	PPP_IPV6 = 0x0057,
	PPP_HELLO = 0x0201,
	PPP_LUXCOM = 0x0231,
	PPP_SNS = 0x0233,
	PPP_MPLS = 0x0281,
	PPP_MPLS_MULTICAST = 0x0283,
	PPP_CONTROL = 0x8000, /* from here on */
};

static enum layer protocol(struct decoder *d, struct packet *p, struct cursor *c, uint16_t proto)
{
	const uint8_t *h;

	switch (proto) {
	case PPP_IPV4:
		if (!cursor_peek(c, 20))
			return decode_invalid(d, p, ANOMALY_ppp_ip4_pkt_too_small);
		return LAYER_ipv4;
	case PPP_VJ_UNCOMPRESSED:
		h = cursor_peek(c, 20);
		if (!h)
			return decode_invalid(d, p, ANOMALY_ppp_vju_pkt_too_small);
		if (h[0] >> 4 != 4)
			return LAYER_END;
		d->ppp_vj = true;
		return LAYER_ipv4;
	case PPP_IPV6:
		if (!cursor_peek(c, 40))
			return decode_invalid(d, p, ANOMALY_ppp_ip6_pkt_too_small);
		return LAYER_ipv6;
	case PPP_OSI:
	case PPP_XNS:
	case PPP_DECNET:
	case PPP_APPLETALK:
	case PPP_IPX:
	case PPP_VJ_COMPRESSED:
	case PPP_BRIDGE:
	case PPP_STREAM:
	case PPP_VINES:
	case PPP_MULTILINK:
	case PPP_HELLO:
	case PPP_LUXCOM:
	case PPP_SNS:
	case PPP_MPLS:
	case PPP_MPLS_MULTICAST:
		decode_event(d, p, ANOMALY_ppp_unsup_proto);
		return LAYER_END;
	default:
		/* how the link and its networks are to be used (RFC 1661, 2) */
		if (proto >= PPP_CONTROL)
			return LAYER_END;
		return decode_invalid(d, p, ANOMALY_ppp_wrong_type);
	}
}

/* Address and control (RFC 1662, 3.1) may be left out, and the protocol's first byte if it is 0
 * (RFC 1661, 6.5 and 6.6): an odd first byte is then the whole protocol. */
enum layer decode_ppp(struct decoder *d, struct packet *p, struct cursor *c)
{
	const uint8_t *h = cursor_peek(c, 2);
	uint16_t proto;

	if (!h)
		return decode_invalid(d, p, ANOMALY_ppp_pkt_too_small);
	if (h[0] == 0xff && h[1] == 0x03)
		cursor_skip(c, 2);
	proto = cursor_u8(c);
	if (!(proto & 1))
		proto = (uint16_t)(proto << 8 | cursor_u8(c));
	if (c->bad)
		return decode_invalid(d, p, ANOMALY_ppp_pkt_too_small);
	return protocol(d, p, c, proto);
}

#define PPPOE_HEADER_BYTES 6

enum layer decode_pppoe_session(struct decoder *d, struct packet *p, struct cursor *c)
{
	const uint8_t *h = cursor_take(c, PPPOE_HEADER_BYTES);
	uint16_t proto;

	if (!h || !cursor_peek(c, 1))
		return decode_invalid(d, p, ANOMALY_pppoe_pkt_too_small);
	if (get_be16(h + 4) == 0)
		return LAYER_END;
	proto = cursor_u8(c);
	if (!(proto & 1))
		proto = (uint16_t)(proto << 8 | cursor_u8(c));
	if (c->bad)
		return decode_invalid(d, p, ANOMALY_pppoe_pkt_too_small);
	return protocol(d, p, c, proto);
}

enum pppoe_code { PADO = 0x07, PADI = 0x09, PADR = 0x19, PADS = 0x65, PADT = 0xa7 };

enum layer decode_pppoe_discovery(struct decoder *d, struct packet *p, struct cursor *c)
{
	const uint8_t *h = cursor_take(c, PPPOE_HEADER_BYTES);
	uint16_t len;

	if (!h)
		return decode_invalid(d, p, ANOMALY_pppoe_pkt_too_small);
	switch (h[1]) {
	case PADO:
	case PADI:
	case PADR:
	case PADS:
	case PADT:
		break;
	default:
		return decode_invalid(d, p, ANOMALY_pppoe_wrong_code);
	}
	len = get_be16(h + 4);
	if (len > cursor_left(c))
		return decode_invalid(d, p, ANOMALY_pppoe_malformed_tags);
	return LAYER_END;
}

/* A serial line: PPP, or Cisco's HDLC (for one station, or all). */
enum layer decode_ppp_hdlc(struct decoder *d, struct packet *p, struct cursor *c)
{
	const uint8_t *h = cursor_peek(c, 1);

	return h && (h[0] == 0x0f || h[0] == 0x8f) ? LAYER_chdlc : LAYER_ppp;
}
