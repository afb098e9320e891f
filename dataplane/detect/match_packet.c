/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Conditions on the headers of the packet in hand. Runs in the workers.
 */
#include "dataplane/detect/match.h"

#define ICMP4 1
#define TCP 6
#define ICMP6 58

static bool is_l4(const struct packet *p, uint8_t proto)
{
	return (p->flags & PACKET_L4) && p->ip_proto == proto && !(p->flags & PACKET_PSEUDO);
}

static bool is_icmp(const struct packet *p)
{
	return is_l4(p, ICMP4) || is_l4(p, ICMP6);
}

bool match_dsize(const struct match_context *c, const struct match *m)
{
	return !(c->p->flags & PACKET_PSEUDO) && number_test_holds(&m->u.number, c->p->payload_len);
}

bool match_ttl(const struct match_context *c, const struct match *m)
{
	return c->p->ip_version && !(c->p->flags & PACKET_PSEUDO) &&
	       number_test_holds(&m->u.number, c->p->ttl);
}

bool match_id(const struct match_context *c, const struct match *m)
{
	return c->p->ip_version == 4 && c->p->l3 &&
	       number_test_holds(&m->u.number, get_be16(c->p->l3 + 4));
}

bool match_ip_proto(const struct match_context *c, const struct match *m)
{
	return c->p->ip_version && number_test_holds(&m->u.number, c->p->ip_proto);
}

bool match_sameip(const struct match_context *c, const struct match *m)
{
	return c->p->ip_version && addr_equal(&c->p->src, &c->p->dst);
}

bool match_tcp_flags(const struct match_context *c, const struct match *m)
{
	const struct match_tcp_flags *t = &m->u.tcp_flags;
	uint8_t flags;

	if (!is_l4(c->p, TCP))
		return false;
	flags = c->p->tcp.flags & (uint8_t)~t->ignore;
	if (!flags && t->flags)
		return t->modifier == '!';
	switch (t->modifier) {
	case '+':
		return (flags & t->flags) == t->flags;
	case '*':
		return (flags & t->flags) != 0;
	case '!':
		return (flags & t->flags) == 0;
	default:
		return flags == t->flags;
	}
}

bool match_tcp_seq(const struct match_context *c, const struct match *m)
{
	return is_l4(c->p, TCP) && number_test_holds(&m->u.number, c->p->tcp.seq);
}

bool match_tcp_ack(const struct match_context *c, const struct match *m)
{
	return is_l4(c->p, TCP) && number_test_holds(&m->u.number, c->p->tcp.ack);
}

bool match_tcp_window(const struct match_context *c, const struct match *m)
{
	return is_l4(c->p, TCP) && number_test_holds(&m->u.number, c->p->tcp.window);
}

bool match_tcp_mss(const struct match_context *c, const struct match *m)
{
	return is_l4(c->p, TCP) && c->p->tcp.has_mss &&
	       number_test_holds(&m->u.number, c->p->tcp.mss);
}

bool match_tcp_wscale(const struct match_context *c, const struct match *m)
{
	return is_l4(c->p, TCP) && c->p->tcp.has_window_scale &&
	       number_test_holds(&m->u.number, c->p->tcp.window_scale);
}

bool match_itype(const struct match_context *c, const struct match *m)
{
	return is_icmp(c->p) && number_test_holds(&m->u.number, c->p->icmp_type);
}

bool match_icode(const struct match_context *c, const struct match *m)
{
	return is_icmp(c->p) && number_test_holds(&m->u.number, c->p->icmp_code);
}

/* Types whose messages have an identifier and a sequence number. */
static bool has_icmp_id(const struct packet *p)
{
	uint8_t t = p->icmp_type;

	if (is_l4(p, ICMP6))
		return t == 128 || t == 129;
	return is_l4(p, ICMP4) && (t == 0 || t == 8 || (t >= 13 && t <= 18));
}

bool match_icmp_id(const struct match_context *c, const struct match *m)
{
	return has_icmp_id(c->p) && number_test_holds(&m->u.number, c->p->icmp_id);
}

bool match_icmp_seq(const struct match_context *c, const struct match *m)
{
	return has_icmp_id(c->p) && number_test_holds(&m->u.number, c->p->icmp_seq);
}

