/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From the first packet to an established session: the three-way handshake and what may be made of
 * it (repeated and doubled SYNs, four-way, fast open, one side only, sessions met midway). Worker
 * thread only.
 */
#include <string.h>

#include "dataplane/stream/session.h"

/* ---- the first packet ---- */

static void ts_start(struct tcp_seen *t)
{
	struct tcp_side *own = t->own, *other = t->other;

	if (!t->p->tcp.has_timestamp)
		return;
	own->last_ts = t->p->tcp.ts_value;
	other->last_ts = t->p->tcp.ts_echo;
	if (own->last_ts == 0)
		own->flags |= SIDE_ZERO_TS;
	if (other->last_ts == 0)
		other->flags |= SIDE_ZERO_TS;
	own->last_packet_s = other->last_packet_s = (uint32_t)(t->p->ts_ns / 1000000000);
	t->s->flags |= SESSION_TIMESTAMP;
}

static bool midstream_allowed(struct tcp_seen *t)
{
	unsigned policy = t->w->config->stream_midstream_policy;

	if (t->st->midstream)
		return policy == EXCEPTION_IGNORE || policy == EXCEPTION_PASS ||
		       policy == EXCEPTION_BYPASS;
	return false;
}

static void midstream_mark(struct tcp_seen *t, struct tcp_session *s)
{
	t->w->counters->tcp_midstream_pickups++;
	t->f->flags |= FLOW_MIDSTREAM;
	s->flags |= SESSION_MIDSTREAM;
}

static struct tcp_session *midstream_session(struct tcp_seen *t)
{
	struct tcp_session *s = tcp_session_get(t);

	if (!s)
		return NULL;
	midstream_mark(t, s);
	if (t->st->async)
		s->flags |= SESSION_ASYNC;
	return s;
}

static bool first_syn(struct tcp_seen *t)
{
	struct tcp_session *s = tcp_session_get(t);

	if (!s)
		return true;
	tcp_set_state(t, TCP_SYN_SENT);
	if (t->st->async)
		s->flags |= SESSION_ASYNC;
	tcp_side_start(t->own, t->seq);
	if (t->p->tcp.has_timestamp) {
		t->own->last_ts = t->p->tcp.ts_value;
		if (t->own->last_ts == 0)
			t->own->flags |= SIDE_ZERO_TS;
		t->own->last_packet_s = (uint32_t)(t->p->ts_ns / 1000000000);
		t->own->flags |= SIDE_TS;
	}
	t->other->window = t->win;
	if (t->p->tcp.has_window_scale) {
		s->flags |= SESSION_SERVER_WSCALE;
		t->other->wscale = t->p->tcp.window_scale;
	}
	if (t->p->tcp.has_tfo) {
		s->flags |= SESSION_FAST_OPEN;
		if (t->p->payload_len) {
			tcp_next_seq(t->own, t->own->next_seq + t->p->payload_len);
			t->seq++;
			t->end++;
			tcp_segment(t);
		}
	}
	return true;
}

/* The server's half of a handshake whose first half was not seen. */
static bool first_synack(struct tcp_seen *t)
{
	struct tcp_side *own, *other;

	flow_exception(t->w, t->p, t->w->config->stream_midstream_policy, EXCEPTION_MIDSTREAM,
		       DROP_stream_midstream);
	if (!t->st->midstream && !t->st->async)
		return true;
	if (!midstream_allowed(t) && !t->st->async)
		return true;
	if (!midstream_session(t))
		return true;
	/* what looked like the client is the server */
	flow_reverse(t->w, t->f);
	t->p->direction = t->d = direction_other(t->d);
	t->own = &t->s->side[t->d];
	t->other = &t->s->side[direction_other(t->d)];
	own = t->own;
	other = t->other;
	tcp_set_state(t, TCP_SYN_RECV);
	t->s->flags |= SESSION_MIDSTREAM_SYNACK;
	tcp_side_start(own, t->seq);
	tcp_side_start(other, t->ack - 1);
	other->last_ack = t->ack;
	own->last_ack = t->seq + 1;
	other->window = t->win;
	other->next_win = other->last_ack + other->window;
	own->next_win = own->last_ack + own->window;
	/* an answer with a scale means that the question had one; which, nobody knows */
	if (t->p->tcp.has_window_scale) {
		other->wscale = t->p->tcp.window_scale;
		own->wscale = TCP_WINDOW_SCALE_MAX;
	}
	ts_start(t);
	return true;
}

