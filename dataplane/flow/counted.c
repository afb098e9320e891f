/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/flow/counted.h"

#include <string.h>

#include "dataplane/app/host.h"
#include "dataplane/flow/table.h"

#define NS_PER_S 1000000000ull
/* With one of these flow_packet does more than to count. */
#define FLOW_NOT_ONLY (FLOW_DROP | FLOW_RATED | FLOW_REPORTED_LAST | FLOW_ENDING)

bool flow_counted_any(const struct worker *w)
{
	return w->flows->counted > 0;
}

static inline __m128i addr_load(const uint8_t *at, bool ipv6)
{
	uint32_t v;

	if (ipv6)
		return load16(at);
	memcpy(&v, at, sizeof(v));
	return _mm_cvtsi32_si128((int)v);
}

static inline void sight_key(const struct flow_table *t, struct flow_sight *s)
{
	const struct plain *f = &s->plain;
	bool ipv6 = f->kind & PLAIN_IS_IPV6;
	uint64_t ports = f->sport | (uint64_t)f->dport << 16, vlan = f->vlan;
	uint64_t ip = f->ip_proto | (uint64_t)f->ip_version << 8 | (f->kind & PLAIN_IS_TAGGED ? 1u << 24 : 0);
	__m128i src = addr_load(f->ip + (ipv6 ? 8 : 12), ipv6), dst = addr_load(f->ip + (ipv6 ? 24 : 16), ipv6);
	__m128i tail = _mm_set_epi64x((long long)vlan, (long long)(ports | ip << 32));

	s->ends[0] = s->ends[2] = src;
	s->ends[1] = dst;
	s->tail[0] = _mm_and_si128(tail, load16(t->tail_mask));
	s->tail[1] = tail_turned(s->tail[0]);
	s->hash = ends_hash(t, hash_end(t->secret, src, (uint64_t)f->sport << 32),
			    hash_end(t->secret, dst, (uint64_t)f->dport << 32), ip | vlan << 32, 0);
}

/* Places of bucket b with such a flow of that tag. */
static inline unsigned counted_match(const struct flow_bucket *b, uint32_t hash)
{
	return bucket_match(b, tag_of(hash)) & b->counted;
}

static inline struct flow *flow_in(const struct flow_table *t, const struct flow_bucket *b, unsigned places)
{
	return &t->flows[b->flow[__builtin_ctz(places)]];
}

static __attribute__((noinline)) struct flow *guess_away(const struct flow_table *t, uint32_t hash)
{
	for (unsigned i = 1; i < BUCKET_PROBES; i++) {
		const struct flow_bucket *b = &t->buckets[table_after(t, table_home(t, hash), i)];
		unsigned places = counted_match(b, hash);

		if (places)
			return flow_in(t, b, places);
	}
	return NULL;
}

/* The first that it may be. */
static inline struct flow *guess(const struct flow_table *t, uint32_t hash)
{
	const struct flow_bucket *b = &t->buckets[table_home(t, hash)];
	unsigned places = counted_match(b, hash);

	if (places)
		return flow_in(t, b, places);
	return b->away ? guess_away(t, hash) : NULL;
}

/* Into the second cache: a burst has more lines on their way than the first can wait for. */
static inline void flow_fetch(const struct flow *f)
{
	__asm__ volatile("prefetcht1 %0" : : "m"(f->client));
	__asm__ volatile("prefetcht1 %0" : : "m"(f->last_ns));
}

unsigned flow_sights(const struct worker *w, struct flow_sight *s, unsigned n)
{
	const struct flow_table *t = w->flows;
	unsigned known = 0;

	for (unsigned i = 0; i < n; i++) {
		if (!s[i].is_plain)
			continue;
		sight_key(t, &s[i]);
		table_prefetch(t, s[i].hash);
	}
	for (unsigned i = 0; i < n; i++) {
		s[i].flow = s[i].is_plain ? guess(t, s[i].hash) : NULL;
		if (!s[i].flow)
			continue;
		flow_fetch(s[i].flow);
		known++;
	}
	return known;
}

void flow_sight_hash(const struct flow_sight *s, struct packet *p)
{
	if (!packet_wants_flow(p))
		return;
	p->flow_hash = s->hash;
	p->flags |= PACKET_FLOW_HASHED;
}

/* When a packet is too late for the flow, as flow_expired has it. */
static inline bool too_late(const struct flow_table *t, const struct flow *f, uint64_t now_ns)
{
	enum flow_class class = f->ip_proto == PLAIN_TCP ? CLASS_TCP : CLASS_UDP;
	enum flow_stage stage = f->flags & FLOW_BYPASSED ? STAGE_BYPASSED : STAGE_ESTABLISHED;

	return now_ns > f->last_ns && now_ns - f->last_ns >= t->timeout_ns[class][stage];
}

