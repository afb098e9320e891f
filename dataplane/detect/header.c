/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What is cheapest to say about a candidate: protocol, direction, state, addresses, ports. Equal
 * address sets of all rules are one set, looked up once a packet. Runs in the workers.
 */
#include <string.h>

#include "dataplane/base/cursor.h"
#include "dataplane/detect/program.h"
#include "dataplane/detect/trace.h"

#define IPPROTO_NUMBER_ICMP4 1
#define IPPROTO_NUMBER_TCP 6
#define IPPROTO_NUMBER_UDP 17
#define IPPROTO_NUMBER_ICMP6 58
#define IPPROTO_NUMBER_SCTP 132

static int addr_order(const struct addr *a, const struct addr *b)
{
	return memcmp(a->b, b->b, sizeof(a->b));
}

bool address_in(const struct addr_set *set, const struct addr *a, uint8_t ip_version)
{
	uint32_t low = 0, high = set->count;

	if (set->any)
		return true;
	while (low < high) {
		uint32_t middle = (low + high) / 2;
		const struct addr_range *r = &set->ranges[middle];

		if (r->ip_version < ip_version ||
		    (r->ip_version == ip_version && addr_order(&r->high, a) < 0))
			low = middle + 1;
		else
			high = middle;
	}
	return low < set->count && set->ranges[low].ip_version == ip_version &&
	       addr_order(&set->ranges[low].low, a) <= 0;
}

bool ports_hold(const struct port_set *set, uint16_t port)
{
	uint32_t low = 0, high = set->count;

	if (set->any)
		return true;
	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (set->ranges[middle].high < port)
			low = middle + 1;
		else
			high = middle;
	}
	return low < set->count && set->ranges[low].low <= port;
}

/* side 0 source, 1 destination of the packet. */
static bool set_holds(struct detect_state *s, const struct packet *p, uint32_t set, unsigned side)
{
	uint64_t *cached;

	if (set == 0)
		return true;
	if (!p->ip_version)
		return false;
	cached = &s->set_cache[side][set];
	if (*cached >> 1 != s->packet_generation)
		*cached = (uint64_t)s->packet_generation << 1 |
			  address_in(s->program->sets[set], side ? &p->dst : &p->src,
				     p->ip_version);
	return *cached & 1;
}

static bool is_inside(const struct detect_program *program, const struct packet *p, const struct addr *a)
{
	const struct inside_range *r = program->inside, *end = r + program->inside_count;
	uint32_t v4 = get_be32(a->b);
	bool inside = false;

	if (p->ip_version != 4 || program->inside_count > INSIDE_RANGES_MAX)
		return p->ip_version && address_in(&program->groups->inside, a, p->ip_version);
	for (; r < end; r++)
		inside |= v4 - r->low <= r->span;
	return inside;
}

unsigned packet_path(struct detect_state *s, const struct packet *p)
{
	if (!s->path) {
		bool src = is_inside(s->program, p, &p->src), dst = is_inside(s->program, p, &p->dst);
		bool to_client = p->flow && p->direction == TO_CLIENT;

		s->path = (uint8_t)(1 + (to_client ? dst | src << 1 : src | dst << 1));
	}
	return s->path - 1u;
}

static uint8_t proto_bit(const struct packet *p)
{
	if (!p->ip_version)
		return RULE_OTHER;
	switch (p->ip_proto) {
	case IPPROTO_NUMBER_TCP:
		return RULE_TCP;
	case IPPROTO_NUMBER_UDP:
		return RULE_UDP;
	case IPPROTO_NUMBER_ICMP4:
		return RULE_ICMP4;
	case IPPROTO_NUMBER_ICMP6:
		return RULE_ICMP6;
	case IPPROTO_NUMBER_SCTP:
		return RULE_SCTP;
	default:
		return RULE_OTHER;
	}
}

bool packet_has_ports(const struct packet *p)
{
	return (p->flags & (PACKET_L4 | PACKET_PSEUDO)) && !(p->flags & PACKET_FRAGMENT) &&
	       (proto_bit(p) & (RULE_TCP | RULE_UDP | RULE_SCTP));
}

