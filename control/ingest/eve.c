/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Records to JSON. See eve.h.
 */
#include "control/ingest/eve.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/event/app_proto.h"

#define SURICATA_VERSION "8.0.6" /* whose EVE this is */
#define LEVELS_MAX 64 /* of objects and arrays; deeper ones are skipped */

struct walk {
	struct text *out;
	const struct eve_options *o;
	const struct record_head *head;
	struct value_reader reader;
	unsigned depth;            /* open levels, the outermost object not counted */
	uint64_t arrays;           /* bit: the level is an array */
	bool has_app_proto;        /* the record says it itself */
	bool in_alert;             /* within the object "alert" */
	const char *xff;           /* a field to be added; NULL: none, or in place of an address */
};

const char *eve_proto_name(uint8_t proto, char *room)
{
	switch (proto) {
	case IPPROTO_TCP:
		return "TCP";
	case IPPROTO_UDP:
		return "UDP";
	case IPPROTO_ICMP:
		return "ICMP";
	case IPPROTO_ICMPV6:
		return "IPv6-ICMP";
	case IPPROTO_SCTP:
		return "SCTP";
	case IPPROTO_IGMP:
		return "IGMP";
	case IPPROTO_IPIP:
		return "IP-in-IP";
	case IPPROTO_IPV6:
		return "IPv6";
	case IPPROTO_GRE:
		return "GRE";
	case IPPROTO_ESP:
		return "ESP";
	case IPPROTO_AH:
		return "AH";
	default:
		snprintf(room, 4, "%03u", proto);
		return room;
	}
}

static void put_addr(struct text *out, const char *key, const struct addr *a, int ip_version)
{
	char room[ADDR_TEXT_MAX];

	json_key_cstr(out, key, addr_format_long(a, ip_version, room));
}

static void put_vlan(struct text *out, const struct record_head *h)
{
	unsigned count = h->vlan_count < 3 ? h->vlan_count : 3;

	if (!count)
		return;
	json_key(out, "vlan");
	text_char(out, '[');
	for (unsigned i = 0; i < count; i++) {
		json_comma(out);
		text_uint(out, h->vlan[i]);
	}
	text_char(out, ']');
}

/* client: what X-Forwarded-For says in place of the client's address, or NULL. */
static void put_ends(struct text *out, const struct record_head *h, const char *client)
{
	bool ports = h->flags & RECORD_HAS_PORTS, to_client = h->flags & RECORD_TO_CLIENT;
	char room[4];

	if (!h->ip_version)
		return;
	if (client && !to_client)
		json_key_cstr(out, "src_ip", client);
	else
		put_addr(out, "src_ip", &h->src, h->ip_version);
	if (ports)
		json_key_uint(out, "src_port", h->sport);
	if (client && to_client)
		json_key_cstr(out, "dest_ip", client);
	else
		put_addr(out, "dest_ip", &h->dst, h->ip_version);
	if (ports)
		json_key_uint(out, "dest_port", h->dport);
	json_key_cstr(out, "proto", eve_proto_name(h->ip_proto, room));
	json_key_uint(out, "ip_v", h->ip_version);
	if (h->flags & RECORD_HAS_ICMP) {
		json_key_uint(out, "icmp_type", h->sport);
		json_key_uint(out, "icmp_code", h->dport);
	}
}

static void put_mac(struct text *out, const uint8_t *mac)
{
	text_format(out, "\"%02x:%02x:%02x:%02x:%02x:%02x\"", mac[0], mac[1], mac[2], mac[3], mac[4],
		    mac[5]);
}

static void put_ether(struct text *out, const struct record_head *h)
{
	bool many = h->type == RECORD_flow || h->type == RECORD_netflow; /* as sets, of which we know one pair */

	json_key(out, "ether");
	text_char(out, '{');
	if (!many && h->ether_type)
		json_key_uint(out, "ether_type", h->ether_type);
	json_key(out, many ? "dest_macs" : "src_mac");
	if (many)
		text_char(out, '[');
	put_mac(out, many ? h->dst_mac : h->src_mac);
	text_str(out, many ? "],\"src_macs\":[" : ",\"dest_mac\":");
	put_mac(out, many ? h->src_mac : h->dst_mac);
	text_str(out, many ? "]}" : "}");
}

