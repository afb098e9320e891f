/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Keys, hash and buckets. Worker thread only.
 */
#include "dataplane/flow/table.h"

#include <emmintrin.h>
#include <string.h>

#include "dataplane/base/cursor.h"

#define PROTO_ICMP 1
#define PROTO_TCP 6
#define PROTO_UDP 17
#define PROTO_ESP 50
#define PROTO_ICMP6 58
#define PROTO_SCTP 132
#define ICMP_UNREACHABLE 3

/* ---- keys ---- */

/* The type that answers an ICMP type, or -1. */
static int icmp4_answer(uint8_t type)
{
	switch (type) {
	case 8: return 0;   /* echo */
	case 0: return 8;
	case 13: return 14; /* timestamp */
	case 14: return 13;
	case 15: return 16; /* information */
	case 16: return 15;
	case 10: return 9;  /* router solicitation */
	case 9: return 10;
	case 17: return 18; /* address mask */
	case 18: return 17;
	default: return -1;
	}
}

static int icmp6_answer(uint8_t type)
{
	switch (type) {
	case 128: return 129; /* echo */
	case 129: return 128;
	case 133: return 134; /* router solicitation */
	case 134: return 133;
	case 135: return 136; /* neighbour solicitation */
	case 136: return 135;
	case 130: return 131; /* listener query */
	case 131: return 130;
	case 139: return 140; /* node information */
	case 140: return 139;
	case 144: return 145; /* home agent discovery */
	case 145: return 144;
	case 146: return 147; /* mobile prefix */
	case 147: return 146;
	case 148: return 149; /* certification path */
	case 149: return 148;
	case 151: return 152; /* multicast router */
	case 152: return 151;
	case 157: return 158; /* duplicate address */
	case 158: return 157;
	default: return -1;
	}
}

/* Requests and answers share a flow; other types, and other codes, each have their own. */
static void key_icmp(struct flow_key *k, uint8_t type, uint8_t code, int answer)
{
	uint16_t own = (uint16_t)(type | code << 8);
	uint16_t other = answer < 0 ? 0 : (uint16_t)answer;

	k->extra = own | (uint32_t)other << 16;
	k->extra_reversed = other | (uint32_t)own << 16;
}

/* An ICMPv4 unreachable speaks of the flow it quotes. False: it names none. */
static bool key_of_unreachable(const struct packet *p, struct flow_key *k)
{
	struct flow_ends *e = &k->own;
	const uint8_t *head;
	struct cursor c;
	size_t options;

	if (p->ip_proto != PROTO_ICMP || p->icmp_type != ICMP_UNREACHABLE || !p->icmp_inner)
		return false;
	c = cursor_of(p->icmp_inner, p->icmp_inner_len);
	head = cursor_take(&c, 20);
	if (!head || head[0] >> 4 != 4 || (head[0] & 15) < 5)
		return false;
	options = (size_t)(head[0] & 15) * 4 - 20;
	if ((head[9] != PROTO_TCP && head[9] != PROTO_UDP) || !cursor_skip(&c, options) ||
	    cursor_left(&c) < 8)
		return false;
	memset(&e->src, 0, sizeof(e->src));
	memset(&e->dst, 0, sizeof(e->dst));
	memcpy(e->src.b, head + 12, 4);
	memcpy(e->dst.b, head + 16, 4);
	e->sport = cursor_be16(&c);
	e->dport = cursor_be16(&c);
	e->ip_proto = head[9];
	e->ip_version = 4;
	return true;
}

/* Of protocols without ports. */
static __attribute__((noinline)) void key_without_ports(const struct packet *p, struct flow_key *k)
{
	k->own = *k->ends;
	k->ends = &k->own;
	if (key_of_unreachable(p, k))
		return;
	k->own.sport = k->own.dport = 0;
	switch (p->ip_proto) {
	case PROTO_ICMP:
		key_icmp(k, p->icmp_type, p->icmp_code, icmp4_answer(p->icmp_type));
		break;
	case PROTO_ICMP6:
		key_icmp(k, p->icmp_type, p->icmp_code, icmp6_answer(p->icmp_type));
		break;
	case PROTO_ESP:
		if (p->l4) {
			struct cursor c = cursor_of(p->l4, (size_t)(p->data + p->len - p->l4));

			k->extra = k->extra_reversed = cursor_be32(&c);
		}
		k->one_way = 1;
		break;
	default:
		break;
	}
}

static inline void key_of_packet(const struct packet *p, struct flow_key *k)
{
	k->ends = (const struct flow_ends *)(const void *)&p->src;
	k->extra = k->extra_reversed = 0;
	k->one_way = 0;
	if (p->ip_proto != PROTO_TCP && p->ip_proto != PROTO_UDP && p->ip_proto != PROTO_SCTP)
		key_without_ports(p, k);
}

/* ---- hash ---- */

