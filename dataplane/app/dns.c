/* SPDX-License-Identifier: BSD-3-Clause
 *
 * DNS over UDP and TCP (RFC 1035, 7766). Each message is a transaction of its own, complete at
 * once: a request belongs to the direction to the server, a response to the other; they are not
 * paired. On port 53 any message that can be read is DNS; on other ports only one that is beyond
 * doubt, and never on those of NetBIOS, multicast DNS and LLMNR, which look the same.
 * Options: app.dns.any_port (yes). Runs in the worker that owns the flow.
 */
#include "dataplane/app/frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "dataplane/app/dns.h"
#include "dataplane/base/put.h"
#include "dataplane/engine/contact.h"
#include "dataplane/engine/emit.h"

#define DNS_PORT 53
#define DNS_TRANSACTIONS_MAX 500
#define DNS_FORWARD_CONTACTS_MAX 64 /* questions of one message remembered */

enum dns_event {
	DNS_EVENT_MALFORMED_DATA,
	DNS_EVENT_NOT_A_REQUEST,
	DNS_EVENT_NOT_A_RESPONSE,
	DNS_EVENT_Z_FLAG_SET,
	DNS_EVENT_INVALID_OPCODE,
	DNS_EVENT_NAME_TOO_LONG,
	DNS_EVENT_INFINITE_LOOP,
	DNS_EVENT_TOO_MANY_LABELS,
	DNS_EVENT_INVALID_ADDITIONALS,
	DNS_EVENT_INVALID_AUTHORITIES,
	DNS_EVENT_TOO_MANY_TRANSACTIONS,
};

static const char *const dns_events[] = {
	[DNS_EVENT_MALFORMED_DATA] = "malformed_data",
	[DNS_EVENT_NOT_A_REQUEST] = "not_a_request",
	[DNS_EVENT_NOT_A_RESPONSE] = "not_a_response",
	[DNS_EVENT_Z_FLAG_SET] = "z_flag_set",
	[DNS_EVENT_INVALID_OPCODE] = "invalid_opcode",
	[DNS_EVENT_NAME_TOO_LONG] = "name_too_long",
	[DNS_EVENT_INFINITE_LOOP] = "infinite_loop",
	[DNS_EVENT_TOO_MANY_LABELS] = "too_many_labels",
	[DNS_EVENT_INVALID_ADDITIONALS] = "invalid_additionals",
	[DNS_EVENT_INVALID_AUTHORITIES] = "invalid_authorities",
	[DNS_EVENT_TOO_MANY_TRANSACTIONS] = "too_many_transactions",
	NULL,
};

struct dns_state {
	bool gap[2]; /* bytes were lost: the next message must be found first */
};

static struct dns_tx *dns_of(struct tx *tx)
{
	return (struct dns_tx *)(void *)tx;
}

/* ---- is it DNS? ---- */

/* NetBIOS, mDNS, LLMNR: datagrams of much the same form. */
static bool other_name_service(uint16_t port)
{
	return port == 137 || port == 5353 || port == 5355;
}

static bool own_port(const struct probe_input *in, uint16_t port)
{
	const struct dns_config *c = in->config;
	const uint16_t *ports = c ? c->ports[in->ip_proto == 6] : NULL;

	if (!ports)
		return port == DNS_PORT;
	for (unsigned i = 0; i < DNS_PORTS_MAX && ports[i]; i++)
		if (ports[i] == port)
			return true;
	return false;
}

static enum probe_result probed(const struct probe_input *in, const uint8_t *message)
{
	bool response = message[2] & 0x80;

	if (response == (in->direction == TO_CLIENT))
		return PROBE_YES;
	return own_port(in, in->server_port) || in->midstream ? PROBE_YES_REVERSED : PROBE_NO;
}

static enum probe_result probe_tcp(const struct probe_input *in, bool port_53)
{
	uint32_t len, have;

