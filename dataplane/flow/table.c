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

static uint64_t key_meta(uint8_t ip_proto, uint8_t ip_version, uint8_t depth, uint8_t vlan_count,
			 const uint16_t *vlan)
{
	uint8_t b[8] = {ip_proto, ip_version, depth, vlan_count};
	uint64_t meta;

	memcpy(b + 4, vlan, 4);
	memcpy(&meta, b, sizeof(meta));
	return meta;
}

void flow_key_of_packet(const struct packet *p, struct flow_key *k)
{
	k->src = p->src;
	k->dst = p->dst;
	k->sport = p->sport;
	k->dport = p->dport;
	k->extra = k->extra_reversed = 0;
	k->one_way = 0;
	k->meta = key_meta(p->ip_proto, p->ip_version, p->tunnel_depth, p->vlan_count, p->vlan);
	k->vlan2 = p->vlan[2];
	switch (p->ip_proto) {
	case PROTO_TCP:
	case PROTO_UDP:
	case 132: /* SCTP */
		return;
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
	k->sport = k->dport = 0;
}

bool flow_key_of_unreachable(const struct packet *p, struct flow_key *k)
{
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
	memset(k, 0, sizeof(*k));
	memcpy(k->src.b, head + 12, 4);
	memcpy(k->dst.b, head + 16, 4);
	k->sport = cursor_be16(&c);
	k->dport = cursor_be16(&c);
	k->meta = key_meta(head[9], 4, p->tunnel_depth, p->vlan_count, p->vlan);
	k->vlan2 = p->vlan[2];
	return true;
}

struct flow_key flow_key_of_flow(const struct flow *f)
{
	return (struct flow_key){
		.src = f->client,
		.dst = f->server,
		.sport = f->client_port,
		.dport = f->server_port,
		.extra = f->key_extra,
		.extra_reversed = f->key_extra >> 16 | f->key_extra << 16,
		.meta = key_meta(f->ip_proto, f->ip_version, f->tunnel_depth, f->vlan_count, f->vlan),
		.vlan2 = f->vlan[2],
	};
}

/* ---- hash ---- */

static inline uint64_t mix(uint64_t a, uint64_t b)
{
	unsigned __int128 m = (unsigned __int128)a * b;

	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

/* Each end is hashed alone with the boot's secret and the two are joined by operations that do not
 * care about the order, then mixed once more: symmetric, and not to be steered without the secret. */
static inline uint64_t hash_end(const uint64_t *s, const struct addr *a, uint64_t port)
{
	uint64_t lo, hi;

	memcpy(&lo, a->b, 8);
	memcpy(&hi, a->b + 8, 8);
	return mix(mix(lo ^ s[0], hi ^ s[1]) ^ port, s[2]);
}

uint32_t flow_hash(const struct flow_table *t, const struct flow_key *k)
{
	const uint64_t *s = t->secret;
	uint64_t a = hash_end(s, &k->src, (uint64_t)k->sport << 32 | (uint32_t)(k->extra & 0xffff));
	uint64_t b = hash_end(s, &k->dst, (uint64_t)k->dport << 32 | (uint32_t)(k->extra >> 16));

	if (k->one_way) /* its halves do not swap */
		b += k->extra;
	return (uint32_t)mix((a + b) ^ (k->meta & t->meta_mask) ^ s[3],
			     (a ^ b) + (k->vlan2 & t->vlan2_mask) + s[1]);
}

/* ---- buckets ---- */

static inline uint8_t tag_of(uint32_t hash)
{
	uint8_t tag = (uint8_t)(hash >> 24);

	return tag ? tag : 1;
}

static inline unsigned bucket_match(const struct flow_bucket *b, uint8_t tag)
{
	__m128i tags = _mm_loadu_si128((const __m128i *)(const void *)b->tag);

	return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(tags, _mm_set1_epi8((char)tag))) &
	       ((1u << BUCKET_SLOTS) - 1);
}

void table_prefetch_bucket(const struct flow_table *t, uint32_t hash)
{
	__builtin_prefetch(&t->buckets[hash & t->bucket_mask]);
}

void table_prefetch_flow(const struct flow_table *t, uint32_t hash)
{
	const struct flow_bucket *b = &t->buckets[hash & t->bucket_mask];

	for (unsigned m = bucket_match(b, tag_of(hash)); m; m &= m - 1) {
		const struct flow *f = &t->flows[b->flow[__builtin_ctz(m)]];

		__builtin_prefetch(f);
		__builtin_prefetch((const char *)f + 64);
	}
}

static inline bool addr_pair_equal(const struct addr *a, const struct addr *b,
				   const struct addr *c, const struct addr *d)
{
	__m128i x = _mm_xor_si128(_mm_loadu_si128((const __m128i *)(const void *)a),
				  _mm_loadu_si128((const __m128i *)(const void *)c));
	__m128i y = _mm_xor_si128(_mm_loadu_si128((const __m128i *)(const void *)b),
				  _mm_loadu_si128((const __m128i *)(const void *)d));

	x = _mm_or_si128(x, y);
	return _mm_movemask_epi8(_mm_cmpeq_epi8(x, _mm_setzero_si128())) == 0xffff;
}

static bool flow_matches(const struct flow_table *t, const struct flow *f,
			 const struct flow_key *k, enum direction *d)
{
	uint64_t meta;

	memcpy(&meta, &f->ip_proto, sizeof(meta));
	if (((meta ^ k->meta) & t->meta_mask) != 0 ||
	    ((f->vlan[2] ^ k->vlan2) & t->vlan2_mask) != 0)
		return false;
	if (f->client_port == k->sport && f->server_port == k->dport && f->key_extra == k->extra &&
	    addr_pair_equal(&f->client, &f->server, &k->src, &k->dst)) {
		*d = TO_SERVER;
		return true;
	}
	if (!k->one_way && f->client_port == k->dport && f->server_port == k->sport &&
	    f->key_extra == k->extra_reversed &&
	    addr_pair_equal(&f->client, &f->server, &k->dst, &k->src)) {
		*d = TO_CLIENT;
		return true;
	}
	return false;
}

struct flow *table_find(struct flow_table *t, uint32_t hash, const struct flow_key *k,
			enum direction *d)
{
	uint32_t home = hash & t->bucket_mask;
	uint8_t tag = tag_of(hash);
	unsigned probes = t->buckets[home].away ? BUCKET_PROBES : 1;

	for (unsigned i = 0; i < probes; i++) {
		const struct flow_bucket *b = &t->buckets[(home + i) & t->bucket_mask];

		for (unsigned m = bucket_match(b, tag); m; m &= m - 1) {
			struct flow *f = &t->flows[b->flow[__builtin_ctz(m)]];

			if (flow_matches(t, f, k, d))
				return f;
		}
	}
	return NULL;
}

bool table_insert(struct flow_table *t, struct flow *f, uint32_t hash)
{
	uint32_t home = hash & t->bucket_mask;

	for (unsigned i = 0; i < BUCKET_PROBES; i++) {
		uint32_t at = (home + i) & t->bucket_mask;
		struct flow_bucket *b = &t->buckets[at];
		unsigned empty = bucket_match(b, 0);

		if (!empty)
			continue;
		if (i > 0 && t->buckets[home].away == UINT16_MAX)
			return false;
		empty = (unsigned)__builtin_ctz(empty);
		b->tag[empty] = tag_of(hash);
		b->flow[empty] = flow_index(t, f);
		f->table_slot = at << 4 | empty;
		t->buckets[home].away = (uint16_t)(t->buckets[home].away + (i > 0));
		return true;
	}
	return false;
}

void table_remove(struct flow_table *t, struct flow *f)
{
	struct flow_key k = flow_key_of_flow(f);
	uint32_t at = f->table_slot >> 4, home;

	k.one_way = f->ip_proto == PROTO_ESP;
	home = flow_hash(t, &k) & t->bucket_mask;
	t->buckets[at].tag[f->table_slot & 15] = 0;
	if (home != at)
		t->buckets[home].away--;
}
