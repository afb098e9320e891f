/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Tunnels in UDP, known by their port and then by their header: VXLAN (RFC 7348; with GPE,
 * draft-ietf-nvo3-vxlan-gpe), GENEVE (RFC 8926), Teredo (RFC 4380), GTP-U (3GPP TS 29.281), AYIYA
 * (draft-massar-v6ops-ayiya), L2TP (RFC 2661). What does not look like one is left to be inspected as plain UDP.
 * Worker thread.
 */
#include <netinet/in.h>

#include "dataplane/packet/layer.h"
#include "dataplane/packet/link.h"

/* Of the frame inside only IP and VLAN tags are looked into. */
bool decode_vxlan(struct decoder *d, struct packet *p, struct cursor c)
{
	const uint8_t *h = cursor_take(&c, 8), *frame = cursor_take(&c, 14);

	/* The flag says that the network identifier is valid; the last byte is reserved. */
	if (!frame || !(h[0] & 0x08) || h[7] != 0)
		return false;
	d->w->counters->decoder_vxlan++;
	switch (get_be16(frame + 12)) {
	case ETHER_IPV4:
		decode_inner(d, p, c, LAYER_ipv4);
		break;
	case ETHER_IPV6:
		decode_inner(d, p, c, LAYER_ipv6);
		break;
	case ETHER_VLAN:
	case ETHER_8021AD:
	case ETHER_QINQ:
		decode_inner(d, p, c, LAYER_vlan);
		break;
	case ETHER_ARP:
		break;
	default:
		decode_suspect(d, p, ANOMALY_vxlan_unknown_payload_type);
	}
	return true;
}

/* Its header says what follows. */
bool decode_vxlan_gpe(struct decoder *d, struct packet *p, struct cursor c)
{
	enum { NEXT_IPV4 = 1, NEXT_IPV6, NEXT_ETHERNET, NEXT_NSH };
	const uint8_t *h = cursor_take(&c, 8);
	enum layer next;

	/* Version 0, an identifier that is valid, a next protocol. */
	if (!h || (h[0] & 0x3c) != 0x0c || h[7] != 0)
		return false;
	switch (h[3]) {
	case NEXT_IPV4:
		next = LAYER_ipv4;
		break;
	case NEXT_IPV6:
		next = LAYER_ipv6;
		break;
	case NEXT_ETHERNET:
		next = LAYER_ethernet;
		break;
	case NEXT_NSH:
		next = LAYER_nsh;
		break;
	default:
		return false;
	}
	d->w->counters->decoder_vxlan++;
	decode_inner(d, p, c, next);
	return true;
}

/* Options: class, type, length in words. They must fill the header exactly. */
static bool geneve_options_ok(struct cursor c)
{
	while (cursor_left(&c)) {
		const uint8_t *o = cursor_take(&c, 4);

		if (!o || !cursor_skip(&c, (o[3] & 0x1f) * 4u))
			return false;
	}
	return true;
}

bool decode_geneve(struct decoder *d, struct packet *p, struct cursor c)
{
	const uint8_t *h = cursor_take(&c, 8);
	struct cursor options;

	if (!h || h[0] >> 6 != 0 || (h[1] & 0x3f) != 0 || h[7] != 0)
		return false;
	options = cursor_sub(&c, (h[0] & 0x3f) * 4u);
	if (options.bad || !geneve_options_ok(options))
		return false;
	d->w->counters->decoder_geneve++;
	switch (get_be16(h + 2)) {
	case ETHER_IPV4:
		decode_inner(d, p, c, LAYER_ipv4);
		break;
	case ETHER_IPV6:
		decode_inner(d, p, c, LAYER_ipv6);
		break;
	case ETHER_TRANSPARENT_BRIDGING:
		decode_inner(d, p, c, LAYER_ethernet);
		break;
	case ETHER_ARP:
		decode_inner(d, p, c, LAYER_arp);
		break;
	default:
		decode_suspect(d, p, ANOMALY_geneve_unknown_payload_type);
	}
	return true;
}

/* Teredo has no mark of its own: an IPv6 packet that fills the datagram, after an optional origin
 * (RFC 4380, 5.1.1). A packet that then proves invalid was not Teredo; an empty one (a
 * bubble) holds nothing to inspect. */
