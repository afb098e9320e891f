/* SPDX-License-Identifier: BSD-3-Clause
 *
 * TCP sessions: what concerns every packet, before and after the state machine. Worker thread only;
 * sessions and pieces come from pools taken at start, held bytes and raw windows from the worker's
 * heap.
 */
#include "dataplane/stream/stream.h"

#include <errno.h>
#include <string.h>

#include "dataplane/stream/session.h"

#define PROTO_TCP 6

/* ---- start and end ---- */

int stream_worker_new(struct worker *w)
{
	const struct config *c = w->config;
	struct stream_state *st = worker_memory(w, sizeof(*st), 64);

	if (!st)
		return -ENOMEM;
	memset(st, 0, sizeof(*st));
	st->in_the_wire = worker_streams_inline(w);
	st->midstream = c->stream_midstream;
	st->async = c->stream_async_oneside;
	st->drop_invalid = c->stream_drop_invalid;
	st->bypass = c->stream_bypass && c->stream_depth;
	st->depth = st->stored_depth = c->stream_depth;
	if (c->file_store_stream_depth > c->stream_depth)
		st->stored_depth = c->file_store_stream_depth;
	st->chunk = c->stream_chunk < UINT32_MAX ? (uint32_t)c->stream_chunk : UINT32_MAX;
	st->lookback = STREAM_LOOKBACK;
	st->urgent = (uint8_t)c->stream_urgent;
	st->session_max = (uint32_t)(c->flow_max ? c->flow_max : 1);
	st->session_free = POOL_NONE;
	st->piece_max = (uint32_t)(c->stream_max_held < POOL_NONE ? c->stream_max_held :
								    POOL_NONE - 1);
	st->piece_free = POOL_NONE;
	st->sessions = worker_memory(w, (size_t)st->session_max * sizeof(*st->sessions), 64);
	st->pieces = worker_memory(w, ((size_t)st->piece_max + 1) * sizeof(*st->pieces), 64);
	if (!st->sessions || !st->pieces || tcp_early_new(w, st) != 0 || tcp_policies_new(w, st) != 0) {
		worker_memory_free(w, st->early);
		worker_memory_free(w, st->sessions);
		worker_memory_free(w, st->pieces);
		worker_memory_free(w, st);
		return -ENOMEM;
	}
	w->streams = st;
	return 0;
}

void stream_worker_free(struct worker *w)
{
	struct stream_state *st = w->streams;

	if (!st)
		return;
	tcp_policies_free(w, st);
	worker_memory_free(w, st->early);
	worker_memory_free(w, st->sessions);
	worker_memory_free(w, st->pieces);
	worker_memory_free(w, st);
	w->streams = NULL;
}

struct tcp_session *tcp_session_take(struct stream_state *st)
{
	struct tcp_session *s;

	if (st->session_free != POOL_NONE) {
		s = &st->sessions[st->session_free];
		st->session_free = s->side[0].isn;
	} else if (st->session_fresh < st->session_max) {
		s = &st->sessions[st->session_fresh++];
	} else {
		return NULL;
	}
	memset(s, 0, sizeof(*s));
	return s;
}

struct tcp_session *tcp_session_get(struct tcp_seen *t)
{
	struct tcp_session *s;

	if (t->s)
		return t->s;
	s = tcp_session_take(t->st);
	if (!s)
		return NULL;
	t->f->tcp = t->s = s;
	t->own = &s->side[t->d];
	t->other = &s->side[direction_other(t->d)];
	t->f->tcp_flags[0] = t->f->tcp_flags[1] = 0;
	t->f->tcp_flags[t->d] = t->flags;
	t->w->counters->tcp_sessions++;
	t->w->counters->tcp_active_sessions++;
	return s;
}

void tcp_session_put(struct worker *w, struct flow *f)
{
	struct stream_state *st = w->streams;
	struct tcp_session *s = f->tcp;

	s->side[0].isn = st->session_free;
	st->session_free = (uint32_t)(s - st->sessions);
	f->tcp = NULL;
}

