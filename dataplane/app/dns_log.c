/* SPDX-License-Identifier: BSD-3-Clause
 *
 * DNS: the record of a message, in the forms that the configuration asks for. Runs in the worker.
 */
#include "dataplane/app/dns.h"
#include "dataplane/base/put.h"
#include "dataplane/engine/emit.h"

void dns_write_name(struct recorder *r, enum field_id text, enum field_id truncated,
		    const struct dns_name *name)
{
	rec_bytes(r, text, name->text.data, name->text.len);
	if (name->flags & DNS_NAME_TRUNCATED)
		rec_bool(r, truncated, true);
}

void dns_write_soa(struct recorder *r, enum field_id object, const struct dns_record *rr)
{
	struct cursor c = cursor_of(rr->raw.data, rr->raw.len);

	cursor_skip(&c, rr->tail);
	rec_open(r, object);
	dns_write_name(r, F_dns_mname, F_dns_mname_truncated, &rr->target);
	dns_write_name(r, F_dns_rname, F_dns_rname_truncated, &rr->second);
	rec_uint(r, F_dns_serial, cursor_be32(&c));
	rec_uint(r, F_dns_refresh, cursor_be32(&c));
	rec_uint(r, F_dns_retry, cursor_be32(&c));
	rec_uint(r, F_dns_expire, cursor_be32(&c));
	rec_uint(r, F_dns_minimum, cursor_be32(&c));
	rec_close(r);
}

void dns_write_srv(struct recorder *r, enum field_id object, const struct dns_record *rr)
{
	struct cursor c = cursor_of(rr->raw.data, rr->raw.len);

	rec_open(r, object);
	rec_uint(r, F_dns_priority, cursor_be16(&c));
	rec_uint(r, F_dns_weight, cursor_be16(&c));
	rec_uint(r, F_dns_port, cursor_be16(&c));
	dns_write_name(r, F_dns_name, F_dns_name_truncated, &rr->target);
	rec_close(r);
}

void dns_write_sshfp(struct recorder *r, enum field_id object, const struct dns_record *rr)
{
	struct cursor c = cursor_of(rr->raw.data, rr->raw.len);
	uint8_t algo = cursor_u8(&c), type = cursor_u8(&c);

	rec_open(r, object);
	rec_bytes(r, F_dns_fingerprint, c.p, cursor_left(&c));
	rec_uint(r, F_dns_algo, algo);
	rec_uint(r, F_dns_fp_type, type);
	rec_close(r);
}

void dns_write_options(struct recorder *r, enum field_id array, const struct dns_record *rr)
{
	struct cursor c = cursor_of(rr->raw.data, rr->raw.len);

	rec_open(r, array);
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

void dns_write_address(struct recorder *r, enum field_id addr, enum field_id text,
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
	dns_write_name(r, F_dns_rrname, F_dns_rrname_truncated, &rr->name);
	rec_text(r, F_dns_rrtype, dns_type_name(rr->type, text));
	rec_uint(r, F_dns_ttl, rr->ttl);
	switch (rr->type) {
	case DNS_A:
	case DNS_AAAA:
		dns_write_address(r, F_dns_rdata_addr, F_dns_rdata, rr);
		break;
	case DNS_CNAME:
	case DNS_MX:
	case DNS_NS:
	case DNS_PTR:
		dns_write_name(r, F_dns_rdata, F_dns_rdata_truncated, &rr->target);
		break;
	case DNS_TXT:
	case DNS_NULL:
		rec_bytes(r, F_dns_rdata, rr->raw.data, rr->raw.len);
		break;
	case DNS_SOA:
		if (rr->raw.len)
			dns_write_soa(r, F_dns_soa, rr);
		break;
	case DNS_SSHFP:
		if (rr->raw.len)
			dns_write_sshfp(r, F_dns_sshfp, rr);
		break;
	case DNS_SRV:
		if (rr->raw.len)
			dns_write_srv(r, F_dns_srv, rr);
		break;
	case DNS_OPT:
		if (rr->raw.len)
			dns_write_options(r, F_dns_opt, rr);
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
		dns_write_address(r, F_dns_item_addr, F_dns_item, rr);
		break;
	case DNS_SOA:
		dns_write_soa(r, F_dns_item_soa, rr);
		break;
	case DNS_SRV:
		dns_write_srv(r, F_dns_item_srv, rr);
		break;
	case DNS_SSHFP:
		dns_write_sshfp(r, F_dns_item_sshfp, rr);
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

	dns_write_name(r, F_dns_rrname, F_dns_rrname_truncated, &q->name);
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

void dns_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p)
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

void dns_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r)
{
	write_message(r, app_config(w, APP_dns), tx);
}
