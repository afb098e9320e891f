/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The record of a message of names in the link (multicast DNS, LLMNR; flags also of NetBIOS): fields of record/mdns.def, what is
 * inside the objects of a resource record those of record/dns.def. Runs in the worker.
 */
#include "dataplane/app/dns.h"
#include "dataplane/base/put.h"

#define TYPE_NAME_MAX 16

/* "ptr"; text holds TYPE_NAME_MAX bytes. Returns text. */
static const char *type_name(uint16_t type, char *text)
{
	char number[8];
	const char *name = dns_type_name(type, number);
	struct put p = put_to(text, TYPE_NAME_MAX);

	for (; *name; name++)
		p = put_char(p, *name >= 'A' && *name <= 'Z' ? (char)(*name | 0x20) : *name);
	return text;
}

/* Of all types that have no field: the bytes as they are. */
static void write_other(struct recorder *r, const struct dns_record *rr)
{
	char text[TYPE_NAME_MAX];
	const char *name = type_name(rr->type, text);

	rec_member(r, F_mdns_other, (struct bytes){(const uint8_t *)name, (uint32_t)strlen(name)}, rr->raw);
}

/* Is b the string behind a in the same TXT record? Each has a length of one byte before it. */
static bool follows(const struct dns_record *a, const struct dns_record *b)
{
	return b->type == DNS_TXT && b->raw.data == a->raw.data + a->raw.len + 1;
}

/* The strings of the TXT record that begins at index i. Returns the index behind them. */
static uint32_t write_strings(struct recorder *r, const struct dns_message *m, enum dns_section section,
			      uint32_t i)
{
	const struct dns_record *rr = m->records[section];

	rec_open(r, F_mdns_txt);
	do
		rec_bytes(r, F_mdns_string, rr[i].raw.data, rr[i].raw.len);
	while (++i < m->record_count[section] && follows(&rr[i - 1], &rr[i]));
	rec_close(r);
	return i;
}

static void write_data(struct recorder *r, const struct dns_record *rr)
{
	switch (rr->type) {
	case DNS_A:
		dns_write_address(r, F_mdns_a, F_mdns_a_text, rr);
		break;
	case DNS_AAAA:
		dns_write_address(r, F_mdns_aaaa, F_mdns_aaaa_text, rr);
		break;
	case DNS_CNAME:
		dns_write_name(r, F_mdns_cname, F_mdns_rdata_truncated, &rr->target);
		break;
	case DNS_MX:
		dns_write_name(r, F_mdns_mx, F_mdns_rdata_truncated, &rr->target);
		break;
	case DNS_NS:
		dns_write_name(r, F_mdns_ns, F_mdns_rdata_truncated, &rr->target);
		break;
	case DNS_PTR:
		dns_write_name(r, F_mdns_ptr, F_mdns_rdata_truncated, &rr->target);
		break;
	case DNS_SOA:
		dns_write_soa(r, F_mdns_soa, rr);
		break;
	case DNS_SSHFP:
		dns_write_sshfp(r, F_mdns_sshfp, rr);
		break;
	case DNS_SRV:
		dns_write_srv(r, F_mdns_srv, rr);
		break;
	case DNS_OPT:
		dns_write_options(r, F_mdns_opt, rr);
		break;
	default:
		write_other(r, rr);
	}
}

static void write_section(struct recorder *r, enum field_id array, const struct dns_message *m,
			  enum dns_section section, bool ttl)
{
	bool open = false;

	for (uint32_t i = 0; i < m->record_count[section];) {
		const struct dns_record *rr = &m->records[section][i];

		/* EDNS says the size of messages mostly, and no more */
		if (section == DNS_ADDITIONAL && rr->type == DNS_OPT && !rr->raw.len) {
			i++;
			continue;
		}
		if (!open)
			rec_open(r, array);
		open = true;
		rec_open(r, F_mdns_entry);
		dns_write_name(r, F_mdns_rrname, F_mdns_rrname_truncated, &rr->name);
		if (ttl)
			rec_uint(r, F_mdns_ttl, rr->ttl);
		if (rr->type == DNS_TXT) {
			i = write_strings(r, m, section, i);
		} else {
			write_data(r, rr);
			i++;
		}
		rec_close(r);
	}
	if (open)
		rec_close(r);
}

void dns_write_flags(struct recorder *r, enum field_id array, enum field_id one, uint16_t flags,
		     const struct dns_flag_name *names)
{
	bool open = false;

	for (; names->bits; names++) {
		if (!(flags & names->bits))
			continue;
		if (!open)
			rec_open(r, array);
		open = true;
		rec_text(r, one, names->name);
	}
	if (open)
		rec_close(r);
}

static void write_questions(struct recorder *r, const struct dns_message *m)
{
	char text[TYPE_NAME_MAX];

	if (!m->question_count)
		return;
	rec_open(r, F_mdns_queries);
	for (uint32_t i = 0; i < m->question_count; i++) {
		rec_open(r, F_mdns_entry);
		dns_write_name(r, F_mdns_rrname, F_mdns_rrname_truncated, &m->questions[i].name);
		rec_text(r, F_mdns_rrtype, type_name(m->questions[i].type, text));
		rec_close(r);
	}
	rec_close(r);
}

void dns_link_record(struct recorder *r, const struct dns_message *m, const struct dns_link_form *form)
{
	rec_open(r, form->object);
	rec_text(r, F_mdns_type, m->flags & DNS_QR ? "response" : "request");
	rec_uint(r, F_mdns_id, m->id);
	dns_write_flags(r, F_mdns_flags, F_mdns_flag, m->flags, form->flags);
	rec_uint(r, F_mdns_opcode, m->flags >> 11 & 0xf);
	rec_uint(r, F_mdns_rcode, m->flags & 0xf);
	write_questions(r, m);
	write_section(r, F_mdns_answers, m, DNS_ANSWER, form->ttl);
	write_section(r, F_mdns_authorities, m, DNS_AUTHORITY, form->ttl);
	write_section(r, F_mdns_additionals, m, DNS_ADDITIONAL, form->ttl);
	rec_close(r);
}
