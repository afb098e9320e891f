/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to flow/. A worker's table of flows: buckets of one cache line each with twelve tags and
 * twelve indices, over an array of flows that is allocated once. A flow whose home bucket is full
 * stands in one of the next; its home counts it, so that a look-up knows whether to look further.
 * The hash is keyed, key per boot; both directions of a flow have the same hash.
 */
#ifndef FLOW_TABLE_H
#define FLOW_TABLE_H

#include <emmintrin.h>
#include <string.h>

#include "dataplane/flow/flow.h"

#define FLOW_NONE UINT32_MAX
#define BUCKET_SLOTS 12
#define BUCKET_LOAD 6    /* flows a bucket, with flow.max of them */
#define SLOT_SHIFT 4     /* a slot of the table: bucket, and place in it */
#define BUCKET_PROBES 16 /* buckets a flow may stand in, its home included */
#define WHEEL_SLOTS 1024
#define WHEEL_SHIFT 30 /* a tick is 2^30 ns, just over a second */

enum flow_class { CLASS_TCP, CLASS_UDP, CLASS_ICMP, CLASS_OTHER, CLASS_COUNT };
enum flow_stage { STAGE_NEW, STAGE_ESTABLISHED, STAGE_CLOSED, STAGE_BYPASSED, STAGE_COUNT };
_Static_assert(STAGE_COUNT == FLOW_STATES, "a counter for each");

/* Flows that end soonest stand in lists in the order of their last packet: new ones by class, and
 * closed ones. All others hang in the wheel by the tick in which they are looked at next; a TCP session that might
 * be put to rest before stands in a list until then. */
enum timer_list {
	LIST_NEW = WHEEL_SLOTS, /* + enum flow_class */
	LIST_CLOSED = LIST_NEW + CLASS_COUNT,
	LIST_AWAKE, /* established TCP flows that are not at rest, by when they were last looked at */
	LIST_COUNT,
	LIST_NONE,
};

struct flow_bucket {
	uint8_t tag[BUCKET_SLOTS]; /* 0: empty */
	uint16_t away;             /* flows at home here that stand elsewhere */
	uint16_t counted;          /* places, a bit each, of flows whose packets are only counted: counted.h */
	uint32_t flow[BUCKET_SLOTS];
};
_Static_assert(sizeof(struct flow_bucket) == 64, "a bucket is a cache line");

/* What a flow is known by, as it stands in struct flow and struct packet, where it is compared as a run of
 * bytes. */
struct flow_ends {
	struct addr src, dst;
	uint16_t sport, dport;
	uint8_t ip_proto, ip_version, tunnel_depth, vlan_count;
	uint16_t vlan[PACKET_VLAN_MAX];
	uint8_t other[2]; /* not part of it */
};
#define FLOW_ENDS_BYTES offsetof(struct flow_ends, other)
#define FLOW_ENDS_TAIL offsetof(struct flow_ends, sport) /* what comes after the addresses: 16 bytes */
_Static_assert(FLOW_ENDS_BYTES == 46 && sizeof(struct flow_ends) == 48 && offsetof(struct flow, app_proto) == 46 &&
	       offsetof(struct packet, direction) == offsetof(struct packet, src) + 46,
	       "the same run of bytes in all three");

struct flow_key {
	const struct flow_ends *ends; /* the packet's, or .own */
	uint32_t extra, extra_reversed;
	uint8_t one_way; /* only packets of this direction belong to the flow */
	uint32_t slot;   /* of the flow found */
	struct flow_ends own;
};

struct timer_head {
	uint32_t first, last;
	uint32_t count;
};

/* By direction. */
struct flow_ttl {
	uint8_t least[2], most[2];
};

/* The values of a flow's record as they were last written of a flow like it: flow_memo.c. */
#define MEMO_NUMBERS 7
#define MEMO_BYTES 448
struct flow_memo {
	uint64_t likeness;          /* 0: none yet */
	uint16_t len;
	uint16_t at[MEMO_NUMBERS];  /* where what differs stands in .values */
	uint8_t values[MEMO_BYTES];
};
#define FLOW_MEMOS 16

/* MACs of flows at rest, which stand here once (flow_rest.c): source and destination. */
#define FLOW_MACS 256u
#define FLOW_MACS_BYTES 12u

/* A flow by its id, and its hash, which stays when its ends change places. */
struct flow_ahead {
	uint64_t id;
	uint32_t hash;
};

