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
		dns_tx_new(w, f, d, &m, &dns_header_rules);
	} else {
		dns_message_free(&w->heap, &m);
		if (status == DNS_MALFORMED)
			dns_event_on_last(w, f, d, DNS_EVENT_MALFORMED_DATA);
	}
	return (struct parse_result){.status = PARSE_OK};
}

/* ---- the record ---- */

static void mdns_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r)
{
	static const struct dns_flag_name flags[] = {
		{DNS_AA, "aa"}, {DNS_TC, "tc"}, {DNS_RD, "rd"}, {DNS_RA, "ra"},
		{DNS_Z, "z"},   {DNS_AD, "ad"}, {DNS_CD, "cd"}, {0, NULL},
	};
	static const struct dns_link_form form = {.object = F_mdns_mdns, .flags = flags};

	dns_link_record(r, &dns_of(tx)->m, &form);
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