static void midstream_sides(struct tcp_seen *t)
{
	struct tcp_side *own = t->own, *other = t->other;

	own->wscale = other->wscale = TCP_WINDOW_SCALE_MAX;
	tcp_side_start(own, t->seq - 1);
	tcp_next_seq(own, t->end);
	own->window = t->win << own->wscale;
	own->last_ack = t->seq;
	own->next_win = own->last_ack + own->window;
	tcp_side_start(other, t->ack - 1);
	other->last_ack = t->ack;
	other->window = t->win << other->wscale;
	other->next_win = other->last_ack + other->window;
	ts_start(t);
}

static bool first_midway(struct tcp_seen *t)
{
	bool fin = t->flags & TCP_FIN;

	flow_exception(t->w, t->p, t->w->config->stream_midstream_policy, EXCEPTION_MIDSTREAM,
		       DROP_stream_midstream);
	if (!midstream_allowed(t) || (fin && t->p->payload_len == 0)) {
		if (fin)
			tcp_event(t, ANOMALY_stream_fin_but_no_session);
		return !fin;
	}
	if (!midstream_session(t))
		return true;
	tcp_set_state(t, fin ? TCP_FIN_WAIT1 : TCP_STATE_ESTABLISHED);
	t->s->flags |= SESSION_MIDSTREAM_ESTABLISHED;
	midstream_sides(t);
	tcp_segment(t);
	return true;
}

bool tcp_on_none(struct tcp_seen *t)
{
	if (t->flags & TCP_RST) {
		tcp_event(t, ANOMALY_stream_rst_but_no_session);
		return false;
	}
	if (t->flags & TCP_FIN)
		return first_midway(t);
	if ((t->flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK))
		return first_synack(t);
	if (t->flags & TCP_SYN)
		return first_syn(t);
	if (t->flags & TCP_ACK)
		return first_midway(t);
	return true;
}

/* ---- queues of SYNs and SYN/ACKs with other numbers ---- */

static struct tcp_syn syn_of_packet(const struct tcp_seen *t)
{
	struct tcp_syn q = {.seq = t->seq, .ack = t->ack, .window = (uint16_t)t->win};

	if (t->p->tcp.has_window_scale) {
		q.wscale = t->p->tcp.window_scale;
		q.flags |= SYN_WSCALE;
	}
	if (t->p->tcp.has_timestamp) {
		q.ts = t->p->tcp.ts_value;
		q.flags |= SYN_TS;
	}
	return q;
}

/* False: the queue is full (or memory out). */
static bool queue_add(struct tcp_seen *t, const struct tcp_syn *q, unsigned max)
{
	struct tcp_session *s = t->s;

	for (unsigned i = 0; i < s->queue_len; i++) {
		if (memcmp(&s->queue[i], q, sizeof(*q)) == 0)
			return true;
	}
	if (s->queue_len >= max)
		return false;
	if (!s->queue) {
		s->queue = heap_zalloc(&t->w->heap, TCP_SYN_QUEUE_MAX * sizeof(*s->queue));
		if (!s->queue)
			return false;
	}
	s->queue[s->queue_len++] = *q;
	return true;
}

static void queue_free(struct tcp_seen *t)
{
	heap_free(&t->w->heap, t->s->queue);
	t->s->queue = NULL;
	t->s->queue_len = 0;
}