void stream_flow_free(struct worker *w, struct flow *f)
{
	struct tcp_session *s = f->tcp;

	if (!s)
		return;
	tcp_bytes_free(w, &s->side[TO_SERVER]);
	tcp_bytes_free(w, &s->side[TO_CLIENT]);
	heap_free(&w->heap, s->queue);
	tcp_session_put(w, f);
	w->counters->tcp_active_sessions--;
}

/* ---- helpers of the state machine ---- */

void tcp_event(struct tcp_seen *t, enum anomaly_id id)
{
	t->p->stream_notes |= STREAM_EVENT;
	packet_event(t->w, t->p, id);
}

void tcp_set_state(struct tcp_seen *t, enum tcp_state state)
{
	if (t->s->state == state)
		return;
	t->p->stream_notes |= STREAM_STATE_UPDATE;
	t->s->before = t->s->state;
	t->s->state = (uint8_t)state;
	switch (state) {
	case TCP_STATE_ESTABLISHED:
	case TCP_FIN_WAIT1:
	case TCP_FIN_WAIT2:
	case TCP_CLOSING:
	case TCP_CLOSE_WAIT:
		t->f->flags |= FLOW_ESTABLISHED;
		t->f->flags &= ~(uint32_t)FLOW_CLOSED;
		break;
	case TCP_LAST_ACK:
	case TCP_TIME_WAIT:
	case TCP_STATE_CLOSED:
		t->f->flags |= FLOW_CLOSED;
		break;
	default:
		break;
	}
}

void tcp_side_start(struct tcp_side *side, uint32_t isn)
{
	side->isn = isn;
	side->next_seq = side->expect = isn + 1;
}

void tcp_next_seq(struct tcp_side *side, uint32_t seq)
{
	if (seq_after(seq, side->next_seq))
		side->next_seq = seq;
}

void tcp_ack(struct tcp_seen *t, struct tcp_side *side, uint32_t ack)
{
	if (!(t->flags & TCP_ACK) || !seq_after(ack, side->last_ack))
		return;
	side->last_ack = ack;
	if (seq_after(ack, side->next_seq + 1)) {
		t->p->stream_notes |= STREAM_ACK_UNSEEN;
		t->w->counters->tcp_ack_unseen_data++;
	}
	tcp_acked(t, side == &t->s->side[TO_SERVER] ? TO_SERVER : TO_CLIENT);
}

void tcp_next_win(struct tcp_side *side)
{
	uint32_t win = side->last_ack + side->window;

	if (seq_after(win, side->next_win))
		side->next_win = win;
}

/* After a reset packets of the one that was reset are not heeded; those of a side that never had
 * its reset acknowledged by silence are: the reset may not have been its peer's. */
static bool tcp_on_closed(struct tcp_seen *t)
{
	enum tcp_state before = (enum tcp_state)t->s->before;
	bool ok;

	if ((t->flags & TCP_RST) || (t->own->flags & SIDE_RST_RECV) ||
	    !(t->other->flags & SIDE_RST_RECV) || before == TCP_STATE_CLOSED)
		return true;
	t->s->state = (uint8_t)before;
	ok = tcp_dispatch(t, before);
	return ok;
}

bool tcp_dispatch(struct tcp_seen *t, enum tcp_state state)
{
	switch (state) {
	case TCP_NONE: return tcp_on_none(t);
	case TCP_SYN_SENT: return tcp_on_syn_sent(t);
	case TCP_SYN_RECV: return tcp_on_syn_recv(t);
	case TCP_STATE_ESTABLISHED: return tcp_on_established(t);
	case TCP_FIN_WAIT1: return tcp_on_fin_wait1(t);
	case TCP_FIN_WAIT2: return tcp_on_fin_wait2(t);
	case TCP_CLOSING: return tcp_on_closing(t);
	case TCP_CLOSE_WAIT: return tcp_on_close_wait(t);
	case TCP_LAST_ACK: return tcp_on_last_ack(t);
	case TCP_TIME_WAIT: return tcp_on_time_wait(t);
	case TCP_STATE_CLOSED: return tcp_on_closed(t);
	}
	return true;
}

