/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Heads of records. What a record says beyond its head, the module that writes it adds.
 */
#include "dataplane/engine/emit.h"

#include "dataplane/base/lines.h"
#include "dataplane/engine/recording.h"
#include "dataplane/flow/flow.h"

#define IPPROTO_ICMP4 1
#define IPPROTO_ICMP6 58
#define LINK_ETHERNET 1

/* The head of a record that begins, where it is to stand. */
static struct record_head *head_new(struct worker *w, enum record_type type)
{
	struct record_head *head = (struct record_head *)(void *)w->record_memory;

	rec_begin_there(&w->recorder, w->record_memory, RECORD_MAX_BYTES);
	lines_clear(head, sizeof(*head));
	head->type = (uint16_t)type;
	head->ts_ns = w->now_ns;
	head->tx_id = RECORD_NO_TX;
	head->worker = (uint8_t)w->id;
	return head;
}

static inline uint16_t port_flags(uint8_t ip_proto)
{
	static const uint16_t rows[UINT8_MAX + 1] = {
		[6] = RECORD_HAS_PORTS,           [17] = RECORD_HAS_PORTS,          [132] = RECORD_HAS_PORTS,
		[IPPROTO_ICMP4] = RECORD_HAS_ICMP, [IPPROTO_ICMP6] = RECORD_HAS_ICMP,
	};

	return rows[ip_proto];
}

static void head_flow(struct record_head *head, const struct flow *f)
{
	head->flow_id = flow_cold(f)->id;
	head->flow_start_ns = flow_cold(f)->start_ns;
	head->app_proto = f->app_proto;
}

static void head_macs(struct record_head *head, const struct packet *p)
{
	while (p->outer)
		p = p->outer;
	if (p->link_type != LINK_ETHERNET || p->len < 12 || !p->data)
		return;
	memcpy(head->dst_mac, p->data, 6);
	memcpy(head->src_mac, p->data + 6, 6);
	if (p->len >= 14)
		head->ether_type = (uint16_t)(p->data[12] << 8 | p->data[13]);
	head->flags |= RECORD_HAS_MACS;
}

static const char *proto_name(uint8_t ip_proto)
{
	switch (ip_proto) {
	case IPPROTO_ICMP4:
		return "ICMP";
	case 4:
		return "IP-in-IP";
	case 6:
		return "TCP";
	case 17:
		return "UDP";
	case 41:
		return "IPv6";
	case 47:
		return "GRE";
	case 50:
		return "ESP";
	case IPPROTO_ICMP6:
		return "IPv6-ICMP";
	case 132:
		return "SCTP";
	default:
		return NULL;
	}
}

void emit_tunnel(struct recorder *r, const struct packet *p)
{
	const struct packet *root = p->outer;
	const char *proto;
	bool ports;

	while (root && root->outer)
		root = root->outer;
	if (!root || !(root->flags & PACKET_IP))
		return;
	ports = root->flags & PACKET_L4 && port_flags(root->ip_proto) & RECORD_HAS_PORTS;
	proto = proto_name(root->ip_proto);
	rec_open(r, F_top_tunnel);
	rec_addr(r, F_top_tunnel_src_ip, &root->src, root->ip_version);
	if (ports)
		rec_uint(r, F_top_tunnel_src_port, root->sport);
	rec_addr(r, F_top_tunnel_dest_ip, &root->dst, root->ip_version);
	if (ports)
		rec_uint(r, F_top_tunnel_dest_port, root->dport);
	if (proto)
		rec_text(r, F_top_tunnel_proto, proto);
	rec_uint(r, F_top_tunnel_depth, p->tunnel_depth);
	if (root->number)
		rec_uint(r, F_top_tunnel_pcap_cnt, root->number);
	rec_text(r, F_top_tunnel_pkt_src, record_packet_source_names[root->source]);
	rec_close(r);
}

struct recorder *emit_packet(struct worker *w, enum record_type type, const struct packet *p)
{
	struct record_head *head = head_new(w, type);

	head->ts_ns = p->ts_ns;
	head->packet_number = p->number;
	head->packet_source = p->source;
	head->port_index = p->port_index;
	head->vlan_count = p->vlan_count;
	for (unsigned i = 0; i < p->vlan_count && i < 3; i++)
		head->vlan[i] = p->vlan[i];
	if (p->flags & PACKET_IP) {
		head->src = p->src;
		head->dst = p->dst;
		head->ip_version = p->ip_version;
		head->ip_proto = p->ip_proto;
		if (p->flags & (PACKET_L4 | PACKET_PSEUDO)) {
			head->flags |= port_flags(p->ip_proto);
			head->sport = p->sport;
			head->dport = p->dport;
		}
		if (head->flags & RECORD_HAS_ICMP) {
			head->sport = p->icmp_type;
			head->dport = p->icmp_code;
		}
	}
	if (p->flow) {
		head_flow(head, p->flow);
		head->flags |= RECORD_HAS_DIRECTION;
		if (p->direction == TO_CLIENT)
			head->flags |= RECORD_TO_CLIENT;
	}
	head_macs(head, p);
	return &w->recorder;
}