/* The client's numbers are those of q. */
static void use_syn(struct tcp_seen *t, const struct tcp_syn *q)
{
	struct tcp_side *client = &t->s->side[TO_SERVER], *server = &t->s->side[TO_CLIENT];

	tcp_side_start(client, q->seq);
	client->flags &= (uint16_t)~(SIDE_TS | SIDE_ZERO_TS);
	client->last_ts = 0;
	if (q->flags & SYN_TS) {
		client->last_ts = q->ts;
		client->flags |= SIDE_TS;
		if (q->ts == 0)
			client->flags |= SIDE_ZERO_TS;
		client->last_packet_s = (uint32_t)(t->p->ts_ns / 1000000000);
	}
	server->window = q->window;
	server->wscale = 0;
	t->s->flags &= (uint16_t)~SESSION_SERVER_WSCALE;
	if (q->flags & SYN_WSCALE) {
		t->s->flags |= SESSION_SERVER_WSCALE;
		server->wscale = q->wscale;
	}
}

/* The server's numbers are those of q. */
static void use_synack(struct tcp_seen *t, const struct tcp_syn *q)
{
	struct tcp_side *client = &t->s->side[TO_SERVER], *server = &t->s->side[TO_CLIENT];

	tcp_side_start(server, q->seq);
	client->window = q->window;
	if ((q->flags & SYN_TS) && (client->flags & SIDE_TS)) {
		t->s->flags |= SESSION_TIMESTAMP;
		server->last_ts = q->ts;
		if (q->ts == 0)
			server->flags |= SIDE_ZERO_TS;
		server->last_packet_s = (uint32_t)(t->p->ts_ns / 1000000000);
	} else {
		t->s->flags &= (uint16_t)~SESSION_TIMESTAMP;
		client->flags &= (uint16_t)~SIDE_ZERO_TS;
	}
	client->last_ack = q->ack;
	server->last_ack = server->isn + 1;
	/* scaling counts only if both offer it */
	if ((t->s->flags & SESSION_SERVER_WSCALE) && (q->flags & SYN_WSCALE)) {
		client->wscale = q->wscale;
	} else {
		client->wscale = 0;
		server->wscale = 0;
	}
	client->next_win = client->last_ack + client->window;
	server->next_win = server->last_ack + server->window;
}

/* ---- SYN seen ---- */

static bool sent_rst(struct tcp_seen *t)
{
	if (!tcp_rst_ok(t) && !(t->d == TO_CLIENT && t->ack == t->other->isn + 1))
		return false;
	if (t->d == TO_SERVER &&
	    !(t->seq == t->own->isn && t->win == 0 && t->ack == t->own->isn + 1))
		return true;
	t->other->flags |= SIDE_RST_RECV;
	t->s->flags |= SESSION_CLOSED_BY_RST;
	tcp_set_state(t, TCP_STATE_CLOSED);
	queue_free(t);
	return true;
}

/* The client answers the server's own SYN: four packets open the session. */
static bool sent_synack_4whs(struct tcp_seen *t)
{
	struct tcp_side *client = t->own, *server = t->other;
	bool scale;

	if (t->ack != server->isn + 1) {
		tcp_event(t, ANOMALY_stream_4whs_synack_with_wrong_ack);
		return false;
	}
	if (t->seq != client->isn) {
		tcp_event(t, ANOMALY_stream_4whs_synack_with_wrong_syn);
		return false;
	}
	tcp_set_state(t, TCP_SYN_RECV);
	tcp_side_start(client, t->seq);
	server->window = t->win;
	if (t->p->tcp.has_timestamp && (server->flags & SIDE_TS)) {
		t->s->flags |= SESSION_TIMESTAMP;
		client->last_ts = t->p->tcp.ts_value;
		client->last_packet_s = (uint32_t)(t->p->ts_ns / 1000000000);
		if (client->last_ts == 0)
			client->flags |= SIDE_ZERO_TS;
	}
	server->last_ack = t->ack;
	client->last_ack = client->isn + 1;
	scale = (t->s->flags & SESSION_SERVER_WSCALE) && t->p->tcp.has_window_scale;
	server->wscale = scale ? t->p->tcp.window_scale : 0;
	if (!scale)
		client->wscale = 0;
	client->next_win = client->last_ack + client->window;
	server->next_win = server->last_ack + server->window;
	return true;
}

