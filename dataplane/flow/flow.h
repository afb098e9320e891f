/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A flow: the packets between two ends that belong together, both directions. Per-worker table,
 * no locks. client is the end that started it.
 */
#ifndef FLOW_FLOW_H
#define FLOW_FLOW_H

#include "dataplane/engine/worker.h"
#include "dataplane/event/app_proto.h"
#include "dataplane/packet/packet.h"

enum flow_flags {
	FLOW_SEEN_TO_SERVER = 1 << 0,
	FLOW_SEEN_TO_CLIENT = 1 << 1,
	FLOW_ESTABLISHED = 1 << 2, /* TCP: handshake done (or midstream); others: both directions seen */
	FLOW_CLOSED = 1 << 3,      /* TCP: both sides closed, or reset */
	FLOW_MIDSTREAM = 1 << 4,
	FLOW_BYPASSED = 1 << 5,    /* released: counted only */
	FLOW_PASS = 1 << 6,        /* a pass rule: no inspection */
	FLOW_DROP = 1 << 7,        /* a drop rule or policy: every packet is dropped */
	FLOW_ALERTED = 1 << 8,
	FLOW_NO_PAYLOAD = 1 << 9,  /* payload is not inspected any more (encrypted) */
	FLOW_NO_APP = 1 << 10,     /* application parsing has ended */
	FLOW_TCP_REUSED = 1 << 11, /* ended because a new SYN took its ports */
	FLOW_REVERSED = 1 << 12,   /* client and server were swapped after the first packet */
	FLOW_REJECT = 1 << 13,
	FLOW_ENDING = 1 << 14,     /* flow_end is running */
	FLOW_DROP_TOLD_TO_SERVER = 1 << 15, /* the drop record of this direction is written */
	FLOW_DROP_TOLD_TO_CLIENT = 1 << 16,
	FLOW_CONTACT_TURNED = 1 << 17,      /* its contact was written as one of .server with .client */
	FLOW_CONTACT_OUTSIDE = 1 << 30,     /* it was begun from outside, to an inside host */
	FLOW_INDICATOR_TOLD = 1 << 18,      /* an indicator's alert is written, and no room to say which */
	FLOW_LOG_OFF = 1 << 19,             /* a rule wants no record of the flow … */
	FLOW_TX_LOG_OFF = 1 << 20,          /* … and none of its transactions */
	FLOW_STORE_TO_SERVER = 1 << 22,     /* a rule wants all files of this direction kept */
	FLOW_STORE_TO_CLIENT = 1 << 23,
	FLOW_ACCEPTED = 1 << 24,            /* the firewall lets the rest of it pass; other rules judge it */
	FLOW_HELD = 1 << 26,                /* a transaction of it is held (tx.held) */
	FLOW_RATED = 1 << 27,               /* rules hold it to a rate (rate_limit) */
	FLOW_OFFLOADED = 1 << 28,           /* the kernel forwards it, or is asked to */
	FLOW_NO_OFFLOAD = 1 << 29,          /* it could not: not asked again */
	FLOW_RULES_PASS = 1 << 25,          /* with a firewall, a pass rule: other rules leave it alone */
	FLOW_REPORTED_LAST = 1 << 21,       /* the last packet only reported on it (ICMP error): see notes */
};

#define FLOW_AT_REST (1u << 31) /* flow/'s own: most of it is in short form (flow_rest.c); nobody else sees it so */

enum flow_end_reason { FLOW_END_TIMEOUT, FLOW_END_FORCED, FLOW_END_SHUTDOWN, FLOW_END_REUSE };

#define FLOW_INDICATORS 7 /* told of in one flow before the first may be told again */

/* Of a released flow: what the kernel has forwarded, by direction; its counts hold it too. */
struct flow_forwarded {
	uint64_t packets[2], bytes[2];
};