static bool flow_has_macs(const struct flow *f)
{
	const struct flow_cold *cold = flow_cold(f);
	uint64_t first;
	uint32_t rest;

	_Static_assert(offsetof(struct flow_cold, dst_mac) == offsetof(struct flow_cold, src_mac) + 6, "twelve bytes");
	memcpy(&first, cold->src_mac, 8);
	memcpy(&rest, cold->dst_mac + 2, 4);
	return first | rest;
}

struct recorder *emit_flow(struct worker *w, enum record_type type, const struct flow *f,
			   enum direction d, uint64_t tx_id, const struct packet *p)
{
	const struct flow_cold *cold = flow_cold(f);
	struct record_head *head = head_new(w, type);
	bool to_server = d == TO_SERVER;

	head_flow(head, f);
	head->tx_id = tx_id;
	head->packet_source = PACKET_FLOW_TIMEOUT;
	if (p) {
		if (!(p->flags & PACKET_PSEUDO))
			head->ts_ns = p->ts_ns;
		head->packet_number = p->number;
		head->packet_source = p->source;
		head->port_index = p->port_index;
	}
	head->src = to_server ? f->client : f->server;
	head->dst = to_server ? f->server : f->client;
	head->sport = to_server ? f->client_port : f->server_port;
	head->dport = to_server ? f->server_port : f->client_port;
	head->ip_version = f->ip_version;
	head->ip_proto = f->ip_proto;
	head->flags = (uint16_t)(port_flags(f->ip_proto) | RECORD_HAS_DIRECTION |
				(to_server ? 0 : RECORD_TO_CLIENT));
	if (head->flags & RECORD_HAS_ICMP) {
		head->sport = f->icmp_type;
		head->dport = f->icmp_code;
	}
	_Static_assert(sizeof(head->vlan) == sizeof(f->vlan), "as many tags");
	head->vlan_count = f->vlan_count;
	memcpy(head->vlan, f->vlan, sizeof(head->vlan));
	if (flow_has_macs(f)) {
		memcpy(head->src_mac, to_server ? cold->src_mac : cold->dst_mac, 6);
		memcpy(head->dst_mac, to_server ? cold->dst_mac : cold->src_mac, 6);
		head->flags |= RECORD_HAS_MACS;
	}
	if (cold->detect && w->flow_notes && type != RECORD_contact && type != RECORD_certificates)
		w->flow_notes(w, &w->recorder, f);
	return &w->recorder;
}

struct recorder *emit_bare(struct worker *w, enum record_type type)
{
	head_new(w, type);
	return &w->recorder;
}

void emit_end(struct worker *w)
{
	struct record_head *head = (struct record_head *)(void *)w->record_memory;
	bool recorded = w->recordings && head->type == RECORD_alert;

	if (recorded)
		recording_alert_begin(w, &w->recorder, head);
	rec_end(&w->recorder);
	head->seq = ++w->record_seq;
	w->record_sink(w, head);
	if (recorded)
		recording_alert_end(w, head);
}

bool emit_end_bulk(struct worker *w)
{
	struct record_head *head = (struct record_head *)(void *)w->record_memory;

	rec_end(&w->recorder);
	head->seq = ++w->record_seq;
	return w->bulk_sink && w->bulk_sink(w, head);
}

bool emit_end_packet(struct worker *w)
{
	struct record_head *head = (struct record_head *)(void *)w->record_memory;

	rec_end(&w->recorder);
	head->seq = ++w->record_seq;
	return w->packet_sink && w->packet_sink(w, head);
}

void emit_host(struct worker *w, const struct host_fact *fact)
{
	struct recorder *r = emit_bare(w, RECORD_host);

	if (fact->ip_version)
		rec_addr(r, F_host_ip, &fact->ip, fact->ip_version);
	if (fact->has_mac)
		rec_bytes(r, F_host_mac, fact->mac, 6);
	if (fact->name.len)
		rec_bytes(r, F_host_name, fact->name.data, fact->name.len);
	if (fact->user.len)
		rec_bytes(r, F_host_user, fact->user.data, fact->user.len);
	rec_uint(r, F_host_source, fact->source);
	if (fact->lease_s)
		rec_uint(r, F_host_lease_s, fact->lease_s);
	emit_end(w);
}
