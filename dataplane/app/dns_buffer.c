/* SPDX-License-Identifier: BSD-3-Clause
 *
 * DNS: what rules may inspect of a message, in the direction that it went. Runs in the worker.
 */
#include "dataplane/app/dns.h"

static bool view_of(const struct dns_name *name, struct buffer_view *out)
{
	/* the root's empty name is there, but has no bytes; of NetBIOS without the scope */
	*out = (struct buffer_view){.data = name->text.data ? name->text.data : (const uint8_t *)"",
				    .len = name->netbios ? name->netbios : name->text.len,
				    .complete = true};
	return true;
}

bool dns_get_question(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
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

bool dns_get_answer(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
		      unsigned instance, struct buffer_view *out)
{
	return get_record_name(tx, d, DNS_ANSWER, instance, out);
}

bool dns_get_authority(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
		      unsigned instance, struct buffer_view *out)
{
	return get_record_name(tx, d, DNS_AUTHORITY, instance, out);
}

bool dns_get_additional(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
		      unsigned instance, struct buffer_view *out)
{
	return get_record_name(tx, d, DNS_ADDITIONAL, instance, out);
}

/* Names and names in the data of all records of a response: two instances a record, the second
 * empty where the data has no name. */
bool dns_get_response(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
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

bool dns_get_opcode(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
		    uint64_t *out)
{
	*out = dns_of(tx)->m.flags >> 11 & 0xf;
	return dns_of(tx)->direction == d;
}

bool dns_get_rcode(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
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

const struct proto_buffer dns_buffers[] = {
	{.name = "dns.query", .flags = BUFFER_MULTI, .to_server = 1, .get = dns_get_question},
	{.name = "dns.queries.rrname", .flags = BUFFER_MULTI, .to_server = 1, .to_client = 1,
	 .get = dns_get_question},
	{.name = "dns.answers.rrname", .flags = BUFFER_MULTI, .to_server = 1, .to_client = 1,
	 .get = dns_get_answer},
	{.name = "dns.authorities.rrname", .flags = BUFFER_MULTI, .to_server = 1, .to_client = 1,
	 .get = dns_get_authority},
	{.name = "dns.additionals.rrname", .flags = BUFFER_MULTI, .to_server = 1, .to_client = 1,
	 .get = dns_get_additional},
	{.name = "dns.response.rrname", .flags = BUFFER_MULTI, .to_client = 1, .get = dns_get_response},
	{.name = NULL},
};

const struct proto_value dns_values[] = {
	{.name = "dns.opcode", .to_server = 1, .to_client = 1, .get = dns_get_opcode},
	{.name = "dns.rcode", .to_server = 1, .to_client = 1, .get = dns_get_rcode},
	{.name = "dns.rrtype", .to_server = 1, .to_client = 1, .get_multi = get_rrtype},
	{.name = NULL},
};