/* What few flows need: those that last, those with known bad contacts, those reported on. A cache line. */
struct flow_notes {
	uint64_t told_bytes[2];      /* by direction: in contact records so far */
	uint64_t own_last_ns;        /* while FLOW_REPORTED_LAST: the last packet of its own ends */
	struct flow_forwarded *forwarded; /* owner: flow/; NULL: nothing was */
	uint16_t next;               /* of indicators, modulo FLOW_INDICATORS */
	uint8_t service, service_sureness; /* enum service; owner: app/service */
	uint32_t indicators[FLOW_INDICATORS]; /* hashes of entries told of; 0: none */
};
_Static_assert(sizeof(struct flow_notes) <= 64, "notes are a cache line");

struct flow {
	/* line 0: looked at for every packet */
	struct addr client, server;
	uint16_t client_port, server_port; /* host order; 0 where the protocol has none */
	uint8_t ip_proto, ip_version;
	uint8_t tunnel_depth;
	uint8_t vlan_count;
	uint16_t vlan[PACKET_VLAN_MAX];
	uint8_t app_proto;            /* enum app_proto: what the flow speaks now */
	uint8_t end_reason;           /* enum flow_end_reason */
	uint32_t key_extra;           /* flow/'s own: ICMP types, ESP's SPI */
	uint32_t flags;               /* enum flow_flags */
	uint16_t timer_list;          /* flow/'s own: which one it stands in */
	uint16_t timer_tick;          /* flow/'s own: when it was put there, in ticks modulo 2^16 */
	uint32_t contact_due_s;       /* packet time from which the contact is written again */

	/* line 1: changes with every packet */
	uint64_t last_ns;
	uint64_t packets[2], bytes[2]; /* by direction; bytes of whole frames, as EVE counts flows' */
	struct tcp_session *tcp;      /* owner: stream/; NULL: not TCP or not tracked */
	struct app_session *app;      /* owner: app/; NULL: nothing parsed yet */
	union {
		uint8_t tcp_flags[2]; /* all flags seen, by direction */
		uint8_t datagrams[2]; /* UDP; owner: app/: looked at to find the protocol, by direction */
	};
	uint8_t icmp_reply_type, icmp_reply_code; /* of the last packet to the client */
	uint8_t icmp_type, icmp_code; /* of the first packet */
	uint8_t drop_reason;          /* enum drop_reason for FLOW_DROP */
	uint8_t exceptions;           /* bits by enum exception_target: limits whose policy decided */
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct flow) == 128 && offsetof(struct flow, last_ns) == 64, "a packet touches two lines");

/* What is looked at when the flow begins, ends or is hung elsewhere, and by rules that keep notes. */
struct flow_cold {
	uint64_t id;                  /* never 0; unique within a boot; fits 53 bits for JSON readers */
	uint32_t timer_next, timer_prev; /* flow/'s own: neighbours in a timer list */
	uint64_t start_ns;
	struct detect_flow *detect;   /* owner: detect/; flow bits and such; NULL: none yet */
	struct flow_notes *notes;     /* owner: engine/contact; NULL: none */
	uint8_t src_mac[6], dst_mac[6]; /* of the first packet, or zero; src is the client's */
} __attribute__((packed, aligned(4)));
_Static_assert(sizeof(struct flow_cold) == 52, "an idle flow stays small");

/* Flows lie in blocks, first what packets touch of all of them, then the rest, so that from the one the other is found
 * without more. */
#define FLOW_BLOCK_BYTES 65536u
#define FLOWS_PER_BLOCK (FLOW_BLOCK_BYTES / (sizeof(struct flow) + sizeof(struct flow_cold)))
struct flow_block {
	struct flow flow[FLOWS_PER_BLOCK];
	struct flow_cold cold[FLOWS_PER_BLOCK];
} __attribute__((aligned(FLOW_BLOCK_BYTES)));
_Static_assert(sizeof(struct flow_block) == FLOW_BLOCK_BYTES, "a block is found by its address");

static inline struct flow_cold *flow_cold(const struct flow *f)
{
	uintptr_t at = (uintptr_t)f, block = at & ~(uintptr_t)(FLOW_BLOCK_BYTES - 1);

	return &((struct flow_block *)block)->cold[(at - block) / sizeof(*f)];
}