	if (in->len < 2 + DNS_HEADER_BYTES) {
		if (in->len >= 2 && get_be16(in->data) < DNS_HEADER_BYTES)
			return PROBE_NO;
		return PROBE_MORE;
	}
	len = get_be16(in->data);
	have = in->len - 2 < len ? in->len - 2 : len;
	if (len < DNS_HEADER_BYTES || !dns_header_valid(in->data + 2, have, len))
		return PROBE_NO;
	if (port_53)
		return dns_message_probe(in->data + 2, have, len) ? probed(in, in->data + 2) : PROBE_NO;
	if (have < len)
		return len <= APP_PROBE_BYTES - 2 ? PROBE_MORE : PROBE_NO;
	return dns_message_probe_strict(in->data + 2, len) ? probed(in, in->data + 2) : PROBE_NO;
}

static enum probe_result dns_probe(const struct probe_input *in)
{
	bool port_53 = own_port(in, in->client_port) || own_port(in, in->server_port);

	if (in->ip_proto == 6)
		return probe_tcp(in, port_53);
	if (!port_53 && (other_name_service(in->client_port) || other_name_service(in->server_port)))
		return PROBE_NO;
	if (in->len < DNS_HEADER_BYTES)
		return PROBE_NO;
	if (port_53 ? dns_message_probe(in->data, in->len, in->len) :
		      dns_message_probe_strict(in->data, in->len))
		return probed(in, in->data);
	return PROBE_NO;
}

/* ---- messages ---- */

static void dns_tx_free(struct worker *w, struct flow *f, struct tx *tx)
{
	dns_message_free(&w->heap, &dns_of(tx)->m);
}

static void event_on_last(struct worker *w, struct flow *f, enum direction d, enum dns_event e)
{
	if (f->app->last)
		tx_event(w, f, f->app->last, d, e);
}

static void remember(struct worker *w, struct flow *f, const struct dns_message *m)
{
	uint8_t text[DNS_NAME_MAX];

	for (uint32_t i = 0; i < m->question_count && i < DNS_FORWARD_CONTACTS_MAX; i++) {
		const struct bytes *name = &m->questions[i].name.text;

		for (uint32_t k = 0; k < name->len; k++) {
			uint8_t b = name->data[k];

			text[k] = b >= 'A' && b <= 'Z' ? (uint8_t)(b | 0x20) : b;
		}
		if (name->len)
			emit_contact(w, f, CONTACT_DOMAIN, text, name->len);
	}
}

static void note_events(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
			const struct dns_message *m)
{
	if (m->bad_additionals)
		tx_event(w, f, tx, d, DNS_EVENT_INVALID_ADDITIONALS);
	if (m->bad_authorities)
		tx_event(w, f, tx, d, DNS_EVENT_INVALID_AUTHORITIES);
	if (m->flags & DNS_Z)
		tx_event(w, f, tx, d, DNS_EVENT_Z_FLAG_SET);
	if ((m->flags >> 11 & 0xf) >= 7)
		tx_event(w, f, tx, d, DNS_EVENT_INVALID_OPCODE);
	if (m->name_flags & DNS_NAME_TRUNCATED)
		tx_event(w, f, tx, d, DNS_EVENT_NAME_TOO_LONG);
	if (m->name_flags & DNS_NAME_LOOP)
		tx_event(w, f, tx, d, DNS_EVENT_INFINITE_LOOP);
	if (m->name_flags & DNS_NAME_LABELS)
		tx_event(w, f, tx, d, DNS_EVENT_TOO_MANY_LABELS);
}