static const struct tcp_syn *queue_by_seq(const struct tcp_session *s, uint32_t seq)
{
	for (unsigned i = 0; i < s->queue_len; i++) {
		if (s->queue[i].seq == seq)
			return &s->queue[i];
	}
	return NULL;
}

static bool sent_synack(struct tcp_seen *t)
{
	struct tcp_side *client = t->other;
	const struct tcp_syn *queued;
	struct tcp_syn q = syn_of_packet(t), lost;

	if (t->d == TO_SERVER) {
		if (t->s->flags & SESSION_4WHS)
			return sent_synack_4whs(t);
		tcp_event(t, ANOMALY_stream_3whs_synack_in_wrong_direction);
		return false;
	}
	if (t->ack != client->isn + 1) {
		queued = queue_by_seq(t->s, t->ack - 1);
		if (!queued && t->s->queue_len == TCP_SYN_QUEUE_MAX) {
			/* one of those that found no room: its scale is not known */
			lost = (struct tcp_syn){.seq = t->ack - 1, .window = UINT16_MAX,
						.wscale = TCP_WINDOW_SCALE_MAX, .flags = SYN_WSCALE};
			queued = &lost;
		}
		if (queued) {
			use_syn(t, queued);
		} else if (!(t->s->flags & SESSION_FAST_OPEN) || t->ack != client->next_seq) {
			tcp_event(t, ANOMALY_stream_3whs_synack_with_wrong_ack);
			return false;
		}
	} else if ((t->s->flags & SESSION_FAST_OPEN) && client->next_seq != client->isn + 1) {
		/* the server did not take the early data: it comes again */
		tcp_event(t, ANOMALY_stream_3whs_synack_tfo_data_ignored);
		t->s->flags |= SESSION_TFO_IGNORED;
		t->s->flags &= (uint16_t)~SESSION_FAST_OPEN;
		client->next_seq = client->isn + 1;
	}
	queue_free(t);
	tcp_set_state(t, TCP_SYN_RECV);
	use_synack(t, &q);
	return true;
}

/* The same SYN once more: the server may answer either, and echoes what that one said. Until it does, the
 * first stamp stands where the server's will. */
static void sent_syn_again(struct tcp_seen *t)
{
	struct tcp_side *own = t->own;

	if (!(own->flags & SIDE_TS) || !t->p->tcp.has_timestamp || t->p->tcp.ts_value <= own->last_ts)
		return;
	if (!(t->s->flags & SESSION_4WHS) && !t->other->last_ts)
		t->other->last_ts = own->last_ts;
	own->last_ts = t->p->tcp.ts_value;
	own->last_packet_s = (uint32_t)(t->p->ts_ns / 1000000000);
}

static bool sent_syn(struct tcp_seen *t)
{
	struct tcp_syn q = syn_of_packet(t);
	struct tcp_side *own = t->own;

	if (t->d == TO_CLIENT) {
		t->s->flags |= SESSION_4WHS;
		tcp_side_start(own, t->seq);
		if (t->p->tcp.has_timestamp) {
			own->last_ts = t->p->tcp.ts_value;
			own->last_packet_s = (uint32_t)(t->p->ts_ns / 1000000000);
			own->flags |= SIDE_TS;
			if (own->last_ts == 0)
				own->flags |= SIDE_ZERO_TS;
		}
		t->other->window = t->win;
		if (t->p->tcp.has_window_scale)
			t->other->wscale = t->p->tcp.window_scale;
		else
			t->s->flags &= (uint16_t)~SESSION_SERVER_WSCALE;
		return true;
	}
	if (t->seq == own->isn) {
		sent_syn_again(t);
		return true;
	}
	if (queue_add(t, &q, TCP_SYN_QUEUE_MAX))
		return true;
	tcp_event(t, ANOMALY_stream_3whs_syn_flood);
	return false;
}

