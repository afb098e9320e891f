/* SPDX-License-Identifier: BSD-3-Clause
 *
 * IPv4 (RFC 791) with its options; protocols that IPv4 carries. Worker thread.
 */
#include <netinet/in.h>

#include "dataplane/packet/defrag.h"
#include "dataplane/packet/layer.h"

#define IPV4_HEADER_BYTES 20

enum ipv4_option {
	OPTION_END = 0,
	OPTION_NOP = 1,
	OPTION_RECORD_ROUTE = 7,
	OPTION_QUICK_START = 25,
	OPTION_TIMESTAMP = 68,
	OPTION_SECURITY = 130,
	OPTION_LOOSE_ROUTE = 131,
	OPTION_EXTENDED_SECURITY = 133,
	OPTION_CIPSO = 134,
	OPTION_STREAM_ID = 136,
	OPTION_STRICT_ROUTE = 137,
	OPTION_ROUTER_ALERT = 148,
};

/* CIPSO tags after the 4-byte domain (FIPS 188): type, length, alignment octet. */
static bool cipso_ok(struct cursor c)
{
	while (cursor_left(&c)) {
		uint8_t type = cursor_u8(&c), len = cursor_u8(&c);
		const uint8_t *body;

		if (c.bad || len < 4 || !(type == 1 || type == 2 || (type >= 5 && type <= 7)))
			return false;
		body = cursor_take(&c, len - 2u);
		if (!body || (type != 7 && body[0] != 0))
			return false;
	}
	return true;
}

/* What is wrong with a known option (len bytes in all, body is what follows its length), or
 * ANOMALY_none. *known: it is one of ours. */
static enum anomaly_id option_check(uint8_t type, uint8_t len, struct cursor body, bool *known)
{
	uint8_t at, flag;

	*known = true;
	switch (type) {
	case OPTION_RECORD_ROUTE:
	case OPTION_LOOSE_ROUTE:
	case OPTION_STRICT_ROUTE:
		if (len < 3)
			return ANOMALY_ipv4_opt_invalid_len;
		at = cursor_u8(&body);
		return at < 4 || at % 4 || at > len + 1 ? ANOMALY_ipv4_opt_malformed : ANOMALY_none;
	case OPTION_TIMESTAMP:
		if (len < 5)
			return ANOMALY_ipv4_opt_invalid_len;
		at = cursor_u8(&body);
		if (at < 5)
			return ANOMALY_ipv4_opt_malformed;
		cursor_skip(&body, 2);
		flag = cursor_u8(&body);
		if ((at - 5) % (flag == 1 || flag == 3 ? 8 : 4) || at > len + 1)
			return ANOMALY_ipv4_opt_malformed;
		return ANOMALY_none;
	case OPTION_QUICK_START:
		return len < 8 ? ANOMALY_ipv4_opt_invalid_len : ANOMALY_none;
	case OPTION_SECURITY:
		return len != 3 && len != 11 ? ANOMALY_ipv4_opt_invalid_len : ANOMALY_none;
	case OPTION_EXTENDED_SECURITY:
		return len < 3 ? ANOMALY_ipv4_opt_invalid_len : ANOMALY_none;
	case OPTION_STREAM_ID:
	case OPTION_ROUTER_ALERT:
		return len != 4 ? ANOMALY_ipv4_opt_invalid_len : ANOMALY_none;
	case OPTION_CIPSO:
		if (len < 10)
			return ANOMALY_ipv4_opt_invalid_len;
		cursor_skip(&body, 4);
		return cipso_ok(body) ? ANOMALY_none : ANOMALY_ipv4_opt_malformed;
	default:
		*known = false;
		return ANOMALY_none;
	}
}

