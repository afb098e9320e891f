/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to stream/. What is kept of a TCP connection. A side is what one end sends: its numbers,
 * how much of it was handed on, and the pieces that wait for a hole to be filled. "last_ack" and
 * "window" of a side are what the other end has said about it. Sequence numbers wrap: compare them
 * with seq_* only.
 */
#ifndef STREAM_SESSION_H
#define STREAM_SESSION_H

#include "dataplane/app/app.h"
#include "dataplane/base/addr.h"
#include "dataplane/stream/stream.h"

#define TCP_WINDOW_SCALE_MAX 14
#define TCP_SYN_QUEUE_MAX 10    /* SYNs with other numbers, before an answer */
#define TCP_SYNACK_QUEUE_MAX 5  /* SYN/ACKs with other numbers, before the final ACK */
#define TCP_HELD_MAX 4096       /* pieces held apart in one direction */
#define TCP_REGIONS_COUNTED 256 /* pieces held among which runs are counted */
#define TCP_ASYNC_HELD_MAX 32   /* the same where acknowledgements are never seen */
#define TCP_RAW_GAPS 8          /* holes within one raw window */
#define TCP_RAW_MAX (1u << 18)  /* bytes of a raw window */
#define TCP_REACH (1u << 30)    /* no window is larger (RFC 7323 2.3) */
#define TCP_URGENT_OOB_MAX 65535 /* urgent bytes left out of one direction */

/* ---- numbers ---- */

static inline bool seq_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static inline bool seq_after(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) > 0;
}

static inline bool seq_upto(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) <= 0;
}

static inline bool seq_from(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) >= 0;
}

/* ---- how hosts treat overlaps ---- */

enum os_policy {
	OS_UNSET, OS_FIRST, OS_LAST, OS_BSD, OS_BSD_RIGHT, OS_OLD_LINUX, OS_LINUX, OS_OLD_SOLARIS,
	OS_SOLARIS, OS_HPUX10, OS_HPUX11, OS_IRIX, OS_MACOS, OS_VISTA, OS_WINDOWS, OS_WINDOWS2K3,
	OS_COUNT
};

/* ---- held bytes ---- */

/* A run of bytes that waits: for a hole to be filled, or (on a tap) for its receiver to acknowledge it.
 * From a pool taken at start. */
struct tcp_piece {
	const uint8_t *data;
	void *owner;        /* the frame that holds data, or the heap block it is in */
	uint64_t ts_ns;     /* when it came */
	uint32_t seq, len;
	uint32_t from, to;  /* the segment it came in, for overlap policies */
	uint32_t next_free;
	bool framed;        /* owner is a frame */
	bool urgent;        /* an out-of-band byte: nothing to hand on, but no hole */
	bool shown;         /* rules on the raw stream have seen it where it is (early.c) */
};

struct held_entry {
	uint32_t seq;
	uint32_t piece;     /* index into the pool */
};

/* A direction's bytes; made when the first byte has to be kept. */
struct tcp_bytes {
	/* pieces that wait, by seq, never overlapping: held[held_first …] */
	struct held_entry *held;
	uint32_t held_first, held_count, held_cap;
	uint32_t held_bytes;
	uint32_t urgent_count;  /* bytes left out */
	/* raw window: raw_len bytes from raw[raw_head] on, the first at raw_offset in the stream */
	uint8_t *raw;
	uint64_t raw_offset;
	uint32_t raw_head, raw_len, raw_cap;
	uint32_t raw_seen;      /* bytes of the window that were inspected */
	uint32_t raw_shown;     /* bytes of the window that the last peek was about */
	uint32_t raw_past;      /* bytes of the window that records show no more (stream_packet_done) */
	uint32_t raw_missing;   /* bytes given up right before the window */
	uint64_t flush_to;      /* position up to which a look is asked for */
	uint32_t gap_at[TCP_RAW_GAPS];  /* before this byte of the window … */
	uint32_t gap_len[TCP_RAW_GAPS]; /* … so many are missing */
	uint8_t gap_count;
	uint8_t gap_past;       /* of these, those behind which the looking goes on */
};

enum side_flags {
	SIDE_STARTED = 1 << 0,     /* INPUT_START went up */
	SIDE_END_SENT = 1 << 1,    /* INPUT_END went up */
	SIDE_FIN = 1 << 2,         /* fin_seq is the end of the data */
	SIDE_STOPPED = 1 << 3,     /* bytes are not followed any more */
	SIDE_DEPTH = 1 << 4,       /* depth reached: nothing more is taken, what is held goes on */
	SIDE_RAW_OFF = 1 << 5,
	SIDE_RST_RECV = 1 << 6,    /* the other end sent a reset */
	SIDE_ZERO_TS = 1 << 7,     /* its first timestamp was zero */
	SIDE_TS = 1 << 8,          /* its SYN had a timestamp */
	SIDE_KEEPALIVE = 1 << 9,   /* it sent a keep-alive that was not answered */
	SIDE_GAP = 1 << 10,        /* a hole was given up */
};

