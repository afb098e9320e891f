/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From a frame to packets: link, network and transport headers, tunnels, fragments.
 */
#ifndef PACKET_DECODE_H
#define PACKET_DECODE_H

#include "dataplane/packet/packet.h"
#include "dataplane/packet/plain.h"

/* At most so many packets come out of one frame (tunnels in tunnels). */
#define DECODE_PACKETS_MAX 16

/* Settings resolved from the configuration, per worker. Returns 0 or -errno. */
int decode_worker_new(struct worker *w);
void decode_worker_free(struct worker *w);
/* Forgets all fragments (a new capture starts). */
void decode_worker_reset(struct worker *w);

/* Can frames of this LINKTYPE_* be decoded? */
bool decode_link_supported(unsigned link_type);

/* Decodes the frame described by p (data, len, wire_len, ts_ns, number, link_type, port_index,
 * frame are set by rx). Writes p and the packets found inside it to out[], outermost first, in the
 * order in which they are to be inspected; returns how many (1 … DECODE_PACKETS_MAX). A fragment
 * that completes its packet yields the whole packet as one more. Never fails: what is wrong is in
 * the packets' flags and events. Linear in p->len. */
unsigned decode_frame(struct worker *w, struct packet *p, struct packet *out[DECODE_PACKETS_MAX]);

/* The same for a frame that plain_read has read. */
unsigned decode_plain_frame(struct worker *w, struct packet *p, const struct plain *f,
			    struct packet *out[DECODE_PACKETS_MAX]);

/* Drops fragments that waited too long; cheap when nothing is due. */
void decode_timers(struct worker *w, uint64_t now_ns);

#endif