/* The flow's notes, made if need be; NULL: no memory. */
static inline struct flow_notes *flow_notes(struct worker *w, struct flow *f)
{
	struct flow_cold *c = flow_cold(f);

	if (!c->notes)
		c->notes = heap_zalloc(&w->heap, sizeof(*c->notes));
	return c->notes;
}

/* 0, or -ENOMEM. */
int flow_worker_new(struct worker *w);
void flow_worker_free(struct worker *w);
/* Ends every flow (reason SHUTDOWN) with all that belongs to it. */
void flow_end_all(struct worker *w);

/* Once a burst is decoded: computes what is needed and has the places in the table fetched; a good while
 * later, some of the flows. Both return at once. Without them flow_packet only waits for memory. */
void flow_prefetch(struct worker *w, struct packet *const *packets, unsigned count);
void flow_prefetch_flows(struct worker *w, struct packet *const *packets, unsigned count);
/* Finds or makes the packet's flow; sets p->flow, p->direction, PACKET_NEW_FLOW,
 * PACKET_FIRST_IN_DIRECTION, PACKET_ESTABLISHED, PACKET_NO_INSPECT; counts; moves the timer.
 * A closed TCP flow that sees a new SYN is ended and made anew. p without PACKET_IP, or a fragment,
 * or INVALID, or NO_FLOW: no flow. */
void flow_packet(struct worker *w, struct packet *p);
/* A packet without bytes in that direction of f, for stages that look at packets; its source and time
 * are the caller's to set. The worker's own, until the next call. */
struct packet *flow_pseudo_packet(struct worker *w, struct flow *f, enum direction d);
/* After the packet has been through all stages: state that must not be seen earlier. */
void flow_packet_done(struct worker *w, struct packet *p);
/* A flow by its place in the table and its id; NULL: that one has ended. */
struct flow *flow_at(struct worker *w, uint32_t place, uint64_t id);
uint32_t flow_place(const struct worker *w, const struct flow *f);
/* So much more of it was forwarded by the kernel, the last at that time. */
void flow_forwarded(struct worker *w, struct flow *f, const struct flow_forwarded *more, uint64_t last_ns);
/* Ends flows that are due. budget: at most so many in one call. */
void flow_timers(struct worker *w, uint64_t now_ns, unsigned budget);
/* Swaps client and server (a midstream guess proved wrong). The packet in hand keeps its direction:
 * the caller swaps that. */
void flow_reverse(struct worker *w, struct flow *f);
/* A limit was reached on p's flow: does what the policy says, notes the cause. In the wire drops are
 * real; on a tap they are marks. */
void flow_exception(struct worker *w, struct packet *p, unsigned policy, enum exception_target cause,
		    enum drop_reason reason);

/* A worker that does not keep up (overload.policy). Released for good is all with bypass, and TCP sessions with pass:
 * one of which a part was not seen cannot be followed later, and in the wire what comes of it would be dropped as not
 * fitting. */
static inline bool flow_overload_releases(enum config_overload policy, bool tcp)
{
	return policy == OVERLOAD_BYPASS || (policy == OVERLOAD_PASS && tcp);
}

/* What is not released: passed or dropped, packet by packet. On a tap what would be dropped is not looked at. */
static inline void flow_overload_skip(struct worker *w, struct packet *p, enum config_overload policy)
{
	p->flags |= PACKET_NO_INSPECT;
	if (policy == OVERLOAD_DROP && w->in_the_wire)
		packet_drop(p, DROP_overload);
	else
		w->counters->overload_passed++;
}
/* Calls fn for every flow until it returns false. */
void flow_walk(struct worker *w, bool (*fn)(struct worker *w, struct flow *f, void *arg), void *arg);
/* Writes the members of EVE's flow object (pkts_toserver … start) for an alert. */
void flow_record_brief(struct recorder *r, const struct flow *f);
/* A whole flow record: at the end, or for dump_flows. */
void flow_record(struct worker *w, struct flow *f);

#endif