/* The server may echo the stamp of any of the client's packets, which nobody has told apart yet. */
static bool echoes_a_past_one(const struct tcp_seen *t)
{
	return t->s->flags & SESSION_MIDSTREAM && (int32_t)(t->other->last_ts - t->p->tcp.ts_echo) >= 0;
}

/* From the client's ACK, which follows its SYN, to both sides. */
static void sides_by_ack(struct tcp_seen *t)
{
	struct tcp_side *own = t->own, *other = t->other;

	own->wscale = other->wscale = TCP_WINDOW_SCALE_MAX;
	own->window = t->s->flags & SESSION_ASYNC ? t->win : t->win << own->wscale;
	own->last_ack = t->seq;
	own->next_win = own->last_ack + own->window;
	tcp_side_start(other, t->ack - 1);
	other->last_ack = other->next_seq;
	other->next_win = other->last_ack;
	tcp_next_seq(own, t->end);
	if (t->p->tcp.has_timestamp && (own->flags & SIDE_TS))
		ts_start(t);
	tcp_segment(t);
}

/* The SYN/ACK was missed. What the client sends is kept; that the server takes part, it says itself. */
static bool sent_midway(struct tcp_seen *t)
{
	if (t->d == TO_CLIENT && t->s->flags & SESSION_MIDSTREAM) {
		t->s->flags |= SESSION_MIDSTREAM_ESTABLISHED;
		tcp_set_state(t, TCP_STATE_ESTABLISHED);
		return tcp_on_established(t);
	}
	if (t->d != TO_SERVER || t->seq != t->own->next_seq || !midstream_allowed(t))
		return true;
	if (!(t->s->flags & SESSION_MIDSTREAM)) {
		midstream_mark(t, t->s);
		sides_by_ack(t);
	} else {
		if (t->p->tcp.has_timestamp && t->own->flags & SIDE_TS)
			t->own->last_ts = t->p->tcp.ts_value;
		tcp_next_seq(t->own, t->end);
		tcp_segment(t);
	}
	return true;
}

/* Only one side is seen: the client's ACK follows its SYN. */
static bool sent_ack(struct tcp_seen *t)
{
	if (!t->st->async)
		return sent_midway(t);
	if (t->seq != t->own->next_seq) {
		tcp_event(t, ANOMALY_stream_3whs_async_wrong_seq);
		return false;
	}
	t->s->flags |= SESSION_ASYNC;
	tcp_set_state(t, TCP_STATE_ESTABLISHED);
	sides_by_ack(t);
	return true;
}

/* What the server echoes must be the client's own stamp: others cannot know it. */
static bool sent_echo_ok(struct tcp_seen *t)
{
	const struct tcp_side *client = t->other;
	uint32_t echo = t->p->tcp.ts_echo;

	if (t->d == TO_SERVER || !t->p->tcp.has_timestamp || echo == 0 ||
	    !(client->flags & SIDE_TS) || client->last_ts == 0 || echo == client->last_ts ||
	    t->s->queue_len || echoes_a_past_one(t))
		return true;
	/* of a SYN between the first and the last that were sent */
	if (!(t->s->flags & SESSION_4WHS) && t->own->last_ts && echo >= t->own->last_ts && echo < client->last_ts)
		return true;
	tcp_event(t, ANOMALY_stream_pkt_invalid_timestamp);
	return false;
}

bool tcp_on_syn_sent(struct tcp_seen *t)
{
	if (!sent_echo_ok(t))
		return false;
	if (t->flags & TCP_RST)
		return sent_rst(t);
	if (t->flags & TCP_FIN)
		return true;
	if ((t->flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK))
		return sent_synack(t);
	if (t->flags & TCP_SYN)
		return sent_syn(t);
	if (t->flags & TCP_ACK)
		return sent_ack(t);
	return true;
}

