/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The states after the first FIN. FIN_WAIT1 … TIME_WAIT is the path of a server that closes first,
 * CLOSE_WAIT and LAST_ACK that of a client that does. Worker thread only.
 */
#include "dataplane/stream/session.h"

/* What most of these states do with a packet they take. */
static void closing_take(struct tcp_seen *t)
{
	tcp_timestamp_note(t);
	if (t->flags & TCP_ACK) {
		tcp_ack(t, t->other, t->ack); /* may turn client and server round */
		/* acknowledged, so sent: we missed it */
		tcp_next_seq(t->other, t->ack);
	}
	/* a number beyond a FIN is no data */
	if (t->p->payload_len)
		tcp_next_seq(t->own, t->end);
	tcp_segment(t);
	tcp_next_win(t->other);
}

static void closing_window(struct tcp_seen *t)
{
	t->other->window = t->win << t->other->wscale;
}

static bool fin_in_window(const struct tcp_seen *t)
{
	return seq_from(t->end, t->own->next_seq) &&
	       seq_upto(t->end, t->own->last_ack + t->own->window);
}

static bool fin_out_of_window(const struct tcp_seen *t)
{
	return seq_before(t->seq, t->own->next_seq) ||
	       seq_after(t->seq, t->own->last_ack + t->own->window);
}

/* What all these states say alike of a packet: true, and *good is the answer. awaited: the flags that move the
 * state on. */
static bool settled(struct tcp_seen *t, unsigned awaited, bool *good)
{
	if (t->flags & TCP_RST) {
		*good = tcp_rst(t);
		return true;
	}
	if ((t->flags & TCP_SYN) && !(t->flags & awaited & TCP_FIN)) {
		tcp_event(t, ANOMALY_stream_shutdown_syn_resend);
		*good = false;
		return true;
	}
	*good = !(t->flags & awaited);
	return *good || !tcp_timestamp_ok(t);
}

/* A FIN that came before its data leaves holes; here is some of what is missing. It is no more than
 * late, however far the states have gone meanwhile. */
static bool fills_before_fin(const struct tcp_seen *t)
{
	const struct tcp_side *own = t->own;

	return (own->flags & SIDE_FIN) && !(own->flags & (SIDE_STOPPED | SIDE_END_SENT)) &&
	       t->p->payload_len && seq_from(t->seq, own->expect) &&
	       seq_upto(t->end, own->fin_seq);
}

/* The same end's FIN once more closes nothing further. */
static bool fin_again(const struct tcp_seen *t)
{
	return (t->flags & TCP_FIN) && (t->own->flags & SIDE_FIN) && t->end == t->own->fin_seq;
}

/* First FIN of the session. */
bool tcp_on_fin(struct tcp_seen *t)
{
	if (!tcp_ack_ok(t)) {
		tcp_event(t, ANOMALY_stream_fin_invalid_ack);
		return false;
	}
	/* met at the SYN/ACK, the window of a client that does not speak is not known */
	if (!fin_in_window(t) && !((t->s->flags & SESSION_MIDSTREAM_SYNACK) && !t->own->window)) {
		tcp_event(t, ANOMALY_stream_fin_out_of_window);
		return false;
	}
	if (t->flags & TCP_SYN) {
		tcp_event(t, ANOMALY_stream_fin_syn);
		return false;
	}
	tcp_set_state(t, t->d == TO_SERVER ? TCP_CLOSE_WAIT : TCP_FIN_WAIT1);
	tcp_next_seq(t->own, t->end);
	closing_window(t);
	closing_take(t);
	return true;
}

bool tcp_on_fin_wait1(struct tcp_seen *t)
{
	bool again, good, data_in_window;

	if (settled(t, TCP_FIN | TCP_ACK, &good))
		return good;
	again = tcp_is_retransmission(t);
	if ((t->flags & TCP_FIN) && !again && fin_out_of_window(t)) {
		tcp_event(t, ANOMALY_stream_fin1_fin_wrong_seq);
		return false;
	}
	if (!tcp_ack_ok(t)) {
		tcp_event(t, ANOMALY_stream_fin1_invalid_ack);
		return false;
	}
	if (again || fin_again(t)) {
		closing_take(t);
		return true;
	}
	if (t->flags & TCP_FIN) {
		tcp_set_state(t, TCP_CLOSING);
		/* both in one packet: its ACK covers the other end's FIN */
		if (t->ack == t->other->next_seq + 1)
			tcp_set_state(t, TCP_TIME_WAIT);
	} else {
		data_in_window = seq_upto(t->end, t->own->next_win) ||
				 (t->s->flags & (SESSION_MIDSTREAM | SESSION_ASYNC));
		if (!data_in_window) {
			tcp_event(t, ANOMALY_stream_fin1_ack_wrong_seq);
			return false;
		}
		if (t->seq == t->own->next_seq && t->ack == t->other->next_seq + 1)
			tcp_set_state(t, TCP_FIN_WAIT2);
	}
	closing_window(t);
	closing_take(t);
	return true;
}

