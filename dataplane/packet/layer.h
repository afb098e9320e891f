/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Inside packet/ only: what the decoders of the layers share.
 *
 * A frame is decoded in a loop, not by calls that nest: each layer function reads its header from
 * the cursor, fills in the packet and returns which layer stands next. A tunnel makes a new packet
 * and queues it as a job of the same frame; jobs are worked off in order. Depth and number of
 * packets have limits, so time is linear in the frame's length.
 */
#ifndef PACKET_LAYER_H
#define PACKET_LAYER_H

#include "dataplane/base/cursor.h"
#include "dataplane/engine/worker.h"
#include "dataplane/packet/decode.h"
#include "dataplane/packet/siphash.h"

/* LAYER(name, counts): one row a header. counts: it counts against decoder.max_layers. */
#define LAYER_LIST(LAYER)                                                                          \
	LAYER(ethernet, true)                                                                      \
	LAYER(dce, false)                                                                          \
	LAYER(vlan, true)                                                                          \
	LAYER(vntag, true)                                                                         \
	LAYER(ieee8021ah, false)                                                                   \
	LAYER(arp, false)                                                                          \
	LAYER(mpls, true)                                                                          \
	LAYER(pppoe_session, true)                                                                 \
	LAYER(pppoe_discovery, false)                                                              \
	LAYER(ppp, true)                                                                           \
	LAYER(nsh, true)                                                                           \
	LAYER(null, false)                                                                         \
	LAYER(loop, false)                                                                         \
	LAYER(sll, false)                                                                          \
	LAYER(sll2, false)                                                                         \
	LAYER(raw, false)                                                                          \
	LAYER(chdlc, true)                                                                         \
	LAYER(ipv4, true)                                                                          \
	LAYER(ipv6, true)                                                                          \
	LAYER(ipv6_extensions, false)                                                              \
	LAYER(transport4, false)                                                                   \
	LAYER(tcp, false)                                                                          \
	LAYER(udp, false)                                                                          \
	LAYER(sctp, false)                                                                         \
	LAYER(icmpv4, false)                                                                       \
	LAYER(icmpv6, false)                                                                       \
	LAYER(igmp, false)                                                                         \
	LAYER(esp, false)                                                                          \
	LAYER(gre, true)                                                                           \
	LAYER(erspan1, true)                                                                       \
	LAYER(erspan2, true)

enum layer {
	LAYER_END, /* nothing follows, or what follows is not looked into */
#define LAYER(name, counts) LAYER_##name,
	LAYER_LIST(LAYER)
#undef LAYER
	LAYER_COUNT
};

#define TUNNEL_PORTS_MAX 16

struct tunnel_ports {
	uint16_t port[TUNNEL_PORTS_MAX];
	unsigned count; /* 0: not looked into */
};

struct decode_state {
	/* from the configuration; written at start only */
	unsigned max_layers;
	bool validate_checksums;
	bool vlan_in_key;
	bool depth_in_key;
	struct tunnel_ports teredo, vxlan, geneve, gtpu;
	struct siphash_key key; /* of flow_hash */
	struct defrag *defrag;
};

struct decode_job {
	struct packet *p;
	struct cursor at;
	uint8_t layer;  /* enum layer at which p starts */
	uint8_t layers; /* headers around it */
	bool strict;    /* only a guess (Teredo): forget it if it proves invalid */
};

/* The decoding of one frame; lives on the stack. */
struct decoder {
	struct worker *w;
	struct decode_state *s;
	unsigned count;
	unsigned layers;  /* of the packet in hand */
	bool ppp_vj;      /* its IP header came in PPP with an uncompressed VJ header */
	struct decode_job jobs[DECODE_PACKETS_MAX];
};

#define LAYER(name, counts)                                                                        \
	enum layer decode_##name(struct decoder *d, struct packet *p, struct cursor *c);
LAYER_LIST(LAYER)
#undef LAYER

/* Notes an event that alone says nothing against the packet. */
static inline void decode_event(struct decoder *d, struct packet *p, enum anomaly_id id)
{
	packet_event(d->w, p, id);
}

/* Notes an event and that the packet cannot be right. Returns LAYER_END. */
static inline enum layer decode_invalid(struct decoder *d, struct packet *p, enum anomaly_id id)
{
	p->flags |= PACKET_INVALID;
	packet_event(d->w, p, id);
	return LAYER_END;
}

/* The layer of an EtherType; notes unknown ones and too many VLAN tags, returns LAYER_END then.
 * *known: whether the type is one of ours. */
enum layer decode_ethertype(struct decoder *d, struct packet *p, uint16_t type, bool *known);

/* Starts a packet found inside p at c, to be decoded from `layer` on. link_type as in pcap. NULL
 * where packets or layers are exhausted (an event on p says so). */
struct packet *decode_inner(struct decoder *d, struct packet *p, struct cursor c, enum layer layer);

/* Is there room for one more packet of this frame? */
bool decode_room(const struct decoder *d);
/* Queues a packet put together from fragments, of which p came last. There must be room. */
void decode_reassembled(struct decoder *d, struct packet *p, struct packet *whole);

/* UDP payload on a tunnel's port. True: it was one, its inner packet is queued. */
bool decode_teredo(struct decoder *d, struct packet *p, struct cursor c);
bool decode_vxlan(struct decoder *d, struct packet *p, struct cursor c);
bool decode_geneve(struct decoder *d, struct packet *p, struct cursor c);
bool decode_gtpu(struct decoder *d, struct packet *p, struct cursor c);

#endif