/* ---- SYN/ACK seen ---- */

static bool recv_rst(struct tcp_seen *t)
{
	enum os_policy os;

	if (!tcp_rst_ok(t))
		return false;
	/* These hosts take the reset after a wrong ACK for a stray one and stay open. */
	os = tcp_policy(t, t->own, t->d == TO_SERVER);
	if ((t->s->flags & SESSION_EVASION) &&
	    (os == OS_LINUX || os == OS_OLD_LINUX || os == OS_SOLARIS)) {
		t->s->flags &= (uint16_t)~SESSION_EVASION;
		return true;
	}
	t->s->flags |= SESSION_CLOSED_BY_RST;
	tcp_set_state(t, TCP_STATE_CLOSED);
	tcp_timestamp_note(t);
	queue_free(t);
	return true;
}

static bool recv_synack(struct tcp_seen *t)
{
	struct tcp_syn q = syn_of_packet(t), first;

	if (t->d == TO_SERVER) {
		tcp_event(t, ANOMALY_stream_3whs_synack_toserver_on_syn_recv);
		return false;
	}
	if (t->ack != t->other->last_ack) {
		tcp_event(t, ANOMALY_stream_3whs_synack_resend_with_different_ack);
		return false;
	}
	if (t->seq == t->own->isn)
		return true;
	/* Which one the client takes shows in its ACK. */
	tcp_event(t, ANOMALY_stream_3whs_synack_resend_with_diff_seq);
	first = (struct tcp_syn){
		.seq = t->own->isn,
		.ack = t->other->last_ack,
		.window = (uint16_t)t->other->window,
		.wscale = t->other->wscale,
		.flags = (t->s->flags & SESSION_SERVER_WSCALE ? SYN_WSCALE : 0) |
			 (t->s->flags & SESSION_TIMESTAMP ? SYN_TS : 0),
		.ts = t->own->last_ts,
	};
	if (!queue_add(t, &first, TCP_SYNACK_QUEUE_MAX) ||
	    !queue_add(t, &q, TCP_SYNACK_QUEUE_MAX)) {
		tcp_event(t, ANOMALY_stream_3whs_synack_flood);
		return false;
	}
	use_synack(t, &q);
	return true;
}

static bool recv_syn(struct tcp_seen *t)
{
	if (t->d == TO_CLIENT) {
		tcp_event(t, ANOMALY_stream_3whs_syn_toclient_on_syn_recv);
		return false;
	}
	if (t->seq != t->own->isn) {
		tcp_event(t, ANOMALY_stream_3whs_syn_resend_diff_seq_on_syn_recv);
		return false;
	}
	return true;
}

static bool recv_ack_4whs(struct tcp_seen *t)
{
	if (t->seq != t->own->next_seq) {
		tcp_event(t, ANOMALY_stream_4whs_wrong_seq);
		return false;
	}
	if (!tcp_ack_ok(t)) {
		tcp_event(t, ANOMALY_stream_4whs_invalid_ack);
		return false;
	}
	tcp_timestamp_note(t);
	tcp_ack(t, t->other, t->ack);
	tcp_next_seq(t->own, t->end);
	t->other->window = t->win << t->other->wscale;
	t->other->next_win = t->other->last_ack + t->other->window;
	tcp_set_state(t, TCP_STATE_ESTABLISHED);
	tcp_segment(t);
	return true;
}

