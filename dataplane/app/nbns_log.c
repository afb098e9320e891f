/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Name service of NetBIOS: the record of a message. Runs in the worker.
 */
#include "dataplane/app/nbns.h"

#include "dataplane/app/netbios.h"
#include "dataplane/base/put.h"
#include "dataplane/engine/emit.h"

#define ADDRESSES_MAX 64 /* of one record that are written */
#define DATA_MAX 64      /* bytes of data of other types */
#define NUMBER_BYTES 8

static const char *type_name(uint16_t type, char *number)
{
	switch (type) {
	case NBNS_A:
		return "a";
	case NBNS_NS:
		return "ns";
	case NBNS_NULL:
		return "null";
	case NBNS_NB:
		return "nb";
	case NBNS_NBSTAT:
		return "nbstat";
	}
	put_uint(put_to(number, NUMBER_BYTES), type);
	return number;
}

static const char *opcode_name(unsigned opcode, char *number)
{
	switch (opcode) {
	case NBNS_QUERY:
		return "query";
	case NBNS_REGISTRATION:
		return "registration";
	case NBNS_RELEASE:
		return "release";
	case NBNS_WACK:
		return "wack";
	case NBNS_REFRESH:
	case NBNS_REFRESH_ALT:
		return "refresh";
	case NBNS_MULTIHOMED:
		return "multihomed_registration";
	}
	put_uint(put_to(number, NUMBER_BYTES), opcode);
	return number;
}

/* RFC 1002, 4.2.6, 4.2.11, 4.2.14 */
static const char *rcode_name(unsigned rcode, char *number)
{
	static const char *const names[] = {"NOERROR", "FMT_ERR", "SRV_ERR", "NAM_ERR", "IMP_ERR", "RFS_ERR", "ACT_ERR", "CFT_ERR"};

	if (rcode < sizeof(names) / sizeof(names[0]))
		return names[rcode];
	put_uint(put_to(number, NUMBER_BYTES), rcode);
	return number;
}

static void write_name(struct recorder *r, const struct dns_name *name, bool group)
{
	uint32_t len = name->netbios ? name->netbios : name->text.len;
	const char *service = name->netbios ? netbios_service(name->suffix, group) : NULL;

	rec_bytes(r, F_nbns_rrname, name->text.data, len);
	if (name->flags & DNS_NAME_TRUNCATED)
		rec_bool(r, F_nbns_rrname_truncated, true);
	if (name->text.len > len + 1) /* behind a dot */
		rec_bytes(r, F_nbns_scope, name->text.data + len + 1, name->text.len - len - 1);
	if (service)
		rec_text(r, F_nbns_service, service);
}

static void write_node_type(struct recorder *r, uint16_t flags)
{
	static const char *const names[] = {"b", "p", "m", "h"};

	rec_bool(r, F_nbns_group, flags & NBNS_GROUP);
	rec_text(r, F_nbns_node_type, names[flags >> 13 & 3]);
}

/* NB record (4.2.1.3): NB_FLAGS and address, again and again. */
static void write_addresses(struct recorder *r, struct bytes raw)
{
	struct cursor c = cursor_of(raw.data, raw.len);

	rec_open(r, F_nbns_addresses);
	for (unsigned i = 0; i < ADDRESSES_MAX && cursor_left(&c) >= NB_ENTRY_BYTES; i++) {
		uint16_t flags = cursor_be16(&c);
		struct addr a = {0};

		memcpy(a.b, cursor_take(&c, 4), 4);
		rec_open(r, F_nbns_address);
		rec_addr(r, F_nbns_ip, &a, 4);
		write_node_type(r, flags);
		rec_close(r);
	}
	rec_close(r);
	if (cursor_left(&c) >= NB_ENTRY_BYTES)
		rec_bool(r, F_nbns_addresses_truncated, true);
}