struct tcp_side {
	uint64_t delivered;        /* bytes handed on or given up: position of `expect` in the stream */
	struct tcp_bytes *bytes;   /* NULL: nothing kept */
	uint32_t isn;
	uint32_t next_seq;         /* highest number seen, plus one */
	uint32_t last_ack;
	uint32_t window;
	uint32_t next_win;         /* last_ack + window, the highest it has been */
	uint32_t last_ts;
	uint32_t last_packet_s;
	uint32_t expect;           /* number of the next byte to hand on */
	uint32_t fin_seq;
	uint16_t flags;            /* enum side_flags */
	uint8_t wscale;
	uint8_t os_policy;         /* enum os_policy of the host that receives this side's bytes */
};

enum session_flags {
	SESSION_MIDSTREAM = 1 << 0,
	SESSION_MIDSTREAM_ESTABLISHED = 1 << 1, /* first packet was in the middle */
	SESSION_MIDSTREAM_SYNACK = 1 << 2,      /* first packet was the SYN/ACK */
	SESSION_ASYNC = 1 << 3,                 /* one side seen */
	SESSION_TIMESTAMP = 1 << 4,             /* both sides use them */
	SESSION_SERVER_WSCALE = 1 << 5,         /* the client's SYN had a scale */
	SESSION_4WHS = 1 << 6,                  /* both sent SYNs */
	SESSION_EVASION = 1 << 7,               /* right seq, wrong ack in the handshake */
	SESSION_FAST_OPEN = 1 << 8,
	SESSION_TFO_IGNORED = 1 << 9,
	SESSION_CONFIRMED = 1 << 10,            /* the three-way handshake is beyond doubt */
	SESSION_ZWP_TS = 1 << 11,               /* a zero window probe from the client is open */
	SESSION_ZWP_TC = 1 << 12,
	SESSION_CLOSED_BY_RST = 1 << 13,
	SESSION_STORED = 1 << 14,               /* stream_stored */
};

/* One SYN or SYN/ACK that might be the one that counts. */
struct tcp_syn {
	uint32_t seq, ack, ts;
	uint16_t window;
	uint8_t wscale, flags;
};

enum syn_flags { SYN_WSCALE = 1, SYN_TS = 2 };

struct tcp_session {
	struct tcp_side side[2];   /* by direction of travel: [TO_SERVER] is what the client sends */
	struct tcp_syn *queue;     /* heap; NULL: none */
	uint16_t flags;            /* enum session_flags */
	uint8_t state, before;     /* enum tcp_state; the one before a reset */
	uint8_t queue_len;
	uint8_t max_regions[2];
	uint8_t reserved;
};
_Static_assert(sizeof(struct tcp_session) <= 128, "an idle session stays small");

struct tcp_policy_net {
	struct addr_prefix prefix;
	uint8_t policy;
};

struct stream_state {
	/* config, resolved */
	bool in_the_wire;
	bool midstream, async;
	bool drop_invalid, bypass;
	uint64_t depth;
	uint64_t stored_depth;  /* of sessions with SESSION_STORED */
	uint32_t chunk;
	uint32_t lookback;
	uint8_t urgent;
	uint8_t default_policy;
	uint8_t *early;         /* in the wire: where early.c puts a run together */
	struct tcp_policy_net *nets; /* longest prefix first */
	uint32_t net_count;
	/* pools */
	struct tcp_session *sessions;
	uint32_t session_max, session_fresh, session_free; /* free ones chained by side[0].isn */
	struct tcp_piece *pieces;
	uint32_t piece_max, piece_fresh, piece_free;
};

#define POOL_NONE UINT32_MAX

/* What the state machine works on for one packet. */
struct tcp_seen {
	struct worker *w;
	struct stream_state *st;
	struct packet *p;
	struct flow *f;
	struct tcp_session *s;
	struct tcp_side *own;   /* what p's sender sends */
	struct tcp_side *other; /* what p's receiver sends */
	enum direction d;
	uint32_t seq, end, ack; /* end: seq + payload bytes */
	uint32_t win;           /* window as said, unscaled */
	uint8_t flags;
};

/* False: the packet is not of this session; nothing of it may be used. */
/* handshake.c */
bool tcp_on_none(struct tcp_seen *t);
bool tcp_on_syn_sent(struct tcp_seen *t);
bool tcp_on_syn_recv(struct tcp_seen *t);
/* established.c */
bool tcp_on_established(struct tcp_seen *t);
/* closing.c */
bool tcp_on_fin(struct tcp_seen *t);
bool tcp_on_fin_wait1(struct tcp_seen *t);
bool tcp_on_fin_wait2(struct tcp_seen *t);
bool tcp_on_closing(struct tcp_seen *t);
bool tcp_on_close_wait(struct tcp_seen *t);
bool tcp_on_last_ack(struct tcp_seen *t);
bool tcp_on_time_wait(struct tcp_seen *t);

