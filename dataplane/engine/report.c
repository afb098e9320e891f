/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/report.h"

#include "dataplane/base/cursor.h"
#include "dataplane/detect/detect.h"

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

static void drop_ipv4(struct recorder *r, struct cursor c)
{
	cursor_skip(&c, 1);
	uint8_t tos = cursor_u8(&c);
	uint16_t len = cursor_be16(&c), id = cursor_be16(&c);

	cursor_skip(&c, 2);
	rec_uint(r, F_drop_len, len);
	rec_uint(r, F_drop_tos, tos);
	rec_uint(r, F_drop_ttl, cursor_u8(&c));
	rec_uint(r, F_drop_ipid, id);
}

static void drop_ipv6(struct recorder *r, struct cursor c)
{
	uint32_t word = cursor_be32(&c);
	uint16_t len = cursor_be16(&c);

	cursor_skip(&c, 1);
	rec_uint(r, F_drop_len, len);
	rec_uint(r, F_drop_tc, word >> 20 & 0xff);
	rec_uint(r, F_drop_flowlbl, word & 0xfffff);
	rec_uint(r, F_drop_hoplimit, cursor_u8(&c));
}

static void drop_tcp(struct recorder *r, const struct tcp_fields *tcp)
{
	rec_uint(r, F_drop_tcpseq, tcp->seq);
	rec_uint(r, F_drop_tcpack, tcp->ack);
	rec_uint(r, F_drop_tcpwin, tcp->window);
	rec_bool(r, F_drop_syn, tcp->flags & TCP_SYN);
	rec_bool(r, F_drop_ack, tcp->flags & TCP_ACK);
	rec_bool(r, F_drop_psh, tcp->flags & TCP_PSH);
	rec_bool(r, F_drop_rst, tcp->flags & TCP_RST);
	rec_bool(r, F_drop_urg, tcp->flags & TCP_URG);
	rec_bool(r, F_drop_fin, tcp->flags & TCP_FIN);
	rec_uint(r, F_drop_tcpres, tcp->reserved_bits);
	rec_uint(r, F_drop_tcpurgp, tcp->urgent);
}

void report_drop(struct worker *w, const struct packet *p)
{
	struct recorder *r = emit_packet(w, RECORD_drop, p);

	rec_open(r, F_drop_drop);
	if (p->flags & PACKET_IP) {
		struct cursor c = cursor_of(p->l3, p->l3_len);

		if (p->ip_version == 4)
			drop_ipv4(r, c);
		else
			drop_ipv6(r, c);
	}
	if ((p->flags & PACKET_L4) && p->ip_proto == PROTO_TCP)
		drop_tcp(r, &p->tcp);
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
