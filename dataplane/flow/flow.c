/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From packet to flow. Worker thread only; all memory is taken at start.
 */
#include "dataplane/flow/flow.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "dataplane/base/lines.h"
#include "dataplane/engine/contact.h"
#include "dataplane/flow/counted.h"
#include "dataplane/flow/table.h"
#include "dataplane/stream/stream.h"

#define PROTO_ICMP 1
#define PROTO_TCP 6
#define PROTO_UDP 17
#define PROTO_ICMP6 58
#define PROTO_SCTP 132
#define LINK_ETHERNET 1
#define FLOW_ID_BITS 53
#define WORKER_BITS 6
#define FLOW_MAX (1u << 27)
#define NS_PER_S 1000000000ull

_Static_assert(MAX_WORKERS <= 1 << WORKER_BITS, "a flow id names its worker");

/* ---- start and end ---- */

/* Ports, protocol, version always count; how many tags does not: a priority tag (VLAN 0) is none. */
static void tail_mask_make(struct flow_table *t, const struct config *c)
{
	struct flow_ends all = {0};

	memset(&all.sport, 0xff, FLOW_ENDS_BYTES - FLOW_ENDS_TAIL);
	all.vlan_count = 0;
	if (!c->vlan_in_flow_key)
		memset(all.vlan, 0, sizeof(all.vlan));
	if (!c->tunnel_depth_in_flow_key)
		all.tunnel_depth = 0;
	memcpy(t->tail_mask, &all.sport, sizeof(t->tail_mask));
}

int flow_worker_new(struct worker *w)
{
	struct flow_table *t = worker_memory(w, sizeof(*t), 64);
	const struct config *c = w->config;
	uint64_t max = c->flow_max ? c->flow_max : 1, seed = 0;
	size_t blocks;

	if (!t)
		return -ENOMEM;
	memset(t, 0, sizeof(*t));
	t->max = (uint32_t)(max < FLOW_MAX ? max : FLOW_MAX);
	t->bucket_count = t->max / BUCKET_LOAD + BUCKET_PROBES;
	t->free_first = FLOW_NONE;
	blocks = (t->max + FLOWS_PER_BLOCK - 1) / FLOWS_PER_BLOCK;
	t->buckets = worker_memory(w, (size_t)t->bucket_count * sizeof(*t->buckets), 64);
	t->flows = worker_memory(w, blocks * sizeof(struct flow_block), FLOW_BLOCK_BYTES);
	if (!t->buckets || !t->flows || netflow_new(w, t) != 0 ||
	    getrandom(t->secret, sizeof(t->secret), 0) != sizeof(t->secret) ||
	    getrandom(&seed, sizeof(seed), 0) != sizeof(seed)) {
		worker_memory_free(w, t->buckets);
		worker_memory_free(w, t->flows);
		worker_memory_free(w, t->ttl);
		worker_memory_free(w, t);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < 4; i++)
		t->secret[i] |= 1;
	/* Captures give the same ids every time; live, a restart should not repeat them. */
	t->id_worker = w->id;
	t->id_next = w->offline ? 1 : (seed >> (64 - FLOW_ID_BITS + WORKER_BITS + 1)) + 1;
	tail_mask_make(t, c);
	t->streams = c->inspection;
	timers_init(t, c);
	w->flows = t;
	return 0;
}

void flow_worker_free(struct worker *w)
{
	struct flow_table *t = w->flows;

	if (!t)
		return;
	worker_memory_free(w, t->flows);
	worker_memory_free(w, t->ttl);
	worker_memory_free(w, t->buckets);
	worker_memory_free(w, t);
	w->flows = NULL;
}

void flow_end_all(struct worker *w)
{
	struct flow_table *t = w->flows;

	for (uint32_t i = 0; i < t->fresh; i = flow_index_next(i)) {
		if (flow_cold(&t->flows[i])->id)
			flow_end(w, &t->flows[i], FLOW_END_SHUTDOWN);
	}
	t->wheel_started = false;
	t->next_run_ns = 0;
	/* the next capture fills the table in the same order as this one did */
	t->free_first = FLOW_NONE;
	t->fresh = 0;
}