bool decode_teredo(struct decoder *d, struct packet *p, struct cursor c)
{
	const uint8_t *h = cursor_peek(&c, 8);
	struct packet *inner;

	if (h && h[0] == 0 && h[1] == 0)
		cursor_skip(&c, 8);
	h = cursor_peek(&c, 40);
	if (!h || h[0] >> 4 != 6 || get_be16(h + 4) == 0 ||
	    get_be16(h + 4) + 40u != cursor_left(&c))
		return false;
	inner = decode_inner(d, p, c, LAYER_ipv6);
	if (!inner)
		return false;
	d->jobs[d->count - 1].strict = true;
	d->w->counters->decoder_teredo++;
	return true;
}

enum { GTP_EXTENSION = 0x04, GTP_SEQUENCE = 0x02, GTP_NPDU = 0x01, GTP_G_PDU = 0xff };

bool decode_gtpu(struct decoder *d, struct packet *p, struct cursor c)
{
	const uint8_t *h = cursor_take(&c, 8);
	uint8_t next = 0;
	uint16_t len;

	/* Version 1, GTP rather than GTP'. */
	if (!h || (h[0] & 0xf0) != 0x30 || h[1] != GTP_G_PDU)
		return false;
	len = get_be16(h + 2);
	if (len > cursor_left(&c))
		return false;
	c = cursor_sub(&c, len);
	if (h[0] & (GTP_EXTENSION | GTP_SEQUENCE | GTP_NPDU)) {
		cursor_skip(&c, 3);
		next = cursor_u8(&c);
		if (!(h[0] & GTP_EXTENSION))
			next = 0;
	}
	/* Extension headers: length in words, content, type of the next. */
	while (next && !c.bad) {
		uint8_t words = cursor_u8(&c);

		if (words == 0)
			return false;
		cursor_skip(&c, words * 4u - 2u);
		next = cursor_u8(&c);
	}
	if (c.bad || !(h = cursor_peek(&c, 20)) || (h[0] >> 4 != 4 && h[0] >> 4 != 6))
		return false;
	d->w->counters->decoder_gtpu++;
	decode_inner(d, p, c, h[0] >> 4 == 4 ? LAYER_ipv4 : LAYER_ipv6);
	return true;
}

/* Lengths of identity and signature, whatever signs it; 1 is the operation "forward". */
bool decode_ayiya(struct decoder *d, struct packet *p, struct cursor c)
{
	const uint8_t *h = cursor_take(&c, 8);

	if (!h || (h[2] & 0x0f) != 1 || (h[3] != IPPROTO_IPV6 && h[3] != IPPROTO_IPIP))
		return false;
	cursor_skip(&c, (size_t)1 << (h[0] >> 4));
	cursor_skip(&c, (h[1] >> 4) * 4u);
	if (c.bad || !cursor_peek(&c, 20) || *c.p >> 4 != (h[3] == IPPROTO_IPV6 ? 6 : 4))
		return false;
	d->w->counters->decoder_ayiya++;
	decode_inner(d, p, c, h[3] == IPPROTO_IPV6 ? LAYER_ipv6 : LAYER_ipv4);
	return true;
}

/* Does IP begin here, in PPP whose address, control and first byte of the protocol may be left out? */
static bool ppp_has_ip(struct cursor c)
{
	const uint8_t *h = cursor_peek(&c, 2);
	uint16_t proto;

	if (h && h[0] == 0xff && h[1] == 0x03)
		cursor_skip(&c, 2);
	proto = cursor_u8(&c);
	if (!(proto & 1))
		proto = (uint16_t)(proto << 8 | cursor_u8(&c));
	h = cursor_peek(&c, 20);
	return !c.bad && h && ((proto == 0x21 && h[0] >> 4 == 4) || (proto == 0x57 && h[0] >> 4 == 6));
}

/* Data messages of version 2 (RFC 2661, 3.1). */
bool decode_l2tp(struct decoder *d, struct packet *p, struct cursor c)
{
	enum { CONTROL = 0x8000, LENGTH = 0x4000, SEQUENCE = 0x0800, OFFSET = 0x0200, RESERVED = 0x34f0, VERSION = 0x000f };
	size_t whole = cursor_left(&c);
	uint16_t flags = cursor_be16(&c), len;

	if (flags & (CONTROL | RESERVED) || (flags & VERSION) != 2)
		return false;
	if (flags & LENGTH) {
		len = cursor_be16(&c);
		if (len > whole || whole - len >= cursor_left(&c))
			return false;
		c.end -= whole - len;
	}
	cursor_skip(&c, flags & SEQUENCE ? 8 : 4); /* tunnel, session, and numbers */
	if (flags & OFFSET)
		cursor_skip(&c, cursor_be16(&c));
	if (c.bad || !ppp_has_ip(c))
		return false;
	d->w->counters->decoder_l2tp++;
	decode_inner(d, p, c, LAYER_ppp);
	return true;
}
