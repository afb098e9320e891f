/* SPDX-License-Identifier: BSD-3-Clause
 *
 * ICMPv6 (RFC 4443) with the types of neighbour discovery (RFC 4861), MLD (RFC 2710, 3810) and
 * what else IANA lists. Worker thread.
 */
#include <netinet/in.h>

#include "dataplane/packet/layer.h"

#define ICMP_HEADER_BYTES 8

enum { TYPE_TOO_BIG = 2, TYPE_RENUMBERING = 138, CODE_RENUMBERING_RESET = 255 };

enum icmpv6_kind {
	KIND_UNKNOWN,
	KIND_PLAIN,
	KIND_ERROR, /* carries the start of the packet that caused it */
	KIND_ECHO,
	KIND_MLD,   /* must not have crossed a router */
};

static const struct icmpv6_row {
	uint8_t kind;
	uint8_t code_max;
} icmpv6_rows[256] = {
	[1] = {KIND_ERROR, 6},    /* destination unreachable */
	[2] = {KIND_ERROR, 0},    /* packet too big */
	[3] = {KIND_ERROR, 1},    /* time exceeded */
	[4] = {KIND_ERROR, 2},    /* parameter problem */
	[128] = {KIND_ECHO, 0},
	[129] = {KIND_ECHO, 0},
	[130] = {KIND_MLD, 0},
	[131] = {KIND_MLD, 0},
	[132] = {KIND_MLD, 0},
	[133] = {KIND_PLAIN, 0},  /* neighbour discovery to 137 */
	[134] = {KIND_PLAIN, 0},
	[135] = {KIND_PLAIN, 0},
	[136] = {KIND_PLAIN, 0},
	[137] = {KIND_PLAIN, 0},
	[138] = {KIND_PLAIN, 2},  /* router renumbering */
	[139] = {KIND_PLAIN, 2},  /* node information */
	[140] = {KIND_PLAIN, 2},
	[141] = {KIND_PLAIN, 0},  /* inverse neighbour discovery */
	[142] = {KIND_PLAIN, 0},
	[143] = {KIND_PLAIN, 0},  /* MLDv2 report */
	[144] = {KIND_PLAIN, 0},  /* mobile IPv6 to 147 */
	[145] = {KIND_PLAIN, 0},
	[146] = {KIND_PLAIN, 0},
	[147] = {KIND_PLAIN, 0},
	[148] = {KIND_PLAIN, 0},  /* certification path */
	[149] = {KIND_PLAIN, 0},
	[150] = {KIND_PLAIN, 255},
	[151] = {KIND_PLAIN, 255}, /* multicast router discovery to 153 */
	[152] = {KIND_PLAIN, 255},
	[153] = {KIND_PLAIN, 255},
	[154] = {KIND_PLAIN, 255}, /* fast handover */
	[155] = {KIND_PLAIN, 255}, /* RPL */
	[156] = {KIND_PLAIN, 0},
	[157] = {KIND_PLAIN, 0},
	[158] = {KIND_PLAIN, 0},
	[159] = {KIND_PLAIN, 0},
};

/* RFC 4443, 2.1: 100, 101, 200 and 201 are for experiments, 127 and 255 for later growth. */
static enum anomaly_id unknown_type(uint8_t type)
{
	if (type == 100 || type == 101 || type == 200 || type == 201)
		return ANOMALY_icmpv6_experimentation_type;
	if ((type > 4 && type < 100) || (type > 101 && type < 127) || (type > 159 && type < 200) ||
	    (type > 201 && type < 255))
		return ANOMALY_icmpv6_unassigned_type;
	return ANOMALY_icmpv6_unknown_type;
}

static void embedded(struct decoder *d, struct packet *p, const struct cursor *c)
{
	const uint8_t *h = cursor_peek(c, 40);

	if (!h) {
		decode_suspect(d, p, ANOMALY_icmpv6_ipv6_trunc_pkt);
		return;
	}
	if (h[0] >> 4 != 6) {
		decode_suspect(d, p, ANOMALY_icmpv6_ipv6_unknown_version);
		return;
	}
	p->icmp_inner = h;
	p->icmp_inner_len = (uint32_t)cursor_left(c);
}

enum layer decode_icmpv6(struct decoder *d, struct packet *p, struct cursor *c)
{
	const uint8_t *h = cursor_take(c, ICMP_HEADER_BYTES);
	struct icmpv6_row row;

	if (!h)
		return decode_invalid(d, p, ANOMALY_icmpv6_pkt_too_small);
	p->icmp_type = h[0];
	p->icmp_code = h[1];
	p->sport = h[0];
	p->dport = h[1];
	p->l4 = h;
	p->flags |= PACKET_L4;
	p->payload = c->p;
	p->payload_len = (uint32_t)cursor_left(c);
	row = icmpv6_rows[h[0]];
	if (row.kind == KIND_UNKNOWN) {
		decode_event(d, p, unknown_type(h[0]));
		return LAYER_END;
	}
	if (row.kind == KIND_MLD && p->ttl != 1)
		decode_suspect(d, p, ANOMALY_icmpv6_mld_message_with_invalid_hl);
	if (h[1] > row.code_max && !(h[0] == TYPE_RENUMBERING && h[1] == CODE_RENUMBERING_RESET)) {
		decode_event(d, p, ANOMALY_icmpv6_unknown_code);
		return LAYER_END;
	}
	if (row.kind == KIND_ECHO) {
		p->icmp_id = get_be16(h + 4);
		p->icmp_seq = get_be16(h + 6);
	} else if (row.kind == KIND_ERROR) {
		if (h[0] == TYPE_TOO_BIG)
			p->icmp_mtu = get_be32(h + 4);
		embedded(d, p, c);
	}
	return LAYER_END;
}
