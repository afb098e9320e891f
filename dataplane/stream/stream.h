/* SPDX-License-Identifier: BSD-3-Clause
 *
 * TCP: connection state and bytes in order. In the wire in-order payload goes up at once and in place,
 * on a tap when it has been acknowledged; a segment before which bytes are missing is held until they
 * come, are given up, or the flow ends.
 */
#ifndef STREAM_STREAM_H
#define STREAM_STREAM_H

#include "dataplane/flow/flow.h"

enum tcp_state {
	TCP_NONE, TCP_SYN_SENT, TCP_SYN_RECV, TCP_STATE_ESTABLISHED, TCP_FIN_WAIT1, TCP_FIN_WAIT2,
	TCP_CLOSING, TCP_CLOSE_WAIT, TCP_LAST_ACK, TCP_TIME_WAIT, TCP_STATE_CLOSED,
};
_Static_assert(TCP_STATE_CLOSED == FLOW_TCP_STATES - 1, "a counter for each");

int stream_worker_new(struct worker *w);
void stream_worker_free(struct worker *w);

/* A TCP packet with a flow: follows the state, notes events, takes the payload; calls app_stream
 * for every run of bytes that may go up: on a tap mostly of the other direction, those that the packet
 * acknowledges. May set packet_drop (in the wire). */
void stream_packet(struct worker *w, struct packet *p);
/* The flow ends: gives up holes, hands the rest and the end of both directions to app_stream. p is
 * the pseudo packet of that direction. */
void stream_flow_end(struct worker *w, struct flow *f, struct packet *p, enum direction d);
/* Was nothing taken of the session but its handshake, as far as that came? Then its end hands nothing on. */
bool stream_untouched(const struct flow *f);
/* Releases all; called once, after the last look at the flow. */
void stream_flow_free(struct worker *w, struct flow *f);

/* ---- a session put away (flow_rest.c) ---- */

#define STREAM_PACKED_BYTES 512 /* of a window at most that is packed with the session */
/* Bytes at most; some 45 of a session with timestamps of which all was acknowledged, and a few for each window. */
#define STREAM_PACKED_MAX (2 * (256 + STREAM_PACKED_BYTES))
/* What the session has on the heap takes no more room than it has bytes, and no frame. */
void stream_shrink(struct worker *w, struct flow *f);
/* Writes all that f's session is; returns the end. NULL: alternatives of its handshake wait, and it must stay. Nothing is
 * changed. */
uint8_t *stream_pack(const struct flow *f, uint8_t *at);
/* The session goes back to the pool and what was written to the heap, after that; it counts as active all the same. */
void stream_put_away(struct worker *w, struct flow *f);
/* Makes f's session of what was so written. f->last_ns is as it was then. */
const uint8_t *stream_unpack(struct worker *w, struct flow *f, const uint8_t *at);
/* So many bytes from that place of the stream on, where the raw window still has them; or NULL. Borrowed until it
 * changes. */
const uint8_t *stream_kept(const struct flow *f, enum direction d, uint64_t offset, uint32_t len);

/* Is p (direction d) a SYN that starts a session anew on the ports of f, whose session is over? */
bool stream_reuses(struct worker *w, const struct flow *f, const struct packet *p,
		   enum direction d);
/* Client and server change places (flow_reverse). */
void stream_reverse(struct flow *f);

/* Members of the record stream_tcp: the packet's flags; its session. */
void stream_record_packet(struct recorder *r, const struct packet *p);
void stream_record_session(struct recorder *r, const struct packet *p);

enum tcp_state stream_state(const struct flow *f);
/* "new", "established", "closed": state for the flow record; and the TCP state's EVE name. */
const char *stream_state_name(enum tcp_state s);

/* Most runs of bytes that stood apart at once, the one handed on counted as one. */
unsigned stream_max_regions(const struct flow *f, enum direction d);

/* For the keyword stream_size: bytes seen as next_seq - ISN. */
uint64_t stream_size(const struct flow *f, enum direction d);

/* ---- the raw stream, for rules on TCP payload ---- */

/* A window over one direction's bytes, contiguous. Borrowed until the next call for this flow. */
struct stream_raw {
	const uint8_t *data;
	uint32_t len;
	uint32_t fresh;     /* data[fresh…] has not been inspected yet; before it: look-back */
	uint32_t missing;   /* bytes given up right before data[0] */
	uint64_t offset;    /* position of data[0] in the stream, 0 = first byte */
	bool end;           /* no more bytes will come */
};

/* So many inspected bytes stay before the fresh ones (default STREAM_LOOKBACK): the longest that a
 * rule may look back. Kept per worker; from the next inspection on. */
#define STREAM_LOOKBACK 4096
void stream_lookback(struct worker *w, uint32_t bytes);

/* True when there are uninspected bytes that should be looked at now: in the wire any; on a tap
 * stream_chunk of them, or any after stream_raw_flush, or before a hole, or at the end of the
 * stream. A hole divides the bytes: after stream_raw_inspected, peek again until it is false. */
bool stream_raw_peek(struct worker *w, struct flow *f, enum direction d, struct stream_raw *out);
/* What there is that has not been inspected, due or not: for conditions on a transaction's bytes. Not to be followed by stream_raw_inspected. */
bool stream_raw_look(struct worker *w, struct flow *f, enum direction d, struct stream_raw *out);
/* For records: what has been inspected, as far as it is kept and not the past, what has not, and what has
 * come but waits. The parts, oldest first, of which data, len and missing are filled in; returns how many. */
#define STREAM_RAW_PARTS 32
unsigned stream_raw_parts(struct worker *w, struct flow *f, enum direction d,
			  struct stream_raw out[STREAM_RAW_PARTS]);
/* After the packet's records: what rules have seen and parsers have taken of its direction is the past, which
 * later records do not show, but for protocols that want it (proto.shows_past). In the wire a chunk of it is. */
void stream_packet_done(struct worker *w, struct flow *f, enum direction d);
/* In the wire: p's payload waits behind a hole (PACKET_STREAM_EARLY), and may not pass unseen: the run of
 * held bytes that it is part of, about a chunk of it. Until the next packet. */
bool stream_raw_early(struct worker *w, const struct packet *p, struct stream_raw *out);
/* All of the window has been inspected; bytes beyond the look-back are let go. */
void stream_raw_inspected(struct worker *w, struct flow *f, enum direction d);
/* The next peek shows what there is (a transaction was completed). */
void stream_raw_flush(struct flow *f, enum direction d);
/* No rule wants this direction's raw bytes any more (or at all): keep none. */
void stream_raw_off(struct worker *w, struct flow *f, enum direction d);
/* A file in it is to be kept: from now on the depth is file_store.stream_depth. */
void stream_stored(struct worker *w, struct flow *f);
/* Stop following both directions (TLS after the handshake, depth, a verdict). */
void stream_stop(struct worker *w, struct flow *f);

#endif