static void put_head(struct text *out, const struct eve_options *o, const struct record_head *h,
		     const char *client)
{
	bool is_packet = h->type == RECORD_alert || h->type == RECORD_drop || h->type == RECORD_stream_tcp;

	text_char(out, '{');
	json_key_time(out, "timestamp", h->ts_ns);
	if (h->flow_id)
		json_key_uint(out, "flow_id", h->flow_id);
	if (h->port_index < o->interface_count)
		json_key_cstr(out, "in_iface", o->interfaces[h->port_index]);
	if (h->packet_number)
		json_key_uint(out, "pcap_cnt", h->packet_number);
	/* HTTP/2 is switched on by itself, and is http to readers, as in the reference. */
	json_key_cstr(out, "event_type", record_rows[h->type == RECORD_http2 ? RECORD_http : h->type].name);
	put_vlan(out, h);
	put_ends(out, h, client);
	if (h->type != RECORD_flow && h->type != RECORD_netflow && h->packet_source < PACKET_SOURCE_COUNT)
		json_key_cstr(out, "pkt_src", record_packet_source_names[h->packet_source]);
	if (o->ethernet && h->flags & RECORD_HAS_MACS)
		put_ether(out, h);
	if (o->community_id && h->flow_id)
		eve_community_id(out, h, o->community_id_seed);
	if (h->tx_id != RECORD_NO_TX)
		json_key_uint(out, "tx_id", h->tx_id);
	if (is_packet && h->flow_id && h->flags & RECORD_HAS_DIRECTION)
		json_key_cstr(out, "direction",
			      h->flags & RECORD_TO_CLIENT ? "to_client" : "to_server");
}

static bool in_array(const struct walk *w)
{
	return w->depth && w->arrays >> (w->depth - 1) & 1;
}

/* What the options leave out of this record. */
static bool is_left_out(const struct walk *w, enum field_id field)
{
	const struct eve_options *o = w->o;
	bool alert = w->head->type == RECORD_alert;

	switch (field) {
	case F_top_payload:
		return alert && !o->payload && !o->payload_printable;
	case F_top_stream:
		return alert && !o->payload && !o->payload_printable && !o->packet;
	case F_top_packet:
	case F_top_packet_linktype:
		if (w->head->type == RECORD_anomaly)
			return !o->anomaly_packet;
		return alert && !o->packet;
	case F_top_verdict:
		return alert ? !o->verdict : !o->drop_verdict;
	case F_alert_metadata:
		return alert && !o->rule_metadata;
	case F_http_request_body:
	case F_http_response_body:
		return !alert || (!o->http_body && !o->http_body_printable);
	case F_alert_references:
		return !o->rule_reference;
	case F_top_flow:
	case F_top_app_proto:
		return alert && field == F_top_flow && !o->flow;
	case F_top_files:
		return alert && !o->rule_metadata;
	default:
		/* An alert's context of the application layer: an object of another record. */
		return alert && w->depth == 0 && !o->app_layer &&
		       field_rows[field].record != RECORD_alert &&
		       field_rows[field].record != RECORD_top &&
		       field_rows[field].record != RECORD_frame &&
		       field_rows[field].record != RECORD_flow;
	}
}

static void put_hexcolon(struct text *out, struct bytes b)
{
	text_char(out, '"');
	for (uint32_t i = 0; i < b.len; i++) {
		if (i)
			text_char(out, ':');
		text_hex(out, b.data + i, 1);
	}
	text_char(out, '"');
}

static void put_value_addr(struct text *out, struct bytes b)
{
	struct addr a = {{0}};
	char room[ADDR_TEXT_MAX];

	if (b.len != 4 && b.len != 16) {
		text_str(out, "\"\"");
		return;
	}
	memcpy(a.b, b.data, b.len);
	json_put_cstr(out, addr_format_long(&a, b.len == 16 ? 6 : 4, room));
}

static void put_quoted(struct text *out, void (*print)(struct text *, const void *, size_t),
		       struct bytes b)
{
	text_char(out, '"');
	print(out, b.data, b.len);
	text_char(out, '"');
}

