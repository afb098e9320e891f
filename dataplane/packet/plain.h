/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The frames that most frames are: Ethernet with at most one tag, IPv4 (RFC 791) without options and not a fragment or
 * IPv6 (RFC 8200) without extension headers, UDP, or TCP with no option but time stamps; nothing wrong with their
 * headers.
 */
#ifndef PACKET_PLAIN_H
#define PACKET_PLAIN_H

#include "dataplane/base/cursor.h"
#include "dataplane/packet/link.h"

struct worker;

#define PLAIN_TCP 6
#define PLAIN_UDP 17
#define PLAIN_ETHERNET_BYTES 14u
#define PLAIN_VLAN_BYTES 4u
#define PLAIN_IPV4_BYTES 20u
#define PLAIN_IPV6_BYTES 40u
#define PLAIN_UDP_BYTES 8u
#define PLAIN_TCP_BYTES 20u
#define PLAIN_TIMESTAMP_BYTES 12u
#define PLAIN_TIMESTAMP_HEAD 0x0101080au /* no operation twice, time stamps of 10 bytes: RFC 7323, appendix A */

/* Its headers; pointers borrow from the frame. */
struct plain {
	const uint8_t *ip, *l4;
	uint32_t l3_len;     /* IP header and all it carries, link padding left out */
	uint32_t l4_len;     /* transport header and payload */
	uint16_t sport, dport;
	uint16_t vlan;       /* 0 where there is none */
	uint8_t ip_proto, ip_version;
	uint8_t header_len;  /* of the transport */
	uint8_t tcp_flags;   /* 0 for UDP */
	uint8_t kind;        /* enum plain_kind */
};

enum plain_kind {
	PLAIN_IS_TCP = 1 << 0,
	PLAIN_IS_IPV6 = 1 << 1,
	PLAIN_IS_TAGGED = 1 << 2,
	PLAIN_KINDS = 1 << 3,
};

/* Which frames may be taken for plain ones, as the decoder is set; none without one. */
enum plain_reach { PLAIN_NONE, PLAIN_UNTAGGED, PLAIN_TAGGED };
enum plain_reach plain_reach(const struct worker *w);

/* c: what IP carries. */
static inline bool plain_read_udp(struct cursor c, struct plain *out)
{
	const uint8_t *h = cursor_take(&c, PLAIN_UDP_BYTES);
	uint32_t len = h ? get_be16(h + 4) : 0;

	if (len < PLAIN_UDP_BYTES || len - PLAIN_UDP_BYTES > cursor_left(&c))
		return false;
	out->l4 = h;
	out->l4_len = len;
	out->header_len = PLAIN_UDP_BYTES;
	out->tcp_flags = 0;
	return true;
}

static inline bool plain_read_tcp(struct cursor c, struct plain *out)
{
	uint32_t len = (uint32_t)cursor_left(&c), header;
	const uint8_t *h = cursor_take(&c, PLAIN_TCP_BYTES), *stamps = NULL;

	if (!h)
		return false;
	header = (h[12] >> 4) * 4u;
	if (header == PLAIN_TCP_BYTES + PLAIN_TIMESTAMP_BYTES)
		stamps = cursor_take(&c, PLAIN_TIMESTAMP_BYTES);
	if (header != PLAIN_TCP_BYTES && !(stamps && get_be32(stamps) == PLAIN_TIMESTAMP_HEAD))
		return false;
	out->l4 = h;
	out->l4_len = len;
	out->header_len = (uint8_t)header;
	out->tcp_flags = h[13];
	out->kind |= PLAIN_IS_TCP;
	return true;
}

/* *carried: what it carries. */
static inline bool plain_read_ipv4(struct cursor c, struct plain *out, struct cursor *carried)
{
	const uint8_t *ip = cursor_peek(&c, PLAIN_IPV4_BYTES);

	if (!ip || ip[0] != 0x45 || (get_be16(ip + 6) & 0x3fff))
		return false;
	out->ip = ip;
	out->l3_len = get_be16(ip + 2);
	out->ip_version = 4;
	out->ip_proto = ip[9];
	*carried = cursor_sub(&c, out->l3_len);
	return cursor_skip(carried, PLAIN_IPV4_BYTES);
}

static inline bool plain_read_ipv6(struct cursor c, struct plain *out, struct cursor *carried)
{
	const uint8_t *ip = cursor_take(&c, PLAIN_IPV6_BYTES);
	uint32_t payload = ip ? get_be16(ip + 4) : 0;

	if (!ip || ip[0] >> 4 != 6 || payload > cursor_left(&c))
		return false;
	out->ip = ip;
	out->l3_len = PLAIN_IPV6_BYTES + payload;
	out->ip_version = 6;
	out->ip_proto = ip[6];
	out->kind |= PLAIN_IS_IPV6;
	*carried = cursor_sub(&c, payload);
	return true;
}

/* False: it is not one, or out of reach; *out is of no use then. Checksums are not looked at, nor whether a datagram is
 * on a tunnel's port. data: a whole Ethernet frame. */
static inline bool plain_read(enum plain_reach reach, const uint8_t *data, uint32_t len, struct plain *out)
{
	struct cursor c = cursor_of(data, len), carried;
	const uint8_t *ethernet = cursor_take(&c, PLAIN_ETHERNET_BYTES), *tag;
	uint16_t type;

	if (reach == PLAIN_NONE || !ethernet)
		return false;
	type = get_be16(ethernet + 12);
	out->kind = 0;
	out->vlan = 0;
	if (type == ETHER_VLAN) {
		tag = cursor_take(&c, PLAIN_VLAN_BYTES);
		if (!tag || reach != PLAIN_TAGGED)
			return false;
		out->kind = PLAIN_IS_TAGGED;
		out->vlan = get_be16(tag) & 0xfff;
		type = get_be16(tag + 2);
	}
	if (type == ETHER_IPV4 ? !plain_read_ipv4(c, out, &carried)
			   : type != ETHER_IPV6 || !plain_read_ipv6(c, out, &carried))
		return false;
	if (out->ip_proto == PLAIN_UDP ? !plain_read_udp(carried, out)
				       : out->ip_proto != PLAIN_TCP || !plain_read_tcp(carried, out))
		return false;
	out->sport = get_be16(out->l4);
	out->dport = get_be16(out->l4 + 2);
	return true;
}

/* Is one of the ports, of UDP, a tunnel's? */
bool plain_tunnel_port(const struct worker *w, uint16_t a, uint16_t b);
/* Are its checksums right, or is nobody to ask? An IPv6 datagram without one is wrong. */
bool plain_sums_ok(const struct worker *w, const struct plain *f);

static inline uint8_t plain_ttl(const struct plain *f)
{
	return f->ip[f->ip_version == 4 ? 8 : 7];
}

/* Plain frames, to be counted as their decoding would have counted them. */
struct plain_counts {
	uint32_t frames[PLAIN_KINDS];
	uint32_t largest;
	uint64_t bytes;
};

static inline void plain_count(struct plain_counts *c, const struct plain *f, uint32_t len)
{
	c->frames[f->kind]++;
	c->bytes += len;
	c->largest = len > c->largest ? len : c->largest;
}

void plain_counts_add(struct worker *w, const struct plain_counts *c);

#endif