/* One message. False: this is not what it should be. */
static bool dns_take(struct worker *w, struct flow *f, enum direction d, const uint8_t *data,
		     uint32_t len)
{
	struct dns_message m;
	enum dns_status status = dns_message_parse(&w->heap, &m, data, len);
	bool response = m.flags & DNS_QR;
	struct tx *tx;

	if (status != DNS_GOOD) {
		dns_message_free(&w->heap, &m);
		if (status == DNS_MALFORMED)
			event_on_last(w, f, d, DNS_EVENT_MALFORMED_DATA);
		return status == DNS_NOT_DNS && f->ip_proto != 6;
	}
	if (response != (d == TO_CLIENT)) {
		dns_message_free(&w->heap, &m);
		event_on_last(w, f, d,
			      response ? DNS_EVENT_NOT_A_REQUEST : DNS_EVENT_NOT_A_RESPONSE);
		return false;
	}
	tx = tx_new(w, f, sizeof(struct dns_tx));
	if (!tx) {
		dns_message_free(&w->heap, &m);
		return true;
	}
	dns_of(tx)->m = m;
	dns_of(tx)->direction = (uint8_t)d;
	tx->progress[TO_SERVER] = tx->progress[TO_CLIENT] = 1;
	tx->inspected_done[direction_other(d)] = 1;
	note_events(w, f, tx, d, &m);
	if (!response)
		remember(w, f, &m);
	return true;
}

static struct parse_result dns_parse_tcp(struct worker *w, struct flow *f, struct dns_state *st,
					 enum direction d, const struct app_input *in)
{
	struct parse_result res = {.status = PARSE_OK};
	struct cursor c;

	if (in->flags & INPUT_GAP) {
		st->gap[d] = true;
		return res;
	}
	if (!in->len)
		return res;
	c = cursor_of(in->data, in->len);
	if (st->gap[d]) {
		uint32_t len = in->len >= 2 ? get_be16(in->data) : 0;

		if (in->len < 2 + DNS_HEADER_BYTES || len < DNS_HEADER_BYTES ||
		    !dns_message_probe(in->data + 2, in->len - 2 < len ? in->len - 2 : len, len))
			return res;
		st->gap[d] = false;
	}
	while (cursor_left(&c)) {
		const uint8_t *head = cursor_peek(&c, 2), *message;
		uint32_t len = head ? get_be16(head) : 0, left = (uint32_t)cursor_left(&c);

		if (!head || left - 2 < len) {
			res.status = PARSE_MORE;
			res.need = head ? len + 2 : 2;
			break;
		}
		cursor_skip(&c, 2);
		message = cursor_take(&c, len);
		app_frame_open(w, f, d, 1, in->offset + (uint64_t)(message - in->data), len);
		if (len && !dns_take(w, f, d, message, len)) {
			res.status = PARSE_BAD;
			break;
		}
	}
	res.consumed = (uint32_t)(c.p - in->data);
	return res;
}

static struct parse_result dns_parse(struct worker *w, struct flow *f, void *state, enum direction d,
				     const struct app_input *in)
{
	if (f->ip_proto == 6)
		return dns_parse_tcp(w, f, state, d, in);
	app_frame_open(w, f, d, 1, 0, in->len);
	dns_take(w, f, d, in->data, in->len);
	return (struct parse_result){.status = PARSE_OK};
}

/* ---- records ---- */

static void write_name(struct recorder *r, enum field_id text, enum field_id truncated,
		       const struct dns_name *name)
{
	rec_bytes(r, text, name->text.data, name->text.len);
	if (name->flags & DNS_NAME_TRUNCATED)
		rec_bool(r, truncated, true);
}

static void write_soa(struct recorder *r, enum field_id object, const struct dns_record *rr)
{
	struct cursor c = cursor_of(rr->raw.data, rr->raw.len);

	cursor_skip(&c, rr->tail);
	rec_open(r, object);
	write_name(r, F_dns_mname, F_dns_mname_truncated, &rr->target);
	write_name(r, F_dns_rname, F_dns_rname_truncated, &rr->second);
	rec_uint(r, F_dns_serial, cursor_be32(&c));
	rec_uint(r, F_dns_refresh, cursor_be32(&c));
	rec_uint(r, F_dns_retry, cursor_be32(&c));
	rec_uint(r, F_dns_expire, cursor_be32(&c));
	rec_uint(r, F_dns_minimum, cursor_be32(&c));
	rec_close(r);
}

