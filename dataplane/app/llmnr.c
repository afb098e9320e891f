/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Link-local multicast name resolution (RFC 4795): messages of DNS to and from port 5355, over UDP and TCP,
 * each a transaction of its own. A question goes to a group; the answer comes from another address, so that it
 * is a flow of its own, sent "to the server": what a message is, its flag QR says. Who answers (src_ip of the
 * record) says that it has the name: nobody vouches for that. Who has which address is learned from the same
 * datagrams elsewhere (host_names.c). Runs in the worker that owns the flow.
 */
#include "dataplane/app/dns.h"
#include "dataplane/app/frame.h"
#include "dataplane/app/host.h"
#include "dataplane/engine/emit.h"

#define LLMNR_PENDING_MAX (2 + 65535)

/* The header (2.1.1): C and T stand where DNS has AA and RD; all behind them is reserved. */
enum { LLMNR_C = DNS_AA, LLMNR_TC = DNS_TC, LLMNR_T = DNS_RD, LLMNR_Z = DNS_RA | DNS_Z | DNS_AD | DNS_CD };

enum llmnr_event {
#define EVENT(id, name) LLMNR_EVENT_##id,
#include "dataplane/event/app_event/llmnr.def"
#undef EVENT
};

static const char *const llmnr_events[] = {
#define EVENT(id, name) name,
#include "dataplane/event/app_event/llmnr.def"
#undef EVENT
	NULL,
};
_Static_assert((int)LLMNR_EVENT_TOO_MANY_TRANSACTIONS == (int)DNS_EVENT_TOO_MANY_TRANSACTIONS,
	       "the events of DNS stand first");

/* ---- is it LLMNR? ---- */

/* The head of a message with one question, as all have; what follows may be cut or wrong. */
static bool header_likely(const uint8_t *data, uint32_t have, uint32_t len)
{
	return dns_header_valid(data, have, len) && !(data[2] & 0x78) && get_be16(data + 4) == 1;
}

static enum probe_result llmnr_probe(const struct probe_input *in)
{
	const uint8_t *data = in->data;
	uint32_t len = in->len, have = in->len;

	if (in->client_port != LLMNR_PORT && in->server_port != LLMNR_PORT)
		return PROBE_NO;
	if (in->ip_proto == 6) {
		if (have < 2 + DNS_HEADER_BYTES)
			return have >= 2 && get_be16(data) < DNS_HEADER_BYTES ? PROBE_NO : PROBE_MORE;
		len = get_be16(data);
		have = have - 2 < len ? have - 2 : len;
		data += 2;
		return header_likely(data, have, len) ? PROBE_YES : PROBE_NO;
	}
	return header_likely(data, have, len) || dns_message_probe(data, have, len) ? PROBE_YES : PROBE_NO;
}

/* ---- messages ---- */

static void note_events(struct worker *w, struct flow *f, struct tx *tx, enum direction d)
{
	const struct dns_message *m = &dns_of(tx)->m;

	if (m->question_count != 1)
		tx_event(w, f, tx, d, LLMNR_EVENT_QUESTION_COUNT);
	if (m->flags & DNS_QR)
		return;
	if (m->record_count[DNS_ANSWER] || m->record_count[DNS_AUTHORITY])
		tx_event(w, f, tx, d, LLMNR_EVENT_RECORDS_IN_REQUEST);
	if (m->flags & 0xf)
		tx_event(w, f, tx, d, LLMNR_EVENT_RCODE_IN_REQUEST);
}

static bool llmnr_take(struct worker *w, struct flow *f, enum direction d, const uint8_t *data, uint32_t len)
{
	static const struct dns_header_rules rules = {.reserved = LLMNR_Z, .opcode = 1};
	struct dns_message m;
	enum dns_status status = dns_message_parse(&w->heap, &m, data, len);
	struct tx *tx;

	if (status != DNS_GOOD) {
		dns_message_free(&w->heap, &m);
		if (status != DNS_NO_MEMORY)
			dns_tx_malformed(w, f, d);
		return true; /* over TCP, too, its length has said where the next one begins */
	}
	tx = dns_tx_new(w, f, d, &m, &rules);
	if (tx)
		note_events(w, f, tx, d);
	return true;
}

static struct parse_result llmnr_parse(struct worker *w, struct flow *f, void *state, enum direction d,
				       const struct app_input *in)
{
	if (f->ip_proto == 6)
		return dns_stream(w, f, state, d, in, llmnr_take);
	app_frame_open(w, f, d, 1, 0, in->len);
	llmnr_take(w, f, d, in->data, in->len);
	return (struct parse_result){.status = PARSE_OK};
}

/* ---- the record ---- */

static void llmnr_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r)
{
	static const struct dns_flag_name flags[] = {
		{LLMNR_C, "c"}, {LLMNR_TC, "tc"}, {LLMNR_T, "t"}, {LLMNR_Z, "z"}, {0, NULL},
	};
	static const struct dns_link_form form = {.object = F_llmnr_llmnr, .flags = flags, .ttl = true};

	if (dns_has_message(tx))
		dns_link_record(r, &dns_of(tx)->m, &form);
}

static void llmnr_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p)
{
	struct recorder *r;

	if (!dns_has_message(tx))
		return;
	r = emit_flow(w, RECORD_llmnr, f, dns_of(tx)->direction, tx->id, p);
	if (!r)
		return;
	llmnr_alert_context(w, f, tx, r);
	emit_end(w);
}

/* ---- rules ---- */

/* A response repeats the question, as in DNS. */
static const struct proto_buffer llmnr_buffers[] = {
	{.name = "llmnr.queries.rrname", .flags = BUFFER_MULTI, .to_server = 1, .to_client = 1,
	 .get = dns_get_question},
	{.name = "llmnr.answers.rrname", .flags = BUFFER_MULTI, .to_server = 1, .to_client = 1,
	 .get = dns_get_answer},
	{.name = "llmnr.authorities.rrname", .flags = BUFFER_MULTI, .to_server = 1, .to_client = 1,
	 .get = dns_get_authority},
	{.name = "llmnr.additionals.rrname", .flags = BUFFER_MULTI, .to_server = 1, .to_client = 1,
	 .get = dns_get_additional},
	{.name = "llmnr.response.rrname", .flags = BUFFER_MULTI, .to_server = 1, .to_client = 1,
	 .get = dns_get_response},
	{.name = NULL},
};

const struct proto proto_llmnr = {
	.name = "llmnr",
	.id = APP_llmnr,
	.over_tcp = 1,
	.over_udp = 1,
	.done = {1, 1},
	.max_pending_bytes = LLMNR_PENDING_MAX,
	.max_transactions = DNS_TRANSACTIONS_MAX,
	.too_many_event = LLMNR_EVENT_TOO_MANY_TRANSACTIONS,
	.probe = llmnr_probe,
	.udp_least = DNS_HEADER_BYTES,
	.udp_ports = {LLMNR_PORT, LLMNR_PORT},
	.state_bytes = sizeof(struct dns_state),
	.state_rest = app_state_moves,
	.parse = llmnr_parse,
	.tx_free = dns_tx_free,
	.log = llmnr_log,
	.alert_context = llmnr_alert_context,
	.events = llmnr_events,
	.buffers = llmnr_buffers,
};