bool match_icmpv6_mtu(const struct match_context *c, const struct match *m)
{
	return is_l4(c->p, ICMP6) && c->p->icmp_type == 2 &&
	       number_test_holds(&m->u.number, c->p->icmp_mtu);
}

bool match_tos(const struct match_context *c, const struct match *m)
{
	return c->p->ip_version == 4 && c->p->l3 && number_test_holds(&m->u.number, c->p->l3[1]);
}

#define FRAGMENT_RESERVED 0x8000
#define FRAGMENT_DONT 0x4000
#define FRAGMENT_MORE 0x2000

bool match_fragbits(const struct match_context *c, const struct match *m)
{
	uint32_t want = m->u.word.bits, bits;
	uint16_t field;

	if (c->p->ip_version != 4 || !c->p->l3)
		return false;
	field = get_be16(c->p->l3 + 6);
	bits = (field & FRAGMENT_MORE ? 1u : 0) | (field & FRAGMENT_DONT ? 2u : 0) |
	       (field & FRAGMENT_RESERVED ? 4u : 0);
	switch (m->u.word.modifier) {
	case '+':
		return (bits & want) == want;
	case '*':
		return (bits & want) != 0;
	case '!':
	case '-':
		return (bits & want) == 0;
	default:
		return bits == want;
	}
}

bool match_fragoffset(const struct match_context *c, const struct match *m)
{
	return c->p->ip_version == 4 && c->p->l3 &&
	       number_test_holds(&m->u.number, get_be16(c->p->l3 + 6) & 0x1fffu);
}

/* bits: the option's type, 0xffff any. */
bool match_ipopts(const struct match_context *c, const struct match *m)
{
	const struct packet *p = c->p;
	struct cursor options;
	uint32_t header;

	if (p->ip_version != 4 || !p->l3)
		return false;
	header = (p->l3[0] & 15u) * 4;
	if (header <= 20 || p->l3_len < header)
		return false;
	if (m->u.word.bits == 0xffff)
		return true;
	options = cursor_of(p->l3 + 20, header - 20);
	while (cursor_left(&options)) {
		uint8_t type = cursor_u8(&options), len;

		if (type == m->u.word.bits)
			return true;
		if (type == 0)
			return false;
		if (type == 1)
			continue;
		len = cursor_u8(&options);
		if (len < 2 || !cursor_skip(&options, len - 2u))
			return false;
	}
	return false;
}

bool match_vlan_id(const struct match_context *c, const struct match *m)
{
	const struct number_test *t = &m->u.number;
	int count = c->p->vlan_count < PACKET_VLAN_MAX ? c->p->vlan_count : PACKET_VLAN_MAX;
	int at = t->which < 0 ? count + t->which : t->which, hits = 0;

	for (int i = 0; i < count; i++)
		if (number_test_holds(t, c->p->vlan[i] & 0xfffu)) {
			if (t->which == NUMBER_ANY || i == at)
				return true;
			hits++;
		}
	return t->which == NUMBER_ALL && count && hits == count;
}

bool match_vlan_layers(const struct match_context *c, const struct match *m)
{
	return number_test_holds(&m->u.number, c->p->vlan_count);
}

bool match_decode_event(const struct match_context *c, const struct match *m)
{
	const struct packet *p = c->p;

	for (unsigned i = 0; i < p->event_count; i++)
		if (p->events[i] == m->u.event.id)
			return true;
	return false;
}

bool match_stream_event(const struct match_context *c, const struct match *m)
{
	return match_decode_event(c, m);
}

/* RFC 5531: transaction id, 0 (call), 2 (version of RPC), then the three numbers; over TCP behind a record
 * mark of four bytes (section 11). */
bool match_rpc(const struct match_context *c, const struct match *m)
{
	const struct packet *p = c->p;
	struct cursor cur = cursor_of(p->payload, p->payload ? p->payload_len : 0);

	if (p->ip_proto == 6)
		cursor_skip(&cur, 4);
	else if (p->ip_proto != 17)
		return false;
	cursor_skip(&cur, 4);
	if (cursor_be32(&cur) != 0 || cursor_be32(&cur) != 2 || cursor_left(&cur) < 4u * RPC_FIELDS)
		return false;
	for (int i = 0; i < RPC_FIELDS; i++)
		if (cursor_be32(&cur) != m->u.rpc.values[i] && !m->u.rpc.any[i])
			return false;
	return true;
}
