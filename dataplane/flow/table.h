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

#include "dataplane/flow/flow.h"

#define FLOW_NONE UINT32_MAX
#define BUCKET_SLOTS 12
#define BUCKET_PROBES 16 /* buckets a flow may stand in, its home included */
#define WHEEL_SLOTS 1024
#define WHEEL_SHIFT 30 /* a tick is 2^30 ns, just over a second */

enum flow_class { CLASS_TCP, CLASS_UDP, CLASS_ICMP, CLASS_OTHER, CLASS_COUNT };
enum flow_stage { STAGE_NEW, STAGE_ESTABLISHED, STAGE_CLOSED, STAGE_BYPASSED, STAGE_COUNT };
_Static_assert(STAGE_COUNT == FLOW_STATES, "a counter for each");

/* Flows that end soonest stand in lists in the order of their last packet: new ones by class, and
 * closed ones. All others hang in the wheel by the tick in which they are looked at next. */
enum timer_list {
	LIST_NEW = WHEEL_SLOTS, /* + enum flow_class */
	LIST_CLOSED = LIST_NEW + CLASS_COUNT,
	LIST_COUNT,
	LIST_NONE,
};

struct flow_bucket {
	uint8_t tag[BUCKET_SLOTS]; /* 0: empty */
	uint16_t away;             /* flows at home here that stand elsewhere */
	uint16_t reserved;
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

struct flow_table {
	struct flow_bucket *buckets;
	uint32_t bucket_mask;
	uint32_t max;
	struct flow *flows;
	struct flow_ttl *ttl; /* one a flow; NULL: no netflow records are asked for */
	uint32_t free_first;  /* chained by timer_next */
	uint32_t fresh;       /* flows[fresh …] were never used */
	uint32_t active;
	uint64_t secret[4];
	uint64_t id_next, id_worker;
	uint8_t tail_mask[16]; /* parts of the ends' tail that count */
	bool streams;         /* stream/ follows TCP sessions; no: tcp_flags.c */

	/* timers */
	uint64_t timeout_ns[CLASS_COUNT][STAGE_COUNT];
	uint64_t wheel_tick;  /* next slot to be looked at */
	uint64_t next_run_ns;
	bool wheel_started;
	struct timer_head lists[LIST_COUNT];
	uint64_t wheel_used[WHEEL_SLOTS / 64];

	uint64_t full_noted_ns;
	struct packet pseudo; /* handed through the stages when a flow ends */
};

static inline uint32_t flow_index(const struct flow_table *t, const struct flow *f)
{
	return (uint32_t)(f - t->flows);
}

/* table.c */
/* Works out the packet's hash. */
void table_hash(const struct flow_table *t, struct packet *p);

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

/* As gcc sees it __builtin_prefetch has no effect: it leaves out a loop that does nothing else. */
static inline void line_fetch(const void *at)
{
	__asm__ volatile("prefetcht0 %0" : : "m"(*(const char *)at));
}

static inline void table_prefetch(const struct flow_table *t, uint32_t hash)
{
	line_fetch(&t->buckets[hash & t->bucket_mask]);
}

/* Once the bucket is there. */
static inline void table_prefetch_flow(const struct flow_table *t, uint32_t hash)
{
	const struct flow_bucket *b = &t->buckets[hash & t->bucket_mask];

	for (unsigned m = bucket_match(b, tag_of(hash)); m; m &= m - 1) {
		const struct flow *f = &t->flows[b->flow[__builtin_ctz(m)]];

		line_fetch(f);
		line_fetch((const char *)f + 64);
	}
}

/* The flow that the packet belongs to, and its direction in it; NULL: there is none. *k: its key, which
 * borrows from the packet. */
struct flow *table_find(struct flow_table *t, struct packet *p, struct flow_key *k, enum direction *d);
/* False: no slot near its home is free. */
bool table_insert(struct flow_table *t, struct flow *f, uint32_t hash);
void table_remove(struct flow_table *t, struct flow *f);

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
void timer_touch(struct flow_table *t, struct flow *f);
/* The flow to give up first when there is no room; NULL: none that may be given up. */
struct flow *timer_victim(struct flow_table *t, uint64_t now_ns);

/* netflow.c */
/* Makes .ttl if it is needed; 0 or -ENOMEM. The others only where it is there. */
int netflow_new(struct worker *w, struct flow_table *t);
void netflow_packet(struct flow_table *t, const struct flow *f, const struct packet *p);
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

/* flow_end.c */
void flow_end(struct worker *w, struct flow *f, enum flow_end_reason reason);

#endif