/* The value alone, without its key. */
static void put_value(struct text *out, const struct value *v)
{
	switch (v->kind) {
	case KIND_UINT:
	case KIND_HIDDEN:
		text_uint(out, v->n);
		break;
	case KIND_INT:
		text_int(out, (int64_t)v->n);
		break;
	case KIND_BOOL:
		text_str(out, v->n ? "true" : "false");
		break;
	case KIND_FLOAT:
		text_float(out, v->f);
		break;
	case KIND_TEXT:
		json_put_string(out, v->body.data, v->body.len);
		break;
	case KIND_PRINTABLE:
		json_put_printable(out, v->body.data, v->body.len);
		break;
	case KIND_BASE64:
		put_quoted(out, text_base64, v->body);
		break;
	case KIND_HEX:
		put_quoted(out, text_hex, v->body);
		break;
	case KIND_HEXCOLON:
	case KIND_MAC:
		put_hexcolon(out, v->body);
		break;
	case KIND_ADDR:
		put_value_addr(out, v->body);
		break;
	case KIND_TIME:
		text_char(out, '"');
		text_time(out, v->n);
		text_char(out, '"');
		break;
	case KIND_JSON:
		text_bytes(out, v->body.data, v->body.len);
		break;
	case KIND_OBJECT:
	case KIND_ARRAY:
	case KIND_MEMBER:
		break;
	}
}

static void put_payload(struct walk *w, struct bytes b)
{
	if (b.len > w->o->payload_max)
		b.len = (uint32_t)w->o->payload_max;
	if (w->o->payload || w->head->type != RECORD_alert) {
		json_key(w->out, "payload");
		put_quoted(w->out, text_base64, b);
	}
	if (w->o->payload_printable) {
		json_key(w->out, "payload_printable");
		json_put_printable(w->out, b.data, b.len);
	}
}

static void put_body(struct walk *w, const char *key, struct bytes b)
{
	if (w->o->http_body) {
		json_key(w->out, key);
		put_quoted(w->out, text_base64, b);
	}
	if (w->o->http_body_printable) {
		json_comma(w->out);
		text_format(w->out, "\"%s_printable\":", key);
		json_put_printable(w->out, b.data, b.len);
	}
}

/* Names of link types as libpcap has them. */
static const char *link_type_name(uint64_t type)
{
	static const struct {
		unsigned type;
		const char *name;
	} names[] = {{0, "NULL"},	 {1, "EN10MB"},	      {9, "PPP"},   {12, "RAW"},
		     {101, "RAW"},	 {104, "C_HDLC"},     {108, "LOOP"}, {113, "LINUX_SLL"},
		     {228, "IPv4"},	 {229, "IPv6"},	      {276, "LINUX_SLL2"}};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].type == type)
			return names[i].name;
	return NULL;
}

static void put_packet_info(struct walk *w, const struct value *v)
{
	const char *name = link_type_name(v->n);

	json_key(w->out, "packet_info");
	text_char(w->out, '{');
	json_key_uint(w->out, "linktype", v->n);
	if (name)
		json_key_cstr(w->out, "linktype_name", name);
	text_char(w->out, '}');
}

static void open_level(struct walk *w, const struct value *v)
{
	bool array = v->kind == KIND_ARRAY;

	if (w->depth >= LEVELS_MAX) {
		value_skip_level(&w->reader);
		text_str(w->out, "null");
		return;
	}
	text_char(w->out, array ? '[' : '{');
	w->arrays &= ~(1ull << w->depth);
	w->arrays |= (uint64_t)array << w->depth;
	w->depth++;
	w->in_alert = v->field == F_alert_alert || (w->in_alert && w->depth > 1);
}

static void close_level(struct walk *w)
{
	if (!w->depth)
		return; /* a close too many */
	if (w->depth == 1 && w->in_alert && w->xff)
		json_key_cstr(w->out, "xff", w->xff);
	text_char(w->out, in_array(w) ? ']' : '}');
	w->depth--;
}

static void put_member(struct walk *w, const struct value *v)
{
	struct bytes key, text;

	if (!value_member(v, &key, &text))
		return;
	json_comma(w->out);
	json_put_string(w->out, key.data, key.len);
	text_char(w->out, ':');
	json_put_string(w->out, text.data, text.len);
}