/* The packet opens the session; its payload is taken. next: what own's next_seq becomes. */
static bool recv_open(struct tcp_seen *t)
{
	struct tcp_session *s = t->s;

	tcp_timestamp_note(t);
	tcp_ack(t, t->other, t->ack);
	tcp_next_seq(t->own, t->end);
	t->other->window = t->win << t->other->wscale;
	t->other->next_win = t->other->last_ack + t->other->window;
	if ((s->flags & SESSION_MIDSTREAM) && t->d == TO_SERVER) {
		t->own->window = t->win << t->own->wscale;
		t->own->next_win = t->own->last_ack + t->own->window;
		if (!(s->flags & SESSION_MIDSTREAM_SYNACK))
			t->own->wscale = t->other->wscale = TCP_WINDOW_SCALE_MAX;
	}
	tcp_set_state(t, TCP_STATE_ESTABLISHED);
	queue_free(t);
	tcp_segment(t);
	return true;
}

/* An ACK from the server while the client's is awaited: the client's was lost to us. */
static bool recv_ack_toclient(struct tcp_seen *t)
{
	const struct tcp_side *own = t->own, *other = t->other;
	bool expected = t->ack == other->last_ack && t->seq == own->next_seq;

	if (!(t->s->flags & (SESSION_MIDSTREAM_SYNACK | SESSION_FAST_OPEN)) &&
	    t->st->in_the_wire) {
		/* in the wire nothing is lost: this did not happen between those two */
		tcp_event(t, expected && t->p->payload_len ? ANOMALY_stream_3whs_ack_data_inject :
							     ANOMALY_stream_3whs_ack_in_wrong_dir);
		return false;
	}
	if (t->st->async && t->seq == own->next_seq) {
		t->s->flags |= SESSION_ASYNC;
		return recv_open(t);
	}
	/* of a client that is seen midway and never speaks only the answers tell */
	if (expected || ((t->s->flags & SESSION_MIDSTREAM_SYNACK) && t->seq == own->next_seq &&
			 seq_after(t->ack, other->last_ack)))
		return recv_open(t);
	if (!t->st->in_the_wire && seq_after(t->seq, own->next_seq) &&
	    seq_after(t->ack, other->last_ack)) {
		tcp_next_seq(t->own, t->seq);
		return recv_open(t);
	}
	tcp_event(t, ANOMALY_stream_3whs_wrong_seq_wrong_ack);
	return false;
}

static bool recv_ack(struct tcp_seen *t)
{
	struct tcp_side *own = t->own, *other = t->other;

	if (t->s->queue_len && t->d == TO_SERVER && t->ack != other->next_seq) {
		const struct tcp_syn *q = queue_by_seq(t->s, t->ack - 1);

		if (q)
			use_synack(t, q);
	}
	if (!tcp_timestamp_ok(t))
		return false;
	if (t->d == TO_CLIENT)
		return t->s->flags & SESSION_4WHS ? recv_ack_4whs(t) : recv_ack_toclient(t);
	if (t->seq == own->next_seq) {
		if (t->ack == other->next_seq ||
		    ((t->s->flags & SESSION_FAST_OPEN) && seq_upto(t->ack, other->next_seq)))
			return recv_open(t);
		if (t->s->flags & SESSION_ASYNC)
			return recv_open(t);
		/* the receiver answers this with a reset, or ignores it, by system */
		t->s->flags |= SESSION_EVASION;
		tcp_event(t, ANOMALY_stream_3whs_right_seq_wrong_ack_evasion);
		return false;
	}
	/* some of the first data was lost to us */
	if (seq_after(t->seq, own->next_seq) && seq_upto(t->seq, own->next_win) &&
	    t->ack == other->next_seq)
		return recv_open(t);
	tcp_event(t, ANOMALY_stream_3whs_wrong_seq_wrong_ack);
	return false;
}

bool tcp_on_syn_recv(struct tcp_seen *t)
{
	if (t->flags & TCP_RST)
		return recv_rst(t);
	if (t->flags & TCP_FIN)
		return tcp_on_fin(t);
	if ((t->flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK))
		return recv_synack(t);
	if (t->flags & TCP_SYN)
		return recv_syn(t);
	if (t->flags & TCP_ACK)
		return recv_ack(t);
	return true;
}
