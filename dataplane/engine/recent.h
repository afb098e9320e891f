/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The packets a worker saw last, as copies, so that those before an alert can be had once it comes. One
 * block of memory, overwritten from its begin; the packets of a flow are chained through a small table,
 * so that they are found without looking at all others. All memory at start; one thread.
 *
 * A position counts bytes since the start and is never used twice: whether what stood there is still
 * there follows from it alone.
 */
#ifndef ENGINE_RECENT_H
#define ENGINE_RECENT_H

#include <stdbool.h>
#include <stdint.h>

#define RECENT_NONE UINT64_MAX

struct recent;

struct recent_packet {
	uint64_t ts_ns;
	uint64_t flow;      /* what it is found by: a flow's id; 0: not to be found */
	uint64_t number;    /* in the capture */
	uint64_t earlier;   /* recent.c's own: the one before in its chain; RECENT_NONE */
	uint32_t len, wire_len; /* bytes kept, and on the wire */
	uint16_t link_type;
	uint8_t port_index;
	uint8_t drop;       /* enum drop_reason */
	bool taken;         /* recent_take gave it out */
	uint8_t data[];
};

/* NULL: no memory, or too little asked for (less than 64 KiB). free() it. */
struct recent *recent_new(uint64_t bytes);
/* Copies the head (but for earlier and taken) and its bytes; what does not fit at all is left out. */
void recent_put(struct recent *r, const struct recent_packet *head, const uint8_t *data);
/* Positions of the flow's packets that were not taken before, oldest first: at most `most`, the latest of
 * them; marks them taken. */
unsigned recent_take(struct recent *r, uint64_t flow, uint64_t *at, unsigned most);
/* Borrowed until the next recent_put. */
const struct recent_packet *recent_at(const struct recent *r, uint64_t position);

#endif
