/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/report.h"

#include "dataplane/base/cursor.h"
#include "dataplane/detect/detect.h"
#include "dataplane/stream/stream.h"

#define PROTO_ICMP4 1
#define PROTO_TCP 6
#define PROTO_UDP 17
#define PROTO_ICMP6 58

#define PREFIX_DECODE "decoder."
#define PREFIX_STREAM "stream."

#define ANOMALY_BYTES_MAX 32 /* of a packet that cannot be decoded */

/* As EVE names them. */
static const char *const event_names[ANOMALY_COUNT] = {
#define ANOMALY(id, layer, name) [ANOMALY_##id] = PREFIX_##layer name,
#include "dataplane/event/anomaly.def"
#undef ANOMALY
};

void report_anomalies(struct worker *w, const struct packet *p, bool decode, bool stream)
{
	for (unsigned i = 0; i < p->event_count; i++) {
		bool is_stream = anomaly_rows[p->events[i]].layer == ANOMALY_STREAM;
		struct recorder *r;

		if (!(is_stream ? stream : decode))
			continue;
		r = emit_packet(w, RECORD_anomaly, p);
		rec_open(r, F_anomaly_anomaly);
		rec_text(r, F_anomaly_type, is_stream ? "stream" : "decode");
		rec_text(r, F_anomaly_event, event_names[p->events[i]]);
		rec_close(r);
		if (!is_stream && !(p->flags & PACKET_PSEUDO)) {
			rec_bytes(r, F_top_packet, p->data,
				  p->len < ANOMALY_BYTES_MAX ? p->len : ANOMALY_BYTES_MAX);
			rec_uint(r, F_top_packet_linktype, p->link_type);
		}
		if (p->flow)
			detect_flow_record(w, r, p->flow);
		emit_end(w);
	}
}

/* Where a record has the fields of a packet's headers. */
struct header_fields {
	enum field_id len, tos, ttl, ipid, tc, flowlbl, hoplimit;
	enum field_id tcpseq, tcpack, tcpwin, syn, ack, psh, rst, urg, fin, tcpres, tcpurgp;
};

#define HEADER_FIELDS(record)                                                                      \
	{F_##record##_len, F_##record##_tos, F_##record##_ttl, F_##record##_ipid, F_##record##_tc, \
	 F_##record##_flowlbl, F_##record##_hoplimit, F_##record##_tcpseq, F_##record##_tcpack,    \
	 F_##record##_tcpwin, F_##record##_syn, F_##record##_ack, F_##record##_psh,                \
	 F_##record##_rst, F_##record##_urg, F_##record##_fin, F_##record##_tcpres,                \
	 F_##record##_tcpurgp}

static void header_ipv4(struct recorder *r, const struct header_fields *f, struct cursor c)
{
	cursor_skip(&c, 1);
	uint8_t tos = cursor_u8(&c);
	uint16_t len = cursor_be16(&c), id = cursor_be16(&c);

	cursor_skip(&c, 2);
	rec_uint(r, f->len, len);
	rec_uint(r, f->tos, tos);
	rec_uint(r, f->ttl, cursor_u8(&c));
	rec_uint(r, f->ipid, id);
}

static void header_ipv6(struct recorder *r, const struct header_fields *f, struct cursor c)
{
	uint32_t word = cursor_be32(&c);
	uint16_t len = cursor_be16(&c);

	cursor_skip(&c, 1);
	rec_uint(r, f->len, len);
	rec_uint(r, f->tc, word >> 20 & 0xff);
	rec_uint(r, f->flowlbl, word & 0xfffff);
	rec_uint(r, f->hoplimit, cursor_u8(&c));
}

static void header_ip(struct recorder *r, const struct header_fields *f, const struct packet *p)
{
	struct cursor c = cursor_of(p->l3, p->l3_len);

	if (!(p->flags & PACKET_IP))
		return;
	if (p->ip_version == 4)
		header_ipv4(r, f, c);
	else
		header_ipv6(r, f, c);
}

static void header_tcp(struct recorder *r, const struct header_fields *f, const struct tcp_fields *tcp)
{
	rec_uint(r, f->tcpseq, tcp->seq);
	rec_uint(r, f->tcpack, tcp->ack);
	rec_uint(r, f->tcpwin, tcp->window);
	rec_bool(r, f->syn, tcp->flags & TCP_SYN);
	rec_bool(r, f->ack, tcp->flags & TCP_ACK);
	rec_bool(r, f->psh, tcp->flags & TCP_PSH);
	rec_bool(r, f->rst, tcp->flags & TCP_RST);
	rec_bool(r, f->urg, tcp->flags & TCP_URG);
	rec_bool(r, f->fin, tcp->flags & TCP_FIN);
	rec_uint(r, f->tcpres, tcp->reserved_bits);
	rec_uint(r, f->tcpurgp, tcp->urgent);
}

void report_stream(struct worker *w, const struct packet *p)
{
	static const struct header_fields fields = HEADER_FIELDS(stream_tcp);
	struct recorder *r = emit_packet(w, RECORD_stream_tcp, p);

	rec_open(r, F_stream_tcp_stream_tcp);
	rec_open(r, F_stream_tcp_packet);
	header_ip(r, &fields, p);
	if (p->flags & PACKET_L4) {
		header_tcp(r, &fields, &p->tcp);
		stream_record_packet(r, p);
	}
	rec_close(r);
	stream_record_session(r, p);
	if (p->stream_notes & STREAM_EVENT) {
		rec_open(r, F_stream_tcp_events);
		for (unsigned i = 0; i < p->event_count; i++)
			rec_text(r, F_stream_tcp_event, event_names[p->events[i]]);
		rec_close(r);
	}
	if (p->drop)
		rec_text(r, F_stream_tcp_reason, drop_rows[p->drop].name);
	rec_close(r);
	emit_end(w);
}

void report_drop(struct worker *w, const struct packet *p)
{
	static const struct header_fields fields = HEADER_FIELDS(drop);
	struct recorder *r = emit_packet(w, RECORD_drop, p);

	rec_open(r, F_drop_drop);
	header_ip(r, &fields, p);
	if ((p->flags & PACKET_L4) && p->ip_proto == PROTO_TCP)
		header_tcp(r, &fields, &p->tcp);
	else if ((p->flags & PACKET_L4) && p->ip_proto == PROTO_UDP)
		rec_uint(r, F_drop_udplen, p->payload_len + 8);
	else if ((p->flags & PACKET_L4) &&
		 (p->ip_proto == PROTO_ICMP4 || p->ip_proto == PROTO_ICMP6)) {
		rec_uint(r, F_drop_icmp_id, p->icmp_id);
		rec_uint(r, F_drop_icmp_seq, p->icmp_seq);
	}
	rec_text(r, F_drop_reason, drop_rows[p->drop].name);
	rec_close(r);
	detect_drop_record(w, r, p);
	emit_end(w);
}