/* ---- packets that change nothing ---- */

static bool bare(const struct tcp_seen *t)
{
	return !(t->flags & (TCP_SYN | TCP_FIN | TCP_RST));
}

/* One number before the next, no data or one byte of garbage (RFC 9293 3.8.4). A byte that the
 * receiver still waits for is no garbage. */
static bool is_keepalive(struct tcp_seen *t)
{
	if (t->p->payload_len > 1 || !bare(t) || t->ack != t->other->last_ack ||
	    t->seq != t->own->next_seq - 1 || t->s->state < TCP_STATE_ESTABLISHED ||
	    (t->p->payload_len && seq_after(t->end, t->own->expect)))
		return false;
	t->own->flags |= SIDE_KEEPALIVE;
	t->p->stream_notes |= STREAM_KEEPALIVE;
	return true;
}

static bool is_keepalive_ack(const struct tcp_seen *t)
{
	return t->p->payload_len == 0 && bare(t) && t->win != 0 &&
	       t->win << t->other->wscale == t->other->window &&
	       (t->other->flags & SIDE_KEEPALIVE) && t->ack == t->other->last_ack &&
	       t->seq == t->own->next_seq;
}

/* Answer to a probe of a window that is still shut. */
static bool is_probe_ack(const struct tcp_seen *t)
{
	uint16_t probe = t->d == TO_CLIENT ? SESSION_ZWP_TS : SESSION_ZWP_TC;

	return (t->s->flags & probe) && t->p->payload_len == 0 && bare(t) && t->win == 0 &&
	       t->other->window == 0 && t->seq == t->own->next_seq && t->ack == t->other->last_ack;
}

/* A window made smaller than what is on its way allows: not the real receiver's. */
static bool is_bad_window(struct tcp_seen *t)
{
	uint32_t win = t->win << t->other->wscale, shrunk, acked;

	if (t->s->state < TCP_STATE_ESTABLISHED || t->s->state == TCP_STATE_CLOSED || !bare(t) ||
	    win >= t->other->window)
		return false;
	shrunk = t->other->window - win;
	acked = t->ack - t->other->last_ack;
	if (shrunk <= t->p->payload_len || !seq_after(t->ack, t->other->next_seq) ||
	    !seq_after(t->seq, t->own->next_seq) || shrunk <= acked + (win > 1024 ? 32 : 0))
		return false;
	tcp_event(t, ANOMALY_stream_pkt_bad_window_update);
	return true;
}

/* Says nothing that was not said by a later one. */
static bool is_old_ack(const struct tcp_seen *t)
{
	return t->s->state >= TCP_STATE_ESTABLISHED && t->p->payload_len == 0 && bare(t) &&
	       (t->flags & TCP_ACK) && seq_before(t->ack, t->other->last_ack) &&
	       t->seq == t->own->next_seq;
}

/* All of it was acknowledged long since. True: it changes nothing. */
static bool is_spurious(struct tcp_seen *t)
{
	if (t->p->payload_len == 0 || t->s->state < TCP_STATE_ESTABLISHED ||
	    !seq_upto(t->end, t->own->last_ack) || !seq_upto(t->end, t->own->expect))
		return false;
	t->p->stream_notes |= STREAM_SPURIOUS;
	tcp_event(t, ANOMALY_stream_pkt_spurious_retransmission);
	if (raw_differs(t->own, t->seq, t->p->payload, t->p->payload_len)) {
		t->w->counters->tcp_overlap_diff_data++;
		tcp_event(t, ANOMALY_stream_reassembly_overlap_different_data);
		if (t->st->in_the_wire)
			packet_drop(t->p, DROP_stream_reassembly);
	}
	return bare(t);
}