/* check.c */
bool tcp_timestamp_ok(struct tcp_seen *t);
void tcp_timestamp_note(struct tcp_seen *t);
bool tcp_ack_ok(struct tcp_seen *t);
bool tcp_rst_ok(struct tcp_seen *t);
bool tcp_rst(struct tcp_seen *t);
bool tcp_is_retransmission(struct tcp_seen *t);

/* stream.c */
void tcp_event(struct tcp_seen *t, enum anomaly_id id);
void tcp_set_state(struct tcp_seen *t, enum tcp_state state);
struct tcp_session *tcp_session_get(struct tcp_seen *t);
/* A cleared one from the pool, or NULL; and back. */
struct tcp_session *tcp_session_take(struct stream_state *st);
void tcp_session_put(struct worker *w, struct flow *f);
bool tcp_dispatch(struct tcp_seen *t, enum tcp_state state);
void tcp_side_start(struct tcp_side *side, uint32_t isn);
/* next_seq, last_ack and next_win only grow. */
void tcp_next_seq(struct tcp_side *side, uint32_t seq);
void tcp_ack(struct tcp_seen *t, struct tcp_side *side, uint32_t ack);
void tcp_next_win(struct tcp_side *side);

/* policy.c */
int tcp_policies_new(struct worker *w, struct stream_state *st);
void tcp_policies_free(struct worker *w, struct stream_state *st);
enum os_policy tcp_policy_of(const struct stream_state *st, const struct addr *a, int ip_version);
/* The policy of the host that receives side's bytes, looked up once. */
enum os_policy tcp_policy(struct tcp_seen *t, struct tcp_side *side, bool to_server);
/* Which bytes count where a new segment [from, to) meets bytes of an older [old_from, old_to)? */
bool tcp_policy_new_wins(enum os_policy policy, uint32_t from, uint32_t to, uint32_t old_from,
			 uint32_t old_to);

/* segment.c */
/* The packet's payload belongs to the session: hand on, hold, or leave out. */
void tcp_segment(struct tcp_seen *t);
/* After an acknowledgement: what waited for it goes up, holes that will not be filled are given up.
 * Client and server may have changed places when it returns: t->own and t->other are right. */
void tcp_acked(struct tcp_seen *t, enum direction d);
/* The session is over: on a tap nothing waits for an acknowledgement any more. */
void tcp_closed(struct tcp_seen *t);
/* Gives up all holes; hands on all there is. */
void tcp_finish(struct worker *w, struct flow *f, struct packet *p, enum direction d);
void tcp_bytes_free(struct worker *w, struct tcp_side *side);

/* early.c */
/* The buffer for stream_raw_early; 0 or -ENOMEM. */
int tcp_early_new(struct worker *w, struct stream_state *st);

/* held.c */
struct tcp_piece *piece_of(const struct stream_state *st, const struct tcp_bytes *b, uint32_t i);
/* Index of the first held piece that ends after seq. */
uint32_t held_find(const struct stream_state *st, const struct tcp_bytes *b, uint32_t seq);
bool held_insert(struct worker *w, struct tcp_bytes *b, uint32_t i, const struct tcp_piece *piece);
void held_remove(struct worker *w, struct tcp_bytes *b, uint32_t i, uint32_t count);
struct tcp_bytes *tcp_bytes_get(struct worker *w, struct tcp_side *side);
/* The list takes no more room than it has pieces, and no frame is held: of its bytes there are copies, as far as there
 * is memory for them. */
void held_shrink(struct worker *w, struct tcp_bytes *b);
/* Did any of them come then or later? b may be NULL. Of the last packet of a flow: then their receiver never had the time to
 * acknowledge them, and whether it got what is missing before them is not known: the hole may be the capture's. */
bool held_since(const struct worker *w, const struct tcp_bytes *b, uint64_t ts_ns);

/* raw.c */
void raw_append(struct worker *w, struct tcp_side *side, const uint8_t *data, uint32_t len);
/* Bytes were given up at the end of what the window has. */
void raw_gap(struct worker *w, struct tcp_side *side, uint32_t len);
void raw_free(struct worker *w, struct tcp_bytes *b);
/* It takes no more room than it has bytes, the first of them at its begin, until more come. */
void raw_shrink(struct worker *w, struct tcp_bytes *b);
/* Have rules seen all that the window has? And: they have. */
bool raw_all_seen(const struct tcp_side *side);
void raw_see_all(struct tcp_side *side);
/* Compares len bytes from number seq on with what the window still has of them; true: some
 * differ. */
bool raw_differs(const struct tcp_side *side, uint32_t seq, const uint8_t *data, uint32_t len);

#endif