struct flow_table {
	struct flow_bucket *buckets;
	uint32_t bucket_count;
	uint32_t max;
	struct flow *flows;   /* in blocks: their places are numbered as if no cold ones lay between */
	struct flow_ttl *ttl; /* one a flow; NULL: no netflow records are asked for */
	uint32_t free_first;  /* chained by timer_next */
	uint32_t fresh;       /* flows[fresh …] were never used */
	uint32_t active;
	uint32_t counted;     /* flows that their buckets mark so */
	uint64_t secret[4];
	struct flow_ahead ending, ahead; /* of the flows that are likely to be ended now, and next */
	uint64_t id_next, id_worker;
	uint8_t tail_mask[16]; /* parts of the ends' tail that count */
	bool streams;         /* stream/ follows TCP sessions; no: tcp_flags.c */

	/* timers */
	uint64_t timeout_ns[CLASS_COUNT][STAGE_COUNT];
	uint64_t rest_ns;     /* a session idle for so long is put to rest; 0: none is */
	uint64_t wheel_tick;  /* next slot to be looked at */
	uint64_t next_run_ns;
	bool wheel_started;
	struct timer_head lists[LIST_COUNT];
	uint64_t wheel_used[WHEEL_SLOTS / 64];

	uint64_t full_noted_ns;
	struct flow_memo memo[FLOW_MEMOS];
	uint8_t macs[FLOW_MACS][FLOW_MACS_BYTES]; /* all zero: none yet; never changed */
	struct packet pseudo; /* handed through the stages when a flow ends */
};

#define BLOCK_PLACES (FLOW_BLOCK_BYTES / sizeof(struct flow))

static inline uint32_t flow_index(const struct flow_table *t, const struct flow *f)
{
	return (uint32_t)(f - t->flows);
}

/* The place after that one. */
static inline uint32_t flow_index_next(uint32_t i)
{
	return ++i % BLOCK_PLACES == FLOWS_PER_BLOCK ? i + (uint32_t)(BLOCK_PLACES - FLOWS_PER_BLOCK) : i;
}

/* ---- hash ---- */

static inline uint64_t mix(uint64_t a, uint64_t b)
{
	unsigned __int128 m = (unsigned __int128)a * b;

	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

/* Each end is hashed alone with the boot's secret and the two are joined by operations that do not
 * care about the order, then mixed once more: symmetric, and not to be steered without the secret. */
static inline uint64_t hash_end(const uint64_t *s, __m128i addr, uint64_t port)
{
	uint64_t lo = (uint64_t)_mm_cvtsi128_si64(addr);
	uint64_t hi = (uint64_t)_mm_cvtsi128_si64(_mm_unpackhi_epi64(addr, addr));

	return mix(mix(lo ^ s[0], hi ^ s[1]) ^ port, s[2]);
}

/* a, b: of both ends. low: protocol, version, depth, count of tags and two of them, as they stand in struct flow_ends;
 * vlan2: the third. */
static inline uint32_t ends_hash(const struct flow_table *t, uint64_t a, uint64_t b, uint64_t low, uint16_t vlan2)
{
	const uint64_t *s = t->secret;
	uint16_t vlan2_mask;
	uint64_t mask;

	memcpy(&mask, t->tail_mask + (offsetof(struct flow_ends, ip_proto) - FLOW_ENDS_TAIL), 8);
	memcpy(&vlan2_mask, t->tail_mask + (offsetof(struct flow_ends, vlan[2]) - FLOW_ENDS_TAIL), 2);
	return (uint32_t)mix((a + b) ^ (low & mask) ^ s[3], (a ^ b) + (vlan2 & vlan2_mask) + s[1]);
}

/* ---- a flow against a key ---- */

static inline __m128i load16(const void *at)
{
	return _mm_loadu_si128((const __m128i *)at);
}

/* A key made ready to be compared with flows: two addresses, and what follows them, for a packet from
 * the client and for one from the server. */
struct wanted {
	__m128i src, dst, tail, turned, mask;
	uint32_t extra, extra_reversed;
	bool one_way;
};

/* The ports change places. */
static inline __m128i tail_turned(__m128i tail)
{
	return _mm_shufflelo_epi16(tail, _MM_SHUFFLE(3, 2, 0, 1));
}

/* Of a protocol with ports; tail: 16 bytes from the ports on. */
static inline struct wanted wanted_of(const struct flow_table *t, __m128i src, __m128i dst, __m128i tail)
{
	__m128i mask = load16(t->tail_mask), masked = _mm_and_si128(tail, mask);

	return (struct wanted){
		.src = src,
		.dst = dst,
		.tail = masked,
		.turned = tail_turned(masked),
		.mask = mask,
	};
}

static inline bool equal16(__m128i a, __m128i b)
{
	return _mm_movemask_epi8(_mm_cmpeq_epi8(a, b)) == 0xffff;
}

/* All bits are set if the three are equal. */
static inline unsigned ends_equal(__m128i client, __m128i src, __m128i server, __m128i dst, __m128i tail, __m128i want)
{
	__m128i differs = _mm_or_si128(_mm_or_si128(_mm_xor_si128(client, src), _mm_xor_si128(server, dst)),
				       _mm_xor_si128(tail, want));

	return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(differs, _mm_setzero_si128()));
}