static void write_srv(struct recorder *r, enum field_id object, const struct dns_record *rr)
{
	struct cursor c = cursor_of(rr->raw.data, rr->raw.len);

	rec_open(r, object);
	rec_uint(r, F_dns_priority, cursor_be16(&c));
	rec_uint(r, F_dns_weight, cursor_be16(&c));
	rec_uint(r, F_dns_port, cursor_be16(&c));
	write_name(r, F_dns_name, F_dns_name_truncated, &rr->target);
	rec_close(r);
}

static void write_sshfp(struct recorder *r, enum field_id object, const struct dns_record *rr)
{
	struct cursor c = cursor_of(rr->raw.data, rr->raw.len);
	uint8_t algo = cursor_u8(&c), type = cursor_u8(&c);

	rec_open(r, object);
	rec_bytes(r, F_dns_fingerprint, c.p, cursor_left(&c));
	rec_uint(r, F_dns_algo, algo);
	rec_uint(r, F_dns_fp_type, type);
	rec_close(r);
}

static void write_options(struct recorder *r, const struct dns_record *rr)
{
	struct cursor c = cursor_of(rr->raw.data, rr->raw.len);

	rec_open(r, F_dns_opt);
	while (cursor_left(&c) >= 4) {
		uint16_t code = cursor_be16(&c), len = cursor_be16(&c);
		const uint8_t *data = cursor_take(&c, len);

		if (!data)
			break;
		rec_open(r, F_dns_entry);
		rec_uint(r, F_dns_opt_code, code);
		rec_bytes(r, F_dns_opt_data, data, len);
		rec_close(r);
	}
	rec_close(r);
}

static void write_address(struct recorder *r, enum field_id addr, enum field_id text,
			  const struct dns_record *rr)
{
	struct addr a = {0};

	if (rr->raw.len != 4 && rr->raw.len != 16) {
		rec_text(r, text, "");
		return;
	}
	memcpy(a.b, rr->raw.data, rr->raw.len);
	rec_addr(r, addr, &a, rr->raw.len == 4 ? 4 : 6);
}

static void write_entry(struct recorder *r, const struct dns_record *rr)
{
	char text[8];

	rec_open(r, F_dns_entry);
	write_name(r, F_dns_rrname, F_dns_rrname_truncated, &rr->name);
	rec_text(r, F_dns_rrtype, dns_type_name(rr->type, text));
	rec_uint(r, F_dns_ttl, rr->ttl);
	switch (rr->type) {
	case DNS_A:
	case DNS_AAAA:
		write_address(r, F_dns_rdata_addr, F_dns_rdata, rr);
		break;
	case DNS_CNAME:
	case DNS_MX:
	case DNS_NS:
	case DNS_PTR:
		write_name(r, F_dns_rdata, F_dns_rdata_truncated, &rr->target);
		break;
	case DNS_TXT:
	case DNS_NULL:
		rec_bytes(r, F_dns_rdata, rr->raw.data, rr->raw.len);
		break;
	case DNS_SOA:
		if (rr->raw.len)
			write_soa(r, F_dns_soa, rr);
		break;
	case DNS_SSHFP:
		if (rr->raw.len)
			write_sshfp(r, F_dns_sshfp, rr);
		break;
	case DNS_SRV:
		if (rr->raw.len)
			write_srv(r, F_dns_srv, rr);
		break;
	case DNS_OPT:
		if (rr->raw.len)
			write_options(r, rr);
		break;
	}
	rec_close(r);
}

static void write_section(struct recorder *r, enum field_id array, const struct dns_message *m,
			  enum dns_section section)
{
	if (!m->record_count[section])
		return;
	rec_open(r, array);
	for (uint32_t i = 0; i < m->record_count[section]; i++)
		write_entry(r, &m->records[section][i]);
	rec_close(r);
}

