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
#include "dataplane/packet/plain.h"

/* LAYER(name, counter, counts): one row a header. counter: in struct counters. counts: it counts
 * against decoder.max_layers. */
#define AT(member) offsetof(struct counters, member)
#define NO_COUNTER SIZE_MAX
#define LAYER_LIST(LAYER)                                                                          \
	LAYER(ethernet, AT(decoder_ethernet), true)                                                \
	LAYER(dce, NO_COUNTER, false)                                                              \
	LAYER(vlan, NO_COUNTER, true)                                                              \
	LAYER(vntag, AT(decoder_vntag), true)                                                      \
	LAYER(ieee8021ah, AT(decoder_ieee8021ah), true)                                            \
	LAYER(arp, AT(decoder_arp), true)                                                          \
	LAYER(mpls, AT(decoder_mpls), true)                                                        \
	LAYER(pppoe_session, AT(decoder_pppoe), true)                                              \
	LAYER(pppoe_discovery, AT(decoder_pppoe), false)                                           \
	LAYER(ppp, AT(decoder_ppp), true)                                                          \
	LAYER(ppp_hdlc, NO_COUNTER, false)                                                         \
	LAYER(nsh, AT(decoder_nsh), true)                                                          \
	LAYER(null, AT(decoder_null), false)                                                       \
	LAYER(loop, AT(decoder_null), false)                                                       \
	LAYER(sll, AT(decoder_sll), true)                                                          \
	LAYER(sll2, AT(decoder_sll2), true)                                                        \
	LAYER(raw, AT(decoder_raw), false)                                                         \
	LAYER(chdlc, AT(decoder_chdlc), true)                                                      \
	LAYER(ieee80211, AT(decoder_ieee80211), true)                                              \
	LAYER(radiotap, AT(decoder_ieee80211), true)                                               \
	LAYER(ppi, NO_COUNTER, true)                                                               \
	LAYER(llc, AT(decoder_llc), true)                                                          \
	LAYER(nflog, AT(decoder_nflog), true)                                                      \
	LAYER(frelay, AT(decoder_frelay), true)                                                    \
	LAYER(arcnet, AT(decoder_arcnet), true)                                                    \
	LAYER(arcnet_linux, AT(decoder_arcnet), true)                                              \
	LAYER(ipv4, AT(decoder_ipv4), true)                                                        \
	LAYER(ipv6, AT(decoder_ipv6), true)                                                        \
	LAYER(ipv6_extensions, NO_COUNTER, false)                                                  \
	LAYER(transport4, NO_COUNTER, false)                                                       \
	LAYER(tcp, AT(decoder_tcp), false)                                                         \
	LAYER(udp, AT(decoder_udp), false)                                                         \
	LAYER(sctp, AT(decoder_sctp), false)                                                       \
	LAYER(icmpv4, AT(decoder_icmpv4), false)                                                   \
	LAYER(icmpv6, AT(decoder_icmpv6), false)                                                   \
	LAYER(igmp, AT(decoder_igmp), false)                                                       \
	LAYER(esp, AT(decoder_esp), false)                                                         \
	LAYER(gre, AT(decoder_gre), true)                                                          \
	LAYER(erspan1, AT(decoder_erspan), true)                                                   \
	LAYER(erspan2, AT(decoder_erspan), true)

enum layer {
	LAYER_END, /* nothing follows, or what follows is not looked into */
#define LAYER(name, counter, counts) LAYER_##name,
	LAYER_LIST(LAYER)
#undef LAYER
	LAYER_COUNT
};

#define TUNNEL_PORTS_MAX 16

struct tunnel_ports {
	uint16_t port[TUNNEL_PORTS_MAX];
	unsigned count; /* 0: not looked into */
	bool any;
};

/* The ports of all tunnels, for a quick no. */
struct tunnel_ports_all {
	uint16_t port[6 * TUNNEL_PORTS_MAX]; /* zero from count on */
	unsigned count;
	bool any;
};

struct decode_state {
	/* from the configuration; written at start only */
	unsigned max_layers;
	bool ipv4_offloaded; /* a length of 0 is the frame's */
	bool llc; /* Ethernet may have it */
	bool validate_checksums;
	bool plain;            /* plain.c may be asked */
	struct tunnel_ports teredo, vxlan, vxlan_gpe, geneve, gtpu, ayiya, l2tp;
	struct tunnel_ports_all tunnels;
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
	unsigned layers; /* of the packet in hand */
	bool suspect;    /* the packet in hand has a wrong header */
	bool ppp_vj;     /* its IP header came in PPP with an uncompressed VJ header */
	struct decode_job jobs[DECODE_PACKETS_MAX];
};

#define LAYER(name, counter, counts)                                                               \
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

/* Notes an event for a header that is wrong but that a receiver may let pass: what it carries is
 * inspected all the same. */
static inline void decode_suspect(struct decoder *d, struct packet *p, enum anomaly_id id)
{
	d->suspect = true;
	packet_event(d->w, p, id);
}

/* The layer of an EtherType; notes unknown ones and too many VLAN tags, returns LAYER_END then.
 * *known: whether the type is one of ours. */
enum layer decode_ethertype(struct decoder *d, struct packet *p, uint16_t type, bool *known);

/* Does IP or a type of Ethernet follow here in LLC? */
bool decode_llc_follows(const struct cursor *c);

/* Starts a packet found inside p at c, to be decoded from `layer` on. link_type as in pcap. NULL
 * where packets or layers are exhausted (an event on p says so). */
struct packet *decode_inner(struct decoder *d, struct packet *p, struct cursor c, enum layer layer);

/* Is there room for one more packet of this frame? */
bool decode_room(const struct decoder *d);
/* Bytes of headers before p's IP header that a packet made of fragments like p gets too. */
#define DECODE_LINK_MAX 64
uint32_t decode_link_len(const struct packet *p);
/* Queues a packet put together from fragments, of which p came last: its data begins with
 * decode_link_len(p) bytes of link headers. There must be room. */
void decode_reassembled(struct decoder *d, struct packet *p, struct packet *whole);

/* plain.c: decodes p, an outermost one whose frame is plain, if its checksums are right and it is no tunnel's; else
 * false, and nothing is changed. */
bool decode_plain(struct worker *w, struct packet *p, const struct plain *f);

/* UDP payload on a tunnel's port. True: it was one, its inner packet is queued. */
bool decode_teredo(struct decoder *d, struct packet *p, struct cursor c);
bool decode_vxlan(struct decoder *d, struct packet *p, struct cursor c);
bool decode_vxlan_gpe(struct decoder *d, struct packet *p, struct cursor c);
bool decode_geneve(struct decoder *d, struct packet *p, struct cursor c);
bool decode_gtpu(struct decoder *d, struct packet *p, struct cursor c);
bool decode_ayiya(struct decoder *d, struct packet *p, struct cursor c);
bool decode_l2tp(struct decoder *d, struct packet *p, struct cursor c);

#endif
