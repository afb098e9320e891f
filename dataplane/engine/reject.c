/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/reject.h"

#include <string.h>

#include "dataplane/base/cursor.h"

#define LINK_ETHERNET 1
#define LINK_HEAD_MAX 30u /* Ethernet and four tags */
#define QUOTE_MAX 548u    /* RFC 1812 4.3.2.3: the whole datagram at most 576 bytes */
#define TTL 64
#define PROTO_ICMP4 1
#define PROTO_TCP 6
#define PROTO_ICMP6 58
#define ICMP4_UNREACHABLE 3
#define ICMP4_HOST_PROHIBITED 10
#define ICMP6_UNREACHABLE 1
#define ICMP6_PROHIBITED 1

static void put_be16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static void put_be32(uint8_t *at, uint32_t v)
{
	put_be16(at, v >> 16);
	put_be16(at + 2, v);
}

/* RFC 1071 */
static uint32_t sum_of(const uint8_t *at, uint32_t len, uint32_t sum)
{
	for (; len > 1; at += 2, len -= 2)
		sum += get_be16(at);
	return len ? sum + ((uint32_t)at[0] << 8) : sum;
}

static uint16_t sum_end(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* The link header of the frame p came in; 0 if it is not plain Ethernet with tags. */
static uint32_t put_link(const struct packet *p, bool to_source, uint8_t *out)
{
	const struct packet *outer = p->outer ? p->outer : p;
	uint32_t len;

	/* What is inside a tunnel cannot be answered here; a reassembled packet can. */
	if (p->tunnel_depth || outer->link_type != LINK_ETHERNET || !outer->l3 || !outer->data)
		return 0;
	len = (uint32_t)(outer->l3 - outer->data);
	if (len < 14 || len > LINK_HEAD_MAX || len > outer->len ||
	    get_be16(outer->data + len - 2) != (p->ip_version == 4 ? 0x0800 : 0x86dd))
		return 0;
	memcpy(out, outer->data, len);
	if (to_source) {
		memcpy(out, outer->data + 6, 6);
		memcpy(out + 6, outer->data, 6);
	}
	return len;
}

static uint32_t put_ip(const struct packet *p, bool to_source, uint8_t proto, uint32_t body,
		       uint8_t *out)
{
	const struct addr *src = to_source ? &p->dst : &p->src;
	const struct addr *dst = to_source ? &p->src : &p->dst;

	if (p->ip_version == 4) {
		memset(out, 0, 20);
		out[0] = 0x45;
		put_be16(out + 2, 20 + body);
		out[6] = 0x40; /* do not fragment */
		out[8] = TTL;
		out[9] = proto;
		memcpy(out + 12, src->b, 4);
		memcpy(out + 16, dst->b, 4);
		put_be16(out + 10, sum_end(sum_of(out, 20, 0)));
		return 20;
	}
	memset(out, 0, 8);
	out[0] = 0x60;
	put_be16(out + 4, body);
	out[6] = proto;
	out[7] = TTL;
	memcpy(out + 8, src->b, 16);
	memcpy(out + 24, dst->b, 16);
	return 40;
}

/* Sum over the pseudo header of the IP header just written before the body. */
static uint32_t pseudo_sum(const struct packet *p, const uint8_t *ip, uint8_t proto, uint32_t body)
{
	return p->ip_version == 4 ? sum_of(ip + 12, 8, proto + body)
				  : sum_of(ip + 8, 32, proto + body);
}

static uint32_t put_reset(const struct packet *p, bool to_source, uint8_t *ip)
{
	uint8_t *tcp = ip + put_ip(p, to_source, PROTO_TCP, 20, ip);
	uint32_t next = p->tcp.seq + p->payload_len + !!(p->tcp.flags & TCP_SYN) +
			!!(p->tcp.flags & TCP_FIN);
	uint32_t ack = p->tcp.flags & TCP_ACK ? p->tcp.ack : 0;

	memset(tcp, 0, 20);
	put_be16(tcp, to_source ? p->dport : p->sport);
	put_be16(tcp + 2, to_source ? p->sport : p->dport);
	/* To the source as its peer would answer; to the destination as if the source had sent it. */
	put_be32(tcp + 4, to_source ? ack : p->tcp.seq);
	put_be32(tcp + 8, to_source ? next : ack);
	tcp[12] = 5 << 4;
	tcp[13] = TCP_RST | TCP_ACK;
	put_be16(tcp + 16, sum_end(sum_of(tcp, 20, pseudo_sum(p, ip, PROTO_TCP, 20))));
	return (uint32_t)(tcp + 20 - ip);
}

static uint32_t put_unreachable(const struct packet *p, uint8_t *ip)
{
	bool v4 = p->ip_version == 4;
	uint32_t quote = p->l3_len < QUOTE_MAX ? p->l3_len : QUOTE_MAX;
	uint8_t proto = v4 ? PROTO_ICMP4 : PROTO_ICMP6;
	uint8_t *icmp = ip + put_ip(p, true, proto, 8 + quote, ip);

	memset(icmp, 0, 8);
	icmp[0] = v4 ? ICMP4_UNREACHABLE : ICMP6_UNREACHABLE;
	icmp[1] = v4 ? ICMP4_HOST_PROHIBITED : ICMP6_PROHIBITED;
	memcpy(icmp + 8, p->l3, quote);
	put_be16(icmp + 2, sum_end(sum_of(icmp, 8 + quote,
					  v4 ? 0 : pseudo_sum(p, ip, proto, 8 + quote))));
	return (uint32_t)(icmp + 8 + quote - ip);
}

static bool is_group(const struct packet *p)
{
	return p->ip_version == 4 ? p->dst.b[0] >= 224 : p->dst.b[0] == 0xff;
}

static bool is_icmp_error(const struct packet *p)
{
	/* RFC 792 and RFC 4443: queries and their replies may be answered, errors never. */
	if (p->ip_proto == PROTO_ICMP4)
		return p->icmp_type != 8 && p->icmp_type != 0 && p->icmp_type != 13 &&
		       p->icmp_type != 14;
	return p->ip_proto == PROTO_ICMP6 && p->icmp_type < 128;
}

uint32_t reject_build(const struct packet *p, bool to_source, uint8_t out[REJECT_MAX_BYTES])
{
	uint32_t link;

	if (!(p->flags & PACKET_IP) || is_group(p) || is_icmp_error(p))
		return 0;
	link = put_link(p, to_source, out);
	if (link == 0)
		return 0;
	if ((p->flags & PACKET_L4) && p->ip_proto == PROTO_TCP)
		return p->tcp.flags & TCP_RST ? 0 : link + put_reset(p, to_source, out + link);
	return to_source ? link + put_unreachable(p, out + link) : 0;
}
