/* SPDX-License-Identifier: BSD-3-Clause
 *
 * IPv6 (RFC 8200) and its extension headers; what IPv6 carries. Worker thread.
 */
#include <netinet/in.h>

#include "dataplane/packet/defrag.h"
#include "dataplane/packet/layer.h"

#define IPV6_HEADER_BYTES 40

enum { NEXT_MOBILITY = 135, NEXT_HIP = 139, NEXT_SHIM6 = 140 };

enum {
	OPTION_PAD1 = 0,
	OPTION_PADN = 1,
	OPTION_ROUTER_ALERT = 5,
	OPTION_HOME_ADDRESS = 0xc9,
	OPTION_JUMBO = 0xc2
};

/* One walk over the chain of headers of a packet. */
struct chain {
	uint8_t next; /* type of the header at the cursor */
	uint8_t dst_options;
	bool hop_by_hop, routing, auth, fragment;
	const uint8_t *next_at; /* the byte that names `next` */
};

enum layer decode_ipv6(struct decoder *d, struct packet *p, struct cursor *c)
{
	struct cursor whole = *c;
	const uint8_t *h;
	uint32_t payload_len;

	h = cursor_take(&whole, IPV6_HEADER_BYTES);
	if (!h)
		return decode_invalid(d, p, ANOMALY_ipv6_pkt_too_small);
	if (h[0] >> 4 != 6)
		return decode_invalid(d, p, ANOMALY_ipv6_wrong_ip_version);
	payload_len = get_be16(h + 4);
	if (payload_len > cursor_left(&whole))
		return decode_invalid(d, p, ANOMALY_ipv6_trunc_pkt);
	p->flags |= PACKET_IP;
	p->ip_version = 6;
	p->l3 = h;
	p->l3_len = IPV6_HEADER_BYTES + payload_len;
	p->ip_proto = h[6];
	p->ttl = h[7];
	memcpy(p->src.b, h + 8, 16);
	memcpy(p->dst.b, h + 24, 16);
	*c = cursor_sub(&whole, payload_len);
	p->payload = c->p;
	p->payload_len = payload_len;
	return LAYER_ipv6_extensions;
}

/* An IP packet directly inside. */
static enum layer inner_ip(struct decoder *d, struct packet *p, struct cursor *c, unsigned version)
{
	bool four = version == 4;
	const uint8_t *h = cursor_peek(c, four ? 20 : IPV6_HEADER_BYTES);
	struct counters *count = d->w->counters;

	if (!h)
		return decode_invalid(d, p,
				      four ? ANOMALY_ipv6_ipv4_in_ipv6_too_small
					   : ANOMALY_ipv6_ipv6_in_ipv6_too_small);
	if (h[0] >> 4 != version)
		return decode_invalid(d, p,
				      four ? ANOMALY_ipv6_ipv4_in_ipv6_wrong_version
					   : ANOMALY_ipv6_ipv6_in_ipv6_wrong_version);
	p->l4 = c->p;
	p->flags |= PACKET_L4;
	if (!decode_inner(d, p, *c, four ? LAYER_ipv4 : LAYER_ipv6))
		return LAYER_END;
	if (four)
		count->decoder_ipv4_in_ipv6++;
	else
		count->decoder_ipv6_in_ipv6++;
	return LAYER_END;
}