static void put_one(struct walk *w, const struct value *v)
{
	const struct field_row *row = &field_rows[v->field];
	bool level = v->kind == KIND_OBJECT || v->kind == KIND_ARRAY;

	if (v->field == F_top_packet_linktype && !is_left_out(w, v->field) && !in_array(w)) {
		put_packet_info(w, v);
		return;
	}
	if (v->kind == KIND_HIDDEN)
		return;
	if (is_left_out(w, v->field)) {
		if (level)
			value_skip_level(&w->reader);
		return;
	}
	if (v->field == F_top_payload && !in_array(w)) {
		put_payload(w, v->body);
		return;
	}
	if (v->field == F_http_request_body || v->field == F_http_response_body) {
		put_body(w, row->key, v->body);
		return;
	}
	if (v->field == F_top_app_proto)
		w->has_app_proto = true;
	if (v->kind == KIND_JSON && v->body.len == 0)
		return;
	if (v->kind == KIND_MEMBER) {
		put_member(w, v);
		return;
	}
	if (in_array(w) || !row->key[0])
		json_comma(w->out); /* no key: an element, or members ready made */
	else
		json_key(w->out, row->key);
	if (level)
		open_level(w, v);
	else
		put_value(w->out, v);
}

/* A level without a key inside an object would not be JSON: only arrays have such elements, and
 * ready-made members. Anything else is malformed. */
static bool is_misplaced(const struct walk *w, const struct value *v)
{
	if (v->kind == KIND_MEMBER)
		return in_array(w);
	return !in_array(w) && !field_rows[v->field].key[0] && v->kind != KIND_JSON &&
	       v->kind != KIND_HIDDEN;
}

static bool says_app_proto(enum record_type type)
{
	return type == RECORD_alert || type == RECORD_flow || type == RECORD_fileinfo || type == RECORD_file;
}

bool eve_wants(const struct eve_options *o, const struct record_head *head)
{
	struct value v;

	if (!o->enabled[head->type])
		return false;
	if (head->type == RECORD_dns)
		return eve_dns_wants(o, head);
	if (head->type != RECORD_anomaly || !record_find(head, F_anomaly_type, &v))
		return true;
	if (v.body.len == 6 && memcmp(v.body.data, "decode", 6) == 0)
		return o->anomaly_decode;
	if (v.body.len == 6 && memcmp(v.body.data, "stream", 6) == 0)
		return o->anomaly_stream;
	return o->anomaly_applayer;
}

bool eve_write(struct text *out, const struct eve_options *o, const struct record_head *head,
	       const char *capture)
{
	struct walk w = {.out = out, .o = o, .head = head};
	bool good = true, overwrite = false;
	char client[EVE_XFF_MAX];
	struct value v;

	if (eve_xff(client, o, head)) {
		overwrite = o->xff[head->type].mode == EVE_XFF_OVERWRITE;
		w.xff = overwrite ? NULL : client;
	}
	put_head(out, o, head, overwrite ? client : NULL);
	value_reader_init(&w.reader, head);
	while (value_next(&w.reader, &v)) {
		if (v.close) {
			close_level(&w);
		} else if (is_misplaced(&w, &v)) {
			good = false;
			if (v.kind == KIND_OBJECT || v.kind == KIND_ARRAY)
				value_skip_level(&w.reader);
		} else {
			put_one(&w, &v);
		}
	}
	good = good && !w.reader.bad && !w.depth;
	while (w.depth)
		close_level(&w);
	if (!w.has_app_proto && says_app_proto(head->type) && head->app_proto != APP_UNKNOWN &&
	    head->app_proto < APP_PROTO_COUNT)
		json_key_cstr(out, "app_proto", app_proto_names[head->app_proto]);
	if (w.xff && head->type != RECORD_alert)
		json_key_cstr(out, "xff", w.xff);
	if (o->suricata_version)
		json_key_cstr(out, "suricata_version", SURICATA_VERSION);
	if (o->host)
		json_key_cstr(out, "host", o->host);
	if (o->pcap_filename && capture)
		json_key_cstr(out, "pcap_filename", capture);
	text_char(out, '}');
	return good;
}
