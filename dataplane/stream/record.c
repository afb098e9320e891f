/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the record stream_tcp says of a session. Worker thread only.
 */
#include "dataplane/event/record.h"
#include "dataplane/stream/session.h"

struct flag_name {
	uint32_t flag;
	const char *name;
};

static void flags_write(struct recorder *r, enum field_id list, uint32_t flags, const struct flag_name *names)
{
	rec_open(r, list);
	for (; names->name; names++)
		if (flags & names->flag)
			rec_text(r, F_stream_tcp_flag, names->name);
	rec_close(r);
}

static void side_write(struct recorder *r, enum field_id object, const struct tcp_side *side)
{
	static const struct flag_name names[] = {
		{SIDE_GAP, "has_gap"}, {SIDE_STOPPED, "noreassembly"}, {SIDE_KEEPALIVE, "keepalive"},
		{SIDE_DEPTH, "depth_reached"}, {SIDE_TS, "timestamp"}, {SIDE_ZERO_TS, "zero_timestamp"},
		{SIDE_RAW_OFF, "disable_raw"}, {SIDE_RST_RECV, "rst_recv"}, {0, NULL},
	};
	const struct tcp_bytes *b = side->bytes;

	rec_open(r, object);
	rec_uint(r, F_stream_tcp_isn, side->isn);
	rec_uint(r, F_stream_tcp_next_seq, side->next_seq);
	rec_uint(r, F_stream_tcp_last_ack, side->last_ack);
	rec_uint(r, F_stream_tcp_next_win, side->next_win);
	if (!(side->flags & SIDE_STOPPED)) {
		rec_uint(r, F_stream_tcp_base_seq, side->expect);
		rec_uint(r, F_stream_tcp_segs_right_edge, side->expect + (b ? b->held_bytes : 0));
	}
	rec_uint(r, F_stream_tcp_window, side->window);
	rec_uint(r, F_stream_tcp_wscale, side->wscale);
	flags_write(r, F_stream_tcp_flags, side->flags, names);
	rec_uint(r, F_stream_tcp_seg_cnt, b ? b->held_count : 0);
	rec_uint(r, F_stream_tcp_sb_region_size, b ? b->raw_cap : 0);
	rec_close(r);
}

void stream_record_packet(struct recorder *r, const struct packet *p)
{
	static const struct flag_name names[] = {
		{STREAM_RETRANSMISSION, "retransmission"},
		{STREAM_SPURIOUS, "spurious_retransmission"},
		{STREAM_KEEPALIVE, "keepalive"},
		{STREAM_KEEPALIVE_ACK, "keepalive_ack"},
		{STREAM_WINDOW_UPDATE, "window_update"},
		{STREAM_EVENT, "event_set"},
		{STREAM_STATE_UPDATE, "state_update"},
		{STREAM_DUP_ACK, "dup_ack"},
		{STREAM_ACK_UNSEEN, "ack_unseen_data"},
		{STREAM_PORT_REUSE, "tcp_port_reuse"},
		{STREAM_ZERO_WINDOW_PROBE, "zero_window_probe"},
		{STREAM_ZERO_WINDOW_PROBE_ACK, "zero_window_probe_ack"},
		{0, NULL},
	};

	flags_write(r, F_stream_tcp_flags, p->stream_notes, names);
}

void stream_record_session(struct recorder *r, const struct packet *p)
{
	static const struct flag_name names[] = {
		{SESSION_MIDSTREAM, "midstream"},
		{SESSION_MIDSTREAM_ESTABLISHED, "midstream_established"},
		{SESSION_MIDSTREAM_SYNACK, "midstream_synack"},
		{SESSION_TIMESTAMP, "timestamp"},
		{SESSION_SERVER_WSCALE, "server_wscale"},
		{SESSION_CLOSED_BY_RST, "closed_by_rst"},
		{SESSION_4WHS, "4whs"},
		{SESSION_EVASION, "detect_evasion_attempt"},
		{SESSION_CONFIRMED, "3whs_confirmed"},
		{SESSION_FAST_OPEN, "tcp_fast_open"},
		{SESSION_TFO_IGNORED, "tfo_data_ignored"},
		{0, NULL},
	};
	const struct tcp_session *s = p->flow ? p->flow->tcp : NULL;

	rec_open(r, F_stream_tcp_session);
	if (s) {
		rec_text(r, F_stream_tcp_state, stream_state_name((enum tcp_state)s->state));
		if (p->stream_notes & STREAM_STATE_UPDATE)
			rec_text(r, F_stream_tcp_pstate, stream_state_name((enum tcp_state)s->before));
		rec_open(r, F_stream_tcp_session_flags);
		flags_write(r, F_stream_tcp_session_flag_list, s->flags, names);
		rec_close(r);
		side_write(r, F_stream_tcp_client, &s->side[TO_SERVER]);
		side_write(r, F_stream_tcp_server, &s->side[TO_CLIENT]);
	}
	rec_close(r);
}