/* False: a receiver would refuse the packet. */
static bool options(struct decoder *d, struct packet *p, struct cursor c)
{
	uint64_t seen[4] = {0};
	bool ok = true;

	if (cursor_left(&c) % 8)
		decode_event(d, p, ANOMALY_ipv4_opt_pad_required);
	while (cursor_left(&c)) {
		uint8_t type = cursor_u8(&c), len;
		enum anomaly_id wrong;
		struct cursor body;
		bool known;

		if (type == OPTION_END)
			return ok;
		if (type == OPTION_NOP)
			continue;
		if (!cursor_left(&c)) {
			decode_event(d, p, ANOMALY_ipv4_opt_eol_required);
			return ok;
		}
		len = cursor_u8(&c);
		if (len < 2 || len - 2u > cursor_left(&c)) {
			decode_invalid(d, p, ANOMALY_ipv4_opt_invalid_len);
			return false;
		}
		body = cursor_sub(&c, len - 2u);
		wrong = option_check(type, len, body, &known);
		if (!known) {
			decode_event(d, p, ANOMALY_ipv4_opt_invalid);
		} else if (seen[type / 64] >> type % 64 & 1) {
			decode_event(d, p, ANOMALY_ipv4_opt_duplicate);
		} else if (wrong) {
			decode_invalid(d, p, wrong);
			ok = false;
		}
		seen[type / 64] |= 1ull << type % 64;
	}
	return ok;
}

enum layer decode_ipv4(struct decoder *d, struct packet *p, struct cursor *c)
{
	struct cursor whole = *c, head;
	uint32_t header_len, total_len;
	uint16_t fragment;
	const uint8_t *h;

	h = cursor_peek(&whole, IPV4_HEADER_BYTES);
	if (!h)
		return decode_invalid(d, p, ANOMALY_ipv4_pkt_too_small);
	if (h[0] >> 4 != 4)
		return decode_invalid(d, p, ANOMALY_ipv4_wrong_ip_version);
	header_len = (h[0] & 0xf) * 4u;
	total_len = get_be16(h + 2);
	if (!total_len && d->s->ipv4_offloaded)
		total_len = cursor_left(&whole) < UINT16_MAX ? (uint32_t)cursor_left(&whole) : UINT16_MAX;
	if (header_len < IPV4_HEADER_BYTES)
		return decode_invalid(d, p, ANOMALY_ipv4_hlen_too_small);
	if (total_len < header_len)
		return decode_invalid(d, p, ANOMALY_ipv4_iplen_smaller_than_hlen);
	if (total_len > cursor_left(&whole))
		return decode_invalid(d, p, ANOMALY_ipv4_trunc_pkt);
	p->flags |= PACKET_IP;
	p->ip_version = 4;
	p->l3 = h;
	p->l3_len = total_len;
	p->ttl = h[8];
	p->ip_proto = h[9];
	memcpy(p->src.b, h + 12, 4);
	memcpy(p->dst.b, h + 16, 4);
	*c = cursor_sub(&whole, total_len);
	head = cursor_sub(c, header_len);
	cursor_skip(&head, IPV4_HEADER_BYTES);
	if (cursor_left(&head) && !options(d, p, head))
		return LAYER_END;
	p->payload = c->p;
	p->payload_len = (uint32_t)cursor_left(c);
	fragment = get_be16(h + 6);
	if (fragment & 0x3fff) {
		p->flags |= PACKET_FRAGMENT;
		defrag_ipv4(d, p);
		return LAYER_END;
	}
	return LAYER_transport4;
}

/* What an IPv4 packet carries. */
enum layer decode_transport4(struct decoder *d, struct packet *p, struct cursor *c)
{
	struct counters *count = d->w->counters;

	switch (p->ip_proto) {
	case IPPROTO_TCP:
		return LAYER_tcp;
	case IPPROTO_UDP:
		return LAYER_udp;
	case IPPROTO_ICMP:
		return LAYER_icmpv4;
	case IPPROTO_SCTP:
		return LAYER_sctp;
	case IPPROTO_GRE:
		return LAYER_gre;
	case IPPROTO_ESP:
		return LAYER_esp;
	case IPPROTO_IGMP:
		return LAYER_igmp;
	case IPPROTO_IPV6:
		p->l4 = c->p;
		p->flags |= PACKET_L4;
		if (decode_inner(d, p, *c, LAYER_ipv6))
			count->decoder_ipv6_in_ipv4++;
		return LAYER_END;
	case IPPROTO_IPIP:
		p->l4 = c->p;
		p->flags |= PACKET_L4;
		if (decode_inner(d, p, *c, LAYER_ipv4))
			count->decoder_ipv4_in_ipv4++;
		return LAYER_END;
	case IPPROTO_IP:
		/* RFC 1144: an uncompressed packet has its slot number where the protocol was. */
		return d->ppp_vj ? LAYER_tcp : LAYER_END;
	case IPPROTO_ICMPV6:
		return decode_invalid(d, p, ANOMALY_ipv4_icmpv6);
	default:
		return LAYER_END;
	}
}