static void write_grouped_item(struct recorder *r, const struct dns_record *rr)
{
	switch (rr->type) {
	case DNS_A:
	case DNS_AAAA:
		write_address(r, F_dns_item_addr, F_dns_item, rr);
		break;
	case DNS_SOA:
		write_soa(r, F_dns_item_soa, rr);
		break;
	case DNS_SRV:
		write_srv(r, F_dns_item_srv, rr);
		break;
	case DNS_SSHFP:
		write_sshfp(r, F_dns_item_sshfp, rr);
		break;
	case DNS_TXT:
	case DNS_NULL:
		rec_bytes(r, F_dns_item, rr->raw.data, rr->raw.len);
		break;
	default:
		rec_bytes(r, F_dns_item, rr->target.text.data, rr->target.text.len);
		break;
	}
}

static void write_grouped(struct recorder *r, const struct dns_message *m)
{
	static const struct {
		uint16_t type;
		enum field_id field;
	} groups[] = {
		{DNS_A, F_dns_grouped_A},         {DNS_AAAA, F_dns_grouped_AAAA},
		{DNS_CNAME, F_dns_grouped_CNAME}, {DNS_MX, F_dns_grouped_MX},
		{DNS_NS, F_dns_grouped_NS},       {DNS_PTR, F_dns_grouped_PTR},
		{DNS_TXT, F_dns_grouped_TXT},     {DNS_NULL, F_dns_grouped_NULL},
		{DNS_SOA, F_dns_grouped_SOA},     {DNS_SRV, F_dns_grouped_SRV},
		{DNS_SSHFP, F_dns_grouped_SSHFP},
	};

	rec_open(r, F_dns_grouped);
	for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++) {
		bool open = false;

		for (uint32_t i = 0; i < m->record_count[DNS_ANSWER]; i++) {
			const struct dns_record *rr = &m->records[DNS_ANSWER][i];

			if (rr->type != groups[g].type)
				continue;
			if (!open)
				rec_open(r, groups[g].field);
			open = true;
			write_grouped_item(r, rr);
		}
		if (open)
			rec_close(r);
	}
	rec_close(r);
}

static void write_flags(struct recorder *r, uint16_t flags)
{
	static const struct {
		uint16_t bit;
		enum field_id field;
	} bits[] = {
		{DNS_QR, F_dns_qr}, {DNS_AA, F_dns_aa}, {DNS_TC, F_dns_tc},
		{DNS_RD, F_dns_rd}, {DNS_RA, F_dns_ra}, {DNS_Z, F_dns_z},
	};
	char text[8];

	put_hex(put_to(text, sizeof(text)), flags, 1);
	rec_text(r, F_dns_flags, text);
	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		if (flags & bits[i].bit)
			rec_bool(r, bits[i].field, true);
}

static void write_question(struct recorder *r, const struct dns_question *q)
{
	char text[8];

	write_name(r, F_dns_rrname, F_dns_rrname_truncated, &q->name);
	rec_text(r, F_dns_rrtype, dns_type_name(q->type, text));
}

/* The dns object, version 3. */
static void write_message(struct recorder *r, const struct dns_config *c, struct tx *tx)
{
	const struct dns_message *m = &dns_of(tx)->m;
	char text[8];

	rec_open(r, F_dns_dns);
	rec_uint(r, F_dns_version, 3);
	rec_text(r, F_dns_type, m->flags & DNS_QR ? "response" : "request");
	rec_uint(r, F_dns_tx_id, tx->id);
	rec_uint(r, F_dns_id, m->id);
	write_flags(r, m->flags);
	rec_uint(r, F_dns_opcode, m->flags >> 11 & 0xf);
	rec_text(r, F_dns_rcode, dns_rcode_name(m->flags, text));
	if (m->question_count) {
		rec_open(r, F_dns_queries);
		for (uint32_t i = 0; i < m->question_count; i++) {
			if (!dns_type_wanted(c, m->questions[i].type))
				continue;
			rec_open(r, F_dns_entry);
			write_question(r, &m->questions[i]);
			rec_close(r);
		}
		rec_close(r);
	}
	if (c->detailed)
		write_section(r, F_dns_answers, m, DNS_ANSWER);
	if (c->grouped && m->record_count[DNS_ANSWER])
		write_grouped(r, m);
	write_section(r, F_dns_authorities, m, DNS_AUTHORITY);
	write_section(r, F_dns_additionals, m, DNS_ADDITIONAL);
	rec_close(r);
}