/* Both directions are compared before anything is decided: which of them it is cannot be foretold. */
static inline bool flow_matches(const struct flow *f, const struct wanted *k, enum direction *d)
{
	__m128i client = load16(&f->client), server = load16(&f->server);
	__m128i tail = _mm_and_si128(load16(&f->client_port), k->mask);
	unsigned there = ends_equal(client, k->src, server, k->dst, tail, k->tail) == 0xffff;
	unsigned back = ends_equal(client, k->dst, server, k->src, tail, k->turned) == 0xffff;

	there &= f->key_extra == k->extra;
	back &= (f->key_extra == k->extra_reversed) & !k->one_way;
	*d = (enum direction)(there ^ 1);
	return there | back;
}

/* flow.c */
static inline bool packet_wants_flow(const struct packet *p)
{
	const uint32_t never = PACKET_FRAGMENT | PACKET_INVALID | PACKET_NO_FLOW | PACKET_PSEUDO;

	if ((p->flags & (PACKET_IP | never)) != PACKET_IP)
		return false;
	switch (p->ip_proto) {
	case 1:   /* ICMP */
	case 6:   /* TCP */
	case 17:  /* UDP */
	case 50:  /* ESP */
	case 58:  /* ICMPv6 */
	case 132: /* SCTP */
		return p->flags & PACKET_L4;
	case 4:  /* IP in IP */
	case 41: /* IPv6 in IP */
		return true;
	default:
		return false;
	}
}

/* table.c */
/* Works out the packet's hash. */
void table_hash(const struct flow_table *t, struct packet *p);

/* The bucket a hash is at home in, by its upper bits; the tag is of the lower ones. */
static inline uint32_t table_home(const struct flow_table *t, uint32_t hash)
{
	return (uint32_t)((uint64_t)hash * t->bucket_count >> 32);
}

/* The i-th after it, i at most BUCKET_PROBES. */
static inline uint32_t table_after(const struct flow_table *t, uint32_t home, unsigned i)
{
	uint32_t at = home + i;

	return at < t->bucket_count ? at : at - t->bucket_count;
}

static inline uint8_t tag_of(uint32_t hash)
{
	uint8_t tag = (uint8_t)hash;

	return tag ? tag : 1;
}

static inline unsigned bucket_match(const struct flow_bucket *b, uint8_t tag)
{
	__m128i tags = _mm_loadu_si128((const __m128i *)(const void *)b->tag);

	return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(tags, _mm_set1_epi8((char)tag))) &
	       ((1u << BUCKET_SLOTS) - 1);
}

/* As gcc sees it __builtin_prefetch has no effect: it leaves out a loop that does nothing else. */
static inline void line_fetch(const void *at)
{
	__asm__ volatile("prefetcht0 %0" : : "m"(*(const char *)at));
}

static inline void table_prefetch(const struct flow_table *t, uint32_t hash)
{
	line_fetch(&t->buckets[table_home(t, hash)]);
}

/* Once the bucket is there. */
static inline void table_prefetch_flow(const struct flow_table *t, uint32_t hash)
{
	const struct flow_bucket *b = &t->buckets[table_home(t, hash)];

	for (unsigned m = bucket_match(b, tag_of(hash)); m; m &= m - 1) {
		const struct flow *f = &t->flows[b->flow[__builtin_ctz(m)]];

		line_fetch(f);
		line_fetch((const char *)f + 64);
		if (t->streams) /* rules and parsers ask for their notes on it */
			line_fetch(&flow_cold(f)->detect);
	}
}

/* The flow that the packet belongs to, and its direction in it; NULL: there is none. *k: its key, which
 * borrows from the packet. */
