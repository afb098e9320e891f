/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Would the receiver take this segment? Acknowledgement numbers (RFC 9293 3.10.7.4), timestamps
 * (RFC 7323, PAWS), resets (RFC 5961, by operating system). Worker thread only.
 */
#include "dataplane/stream/session.h"

#define PAWS_SECONDS (24u * 24 * 3600)

/* ---- acknowledgements ---- */

bool tcp_ack_ok(struct tcp_seen *t)
{
	const struct tcp_side *side = t->other;
	uint32_t ack = t->ack;

	if (!(t->flags & TCP_ACK) || ack == side->last_ack)
		return true;
	if (seq_after(ack, side->last_ack) && seq_upto(ack, side->next_win))
		return true;
	if (seq_before(ack, side->last_ack)) {
		/* old, but from within the last window */
		if (side->window == 0 || !seq_before(ack, side->last_ack - side->window))
			return true;
	} else if (t->s->flags & SESSION_ASYNC) {
		return true;
	} else if (t->s->state == TCP_SYN_SENT && t->d == TO_CLIENT && (t->flags & TCP_RST) &&
		   ack == side->isn + 1) {
		return true; /* a refused connection */
	}
	tcp_event(t, ANOMALY_stream_pkt_invalid_ack);
	return false;
}

/* Bytes again that the other end has had already. */
bool tcp_is_retransmission(struct tcp_seen *t)
{
	if (t->p->payload_len == 0 || !seq_before(t->seq, t->own->last_ack))
		return false;
	t->p->stream_notes |= STREAM_RETRANSMISSION;
	tcp_event(t, ANOMALY_stream_pkt_retransmission);
	return true;
}

/* ---- timestamps ---- */

enum ts_verdict { TS_UNCHECKED, TS_NEW, TS_OLD_BUT_IDLE, TS_BAD };

static bool zero_allowed(enum os_policy os)
{
	return os == OS_OLD_LINUX || os == OS_WINDOWS || os == OS_WINDOWS2K3 || os == OS_VISTA ||
	       os == OS_SOLARIS;
}

/* Judges the packet's timestamp as the receiver does; changes nothing. */
static enum ts_verdict timestamp_judge(struct tcp_seen *t)
{
	const struct tcp_side *side = t->own;
	enum os_policy os = tcp_policy(t, t->own, t->d == TO_SERVER);
	uint32_t ts = t->p->tcp.ts_value, now_s = (uint32_t)(t->p->ts_ns / 1000000000);
	uint32_t last_s = side->last_packet_s;
	bool idle, older;

	if (ts == 0 && !zero_allowed(os))
		return TS_BAD;
	if (side->flags & SIDE_ZERO_TS) {
		if (os == OS_LINUX || os == OS_WINDOWS2K3)
			return TS_UNCHECKED;
		if ((os == OS_OLD_LINUX || os == OS_WINDOWS || os == OS_VISTA) &&
		    t->seq == side->next_seq)
			return TS_UNCHECKED;
	}
	if (os == OS_HPUX11 && t->seq != side->next_seq)
		return TS_UNCHECKED;
	if (last_s == 0 && (t->s->flags & SESSION_MIDSTREAM))
		last_s = now_s;
	/* every receiver is given Linux's tolerance of one tick */
	older = (int32_t)(ts - side->last_ts + 1) < 0;
	idle = side->last_ts != 0 && now_s > last_s + PAWS_SECONDS;
	if (!older && !idle)
		return TS_NEW;
	if (idle && t->seq == side->next_seq)
		return TS_OLD_BUT_IDLE;
	return TS_BAD;
}

bool tcp_timestamp_ok(struct tcp_seen *t)
{
	if (!(t->s->flags & SESSION_TIMESTAMP) || !t->p->tcp.has_timestamp)
		return true;
	if (timestamp_judge(t) != TS_BAD)
		return true;
	tcp_event(t, ANOMALY_stream_pkt_invalid_timestamp);
	return false;
}

/* The packet was taken: remember its timestamp. */
void tcp_timestamp_note(struct tcp_seen *t)
{
	struct tcp_side *side = t->own;
	enum os_policy os;

	if (!(t->s->flags & SESSION_TIMESTAMP))
		return;
	os = tcp_policy(t, t->own, t->d == TO_SERVER);
	if (!t->p->tcp.has_timestamp) {
		/* Solaris gives timestamps up when one is missing */
		if (os == OS_SOLARIS)
			t->s->flags &= (uint16_t)~SESSION_TIMESTAMP;
		return;
	}
	if (side->flags & SIDE_ZERO_TS) {
		if (os == OS_LINUX || os == OS_WINDOWS2K3) {
			t->s->flags &= (uint16_t)~SESSION_TIMESTAMP;
			return;
		}
		side->flags &= (uint16_t)~SIDE_ZERO_TS;
	}
	switch (timestamp_judge(t)) {
	case TS_BAD:
	case TS_UNCHECKED:
		return;
	case TS_OLD_BUT_IDLE:
		side->last_ts = t->p->tcp.ts_value;
		break;
	case TS_NEW:
		/* RFC 7323 4.3: only what covers the last acknowledgement sent may move it */
		if (seq_upto(t->seq, side->last_ack))
			side->last_ts = t->p->tcp.ts_value;
		break;
	}
	side->last_packet_s = (uint32_t)(t->p->ts_ns / 1000000000);
}

/* ---- resets ---- */

bool tcp_rst_ok(struct tcp_seen *t)
{
	const struct tcp_side *own = t->own;

	if (!tcp_timestamp_ok(t))
		return false;
	if (t->p->payload_len)
		tcp_event(t, ANOMALY_stream_rst_with_data);
	if ((t->flags & TCP_ACK) && t->ack && !tcp_ack_ok(t)) {
		tcp_event(t, ANOMALY_stream_rst_invalid_ack);
		return false;
	}
	/* A signed reset may be refused by the receiver: be ready to go on (RFC 2385, 5925). */
	if (t->p->tcp.has_md5)
		t->other->flags |= SIDE_RST_RECV;
	if (t->s->flags & SESSION_ASYNC)
		return seq_from(t->seq, own->next_seq);
	switch (tcp_policy(t, t->own, t->d == TO_SERVER)) {
	case OS_HPUX11:
		return seq_from(t->seq, own->next_seq);
	case OS_OLD_LINUX:
	case OS_LINUX:
	case OS_SOLARIS:
		return seq_from(t->end, own->last_ack) &&
		       seq_before(t->seq, own->next_seq + own->window);
	default:
		return t->seq == own->next_seq;
	}
}

/* An acknowledgement in a reset counts no further than what was sent. */
static uint32_t rst_ack(const struct tcp_side *side, uint32_t ack)
{
	return seq_after(ack, side->next_seq) ? side->next_seq : ack;
}

/* A reset in a state after the handshake. Data in it is a note, no part of the stream (RFC 1122
 * 4.2.2.12). */
bool tcp_rst(struct tcp_seen *t)
{
	if (!tcp_rst_ok(t))
		return false;
	t->s->flags |= SESSION_CLOSED_BY_RST;
	tcp_set_state(t, TCP_STATE_CLOSED);
	t->other->window = t->win << t->other->wscale;
	if ((t->flags & TCP_ACK) && tcp_ack_ok(t))
		tcp_ack(t, t->other, rst_ack(t->other, t->ack));
	tcp_closed(t);
	tcp_timestamp_note(t);
	t->p->flags |= PACKET_STREAM_END;
	if (t->p->payload_len)
		t->p->flags |= PACKET_STREAM_ADDED;
	return true;
}
