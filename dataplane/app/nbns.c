/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Name service of NetBIOS (RFC 1001, 1002; 4.2) over UDP port 137: messages in the form of DNS with types, flags and
 * operations of their own, each a transaction. Names are shown decoded, "PC1<20>" (netbios.h). Questions go to all, to
 * a server, or to a host; the answer comes from another address, so that it is a flow of its own, sent "to the server".
 * Who has which address is learned from the same datagrams elsewhere (host_names.c). Runs in the worker that owns the
 * flow.
 */
#include "dataplane/app/nbns.h"

#include "dataplane/app/frame.h"
#include "dataplane/app/host.h"
#include "dataplane/app/netbios.h"
#include "dataplane/app/text.h"

#define NBNS_LEAST_BYTES (DNS_HEADER_BYTES + 2 + NETBIOS_ENCODED_BYTES) /* one name, its end not there */

enum nbns_event {
#define EVENT(id, name) NBNS_EVENT_##id,
#include "dataplane/event/app_event/nbns.def"
#undef EVENT
};

static const char *const nbns_events[] = {
#define EVENT(id, name) name,
#include "dataplane/event/app_event/nbns.def"
#undef EVENT
	NULL,
};
_Static_assert((int)NBNS_EVENT_TOO_MANY_TRANSACTIONS == (int)DNS_EVENT_TOO_MANY_TRANSACTIONS,
	       "the events of DNS stand first");

/* All messages begin with an encoded name, in a question or a record. */
static enum probe_result nbns_probe(const struct probe_input *in)
{
	uint8_t name[NETBIOS_NAME_BYTES];

	if ((in->client_port != NBNS_PORT && in->server_port != NBNS_PORT) || in->len < NBNS_LEAST_BYTES ||
	    in->data[DNS_HEADER_BYTES] != NETBIOS_ENCODED_BYTES)
		return PROBE_NO;
	return netbios_decode((struct bytes){in->data + DNS_HEADER_BYTES + 1, NETBIOS_ENCODED_BYTES}, name) ? PROBE_YES :
													      PROBE_NO;
}

/* ---- messages ---- */

static bool opcode_known(unsigned opcode)
{
	return opcode == NBNS_QUERY || (opcode >= NBNS_REGISTRATION && opcode <= NBNS_REFRESH_ALT) ||
	       opcode == NBNS_MULTIHOMED;
}

static bool data_fits(const struct dns_record *rr)
{
	switch (rr->type) {
	case NBNS_NB:
		return rr->raw.len % NB_ENTRY_BYTES == 0;
	case NBNS_NBSTAT:
		return rr->raw.len && nbns_status_names(rr) == rr->raw.data[0];
	case NBNS_A:
		return rr->raw.len == 4;
	default:
		return true;
	}
}

static void note_record(struct worker *w, struct flow *f, struct tx *tx, enum direction d, const struct dns_record *rr)
{
	/* of a name server the name is one of DNS */
	if (!rr->name.netbios && (rr->type == NBNS_NB || rr->type == NBNS_NBSTAT))
		tx_event(w, f, tx, d, NBNS_EVENT_INVALID_NAME);
	if (!data_fits(rr))
		tx_event(w, f, tx, d, NBNS_EVENT_INVALID_RDATA);
}

static void note_events(struct worker *w, struct flow *f, struct tx *tx, enum direction d)
{
	const struct dns_message *m = &dns_of(tx)->m;

	if (!opcode_known(nbns_opcode_of(m)))
		tx_event(w, f, tx, d, NBNS_EVENT_INVALID_OPCODE);
	for (uint32_t i = 0; i < m->question_count; i++)
		if (!m->questions[i].name.netbios)
			tx_event(w, f, tx, d, NBNS_EVENT_INVALID_NAME);
	for (unsigned s = 0; s < DNS_SECTIONS; s++)
		for (uint32_t i = 0; i < m->record_count[s]; i++)
			note_record(w, f, tx, d, &m->records[s][i]);
}

static struct parse_result nbns_parse(struct worker *w, struct flow *f, void *state, enum direction d,
				      const struct app_input *in)
{
	static const struct dns_header_rules rules = {.reserved = NBNS_RESERVED, .opcode = UINT8_MAX};
	struct dns_message m;
	enum dns_status status = dns_message_parse_netbios(&w->heap, &m, in->data, in->len);
	struct tx *tx;

	app_frame_open(w, f, d, 1, 0, in->len);
	if (status == DNS_GOOD) {
		tx = dns_tx_new(w, f, d, &m, &rules);
		if (tx)
			note_events(w, f, tx, d);
	} else {
		dns_message_free(&w->heap, &m);
		if (status != DNS_NO_MEMORY)
			dns_tx_malformed(w, f, d);
	}
	return (struct parse_result){.status = PARSE_OK};
}

/* ---- rules ---- */

/* Names in the status of a host, without their last byte. */
static bool get_status_name(struct worker *w, struct flow *f, struct tx *tx, enum direction d, unsigned instance,
			    struct buffer_view *out)
{
	const struct dns_message *m = &dns_of(tx)->m;

	for (uint32_t i = 0; dns_of(tx)->direction == d && i < m->record_count[DNS_ANSWER]; i++) {
		const struct dns_record *rr = &m->records[DNS_ANSWER][i];
		uint32_t count = rr->type == NBNS_NBSTAT ? nbns_status_names(rr) : 0;

		if (instance < count)
			return bytes_view(netbios_trimmed(nbns_status_name(rr, instance)), out);
		instance -= count;
	}
	return false;
}

static const struct proto_buffer nbns_buffers[] = {
	{.name = "nbns.queries.rrname", .flags = BUFFER_MULTI, .to_server = 1, .to_client = 1, .get = dns_get_question},
	{.name = "nbns.answers.rrname", .flags = BUFFER_MULTI, .to_server = 1, .to_client = 1, .get = dns_get_answer},
	{.name = "nbns.additionals.rrname", .flags = BUFFER_MULTI, .to_server = 1, .to_client = 1,
	 .get = dns_get_additional},
	{.name = "nbns.status.name", .flags = BUFFER_MULTI, .to_server = 1, .to_client = 1, .get = get_status_name},
	{.name = NULL},
};

static const struct proto_value nbns_values[] = {
	{.name = "nbns.opcode", .to_server = 1, .to_client = 1, .get = dns_get_opcode},
	{.name = "nbns.rcode", .to_server = 1, .to_client = 1, .get = dns_get_rcode},
	{.name = NULL},
};

const struct proto proto_nbns = {
	.name = "nbns",
	.id = APP_nbns,
	.over_udp = 1,
	.done = {1, 1},
	.max_transactions = DNS_TRANSACTIONS_MAX,
	.too_many_event = NBNS_EVENT_TOO_MANY_TRANSACTIONS,
	.probe = nbns_probe,
	.udp_least = NBNS_LEAST_BYTES,
	.udp_ports = {NBNS_PORT, NBNS_PORT},
	.parse = nbns_parse,
	.tx_free = dns_tx_free,
	.log = nbns_log,
	.alert_context = nbns_alert_context,
	.events = nbns_events,
	.buffers = nbns_buffers,
	.values = nbns_values,
};