void flow_walk(struct worker *w, bool (*fn)(struct worker *w, struct flow *f, void *arg), void *arg)
{
	struct flow_table *t = w->flows;

	for (uint32_t i = 0; i < t->fresh; i = flow_index_next(i)) {
		struct flow *f = &t->flows[i];
		bool resting = f->flags & FLOW_AT_REST, more;

		if (!flow_cold(f)->id)
			continue;
		if (resting)
			flow_wake(w, f);
		more = fn(w, f, arg);
		if (resting)
			flow_rest(w, f);
		if (!more)
			return;
	}
}

/* ---- one packet ---- */

void flow_prefetch(struct worker *w, struct packet *const *packets, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (packets[i] && !(packets[i]->flags & PACKET_FLOW_HASHED) && packet_wants_flow(packets[i]))
			table_hash(w->flows, packets[i]);
	for (unsigned i = 0; i < count; i++)
		if (packets[i])
			table_prefetch(w->flows, packets[i]->flow_hash);
}

void flow_prefetch_flows(struct worker *w, struct packet *const *packets, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (packets[i] && packets[i]->flags & PACKET_FLOW_HASHED)
			table_prefetch_flow(w->flows, packets[i]->flow_hash);
}

static bool icmp_is_error(const struct packet *p)
{
	if (p->ip_proto != PROTO_ICMP)
		return false;
	switch (p->icmp_type) {
	case 3:
	case 4:
	case 5:
	case 11:
	case 12:
		return true;
	default:
		return false;
	}
}

static void flow_macs(struct flow *f, const struct packet *p)
{
	while (p->outer)
		p = p->outer;
	if (p->link_type != LINK_ETHERNET || p->len < 12 || !p->data)
		return;
	memcpy(flow_cold(f)->dst_mac, p->data, 6);
	memcpy(flow_cold(f)->src_mac, p->data + 6, 6);
}

static struct flow *flow_take(struct worker *w, struct flow_table *t)
{
	struct flow *f;

	if (t->active >= t->max) {
		f = timer_victim(t, w->now_ns);
		if (!f)
			return NULL;
		w->counters->flow_evicted++;
		flow_end(w, f, FLOW_END_FORCED);
	}
	if (t->free_first != FLOW_NONE) {
		f = &t->flows[t->free_first];
		t->free_first = flow_cold(f)->timer_next;
	} else {
		f = &t->flows[t->fresh];
		t->fresh = flow_index_next(t->fresh);
	}
	lines_clear(f, sizeof(*f));
	*flow_cold(f) = (struct flow_cold){0};
	f->timer_list = LIST_NONE;
	return f;
}

static void flow_give_back(struct flow_table *t, struct flow *f)
{
	flow_cold(f)->id = 0;
	flow_cold(f)->timer_next = t->free_first;
	t->free_first = flow_index(t, f);
}

static void flow_count_new(struct worker *w, uint8_t ip_proto)
{
	struct counters *c = w->counters;

	c->flow_total++;
	c->flow_active++;
	switch (ip_proto) {
	case PROTO_TCP: c->flow_tcp++; break;
	case PROTO_UDP: c->flow_udp++; break;
	case PROTO_ICMP: c->flow_icmpv4++; break;
	case PROTO_ICMP6: c->flow_icmpv6++; break;
	case PROTO_SCTP: c->flow_sctp++; break;
	default: break;
	}
}