/* An acknowledgement once more. */
static void note_ack_again(struct tcp_seen *t)
{
	if (t->s->state < TCP_STATE_ESTABLISHED || t->p->payload_len || !bare(t) || !(t->flags & TCP_ACK) ||
	    t->ack != t->other->last_ack || t->seq != t->own->next_seq)
		return;
	if (t->win << t->other->wscale != t->other->window)
		t->p->stream_notes |= STREAM_WINDOW_UPDATE;
	else if (seq_after(t->other->next_seq, t->ack))
		t->p->stream_notes |= STREAM_DUP_ACK;
}

static bool changes_nothing(struct tcp_seen *t)
{
	bool probe_ack;

	if (is_keepalive(t))
		return true;
	if (is_keepalive_ack(t)) {
		t->p->stream_notes |= STREAM_KEEPALIVE_ACK;
		t->other->flags &= (uint16_t)~SIDE_KEEPALIVE;
		return true;
	}
	t->other->flags &= (uint16_t)~SIDE_KEEPALIVE;
	probe_ack = is_probe_ack(t);
	if (probe_ack)
		t->p->stream_notes |= STREAM_ZERO_WINDOW_PROBE_ACK;
	t->s->flags &= (uint16_t)~(t->d == TO_CLIENT ? SESSION_ZWP_TS : SESSION_ZWP_TC);
	return probe_ack || is_bad_window(t) || is_old_ack(t) || is_spurious(t);
}

/* The one that is said to have sent a reset goes on as if it had not. */
static void after_reset(struct tcp_seen *t)
{
	if ((t->flags & TCP_RST) || !(t->other->flags & SIDE_RST_RECV))
		return;
	t->other->flags &= (uint16_t)~SIDE_RST_RECV;
	t->s->flags &= (uint16_t)~SESSION_CLOSED_BY_RST;
	tcp_event(t, ANOMALY_stream_suspected_rst_inject);
}

/* ---- a packet ---- */

static void tcp_invalid(struct tcp_seen *t)
{
	t->w->counters->tcp_invalid++;
	if (t->st->in_the_wire && t->st->drop_invalid) {
		t->p->flags |= PACKET_NO_PAYLOAD_INSPECT;
		packet_drop(t->p, DROP_stream_error);
	}
}

static void tcp_count(struct tcp_seen *t)
{
	struct counters *c = t->w->counters;

	if ((t->flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK))
		c->tcp_synack++;
	else if (t->flags & TCP_SYN)
		c->tcp_syn++;
	if (t->flags & TCP_RST)
		c->tcp_rst++;
	if (t->flags & TCP_URG)
		c->tcp_urg++;
}

void stream_packet(struct worker *w, struct packet *p)
{
	struct flow *f = p->flow;
	struct tcp_session *s;
	struct tcp_seen t;
	bool ok = true;

	if (!f || p->ip_proto != PROTO_TCP || f->ip_proto != PROTO_TCP ||
	    (f->flags & (FLOW_BYPASSED | FLOW_DROP)) ||
	    (p->flags & (PACKET_PSEUDO | PACKET_BAD_CHECKSUM)))
		return;
	s = f->tcp;
	t = (struct tcp_seen){
		.w = w,
		.st = w->streams,
		.p = p,
		.f = f,
		.s = s,
		.d = (enum direction)p->direction,
		.own = s ? &s->side[p->direction] : NULL,
		.other = s ? &s->side[!p->direction] : NULL,
		.seq = p->tcp.seq,
		.end = p->tcp.seq + p->payload_len,
		.ack = p->tcp.ack,
		.win = p->tcp.window,
		.flags = p->tcp.flags,
	};
	tcp_count(&t);
	if (!(t.flags & TCP_ACK) && t.ack != 0)
		tcp_event(&t, ANOMALY_stream_pkt_broken_ack);
	if (!s || s->state == TCP_NONE) {
		ok = tcp_on_none(&t);
	} else {
		if ((s->flags & SESSION_ASYNC) && f->tcp_flags[0] && f->tcp_flags[1])
			s->flags &= (uint16_t)~SESSION_ASYNC;
		note_ack_again(&t);
		if (!changes_nothing(&t))
			ok = tcp_dispatch(&t, (enum tcp_state)s->state);
		if (ok)
			after_reset(&t);
	}
	if (!ok)
		tcp_invalid(&t);
}