static inline enum trace_head sides_judge(struct detect_state *s, const struct packet *p,
					  const struct program_rule *r, bool swapped)
{
	const struct rule *rule = r->rule;

	if (!r->ports_any &&
	    (!packet_has_ports(p) || !ports_hold(swapped ? &rule->dport : &rule->sport, p->sport) ||
	     !ports_hold(swapped ? &rule->sport : &rule->dport, p->dport)))
		return TRACE_HEAD_ports;
	if (!set_holds(s, p, r->src_set, swapped))
		return TRACE_HEAD_source;
	return set_holds(s, p, r->dst_set, !swapped) ? TRACE_HEAD_holds : TRACE_HEAD_destination;
}

/* On a transaction the state is the one now, on a packet the one before it. */
static bool established(const struct packet *p, bool in_tx)
{
	if (p->flags & PACKET_ESTABLISHED)
		return true;
	return in_tx && p->flow->tcp && stream_state(p->flow) >= TCP_STATE_ESTABLISHED;
}

static inline enum trace_head flow_judge(const struct packet *p, const struct program_rule *r, bool in_tx)
{
	uint32_t both = r->flags & (RULE_TO_SERVER | RULE_TO_CLIENT);

	if (!p->flow)
		return r->flags & (RULE_NEEDS_FLOW | RULE_FLOW_ESTABLISHED | RULE_TO_SERVER | RULE_TO_CLIENT)
			       ? TRACE_HEAD_no_flow
			       : TRACE_HEAD_holds;
	if (both && both != (RULE_TO_SERVER | RULE_TO_CLIENT) &&
	    both != (p->direction == TO_SERVER ? RULE_TO_SERVER : RULE_TO_CLIENT))
		return TRACE_HEAD_direction;
	if ((r->flags & RULE_FLOW_ESTABLISHED) && !established(p, in_tx))
		return TRACE_HEAD_established;
	if ((r->flags & RULE_FLOW_NOT_ESTABLISHED) && (p->flags & PACKET_ESTABLISHED))
		return TRACE_HEAD_not_established;
	return TRACE_HEAD_holds;
}

/* A transaction that TCP brings SCTP may bring as well. */
static inline bool proto_fits(const struct packet *p, const struct program_rule *r, bool in_tx)
{
	uint8_t bit = proto_bit(p);

	return r->ip_protos & (in_tx && bit == RULE_SCTP ? RULE_SCTP | RULE_TCP : bit);
}

/* What does not fit, the cheapest first. */
static inline enum trace_head head_judge(struct detect_state *s, const struct packet *p,
					 const struct program_rule *r, bool in_tx)
{
	enum trace_head head;

	if (!proto_fits(p, r, in_tx))
		return TRACE_HEAD_protocol;
	if (p->ip_version ? !(r->ip_versions & (p->ip_version == 4 ? 1 : 2)) : r->ip_versions != 3)
		return TRACE_HEAD_ip_version;
	head = flow_judge(p, r, in_tx);
	if (head != TRACE_HEAD_holds)
		return head;
	if ((r->flags & RULE_FLOW_START) && !(p->flags & PACKET_FIRST_IN_DIRECTION))
		return TRACE_HEAD_flow_start;
	if (((r->flags & RULE_ONLY_FRAG) && !(p->flags & PACKET_REASSEMBLED)) ||
	    ((r->flags & RULE_NO_FRAG) && (p->flags & PACKET_REASSEMBLED)))
		return TRACE_HEAD_fragment;
	/* The second half of a rule on both directions is seen from the other side. */
	head = sides_judge(s, p, r, (r->flags & RULE_TRANSACTIONAL) && p->direction == TO_CLIENT);
	if (head != TRACE_HEAD_holds && (r->flags & RULE_BIDIRECTIONAL) &&
	    sides_judge(s, p, r, true) == TRACE_HEAD_holds)
		return TRACE_HEAD_holds;
	return head;
}

enum trace_head header_explain(struct detect_state *s, const struct packet *p,
			       const struct program_rule *r, bool in_tx)
{
	return head_judge(s, p, r, in_tx);
}

bool header_matches(struct detect_state *s, const struct packet *p, const struct program_rule *r,
		    bool in_tx)
{
	return head_judge(s, p, r, in_tx) == TRACE_HEAD_holds;
}