/* Version 2: one record a question, one for the whole response. */
static void log_version_2(struct worker *w, struct flow *f, const struct dns_config *c,
			  struct tx *tx, const struct packet *p)
{
	const struct dns_message *m = &dns_of(tx)->m;
	bool response = m->flags & DNS_QR;
	struct recorder *r;
	char text[8];

	for (uint32_t i = 0; i < m->question_count; i++) {
		if (!dns_type_wanted(c, m->questions[i].type))
			continue;
		r = emit_flow(w, RECORD_dns, f, TO_SERVER, tx->id, p); /* both ways, as it was */
		if (!r)
			return;
		rec_open(r, F_dns_dns);
		if (response)
			rec_uint(r, F_dns_version, 2);
		rec_text(r, F_dns_type, response ? "answer" : "query");
		rec_uint(r, F_dns_id, m->id);
		if (response)
			write_flags(r, m->flags);
		else if (m->flags & DNS_Z)
			rec_bool(r, F_dns_z, true);
		rec_uint(r, F_dns_opcode, m->flags >> 11 & 0xf);
		write_question(r, &m->questions[i]);
		if (!response) {
			rec_uint(r, F_dns_tx_id, tx->id);
			rec_close(r);
			emit_end(w);
			continue;
		}
		rec_text(r, F_dns_rcode, dns_rcode_name(m->flags, text));
		if (c->detailed)
			write_section(r, F_dns_answers, m, DNS_ANSWER);
		if (c->grouped && m->record_count[DNS_ANSWER])
			write_grouped(r, m);
		write_section(r, F_dns_authorities, m, DNS_AUTHORITY);
		rec_close(r);
		emit_end(w);
		return;
	}
}

static bool to_be_logged(const struct dns_config *c, const struct dns_message *m)
{
	if (!(m->flags & DNS_QR ? c->responses : c->requests))
		return false;
	for (uint32_t i = 0; i < m->question_count; i++)
		if (dns_type_wanted(c, m->questions[i].type))
			return true;
	return false;
}

static void dns_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p)
{
	const struct dns_config *c = app_config(w, APP_dns);
	struct recorder *r;

	if (!to_be_logged(c, &dns_of(tx)->m))
		return;
	if (c->version_2) {
		log_version_2(w, f, c, tx, p);
		return;
	}
	r = emit_flow(w, RECORD_dns, f, dns_of(tx)->direction, tx->id, p);
	if (!r)
		return;
	write_message(r, c, tx);
	emit_end(w);
}

static void dns_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r)
{
	write_message(r, app_config(w, APP_dns), tx);
}

/* ---- buffers ---- */

static bool view_of(const struct dns_name *name, struct buffer_view *out)
{
	/* the root's empty name is there, but has no bytes */
	*out = (struct buffer_view){.data = name->text.data ? name->text.data : (const uint8_t *)"",
				    .len = name->text.len,
				    .complete = true};
	return true;
}

static bool get_query(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
		      unsigned instance, struct buffer_view *out)
{
	const struct dns_message *m = &dns_of(tx)->m;

	if (instance >= m->question_count || dns_of(tx)->direction != d)
		return false;
	return view_of(&m->questions[instance].name, out);
}

static bool get_record_name(struct tx *tx, enum direction d, enum dns_section section,
			    unsigned instance, struct buffer_view *out)
{
	const struct dns_message *m = &dns_of(tx)->m;

	if (instance >= m->record_count[section] || dns_of(tx)->direction != d)
		return false;
	return view_of(&m->records[section][instance].name, out);
}

static bool get_answer(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
		       unsigned instance, struct buffer_view *out)
{
	return get_record_name(tx, d, DNS_ANSWER, instance, out);
}

static bool get_authority(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
			  unsigned instance, struct buffer_view *out)
{
	return get_record_name(tx, d, DNS_AUTHORITY, instance, out);
}

