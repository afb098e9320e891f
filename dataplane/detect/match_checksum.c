/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Conditions on checksums (RFC 1071), computed when a rule asks. Runs in the workers.
 */
#include "dataplane/detect/match.h"

static uint32_t sum_add(uint32_t sum, const uint8_t *data, uint32_t len)
{
	uint32_t i;

	for (i = 0; i + 1 < len; i += 2)
		sum += get_be16(data + i);
	if (i < len)
		sum += (uint32_t)data[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* Of the transport header and all behind it; pseudo header where the protocol has one. */
static bool l4_valid(const struct packet *p, bool pseudo)
{
	uint32_t bytes = p->ip_version == 6 ? 16 : 4, len = (uint32_t)(p->l3 + p->l3_len - p->l4);
	uint32_t sum = 0;

	if (pseudo) {
		sum = sum_add(sum, p->src.b, bytes);
		sum = sum_add(sum, p->dst.b, bytes);
		sum += p->ip_proto + (len >> 16) + (len & 0xffff);
	}
	return sum_add(sum, p->l4, len) == 0xffff;
}

/* l4 of that protocol, whole, over that version of IP. */
static bool is_whole(const struct packet *p, uint8_t version, uint8_t proto)
{
	return p->ip_version == version && (p->flags & PACKET_L4) && p->ip_proto == proto && p->l3 &&
	       p->l4 && p->l4 < p->l3 + p->l3_len && !(p->flags & PACKET_PSEUDO);
}

static bool l4_holds(const struct match_context *c, const struct match *m, uint8_t version,
		     uint8_t proto, bool pseudo)
{
	return is_whole(c->p, version, proto) &&
	       l4_valid(c->p, pseudo) == (m->u.word.bits != 0);
}

bool match_ipv4_csum(const struct match_context *c, const struct match *m)
{
	const struct packet *p = c->p;

	if (p->ip_version != 4 || !p->l3 || (p->flags & PACKET_PSEUDO) ||
	    p->l3_len < (p->l3[0] & 15u) * 4)
		return false;
	return (sum_add(0, p->l3, (p->l3[0] & 15u) * 4) == 0xffff) == (m->u.word.bits != 0);
}

bool match_tcpv4_csum(const struct match_context *c, const struct match *m)
{
	return l4_holds(c, m, 4, 6, true);
}

bool match_tcpv6_csum(const struct match_context *c, const struct match *m)
{
	return l4_holds(c, m, 6, 6, true);
}

/* 0: the sender made none. */
bool match_udpv4_csum(const struct match_context *c, const struct match *m)
{
	if (is_whole(c->p, 4, 17) && get_be16(c->p->l4 + 6) == 0)
		return m->u.word.bits != 0;
	return l4_holds(c, m, 4, 17, true);
}

bool match_udpv6_csum(const struct match_context *c, const struct match *m)
{
	return l4_holds(c, m, 6, 17, true);
}

bool match_icmpv4_csum(const struct match_context *c, const struct match *m)
{
	return l4_holds(c, m, 4, 1, false);
}

bool match_icmpv6_csum(const struct match_context *c, const struct match *m)
{
	return l4_holds(c, m, 6, 58, true);
}
