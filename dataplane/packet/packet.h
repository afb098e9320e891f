/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One packet on its way through a worker: the frame as received, or a packet found inside it
 * (tunnel), or put together from fragments, or made up at the end of a flow. Filled by decode,
 * completed stage by stage, given back when its burst ends. Owned by one worker.
 */
#ifndef PACKET_PACKET_H
#define PACKET_PACKET_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/base/addr.h"
#include "dataplane/base/lines.h"
#include "dataplane/event/anomaly.h"
#include "dataplane/event/counters.h"
#include "dataplane/event/record.h"

struct worker;
struct flow;

enum direction { TO_SERVER = 0, TO_CLIENT = 1 };

static inline enum direction direction_other(enum direction d)
{
	return d == TO_SERVER ? TO_CLIENT : TO_SERVER;
}

enum packet_flags {
	PACKET_IP = 1 << 0,           /* l3 is a good IP header; src, dst, ip_version are set */
	PACKET_L4 = 1 << 1,           /* l4 is a good header of ip_proto; ports or ICMP fields are set */
	PACKET_FRAGMENT = 1 << 2,     /* a fragment: no l4, payload is the fragment's */
	PACKET_REASSEMBLED = 1 << 3,  /* made from fragments */
	PACKET_INNER = 1 << 4,        /* found inside .outer */
	PACKET_PSEUDO = 1 << 5,       /* made when a flow or its inspection ends; no bytes */
	PACKET_INVALID = 1 << 6,      /* a header cannot be right: events only, no flow */
	PACKET_BAD_CHECKSUM = 1 << 7, /* and checksums are validated: its stream does not take it */
	PACKET_ESTABLISHED = 1 << 8,  /* its flow was established before this packet */
	PACKET_NEW_FLOW = 1 << 9,     /* first packet of its flow in any direction */
	PACKET_FIRST_IN_DIRECTION = 1 << 10,
	PACKET_STREAM_ADDED = 1 << 11, /* TCP: the stream took (part of) its payload */
	PACKET_NO_INSPECT = 1 << 12,  /* flow is bypassed or passed: count it, look no further */
	PACKET_STREAM_END = 1 << 13,  /* its direction's stream ends with it (FIN, RST, flow end) */
	PACKET_NO_PAYLOAD_INSPECT = 1 << 14, /* payload belongs to an encrypted or finished stream */
	PACKET_FLOW_HASHED = 1 << 15, /* flow_hash is set (flow_prefetch) */
	PACKET_ARP = 1 << 16,         /* a good ARP packet: l3 is its header */
	PACKET_STREAM_EARLY = 1 << 17, /* in the wire: its payload is held behind a hole */
	PACKET_NO_FLOW = 1 << 18,     /* a rule, or a wrong sum of its IP header: no flow made or looked up */
	PACKET_ACCEPTED = 1 << 19,    /* a firewall rule of an early hook lets it pass */
	PACKET_DROP_QUIET = 1 << 20,  /* beyond a rate limit of which a drop was told within the second */
};

enum tcp_flags {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_PSH = 0x08,
	TCP_ACK = 0x10,
	TCP_URG = 0x20,
	TCP_ECE = 0x40,
	TCP_CWR = 0x80,
};

/* RFC 9293 header fields in host order, and the options a receiver acts on. */
struct tcp_fields {
	uint32_t seq, ack;
	uint16_t window, urgent;
	uint8_t flags;      /* enum tcp_flags */
	uint8_t header_len; /* bytes */
	uint8_t has_timestamp, has_window_scale, has_mss, has_sack_permitted, has_tfo, has_md5;
	uint8_t window_scale;
	uint16_t mss;
	uint32_t ts_value, ts_echo;
	uint8_t sack_count; /* blocks */
	uint8_t reserved_bits;
};

/* What a TCP packet is to its session: for the record stream_tcp. */
enum stream_note {
	STREAM_RETRANSMISSION = 1 << 0,
	STREAM_SPURIOUS = 1 << 1,      /* all of it was acknowledged before */
	STREAM_KEEPALIVE = 1 << 2,
	STREAM_KEEPALIVE_ACK = 1 << 3,
	STREAM_WINDOW_UPDATE = 1 << 4, /* an acknowledgement once more, with another window */
	STREAM_DUP_ACK = 1 << 5,       /* the same with the same window (RFC 5681, section 2) */
	STREAM_EVENT = 1 << 6,
	STREAM_STATE_UPDATE = 1 << 7,
	STREAM_ACK_UNSEEN = 1 << 8,    /* it acknowledges what was never seen */
	STREAM_PORT_REUSE = 1 << 9,
	STREAM_ZERO_WINDOW_PROBE = 1 << 10,
	STREAM_ZERO_WINDOW_PROBE_ACK = 1 << 11,
	STREAM_NOTES_ALL = 0xffff,     /* of every packet, noted or not */
};