static bool get_additional(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
			   unsigned instance, struct buffer_view *out)
{
	return get_record_name(tx, d, DNS_ADDITIONAL, instance, out);
}

/* Names and names in the data of all records of a response: two instances a record, the second
 * empty where the data has no name. */
static bool get_response(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
			 unsigned instance, struct buffer_view *out)
{
	const struct dns_message *m = &dns_of(tx)->m;
	unsigned at;

	if (dns_of(tx)->direction != d || !(m->flags & DNS_QR))
		return false;
	if (instance < m->question_count)
		return view_of(&m->questions[instance].name, out);
	instance -= m->question_count;
	at = instance / 2;
	for (unsigned s = 0; s < DNS_SECTIONS; s++) {
		if (at < m->record_count[s]) {
			const struct dns_record *rr = &m->records[s][at];

			return view_of(instance % 2 ? &rr->target : &rr->name, out);
		}
		at -= m->record_count[s];
	}
	return false;
}

static bool get_opcode(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
		       uint64_t *out)
{
	*out = dns_of(tx)->m.flags >> 11 & 0xf;
	return dns_of(tx)->direction == d;
}

static bool get_rcode(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
		      uint64_t *out)
{
	*out = dns_of(tx)->m.flags & 0xf;
	return dns_of(tx)->direction == d;
}

static bool get_rrtype(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
		       unsigned instance, uint64_t *out)
{
	const struct dns_message *m = &dns_of(tx)->m;

	if (dns_of(tx)->direction != d)
		return false;
	if (instance < m->question_count) {
		*out = m->questions[instance].type;
		return true;
	}
	instance -= m->question_count;
	if (!(m->flags & DNS_QR) || instance >= m->record_count[DNS_ANSWER])
		return false;
	*out = m->records[DNS_ANSWER][instance].type;
	return true;
}

static const struct proto_buffer dns_buffers[] = {
	{.name = "dns.query", .flags = BUFFER_MULTI, .to_server = 1, .get = get_query},
	{.name = "dns.queries.rrname", .flags = BUFFER_MULTI, .to_server = 1, .to_client = 1,
	 .get = get_query},
	{.name = "dns.answers.rrname", .flags = BUFFER_MULTI, .to_server = 1, .to_client = 1,
	 .get = get_answer},
	{.name = "dns.authorities.rrname", .flags = BUFFER_MULTI, .to_server = 1, .to_client = 1,
	 .get = get_authority},
	{.name = "dns.additionals.rrname", .flags = BUFFER_MULTI, .to_server = 1, .to_client = 1,
	 .get = get_additional},
	{.name = "dns.response.rrname", .flags = BUFFER_MULTI, .to_client = 1, .get = get_response},
	{.name = NULL},
};

static const struct proto_value dns_values[] = {
	{.name = "dns.opcode", .to_server = 1, .to_client = 1, .get = get_opcode},
	{.name = "dns.rcode", .to_server = 1, .to_client = 1, .get = get_rcode},
	{.name = "dns.rrtype", .to_server = 1, .to_client = 1, .get_multi = get_rrtype},
	{.name = NULL},
};

const struct proto proto_dns = {
	.name = "dns",
	.id = APP_dns,
	.over_tcp = 1,
	.over_udp = 1,
	.done = {1, 1},
	.max_pending_bytes = 2 + 65535,
	.max_transactions = DNS_TRANSACTIONS_MAX,
	.too_many_event = DNS_EVENT_TOO_MANY_TRANSACTIONS,
	.probe = dns_probe,
	.config_bytes = sizeof(struct dns_config),
	.configure = dns_configure,
	.state_bytes = sizeof(struct dns_state),
	.parse = dns_parse,
	.tx_free = dns_tx_free,
	.log = dns_log,
	.alert_context = dns_alert_context,
	.events = dns_events,
	.frames = (const char *const[]){"pdu", NULL},
	.buffers = dns_buffers,
	.values = dns_values,
};
