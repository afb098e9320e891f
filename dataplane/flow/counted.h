/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Flows whose packets are only counted: released ones, and established ones where nothing is inspected. The packets of
 * such a flow that are plain frames (packet/plain.h), the bulk of it, need no struct packet: key and hash come
 * from the frame, its bucket says whether a flow of that tag is one of them, and if all is as it was for the packet
 * before, the packet is added to its counts. What is not so is left to flow_packet, which would have counted the same.
 * Worker thread.
 */
#ifndef FLOW_COUNTED_H
#define FLOW_COUNTED_H

#include <emmintrin.h>

#include "dataplane/flow/flow.h"
#include "dataplane/packet/plain.h"

/* A frame of a burst, as it is seen before it is decoded. */
struct flow_sight {
	/* what its flow is known by (struct flow_ends, table.h), from the client; from .ends[1] on, from the server */
	__m128i ends[3], tail[2];
	struct flow *flow; /* it may be a packet of this one, whose packets are only counted; NULL: of none such */
	struct plain plain;
	uint32_t hash;
	bool is_plain;     /* .plain is set; else only .flow is */
};

/* Are there such flows? */
bool flow_counted_any(const struct worker *w);
/* Of n frames, those that are plain: what their flows are known by, and whether the buckets know a flow of that tag
 * whose packets are only counted; those are on their way to the cache. Returns how many do. */
unsigned flow_sights(const struct worker *w, struct flow_sight *s, unsigned n);
/* The packet that was decoded from the frame need not be hashed again. */
void flow_sight_hash(const struct flow_sight *s, struct packet *p);
/* The flow, if all that the packet does to it, at the worker's time, is to count; NULL: flow_packet is to be asked.
 * Nothing is changed. */
struct flow *flow_counted_find(const struct worker *w, const struct flow_sight *s);
/* The same, and the packet of len bytes is counted in it. NULL, too, for one with a wrong checksum, unless its flow is
 * released: nobody reads its bytes then, as nobody does in the XDP program. Counters of the worker are the caller's
 * to add to. */
struct flow *flow_counted_packet(struct worker *w, const struct flow_sight *s, uint32_t len);
/* The flow, at that slot of the table, is one of them, unless its frames cannot be told from others
 * or mean something to somebody: tunnels', and those that tell of hosts. */
void flow_counted_mark(struct worker *w, const struct flow *f, uint32_t slot);

#endif
