/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An established session. Worker thread only.
 */
#include "dataplane/stream/session.h"

static bool est_synack(struct tcp_seen *t)
{
	if (t->d == TO_SERVER)
		tcp_event(t, ANOMALY_stream_est_synack_toserver);
	else if (t->ack != t->other->last_ack)
		tcp_event(t, ANOMALY_stream_est_synack_resend_with_different_ack);
	else if (t->seq != t->own->isn)
		tcp_event(t, ANOMALY_stream_est_synack_resend_with_diff_seq);
	else if (t->s->flags & SESSION_CONFIRMED)
		tcp_event(t, ANOMALY_stream_est_synack_resend);
	else
		return true; /* the client's ACK was lost on its way to the server */
	return false;
}

static bool est_syn(struct tcp_seen *t)
{
	if (t->d == TO_CLIENT)
		tcp_event(t, ANOMALY_stream_est_syn_toclient);
	else if (t->seq != t->own->isn)
		tcp_event(t, ANOMALY_stream_est_syn_resend_diff_seq);
	else
		tcp_event(t, ANOMALY_stream_est_syn_resend);
	return false;
}

/* Before what the receiver has had already; false: of no use. */
static bool est_not_too_old(struct tcp_seen *t)
{
	struct tcp_side *own = t->own;

	if (t->p->payload_len <= 1 && t->seq == own->next_seq - 1)
		return true; /* keep-alive */
	if (seq_from(t->end, own->last_ack))
		return true;
	if (t->s->flags & SESSION_ASYNC) {
		own->last_ack = t->seq;
		return true;
	}
	if (own->next_seq == t->seq && t->st->async && (t->s->flags & SESSION_MIDSTREAM)) {
		t->s->flags |= SESSION_ASYNC;
		own->last_ack = t->seq;
		return true;
	}
	/* what was acknowledged was never seen, and here is some of it */
	if (seq_after(own->last_ack, own->next_seq) && seq_after(t->end, own->next_seq))
		return true;
	tcp_event(t, ANOMALY_stream_est_pkt_before_last_ack);
	return false;
}

static bool est_data(struct tcp_seen *t)
{
	struct tcp_side *own = t->own, *other = t->other;
	uint16_t probe_open = t->d == TO_SERVER ? SESSION_ZWP_TC : SESSION_ZWP_TS;
	uint16_t probe_own = t->d == TO_SERVER ? SESSION_ZWP_TS : SESSION_ZWP_TC;
	bool probe;

	if (!((t->s->flags & probe_open) && t->ack == other->next_seq + 1) && !tcp_ack_ok(t)) {
		tcp_event(t, ANOMALY_stream_est_invalid_ack);
		return false;
	}
	/* the window of the side first seen becomes known when the other side speaks */
	if ((t->s->flags & SESSION_MIDSTREAM_ESTABLISHED) && t->d == TO_CLIENT) {
		own->next_win = own->last_ack + own->window;
		t->s->flags &= (uint16_t)~SESSION_MIDSTREAM_ESTABLISHED;
	}
	if (!est_not_too_old(t))
		return false;
	probe = t->p->payload_len == 1 && t->seq == own->next_seq && own->window == 0;
	if (!probe && seq_after(t->end, own->next_win) &&
	    !(t->s->flags & (SESSION_MIDSTREAM | SESSION_ASYNC))) {
		tcp_event(t, ANOMALY_stream_est_packet_out_of_window);
		return false;
	}
	if (probe) {
		t->s->flags |= probe_own;
		t->p->stream_notes |= STREAM_ZERO_WINDOW_PROBE;
	} else {
		tcp_next_seq(own, t->end);
	}
	other->window = t->win << other->wscale;
	if (t->flags & TCP_ACK) {
		if (seq_after(t->ack, other->isn + 1))
			t->s->flags |= SESSION_CONFIRMED;
		tcp_ack(t, other, t->ack); /* may turn client and server round */
	}
	tcp_timestamp_note(t);
	tcp_next_win(t->other);
	tcp_segment(t);
	return true;
}

bool tcp_on_established(struct tcp_seen *t)
{
	if (t->flags & TCP_RST)
		return tcp_rst(t);
	if (t->flags & TCP_FIN)
		return tcp_timestamp_ok(t) && tcp_on_fin(t);
	if ((t->flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK))
		return est_synack(t);
	if (t->flags & TCP_SYN)
		return est_syn(t);
	/* Without ACK no current receiver takes it; older ones do. */
	if ((t->flags & TCP_ACK) || t->p->payload_len)
		return tcp_timestamp_ok(t) && est_data(t);
	return true;
}