bool tcp_on_fin_wait2(struct tcp_seen *t)
{
	bool again, good;

	if (settled(t, TCP_FIN | TCP_ACK, &good))
		return good;
	if (t->flags & TCP_FIN) {
		again = (t->seq == t->own->next_seq - 1 && t->ack == t->other->last_ack) ||
			tcp_is_retransmission(t);
		if (!again && fin_out_of_window(t)) {
			tcp_event(t, ANOMALY_stream_fin2_fin_wrong_seq);
			return false;
		}
	} else {
		again = tcp_is_retransmission(t);
		if (!again && seq_after(t->end, t->own->next_win) &&
		    !(t->s->flags & (SESSION_MIDSTREAM | SESSION_ASYNC))) {
			tcp_event(t, ANOMALY_stream_fin2_ack_wrong_seq);
			return false;
		}
	}
	if (!tcp_ack_ok(t)) {
		tcp_event(t, ANOMALY_stream_fin2_invalid_ack);
		return false;
	}
	if (!again) {
		if (t->flags & TCP_FIN)
			tcp_set_state(t, TCP_TIME_WAIT);
		closing_window(t);
	}
	closing_take(t);
	return true;
}

bool tcp_on_closing(struct tcp_seen *t)
{
	bool again, good;

	if (settled(t, TCP_ACK, &good))
		return good;
	again = tcp_is_retransmission(t) || fills_before_fin(t);
	if (!again && t->seq != t->own->next_seq && t->seq != t->own->next_seq + 1) {
		tcp_event(t, ANOMALY_stream_closing_ack_wrong_seq);
		return false;
	}
	if (!tcp_ack_ok(t)) {
		tcp_event(t, ANOMALY_stream_closing_invalid_ack);
		return false;
	}
	if (!again) {
		tcp_set_state(t, TCP_TIME_WAIT);
		closing_window(t);
	}
	closing_take(t);
	return true;
}

bool tcp_on_close_wait(struct tcp_seen *t)
{
	bool again, good;

	if (settled(t, TCP_FIN | TCP_ACK, &good))
		return good;
	again = tcp_is_retransmission(t);
	if (t->flags & TCP_FIN) {
		if (!again && fin_out_of_window(t)) {
			tcp_event(t, ANOMALY_stream_closewait_fin_out_of_window);
			return false;
		}
	} else {
		if (t->p->payload_len > 0 && seq_upto(t->end, t->own->last_ack)) {
			tcp_event(t, ANOMALY_stream_closewait_pkt_before_last_ack);
			return false;
		}
		if (seq_after(t->seq, t->own->last_ack + t->own->window)) {
			tcp_event(t, ANOMALY_stream_closewait_ack_out_of_window);
			return false;
		}
	}
	if (!tcp_ack_ok(t)) {
		tcp_event(t, ANOMALY_stream_closewait_invalid_ack);
		return false;
	}
	if (!again) {
		if ((t->flags & TCP_FIN) && t->d == TO_CLIENT)
			tcp_set_state(t, TCP_LAST_ACK);
		closing_window(t);
	}
	closing_take(t);
	return true;
}

bool tcp_on_last_ack(struct tcp_seen *t)
{
	bool again, good;

	if ((t->flags & (TCP_RST | TCP_FIN)) == TCP_FIN) {
		tcp_is_retransmission(t);
		return true;
	}
	if (settled(t, TCP_ACK, &good))
		return good;
	again = tcp_is_retransmission(t);
	if (!tcp_ack_ok(t)) {
		tcp_event(t, ANOMALY_stream_lastack_invalid_ack);
		return false;
	}
	if (!again && seq_from(t->seq, t->own->next_seq)) {
		if (t->seq != t->own->next_seq && t->seq != t->own->next_seq + 1) {
			tcp_event(t, ANOMALY_stream_lastack_ack_wrong_seq);
			return false;
		}
		tcp_set_state(t, TCP_STATE_CLOSED);
		closing_window(t);
	}
	closing_take(t);
	return true;
}

bool tcp_on_time_wait(struct tcp_seen *t)
{
	bool again, good;

	if ((t->flags & (TCP_RST | TCP_FIN)) == TCP_FIN) {
		tcp_is_retransmission(t);
		return true;
	}
	if (settled(t, TCP_ACK, &good))
		return good;
	again = tcp_is_retransmission(t) || fills_before_fin(t);
	if (!again && t->seq != t->own->next_seq && t->seq != t->own->next_seq + 1) {
		if (t->p->payload_len == 0 && t->seq == t->own->next_seq - 1)
			return true; /* an earlier acknowledgement, late */
		tcp_event(t, ANOMALY_stream_timewait_ack_wrong_seq);
		return false;
	}
	if (!tcp_ack_ok(t)) {
		tcp_event(t, ANOMALY_stream_timewait_invalid_ack);
		return false;
	}
	if (!again) {
		tcp_set_state(t, TCP_STATE_CLOSED);
		closing_window(t);
	}
	closing_take(t);
	return true;
}
