/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A frame as it comes from a port: an mbuf, with struct frame_info in its private area.
 *
 * Two kinds. A pool frame belongs to a mempool (live ports). A heap frame is one heap block of just
 * the right size: captures are read without EAL, frames may be larger than an mbuf's data room, and
 * a sanitizer sees every read beyond the end. A heap frame has pool == NULL and must not be given to
 * rte_pktmbuf_free or to a poll mode driver; frame_free frees either kind, on any thread.
 *
 * The bytes are always contiguous: frame_data, frame_len (of a heap frame data_len may be less,
 * being only 16 bits wide).
 */
#ifndef DRIVERS_FRAME_H
#define DRIVERS_FRAME_H

#include <stdint.h>
#include <stdlib.h>

#include <rte_mbuf.h>

struct frame_info {
	uint64_t ts_ns;      /* captures: time of the packet; live: set by the engine */
	uint64_t number;     /* captures: from 1; live: 0 */
	uint32_t wire_len;   /* bytes that were on the wire */
	uint32_t hash;       /* engine: which worker */
	uint16_t link_type;  /* LINKTYPE_* as in pcap */
	uint8_t port_index;  /* port it came from */
	uint8_t port_out;    /* engine: port it goes to */
	uint32_t reserved;
};
_Static_assert(sizeof(struct frame_info) % RTE_MBUF_PRIV_ALIGN == 0, "private areas are aligned");

#define FRAME_DATA_ROOM 2048u   /* of a pool frame, beside the headroom */
#define FRAME_MAX_BYTES 262144u /* of a heap frame: the largest that libpcap reads */

static inline struct frame_info *frame_info(struct rte_mbuf *m)
{
	return (struct frame_info *)rte_mbuf_to_priv(m);
}

static inline const uint8_t *frame_data(const struct rte_mbuf *m)
{
	return rte_pktmbuf_mtod(m, const uint8_t *);
}

static inline uint32_t frame_len(const struct rte_mbuf *m)
{
	return m->pkt_len;
}

/* A heap frame with room for len bytes; NULL: no memory. */
struct rte_mbuf *frame_new(uint32_t len);
/* Gives up one reference. */
void frame_free(struct rte_mbuf *m);

/* One more reference. */
static inline void frame_hold(struct rte_mbuf *m)
{
	rte_mbuf_refcnt_update(m, 1);
}

#endif
