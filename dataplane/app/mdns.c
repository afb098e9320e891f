/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Multicast DNS (RFC 6762): messages of DNS to and from port 5353, each a transaction of its own. Most go
 * to a group, so that questions and answers are both sent "to the server"; an answer to a single host is
 * sent from port 5353, or to the client. What a message is, its flag QR says. Who has which address is
 * learned from the same datagrams elsewhere (host_names.c). Runs in the worker that owns the flow.
 */
#include "dataplane/app/dns.h"
#include "dataplane/app/frame.h"
#include "dataplane/app/host.h"
#include "dataplane/base/put.h"
#include "dataplane/engine/emit.h"

static enum probe_result mdns_probe(const struct probe_input *in)
{
	if (in->client_port != MDNS_PORT && in->server_port != MDNS_PORT)
		return PROBE_NO;
	return dns_message_probe(in->data, in->len, in->len) ? PROBE_YES : PROBE_NO;
}

static struct parse_result mdns_parse(struct worker *w, struct flow *f, void *state, enum direction d,
				      const struct app_input *in)
{
	struct dns_message m;
	enum dns_status status = dns_message_parse(&w->heap, &m, in->data, in->len);

	app_frame_open(w, f, d, 1, 0, in->len);
	if (status == DNS_GOOD) {
		dns_tx_new(w, f, d, &m);
	} else {
		dns_message_free(&w->heap, &m);
		if (status == DNS_MALFORMED)
			dns_event_on_last(w, f, d, DNS_EVENT_MALFORMED_DATA);
	}
	return (struct parse_result){.status = PARSE_OK};
}

/* ---- the record ---- */

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
			  enum dns_section section)
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

static void write_flags(struct recorder *r, uint16_t flags)
{
	static const struct {
		uint16_t bit;
		const char *name;
	} bits[] = {
		{DNS_AA, "aa"}, {DNS_TC, "tc"}, {DNS_RD, "rd"}, {DNS_RA, "ra"},
		{DNS_Z, "z"},   {DNS_AD, "ad"}, {DNS_CD, "cd"},
	};
	bool open = false;

	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
		if (!(flags & bits[i].bit))
			continue;
		if (!open)
			rec_open(r, F_mdns_flags);
		open = true;
		rec_text(r, F_mdns_flag, bits[i].name);
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

static void mdns_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r)
{
	const struct dns_message *m = &dns_of(tx)->m;

	rec_open(r, F_mdns_mdns);
	rec_text(r, F_mdns_type, m->flags & DNS_QR ? "response" : "request");
	rec_uint(r, F_mdns_id, m->id);
	write_flags(r, m->flags);
	rec_uint(r, F_mdns_opcode, m->flags >> 11 & 0xf);
	rec_uint(r, F_mdns_rcode, m->flags & 0xf);
	write_questions(r, m);
	write_section(r, F_mdns_answers, m, DNS_ANSWER);
	write_section(r, F_mdns_authorities, m, DNS_AUTHORITY);
	write_section(r, F_mdns_additionals, m, DNS_ADDITIONAL);
	rec_close(r);
}

static void mdns_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p)
{
	struct recorder *r = emit_flow(w, RECORD_mdns, f, dns_of(tx)->direction, tx->id, p);

	if (!r)
		return;
	mdns_alert_context(w, f, tx, r);
	emit_end(w);
}

/* ---- rules ---- */

/* Responses hold no questions (RFC 6762, 6); what one has there is for mdns.response.rrname only. */
static bool get_question(struct worker *w, struct flow *f, struct tx *tx, enum direction d, unsigned instance,
			 struct buffer_view *out)
{
	return !(dns_of(tx)->m.flags & DNS_QR) && dns_get_question(w, f, tx, d, instance, out);
}

static const struct proto_buffer mdns_buffers[] = {
	{.name = "mdns.queries.rrname", .flags = BUFFER_MULTI, .to_server = 1, .to_client = 1,
	 .get = get_question},
	{.name = "mdns.answers.rrname", .flags = BUFFER_MULTI, .to_server = 1, .to_client = 1,
	 .get = dns_get_answer},
	{.name = "mdns.authorities.rrname", .flags = BUFFER_MULTI, .to_server = 1, .to_client = 1,
	 .get = dns_get_authority},
	{.name = "mdns.additionals.rrname", .flags = BUFFER_MULTI, .to_server = 1, .to_client = 1,
	 .get = dns_get_additional},
	{.name = "mdns.response.rrname", .flags = BUFFER_MULTI, .to_server = 1, .to_client = 1,
	 .get = dns_get_response},
	{.name = NULL},
};

const struct proto proto_mdns = {
	.name = "mdns",
	.id = APP_mdns,
	.over_udp = 1,
	.done = {1, 1},
	.max_transactions = DNS_TRANSACTIONS_MAX,
	.too_many_event = DNS_EVENT_TOO_MANY_TRANSACTIONS,
	.probe = mdns_probe,
	.udp_least = DNS_HEADER_BYTES,
	.udp_ports = {MDNS_PORT, MDNS_PORT},
	.parse = mdns_parse,
	.tx_free = dns_tx_free,
	.log = mdns_log,
	.alert_context = mdns_alert_context,
	.events = dns_events,
	.buffers = mdns_buffers,
};