/* True when a flow's first packet came from the server: an answer to something not seen. */
static bool first_is_answer(const struct packet *p)
{
	if (p->ip_proto == PROTO_TCP && (p->tcp.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
		return false;
	if (p->ip_proto == PROTO_TCP && (p->tcp.flags & TCP_SYN))
		return true;
	/* A connection seen midway was opened from the higher port. */
	if (p->ip_proto == PROTO_TCP)
		return p->sport < p->dport;
	if (p->ip_proto != PROTO_UDP)
		return false;
	return p->sport < 1024 && p->dport >= 1024;
}

static struct flow *flow_new(struct worker *w, struct packet *p, struct flow_key *k,
			     uint32_t hash)
{
	struct flow_table *t = w->flows;
	struct flow *f = flow_take(w, t);

	if (!f)
		return NULL;
	memcpy(f, k->ends, FLOW_ENDS_BYTES);
	/* an ICMP error makes no flow of what it quotes */
	f->key_extra = k->extra;
	if (!table_insert(t, f, hash, &k->slot)) {
		flow_give_back(t, f);
		return NULL;
	}
	flow_cold(f)->id = t->id_next++ << WORKER_BITS | t->id_worker;
	flow_cold(f)->start_ns = f->last_ns = w->now_ns;
	f->icmp_type = p->icmp_type;
	f->icmp_code = p->icmp_code;
	flow_macs(f, p);
	t->active++;
	timer_set(t, f);
	flow_count_new(w, f->ip_proto);
	p->flags |= PACKET_NEW_FLOW;
	return f;
}

static void table_full(struct worker *w, struct packet *p)
{
	w->counters->flow_table_full++;
	w->counters->exception[EXCEPTION_FLOW_MEMCAP][w->config->flow_full]++;
	switch (w->config->flow_full) {
	case EXCEPTION_DROP:
	case EXCEPTION_DROP_PACKET:
	case EXCEPTION_REJECT:
		packet_drop(p, DROP_flow_memcap);
		if (w->config->flow_full == EXCEPTION_REJECT)
			p->verdict = VERDICT_REJECT;
		p->flags |= PACKET_NO_INSPECT;
		break;
	case EXCEPTION_PASS:
	case EXCEPTION_PASS_PACKET:
	case EXCEPTION_BYPASS:
		p->flags |= PACKET_NO_INSPECT;
		break;
	case EXCEPTION_IGNORE:
		break;
	}
}

/* The worker does not keep up: the policy is for flows that begin. */
static bool overload_releases(const struct worker *w, const struct packet *p)
{
	return flow_overload_releases((enum config_overload)w->new_flows, p->ip_proto == PROTO_TCP);
}

/* True: no flow is made for the packet. */
static bool overload_takes(struct worker *w, struct packet *p)
{
	if (w->new_flows == OVERLOAD_IGNORE || overload_releases(w, p))
		return false;
	flow_overload_skip(w, p, (enum config_overload)w->new_flows);
	return true;
}

/* A packet that only reports on the flow (ICMP error) keeps it alive, but what its ends had to do with
 * each other does not last longer by it. */
static void flow_reported(struct worker *w, struct flow *f)
{
	if ((f->flags & FLOW_REPORTED_LAST) || !flow_notes(w, f))
		return;
	flow_cold(f)->notes->own_last_ns = f->last_ns;
	f->flags |= FLOW_REPORTED_LAST;
}

/* Nor does such a packet make a direction seen. */
static void flow_count(struct worker *w, struct flow *f, struct packet *p)
{
	enum direction d = (enum direction)p->direction;
	uint32_t seen = d == TO_SERVER ? FLOW_SEEN_TO_SERVER : FLOW_SEEN_TO_CLIENT;

	f->packets[d]++;
	f->bytes[d] += p->len;
	if (icmp_is_error(p))
		flow_reported(w, f);
	else if (f->flags & FLOW_REPORTED_LAST)
		f->flags &= ~(uint32_t)FLOW_REPORTED_LAST;
	if (w->now_ns > f->last_ns)
		f->last_ns = w->now_ns;
	if (icmp_is_error(p))
		return;
	if (!(f->flags & seen)) {
		f->flags |= seen;
		p->flags |= PACKET_FIRST_IN_DIRECTION;
	}
	if (f->ip_proto == PROTO_TCP) {
		if (!(p->flags & PACKET_BAD_CHECKSUM))
			f->tcp_flags[d] |= p->tcp.flags;
		if (!w->flows->streams)
			tcp_flags_stage(f);
	} else if ((f->flags & FLOW_SEEN_TO_CLIENT) && (f->flags & FLOW_SEEN_TO_SERVER)) {
		f->flags |= FLOW_ESTABLISHED;
	}
	if ((p->ip_proto == PROTO_ICMP || p->ip_proto == PROTO_ICMP6) && d == TO_CLIENT) {
		f->icmp_reply_type = p->icmp_type;
		f->icmp_reply_code = p->icmp_code;
	}
}

/* Why the packets after the one that had the flow dropped are. */
static enum drop_reason later_drop(const struct flow *f)
{
	if (f->drop_reason == DROP_indicator || f->drop_reason == DROP_rule_flow ||
	    f->drop_reason == DROP_firewall_flow)
		return (enum drop_reason)f->drop_reason;
	return DROP_exception_flow;
}

static void flow_mark(struct worker *w, struct flow *f, struct packet *p, uint32_t slot)
{
	if (f->flags & (FLOW_ESTABLISHED | FLOW_CLOSED))
		p->flags |= PACKET_ESTABLISHED;
	if (f->flags & FLOW_NO_PAYLOAD)
		p->flags |= PACKET_NO_PAYLOAD_INSPECT;
	if (f->flags & FLOW_DROP) {
		packet_drop(p, later_drop(f));
		p->flags |= PACKET_NO_INSPECT;
	}
	if (f->flags & FLOW_PASS)
		p->flags |= PACKET_NO_INSPECT;
	if (f->flags & FLOW_BYPASSED) {
		p->flags |= PACKET_NO_INSPECT;
		w->counters->flow_bypassed_pkts++;
		w->counters->flow_bypassed_bytes += p->len;
		flow_counted_mark(w, f, slot);
	}
}

/* Is the packet the first of another session on the flow's ports? */
static bool flow_reused(struct worker *w, const struct flow *f, const struct packet *p, enum direction d)
{
	if (p->ip_proto != PROTO_TCP || (p->flags & PACKET_BAD_CHECKSUM))
		return false;
	return w->flows->streams ? stream_reuses(w, f, p, d) : tcp_flags_reuse(f, p);
}

void flow_packet(struct worker *w, struct packet *p)
{
	struct flow_table *t = w->flows;
	enum direction d = TO_SERVER;
	bool full = false;
	struct flow_key k;
	struct flow *f;

	if (!(p->flags & PACKET_FLOW_HASHED) && !packet_wants_flow(p))
		return;
	f = table_find(t, p, &k, &d);
	if (f && f->flags & FLOW_AT_REST) {
		flow_wake(w, f);
		timer_set(t, f);
	}
	if (f && flow_expired(t, f, w->now_ns)) {
		flow_end(w, f, FLOW_END_TIMEOUT);
		f = NULL;
	} else if (f && flow_reused(w, f, p, d)) {
		f->flags |= FLOW_TCP_REUSED;
		p->stream_notes |= STREAM_PORT_REUSE;
		w->counters->flow_tcp_reuse++;
		flow_end(w, f, FLOW_END_REUSE);
		f = NULL;
	}
	if (!f) {
		if (icmp_is_error(p))
			return;
		if (overload_takes(w, p))
			return;
		d = TO_SERVER;
		full = t->active >= t->max;
		f = flow_new(w, p, &k, p->flow_hash);
		if (!f) {
			table_full(w, p);
			return;
		}
		if (overload_releases(w, p)) {
			f->flags |= FLOW_BYPASSED;
			w->counters->overload_bypassed++;
		}
	} else if (p->ip_proto != f->ip_proto) {
		/* an unreachable: it travels against the packet it quotes */
		d = addr_equal(&p->src, &f->client) ? TO_SERVER : TO_CLIENT;
	}
	p->flow = f;
	p->direction = (uint8_t)d;
	flow_count(w, f, p);
	if (t->ttl)
		netflow_packet(t, f, p);
	if (p->flags & PACKET_NEW_FLOW)
		contact_begin(w, f, first_is_answer(p), full);
	else if (w->now_ns >= f->contact_due_s * NS_PER_S)
		contact_checkpoint(w, f);
	flow_mark(w, f, p, k.slot);
}

void flow_packet_done(struct worker *w, struct packet *p)
{
	if (p->flow)
		timer_touch(w, p->flow);
}

void flow_exception(struct worker *w, struct packet *p, unsigned policy, enum exception_target cause,
		    enum drop_reason reason)
{
	struct flow *f = p->flow;

	switch ((enum config_exception)policy) {
	case EXCEPTION_IGNORE:
		break;
	case EXCEPTION_PASS:
		f->flags |= FLOW_PASS;
		p->flags |= PACKET_NO_INSPECT;
		break;
	case EXCEPTION_PASS_PACKET:
		p->flags |= PACKET_NO_INSPECT;
		break;
	case EXCEPTION_BYPASS:
		f->flags |= FLOW_BYPASSED;
		p->flags |= PACKET_NO_INSPECT;
		break;
	case EXCEPTION_REJECT:
		f->flags |= FLOW_REJECT;
		/* fall through */
	case EXCEPTION_DROP:
		f->flags |= FLOW_DROP;
		f->drop_reason = (uint8_t)reason;
		packet_drop(p, reason);
		if (policy == EXCEPTION_REJECT)
			p->verdict = VERDICT_REJECT;
		p->flags |= PACKET_NO_INSPECT;
		break;
	case EXCEPTION_DROP_PACKET:
		packet_drop(p, reason);
		p->flags |= PACKET_NO_INSPECT;
		break;
	}
	f->exceptions |= (uint8_t)(1u << cause);
	w->counters->exception[cause][policy]++;
}

static void swap_bytes(void *a, void *b, size_t len)
{
	uint8_t *x = a, *y = b;

	for (size_t i = 0; i < len; i++) {
		uint8_t keep = x[i];

		x[i] = y[i];
		y[i] = keep;
	}
}

void flow_reverse(struct worker *w, struct flow *f)
{
	uint32_t seen = f->flags & (FLOW_SEEN_TO_SERVER | FLOW_SEEN_TO_CLIENT);

	swap_bytes(&f->client, &f->server, sizeof(f->client));
	swap_bytes(&f->client_port, &f->server_port, sizeof(f->client_port));
	swap_bytes(&f->packets[0], &f->packets[1], sizeof(f->packets[0]));
	swap_bytes(&f->bytes[0], &f->bytes[1], sizeof(f->bytes[0]));
	swap_bytes(&f->tcp_flags[0], &f->tcp_flags[1], 1);
	swap_bytes(flow_cold(f)->src_mac, flow_cold(f)->dst_mac, sizeof(flow_cold(f)->src_mac));
	f->key_extra = f->key_extra >> 16 | f->key_extra << 16;
	f->flags &= ~(uint32_t)(FLOW_SEEN_TO_SERVER | FLOW_SEEN_TO_CLIENT);
	if (seen & FLOW_SEEN_TO_SERVER)
		f->flags |= FLOW_SEEN_TO_CLIENT;
	if (seen & FLOW_SEEN_TO_CLIENT)
		f->flags |= FLOW_SEEN_TO_SERVER;
	f->flags ^= FLOW_REVERSED | FLOW_CONTACT_TURNED;
	if (w->flows->ttl)
		netflow_reverse(w->flows, f);
	stream_reverse(f);
}