/* The options of a hop-by-hop or destination header (RFC 8200, 4.2). */
static void options(struct decoder *d, struct packet *p, struct cursor c, bool hop_by_hop)
{
	unsigned padding = 0, other = 0;

	while (cursor_left(&c)) {
		uint8_t type = cursor_u8(&c), len, least = 0;

		if (type == OPTION_PAD1) {
			padding++;
			continue;
		}
		len = cursor_u8(&c);
		if (c.bad || len > cursor_left(&c)) {
			decode_suspect(d, p, ANOMALY_ipv6_exthdr_invalid_optlen);
			break;
		}
		switch (type) {
		case OPTION_PADN:
			padding++;
			if (len == 0)
				decode_event(d, p, ANOMALY_ipv6_zero_len_padn);
			break;
		case OPTION_ROUTER_ALERT:
			least = 2;
			other++;
			break;
		case OPTION_JUMBO:
			least = 4;
			break;
		case OPTION_HOME_ADDRESS:
			least = 16;
			other++;
			break;
		default:
			decode_event(d, p,
				     hop_by_hop ? ANOMALY_ipv6_hopopts_unknown_opt
						: ANOMALY_ipv6_dstopts_unknown_opt);
			other++;
		}
		if (len < least) {
			decode_suspect(d, p, ANOMALY_ipv6_exthdr_invalid_optlen);
			break;
		}
		cursor_skip(&c, len);
	}
	if (padding && !other)
		decode_event(d, p,
			     hop_by_hop ? ANOMALY_ipv6_hopopts_only_padding
					: ANOMALY_ipv6_dstopts_only_padding);
}

/* Takes a header of `len` bytes, moves the chain on. NULL: cut short. */
static const uint8_t *header(struct chain *chain, struct cursor *c, size_t len)
{
	const uint8_t *h = cursor_take(c, len);

	if (h) {
		chain->next = h[0];
		chain->next_at = h;
	}
	return h;
}

static bool header_options(struct decoder *d, struct packet *p, struct chain *chain,
			   struct cursor *c, size_t len)
{
	bool hop_by_hop = chain->next == IPPROTO_HOPOPTS;
	const uint8_t *h = header(chain, c, len);

	if (!h)
		return false;
	if (hop_by_hop && chain->hop_by_hop) {
		decode_event(d, p, ANOMALY_ipv6_exthdr_dupl_hh);
	} else if (!hop_by_hop && chain->dst_options == 2) {
		/* One may stand before a routing header and one at the end. */
		decode_event(d, p, ANOMALY_ipv6_exthdr_dupl_dh);
	} else {
		options(d, p, cursor_of(h + 2, len - 2), hop_by_hop);
		if (hop_by_hop)
			chain->hop_by_hop = true;
		else
			chain->dst_options++;
	}
	return true;
}

static bool header_routing(struct decoder *d, struct packet *p, struct chain *chain,
			   struct cursor *c, size_t len)
{
	const uint8_t *h = header(chain, c, len);

	if (!h)
		return false;
	if (chain->routing) {
		decode_event(d, p, ANOMALY_ipv6_exthdr_dupl_rh);
		return true;
	}
	chain->routing = true;
	if (h[2] == 0)
		decode_event(d, p, ANOMALY_ipv6_rh_type_0);
	/* On its way to a waypoint: the checksum is for the last address, so it says nothing here.
	 */
	if (h[3] != 0)
		p->checksum_known = p->checksum_good = 0xff;
	return true;
}

static bool header_auth(struct decoder *d, struct packet *p, struct chain *chain, struct cursor *c,
			uint8_t words)
{
	/* Length in words less 2 (RFC 4302, 2.2); at least the fixed part. */
	const uint8_t *h = header(chain, c, words > 0 ? 8u + words * 4u : 12u);

	if (!h)
		return false;
	if (get_be16(h + 2) != 0)
		decode_event(d, p, ANOMALY_ipv6_exthdr_ah_res_not_null);
	if (chain->auth)
		decode_event(d, p, ANOMALY_ipv6_exthdr_dupl_ah);
	chain->auth = true;
	return true;
}

/* Returns false at a fragment, whose headers end here, and where it is cut short. */
static bool header_fragment(struct decoder *d, struct packet *p, struct chain *chain,
			    struct cursor *c)
{
	const uint8_t *names = chain->next_at;
	size_t here = cursor_left(c);
	const uint8_t *h = header(chain, c, 8);
	uint16_t offset;
	bool more;

