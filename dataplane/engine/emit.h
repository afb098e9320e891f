/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How a worker writes a record: begin, add values (record.h), end. One record at a time.
 */
#ifndef ENGINE_EMIT_H
#define ENGINE_EMIT_H

#include "dataplane/engine/worker.h"
#include "dataplane/event/host.h"
#include "dataplane/packet/packet.h"

/* About a packet (alert, drop, anomaly): addresses as the packet has them, its flow's id. */
struct recorder *emit_packet(struct worker *w, enum record_type type, const struct packet *p);
/* The frame that p was found in, as object "tunnel" of the record; nothing for an outermost one. */
void emit_tunnel(struct recorder *r, const struct packet *p);
/* About a flow, or a transaction of it (tx_id, or RECORD_NO_TX). Addresses are the client's as
 * source for TO_SERVER, the server's as source for TO_CLIENT. Time is w->now_ns; packet number that
 * of the packet in hand (p may be NULL at the end of a flow). What rules have noted on the flow (bits,
 * variables) is in it. */
struct recorder *emit_flow(struct worker *w, enum record_type type, const struct flow *f,
			   enum direction d, uint64_t tx_id, const struct packet *p);
/* Neither: capture_begin and the like. */
struct recorder *emit_bare(struct worker *w, enum record_type type);
/* Finishes it and hands it to the sink. */
void emit_end(struct worker *w);
/* Likewise, to the bulk ring. False: it had no room, or nobody reads it. */
bool emit_end_bulk(struct worker *w);
/* Likewise, to the ring of captured packets. */
bool emit_end_packet(struct worker *w);

/* What a packet says of a host. Strings are borrowed; empty: not said. */
struct host_fact {
	struct addr ip;
	int ip_version;    /* 0: no address; what is said is said of the MAC */
	bool has_mac;
	uint8_t mac[6];
	struct bytes name, user;
	uint32_t lease_s;  /* 0: not said */
	enum host_source source;
};

/* One host record, at the time of the packet in hand. app/host.h keeps out what is known. */
void emit_host(struct worker *w, const struct host_fact *fact);

#endif