void stream_flow_end(struct worker *w, struct flow *f, struct packet *p, enum direction d)
{
	if (f->tcp && !(f->flags & (FLOW_BYPASSED | FLOW_DROP)))
		tcp_finish(w, f, p, d);
}

bool stream_untouched(const struct flow *f)
{
	const struct tcp_session *s = f->tcp;
	const struct tcp_side *a = &s->side[0], *b = &s->side[1];

	return s->state < TCP_STATE_ESTABLISHED && !a->bytes && !b->bytes &&
	       !((a->flags | b->flags) & (SIDE_STARTED | SIDE_FIN));
}

void stream_stop(struct worker *w, struct flow *f)
{
	for (unsigned d = 0; f->tcp && d < 2; d++) {
		struct tcp_side *side = &f->tcp->side[d];

		side->flags |= SIDE_STOPPED;
		if (side->bytes)
			held_remove(w, side->bytes, 0, side->bytes->held_count);
	}
}

void stream_stored(struct worker *w, struct flow *f)
{
	if (f->tcp && w->streams->stored_depth != w->streams->depth)
		f->tcp->flags |= SESSION_STORED;
}

/* ---- what others ask ---- */

/* States in which new numbers on the same ports are a new session. */
static bool tcp_over(enum tcp_state state)
{
	return state == TCP_NONE || state >= TCP_CLOSING;
}

bool stream_reuses(struct worker *w, const struct flow *f, const struct packet *p,
		   enum direction d)
{
	const struct tcp_session *s = f->tcp;
	uint8_t start = p->tcp.flags & (TCP_SYN | TCP_ACK | TCP_FIN | TCP_RST);

	if (start == TCP_SYN) {
		if (!s || (d == TO_SERVER && (s->flags & SESSION_TFO_IGNORED)))
			return true;
		/* A released session's end is not seen: a new one must not pass for it. */
		return !(d == TO_SERVER && s->side[d].isn == p->tcp.seq) &&
		       (f->flags & FLOW_BYPASSED || tcp_over((enum tcp_state)s->state));
	}
	if (start == (TCP_SYN | TCP_ACK) && (w->streams->midstream || w->streams->async)) {
		if (!s)
			return d == TO_SERVER;
		return !(d == TO_CLIENT && s->side[d].isn == p->tcp.seq) &&
		       tcp_over((enum tcp_state)s->state);
	}
	return false;
}

void stream_reverse(struct flow *f)
{
	struct tcp_side keep;
	uint8_t regions;

	if (!f->tcp)
		return;
	keep = f->tcp->side[0];
	f->tcp->side[0] = f->tcp->side[1];
	f->tcp->side[1] = keep;
	regions = f->tcp->max_regions[0];
	f->tcp->max_regions[0] = f->tcp->max_regions[1];
	f->tcp->max_regions[1] = regions;
}

enum tcp_state stream_state(const struct flow *f)
{
	return f->tcp ? (enum tcp_state)f->tcp->state : TCP_NONE;
}

const char *stream_state_name(enum tcp_state s)
{
	return flow_tcp_state_names[s <= TCP_STATE_CLOSED ? s : TCP_NONE];
}

unsigned stream_max_regions(const struct flow *f, enum direction d)
{
	return f->tcp && f->tcp->max_regions[d] ? f->tcp->max_regions[d] : 1;
}

uint64_t stream_size(const struct flow *f, enum direction d)
{
	return f->tcp ? f->tcp->side[d].next_seq - f->tcp->side[d].isn : 0;
}