	if (!h) {
		decode_invalid(d, p, ANOMALY_ipv6_trunc_exthdr);
		return false;
	}
	if (h[1] != 0)
		decode_event(d, p, ANOMALY_ipv6_fh_non_zero_reserved_field);
	if (chain->fragment) {
		decode_event(d, p, ANOMALY_ipv6_exthdr_dupl_fh);
		return true;
	}
	chain->fragment = true;
	offset = get_be16(h + 2) & 0xfff8;
	more = h[3] & 1;
	if (!offset && !more) {
		/* An atomic fragment (RFC 6946): whole as it is. */
		decode_event(d, p, ANOMALY_ipv6_exthdr_useless_fh);
		return true;
	}
	if (more && here % 8)
		decode_event(d, p, ANOMALY_ipv6_frag_invalid_length);
	p->flags |= PACKET_FRAGMENT;
	p->ip_proto = h[0];
	p->payload = c->p;
	p->payload_len = (uint32_t)cursor_left(c);
	defrag_ipv6(d, p, names, h);
	return false;
}

/* One extension header; false: the walk ends (an event may say why). */
static bool extension(struct decoder *d, struct packet *p, struct chain *chain, struct cursor *c)
{
	const uint8_t *h = cursor_peek(c, 2);
	size_t len;
	bool whole = true;

	if (!h) {
		decode_invalid(d, p, ANOMALY_ipv6_trunc_exthdr);
		return false;
	}
	len = 8 + h[1] * 8u;
	switch (chain->next) {
	case IPPROTO_FRAGMENT:
		return header_fragment(d, p, chain, c);
	case IPPROTO_HOPOPTS:
	case IPPROTO_DSTOPTS:
		whole = header_options(d, p, chain, c, len);
		break;
	case IPPROTO_ROUTING:
		whole = header_routing(d, p, chain, c, len);
		break;
	case IPPROTO_AH:
		whole = header_auth(d, p, chain, c, h[1]);
		break;
	default:
		whole = header(chain, c, len) != NULL;
	}
	if (!whole)
		decode_invalid(d, p, ANOMALY_ipv6_trunc_exthdr);
	return whole;
}

/* Everything after the fixed header. */
enum layer decode_ipv6_extensions(struct decoder *d, struct packet *p, struct cursor *c)
{
	struct chain chain = {.next = p->ip_proto, .next_at = p->l3 + 6};

	/* Each header is at least 8 bytes, so this ends. */
	for (;;) {
		p->ip_proto = chain.next;
		p->payload = c->p;
		p->payload_len = (uint32_t)cursor_left(c);
		switch (chain.next) {
		case IPPROTO_TCP:
			return LAYER_tcp;
		case IPPROTO_UDP:
			return LAYER_udp;
		case IPPROTO_ICMPV6:
			return LAYER_icmpv6;
		case IPPROTO_SCTP:
			return LAYER_sctp;
		case IPPROTO_GRE:
			return LAYER_gre;
		case IPPROTO_ESP:
			return LAYER_esp;
		case IPPROTO_IPIP:
			return inner_ip(d, p, c, 4);
		case IPPROTO_IPV6:
			return inner_ip(d, p, c, 6);
		case IPPROTO_NONE:
			if (cursor_left(c))
				decode_event(d, p, ANOMALY_ipv6_data_after_none_header);
			return LAYER_END;
		case IPPROTO_ICMP:
			decode_event(d, p, ANOMALY_ipv6_icmpv4);
			return LAYER_END;
		case IPPROTO_FRAGMENT:
		case IPPROTO_HOPOPTS:
		case IPPROTO_DSTOPTS:
		case IPPROTO_ROUTING:
		case IPPROTO_AH:
		case NEXT_MOBILITY:
		case NEXT_HIP:
		case NEXT_SHIM6:
			if (!extension(d, p, &chain, c))
				return LAYER_END;
			break;
		default:
			decode_event(d, p, ANOMALY_ipv6_unknown_next_header);
			return LAYER_END;
		}
	}
}