struct flow *table_find(struct flow_table *t, struct packet *p, struct flow_key *k, enum direction *d);
/* False: no slot near its home is free. */
bool table_insert(struct flow_table *t, struct flow *f, uint32_t hash, uint32_t *slot);
void table_remove(struct flow_table *t, struct flow *f);
/* The hash of its packets. */
uint32_t table_flow_hash(const struct flow_table *t, const struct flow *f);
/* That flow will be ended after the one that is about to: its bucket is on its way. */
void table_end_ahead(struct flow_table *t, const struct flow *f);
/* Where it stands. */
uint32_t table_slot(const struct flow_table *t, const struct flow *f);

/* timer.c */
void timers_init(struct flow_table *t, const struct config *c);
static inline enum flow_class flow_class_of(uint8_t ip_proto)
{
	switch (ip_proto) {
	case 6: return CLASS_TCP;
	case 17: return CLASS_UDP;
	case 1:
	case 58: return CLASS_ICMP;
	default: return CLASS_OTHER;
	}
}

static inline enum flow_stage flow_stage_of(const struct flow *f)
{
	if (f->flags & FLOW_BYPASSED)
		return STAGE_BYPASSED;
	if (f->flags & FLOW_CLOSED)
		return STAGE_CLOSED;
	return f->flags & FLOW_ESTABLISHED ? STAGE_ESTABLISHED : STAGE_NEW;
}

static inline uint64_t flow_due_ns(const struct flow_table *t, const struct flow *f)
{
	return f->last_ns + t->timeout_ns[flow_class_of(f->ip_proto)][flow_stage_of(f)];
}

static inline bool flow_expired(const struct flow_table *t, const struct flow *f, uint64_t now_ns)
{
	return now_ns > f->last_ns && now_ns >= flow_due_ns(t, f);
}

/* Puts the flow where its stage and last packet say. */
void timer_set(struct flow_table *t, struct flow *f);
void timer_clear(struct flow_table *t, struct flow *f);
/* After a packet: cheap when nothing changes. */
void timer_touch(struct worker *w, struct flow *f);
/* The flow to give up first when there is no room; NULL: none that may be given up. */
struct flow *timer_victim(struct flow_table *t, uint64_t now_ns);

/* netflow.c */
/* Makes .ttl if it is needed; 0 or -ENOMEM. The others only where it is there. */
int netflow_new(struct worker *w, struct flow_table *t);
void netflow_packet(struct flow_table *t, const struct flow *f, const struct packet *p);
void netflow_ttl(struct flow_table *t, const struct flow *f, enum direction d, uint8_t ttl);
void netflow_reverse(struct flow_table *t, const struct flow *f);
void netflow_record(struct worker *w, const struct flow *f);

/* tcp_flags.c */
/* After the flags of a packet were noted. */
void tcp_flags_stage(struct flow *f);
/* Does the packet begin another session on the flow's ports? */
bool tcp_flags_reuse(const struct flow *f, const struct packet *p);

/* Of a direction, as records have them: where sessions are followed, nothing is said of the flags of a flow without
 * one, as EVE has it. */
static inline uint8_t flow_told_flags(const struct flow *f, enum direction d, bool streams)
{
	return f->tcp || !streams ? f->tcp_flags[d] : 0;
}

/* flow_record.c */
void flow_hex_byte(uint8_t v, char text[3]);

/* flow_memo.c */
/* What the record of a flow that has nothing of its own depends on beside its head and its numbers; 0: it is not such
 * a flow. */
uint64_t flow_likeness(const struct worker *w, const struct flow *f);
/* Writes the values of f's record as those of a flow like it were. False: none is known. */
bool flow_memo_write(const struct flow_table *t, uint64_t likeness, const struct flow *f, struct recorder *r);
/* Keeps those that were just written. */
void flow_memo_keep(struct flow_table *t, uint64_t likeness, const struct recorder *r);

/* flow_rest.c */
/* Puts the flow to rest; false: it must stay as it is. */
bool flow_rest(struct worker *w, struct flow *f);
/* It is as it was before. Only of one at rest. */
void flow_wake(struct worker *w, struct flow *f);

/* flow_end.c */
/* Rules see what parsers made of the last bytes of a session that is idle: acknowledged by the other end, they else wait for
 * the next packet of their own direction, or the flow's end. */
void flow_look(struct worker *w, struct flow *f);
void flow_end(struct worker *w, struct flow *f, enum flow_end_reason reason);

#endif