enum verdict { VERDICT_ACCEPT, VERDICT_DROP, VERDICT_REJECT };
/* VERDICT_REJECT: who is told. */
enum packet_reject { REJECT_SOURCE = 1, REJECT_DESTINATION = 2, REJECT_BOTH = 3 };

#define PACKET_EVENTS_MAX 16
#define PACKET_VLAN_MAX 3

struct packet {
	/* where the bytes are; all pointers lie within [data, data + len) or are NULL */
	const uint8_t *data;      /* link header (outermost) or first byte of an inner packet */
	const uint8_t *l3;        /* IP header; ARP header */
	const uint8_t *l4;        /* transport header */
	const uint8_t *payload;   /* after the transport header; of a fragment: after the IP header */
	uint32_t len;             /* bytes present */
	uint32_t wire_len;        /* bytes that were on the wire */
	uint32_t l3_len;          /* IP header and all it carries, link padding left out */
	uint32_t payload_len;
	uint64_t ts_ns;
	uint64_t number;          /* in the capture, from 1; inner packets have their frame's */
	struct flow *flow;        /* set by the flow stage; NULL: none */
	uint32_t flags;           /* enum packet_flags */
	uint32_t flow_hash;       /* the flow table's, with PACKET_FLOW_HASHED; equal for both directions */

	/* what the headers say: first, in its order, what a flow is known by (flow/table.h) */
	struct addr src, dst;
	uint16_t sport, dport;    /* host order; ICMP: type and code */
	uint8_t ip_proto;         /* of the transport header, after all extension headers */
	uint8_t ip_version;       /* 4 or 6; 0 not IP */
	uint8_t tunnel_depth;     /* 0 outermost */
	uint8_t vlan_count;
	uint16_t vlan[PACKET_VLAN_MAX];
	uint8_t direction;        /* enum direction, set by the flow stage */
	uint8_t ttl;
	uint8_t icmp_type, icmp_code;
	uint16_t icmp_id, icmp_seq;
	uint16_t link_type;       /* of data: LINKTYPE_* as in pcap; inner packets: LINKTYPE_RAW or ETHERNET */
	uint8_t port_index;       /* port it came from */
	uint8_t source;           /* enum record_packet_source */
	const uint8_t *icmp_inner; /* ICMP errors: embedded IP header; NULL none */
	uint32_t icmp_inner_len;
	uint32_t icmp_mtu;        /* ICMPv6 packet too big */
	struct tcp_fields tcp;

	/* what is to become of it */
	uint8_t verdict;          /* enum verdict; of an inner packet it is its outermost frame's too */
	uint8_t drop;             /* enum drop_reason */
	uint8_t reject;           /* enum packet_reject; 0 counts as REJECT_SOURCE */
	uint16_t stream_notes;    /* enum stream_note: what the stream found it to be */
	uint32_t drop_rule;       /* 1 + index of the rule that said so; 0: none */
	uint8_t event_count;
	uint8_t checksum_known, checksum_good; /* bits by enum packet_checksum */
	uint16_t events[PACKET_EVENTS_MAX]; /* enum anomaly_id */

	/* whose it is */
	void *frame;              /* the mbuf that holds data; NULL: bytes live elsewhere for this burst only */
	struct packet *outer;     /* the packet this one was found in; NULL: outermost */
	struct packet *next_free;
	void *buffer;             /* owner: packet/; memory of a reassembled packet */
};

/* Notes an event (at most PACKET_EVENTS_MAX; more are only counted). */
void packet_event(struct worker *w, struct packet *p, enum anomaly_id id);
bool packet_has_event(const struct packet *p, enum anomaly_id id);
/* Marks this packet and its outermost frame; the first reason stays. */
void packet_drop(struct packet *p, enum drop_reason reason);

enum packet_checksum {
	CHECKSUM_IPV4,
	CHECKSUM_TCP,
	CHECKSUM_UDP,
	CHECKSUM_ICMPV4,
	CHECKSUM_ICMPV6,
};

/* Does it stand for the end of a flow? No packet was there then. */
static inline bool packet_is_flow_end(const struct packet *p)
{
	return (p->flags & (PACKET_PSEUDO | PACKET_STREAM_END)) == (PACKET_PSEUDO | PACKET_STREAM_END);
}

/* Is the layer's checksum right? Computed when first asked, whatever `checksums` is set to. True
 * where the packet has no such layer, and for IPv4's UDP without a checksum. */
bool packet_checksum_ok(struct packet *p, enum packet_checksum layer);

/* Writes the checksum of its transport header anew, into the frame: its payload has been changed. */
void packet_checksum_make(struct packet *p);

/* All of it zero. */
static inline void packet_clear(struct packet *p)
{
	lines_clear(p, sizeof(*p));
}

/* Per-worker pool, all allocated at start. packet_get returns a zeroed packet or NULL. */
int packet_pool_new(struct worker *w, unsigned count);
void packet_pool_free(struct worker *w);
struct packet *packet_get(struct worker *w);
void packet_put(struct worker *w, struct packet *p);

#endif