/* NBSTAT record (4.2.18): names with NAME_FLAGS, then statistics that begin with the MAC. */
static void write_status(struct recorder *r, const struct dns_record *rr)
{
	static const struct dns_flag_name states[] = {
		{0x1000, "deregistering"}, {0x0800, "conflict"}, {0x0400, "active"}, {0x0200, "permanent"}, {0, NULL},
	};
	uint32_t count = nbns_status_names(rr), end = 1 + count * STATUS_ENTRY_BYTES;

	rec_open(r, F_nbns_names);
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *name = nbns_status_name(rr, i);
		uint16_t flags = get_be16(name + NETBIOS_NAME_BYTES);
		const char *service = netbios_service(name[NETBIOS_NAME_BYTES - 1], flags & NBNS_GROUP);
		char text[NETBIOS_TEXT_BYTES];

		rec_open(r, F_nbns_name);
		rec_bytes(r, F_nbns_rrname, text, netbios_text(name, text));
		if (service)
			rec_text(r, F_nbns_service, service);
		write_node_type(r, flags);
		dns_write_flags(r, F_nbns_state, F_nbns_state_flag, flags, states);
		rec_close(r);
	}
	rec_close(r);
	if (rr->raw.len >= end + 6)
		rec_bytes(r, F_nbns_mac, rr->raw.data + end, 6);
}

static void write_data(struct recorder *r, const struct dns_record *rr)
{
	struct addr a = {0};

	switch (rr->type) {
	case NBNS_NB:
		write_addresses(r, rr->raw);
		return;
	case NBNS_NBSTAT:
		if (rr->raw.len)
			write_status(r, rr);
		return;
	case NBNS_A:
		if (rr->raw.len != 4)
			break;
		memcpy(a.b, rr->raw.data, 4);
		rec_addr(r, F_nbns_a, &a, 4);
		return;
	}
	if (rr->raw.len)
		rec_bytes(r, F_nbns_data, rr->raw.data, rr->raw.len < DATA_MAX ? rr->raw.len : DATA_MAX);
}

static bool is_group(const struct dns_record *rr)
{
	return rr->type == NBNS_NB && rr->raw.len >= NB_ENTRY_BYTES && get_be16(rr->raw.data) & NBNS_GROUP;
}

static void write_section(struct recorder *r, enum field_id array, const struct dns_message *m, enum dns_section section)
{
	char number[NUMBER_BYTES];

	if (!m->record_count[section])
		return;
	rec_open(r, array);
	for (uint32_t i = 0; i < m->record_count[section]; i++) {
		const struct dns_record *rr = &m->records[section][i];

		rec_open(r, F_nbns_entry);
		write_name(r, &rr->name, is_group(rr));
		rec_text(r, F_nbns_rrtype, type_name(rr->type, number));
		rec_uint(r, F_nbns_ttl, rr->ttl);
		write_data(r, rr);
		rec_close(r);
	}
	rec_close(r);
}

static void write_questions(struct recorder *r, const struct dns_message *m)
{
	char number[NUMBER_BYTES];

	if (!m->question_count)
		return;
	rec_open(r, F_nbns_queries);
	for (uint32_t i = 0; i < m->question_count; i++) {
		rec_open(r, F_nbns_entry);
		write_name(r, &m->questions[i].name, false);
		rec_text(r, F_nbns_rrtype, type_name(m->questions[i].type, number));
		rec_close(r);
	}
	rec_close(r);
}

void nbns_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r)
{
	static const struct dns_flag_name flags[] = {
		{DNS_AA, "aa"}, {DNS_TC, "tc"}, {DNS_RD, "rd"}, {DNS_RA, "ra"}, {NBNS_BROADCAST, "b"}, {0, NULL},
	};
	const struct dns_message *m = &dns_of(tx)->m;
	char number[NUMBER_BYTES];

	if (!dns_has_message(tx))
		return;
	rec_open(r, F_nbns_nbns);
	rec_text(r, F_nbns_type, m->flags & DNS_QR ? "response" : "request");
	rec_uint(r, F_nbns_id, m->id);
	rec_text(r, F_nbns_opcode, opcode_name(nbns_opcode_of(m), number));
	dns_write_flags(r, F_nbns_flags, F_nbns_flag, m->flags, flags);
	if (m->flags & DNS_QR)
		rec_text(r, F_nbns_rcode, rcode_name(m->flags & 0xf, number));
	write_questions(r, m);
	write_section(r, F_nbns_answers, m, DNS_ANSWER);
	write_section(r, F_nbns_authorities, m, DNS_AUTHORITY);
	write_section(r, F_nbns_additionals, m, DNS_ADDITIONAL);
	rec_close(r);
}

void nbns_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p)
{
	struct recorder *r;

	if (!dns_has_message(tx))
		return;
	r = emit_flow(w, RECORD_nbns, f, dns_of(tx)->direction, tx->id, p);
	if (!r)
		return;
	nbns_alert_context(w, f, tx, r);
	emit_end(w);
}