/* Would flow_packet, and what is done after it, do no more than to count? */
static inline bool counts_only(const struct worker *w, const struct flow *f, enum direction d, uint8_t tcp_flags)
{
	const struct flow_table *t = w->flows;
	const uint32_t stages = FLOW_BYPASSED | FLOW_ESTABLISHED | FLOW_CLOSED;
	const uint32_t offload = FLOW_BYPASSED | FLOW_OFFLOADED | FLOW_NO_OFFLOAD;
	uint32_t seen = FLOW_SEEN_TO_SERVER << d;

	_Static_assert(FLOW_SEEN_TO_CLIENT == FLOW_SEEN_TO_SERVER << TO_CLIENT, "a bit for each direction");
	if ((f->flags & (FLOW_NOT_ONLY | seen)) != seen || f->timer_list >= WHEEL_SLOTS ||
	    w->now_ns >= f->contact_due_s * NS_PER_S)
		return false;
	if (!(f->flags & FLOW_BYPASSED) && (t->streams || (f->flags & stages) != FLOW_ESTABLISHED))
		return false;
	/* the ports may be asked to forward it */
	if (w->flow_ended && (f->flags & offload) == FLOW_BYPASSED)
		return false;
	if (tcp_flags && (tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST | ~(unsigned)f->tcp_flags[d])))
		return false;
	return !too_late(t, f, w->now_ns);
}

/* Is it still the flow that was seen? By one address the direction is chosen, not by a jump that cannot be foretold; a
 * flow of an address with itself is left to search(). */
static inline bool still(const struct flow_table *t, const struct flow *f, const struct flow_sight *s, enum direction *d)
{
	__m128i client = load16(&f->client), differs;
	unsigned from = !equal16(client, s->ends[0]);

	differs = _mm_xor_si128(client, s->ends[from]);
	differs = _mm_or_si128(differs, _mm_xor_si128(load16(&f->server), s->ends[from + 1]));
	differs = _mm_or_si128(differs, _mm_xor_si128(_mm_and_si128(load16(&f->client_port), load16(t->tail_mask)),
						      s->tail[from]));
	*d = (enum direction)from;
	return equal16(differs, _mm_setzero_si128());
}

/* Where more than one flow has that tag. */
static __attribute__((noinline)) struct flow *search(const struct flow_table *t, const struct flow_sight *s,
						      enum direction *d)
{
	const struct wanted want = wanted_of(t, s->ends[0], s->ends[1], s->tail[0]);
	uint32_t home = table_home(t, s->hash);
	unsigned probes = t->buckets[home].away ? BUCKET_PROBES : 1;

	for (unsigned i = 0; i < probes; i++) {
		const struct flow_bucket *b = &t->buckets[table_after(t, home, i)];

		for (unsigned places = counted_match(b, s->hash); places; places &= places - 1)
			if (flow_matches(flow_in(t, b, places), &want, d))
				return flow_in(t, b, places);
	}
	return NULL;
}

static inline struct flow *find(const struct worker *w, const struct flow_sight *s, enum direction *d)
{
	const struct flow_table *t = w->flows;
	struct flow *f = s->flow;

	if (!still(t, f, s, d) && !(f = search(t, s, d)))
		return NULL;
	return counts_only(w, f, *d, s->plain.tcp_flags) ? f : NULL;
}

struct flow *flow_counted_find(const struct worker *w, const struct flow_sight *s)
{
	enum direction d;

	return find(w, s, &d);
}

struct flow *flow_counted_packet(struct worker *w, const struct flow_sight *s, uint32_t len)
{
	enum direction d;
	struct flow *f = find(w, s, &d);

	if (!f || (!(f->flags & FLOW_BYPASSED) && !plain_sums_ok(w, &s->plain)))
		return NULL;
	f->packets[d]++;
	f->bytes[d] += len;
	f->last_ns = w->now_ns > f->last_ns ? w->now_ns : f->last_ns;
	if (w->flows->ttl)
		netflow_ttl(w->flows, f, d, plain_ttl(&s->plain));
	return f;
}

/* Do its packets mean nothing to others? */
static bool may_be_counted(const struct worker *w, const struct flow *f)
{
	uint16_t a = f->client_port, b = f->server_port;

	if (plain_reach(w) == PLAIN_NONE || f->tunnel_depth || (f->ip_proto != PLAIN_TCP && f->ip_proto != PLAIN_UDP))
		return false;
	if (f->ip_proto == PLAIN_TCP)
		return true;
	return !plain_tunnel_port(w, a, b) && !(w->config->inspection && (host_ports(a, b) || host_ports(b, a)));
}

void flow_counted_mark(struct worker *w, const struct flow *f, uint32_t slot)
{
	struct flow_table *t = w->flows;
	struct flow_bucket *b = &t->buckets[slot >> SLOT_SHIFT];
	uint16_t bit = (uint16_t)(1u << (slot & ((1u << SLOT_SHIFT) - 1)));

	if (slot == FLOW_NONE || b->counted & bit || !may_be_counted(w, f))
		return;
	b->counted |= bit;
	t->counted++;
}