static inline uint32_t key_hash(const struct flow_table *t, const struct flow_key *k)
{
	const uint64_t *s = t->secret;
	const struct flow_ends *e = k->ends;
	uint64_t a = hash_end(s, load16(&e->src), (uint64_t)e->sport << 32 | (uint32_t)(k->extra & 0xffff));
	uint64_t b = hash_end(s, load16(&e->dst), (uint64_t)e->dport << 32 | (uint32_t)(k->extra >> 16));
	uint64_t low;

	if (k->one_way) /* its halves do not swap */
		b += k->extra;
	memcpy(&low, &e->ip_proto, 8);
	return ends_hash(t, a, b, low, e->vlan[2]);
}

static inline void packet_hash(const struct flow_table *t, struct packet *p, const struct flow_key *k)
{
	if (p->flags & PACKET_FLOW_HASHED)
		return;
	p->flow_hash = key_hash(t, k);
	p->flags |= PACKET_FLOW_HASHED;
}

void table_hash(const struct flow_table *t, struct packet *p)
{
	struct flow_key k;

	key_of_packet(p, &k);
	packet_hash(t, p, &k);
}

/* ---- buckets ---- */

struct flow *table_find(struct flow_table *t, struct packet *p, struct flow_key *k, enum direction *d)
{
	struct wanted want;
	unsigned probes;
	uint32_t home;
	uint8_t tag;

	key_of_packet(p, k);
	packet_hash(t, p, k);
	home = table_home(t, p->flow_hash);
	tag = tag_of(p->flow_hash);
	probes = t->buckets[home].away ? BUCKET_PROBES : 1;
	want = wanted_of(t, load16(&k->ends->src), load16(&k->ends->dst), load16(&k->ends->sport));
	want.extra = k->extra;
	want.extra_reversed = k->extra_reversed;
	want.one_way = k->one_way;
	for (unsigned i = 0; i < probes; i++) {
		uint32_t at = table_after(t, home, i);
		const struct flow_bucket *b = &t->buckets[at];

		for (unsigned m = bucket_match(b, tag); m; m &= m - 1) {
			struct flow *f = &t->flows[b->flow[__builtin_ctz(m)]];

			if (!flow_matches(f, &want, d))
				continue;
			k->slot = at << SLOT_SHIFT | (unsigned)__builtin_ctz(m);
			return f;
		}
	}
	return NULL;
}

bool table_insert(struct flow_table *t, struct flow *f, uint32_t hash, uint32_t *slot)
{
	uint32_t home = table_home(t, hash);

	for (unsigned i = 0; i < BUCKET_PROBES; i++) {
		uint32_t at = table_after(t, home, i);
		struct flow_bucket *b = &t->buckets[at];
		unsigned empty = bucket_match(b, 0);

		if (!empty)
			continue;
		if (i > 0 && t->buckets[home].away == UINT16_MAX)
			return false;
		empty = (unsigned)__builtin_ctz(empty);
		b->tag[empty] = tag_of(hash);
		b->flow[empty] = flow_index(t, f);
		*slot = at << SLOT_SHIFT | empty;
		t->buckets[home].away = (uint16_t)(t->buckets[home].away + (i > 0));
		return true;
	}
	return false;
}

uint32_t table_flow_hash(const struct flow_table *t, const struct flow *f)
{
	const struct flow_key k = {
		.ends = (const struct flow_ends *)(const void *)&f->client,
		.extra = f->key_extra,
		.one_way = f->ip_proto == PROTO_ESP,
	};

	return key_hash(t, &k);
}

static uint32_t slot_of(const struct flow_table *t, const struct flow *f, uint32_t hash)
{
	uint32_t home = table_home(t, hash), index = flow_index(t, f);

	for (unsigned i = 0; i < BUCKET_PROBES; i++) {
		uint32_t at = table_after(t, home, i);
		const struct flow_bucket *b = &t->buckets[at];

		for (unsigned m = bucket_match(b, tag_of(hash)); m; m &= m - 1)
			if (b->flow[__builtin_ctz(m)] == index)
				return at << SLOT_SHIFT | (unsigned)__builtin_ctz(m);
	}
	return FLOW_NONE; /* never: what is in the table stands near its home */
}

uint32_t table_slot(const struct flow_table *t, const struct flow *f)
{
	return slot_of(t, f, table_flow_hash(t, f));
}

void table_end_ahead(struct flow_table *t, const struct flow *f)
{
	t->ending = t->ahead;
	t->ahead = (struct flow_ahead){flow_cold(f)->id, table_flow_hash(t, f)};
	table_prefetch(t, t->ahead.hash);
}

void table_remove(struct flow_table *t, struct flow *f)
{
	uint32_t hash = flow_cold(f)->id == t->ending.id ? t->ending.hash : table_flow_hash(t, f);
	uint32_t at = slot_of(t, f, hash);
	unsigned place = at & ((1u << SLOT_SHIFT) - 1);
	struct flow_bucket *b;

	if (at == FLOW_NONE)
		return;
	at >>= SLOT_SHIFT;
	b = &t->buckets[at];
	b->tag[place] = 0;
	t->counted -= b->counted >> place & 1;
	b->counted &= (uint16_t)~(1u << place);
	if (table_home(t, hash) != at)
		t->buckets[table_home(t, hash)].away--;
}
