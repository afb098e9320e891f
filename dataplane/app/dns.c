/* SPDX-License-Identifier: BSD-3-Clause
 *
 * DNS over UDP and TCP (RFC 1035, 7766). Each message is a transaction of its own, complete at
 * once: a request belongs to the direction to the server, a response to the other; they are not
 * paired. On port 53 any message that can be read is DNS; on other ports only one that is beyond
 * doubt, and never on those of NetBIOS, multicast DNS and LLMNR, which look the same. Streams of messages
 * behind their lengths are read here for LLMNR, too.
 * Options: dns_options.c. Runs in the worker that owns the flow.
 */
#include "dataplane/app/dns.h"

#include "dataplane/app/frame.h"
#include "dataplane/app/host.h"
#include "dataplane/engine/contact.h"

#define DNS_PORT 53
#define DNS_FORWARD_CONTACTS_MAX 64 /* questions of one message remembered */

const char *const dns_events[] = {
#define EVENT(id, name) name,
#include "dataplane/event/app_event/dns.def"
#undef EVENT
	NULL,
};

/* ---- is it DNS? ---- */

/* NetBIOS, mDNS, LLMNR: messages of much the same form. */
static bool other_name_service(const struct probe_input *in, uint16_t port)
{
	return port == LLMNR_PORT || (in->ip_proto != 6 && (port == NBNS_PORT || port == MDNS_PORT));
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

	if (!port_53 && (other_name_service(in, in->client_port) || other_name_service(in, in->server_port)))
		return PROBE_NO;
	if (in->ip_proto == 6)
		return probe_tcp(in, port_53);
	if (in->len < DNS_HEADER_BYTES)
		return PROBE_NO;
	if (port_53 ? dns_message_probe(in->data, in->len, in->len) :
		      dns_message_probe_strict(in->data, in->len))
		return probed(in, in->data);
	return PROBE_NO;
}

/* ---- messages ---- */

void dns_tx_free(struct worker *w, struct flow *f, struct tx *tx)
{
	dns_message_free(&w->heap, &dns_of(tx)->m);
}

void dns_event_on_last(struct worker *w, struct flow *f, enum direction d, enum dns_event e)
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

const struct dns_header_rules dns_header_rules = {.reserved = DNS_Z, .opcode = 7};

static void note_events(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
			const struct dns_message *m, const struct dns_header_rules *rules)
{
	if (m->bad_additionals)
		tx_event(w, f, tx, d, DNS_EVENT_INVALID_ADDITIONALS);
	if (m->bad_authorities)
		tx_event(w, f, tx, d, DNS_EVENT_INVALID_AUTHORITIES);
	if (m->flags & rules->reserved)
		tx_event(w, f, tx, d, DNS_EVENT_Z_FLAG_SET);
	if ((m->flags >> 11 & 0xf) >= rules->opcode)
		tx_event(w, f, tx, d, DNS_EVENT_INVALID_OPCODE);
	if (m->name_flags & DNS_NAME_TRUNCATED)
		tx_event(w, f, tx, d, DNS_EVENT_NAME_TOO_LONG);
	if (m->name_flags & DNS_NAME_LOOP)
		tx_event(w, f, tx, d, DNS_EVENT_INFINITE_LOOP);
	if (m->name_flags & DNS_NAME_LABELS)
		tx_event(w, f, tx, d, DNS_EVENT_TOO_MANY_LABELS);
}

struct tx *dns_tx_new(struct worker *w, struct flow *f, enum direction d, struct dns_message *m,
		      const struct dns_header_rules *rules)
{
	struct tx *tx = tx_new(w, f, sizeof(struct dns_tx));

	if (!tx) {
		dns_message_free(&w->heap, m);
		return NULL;
	}
	dns_of(tx)->m = *m;
	dns_of(tx)->direction = (uint8_t)d;
	tx->progress[TO_SERVER] = tx->progress[TO_CLIENT] = 1;
	tx->inspected_done[direction_other(d)] = 1;
	note_events(w, f, tx, d, m, rules);
	return tx;
}

void dns_tx_malformed(struct worker *w, struct flow *f, enum direction d)
{
	struct dns_message none = {0};
	struct tx *tx = dns_tx_new(w, f, d, &none, &dns_header_rules);

	if (tx)
		tx_event(w, f, tx, d, DNS_EVENT_MALFORMED_DATA);
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
			dns_event_on_last(w, f, d, DNS_EVENT_MALFORMED_DATA);
		return status == DNS_NOT_DNS && f->ip_proto != 6;
	}
	if (response != (d == TO_CLIENT)) {
		dns_message_free(&w->heap, &m);
		dns_event_on_last(w, f, d,
			      response ? DNS_EVENT_NOT_A_REQUEST : DNS_EVENT_NOT_A_RESPONSE);
		return false;
	}
	tx = dns_tx_new(w, f, d, &m, &dns_header_rules);
	if (tx && !response)
		remember(w, f, &dns_of(tx)->m);
	return true;
}

struct parse_result dns_stream(struct worker *w, struct flow *f, struct dns_state *st, enum direction d,
			       const struct app_input *in, dns_take_message *take)
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
		if (len && !take(w, f, d, message, len)) {
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
		return dns_stream(w, f, state, d, in, dns_take);
	app_frame_open(w, f, d, 1, 0, in->len);
	dns_take(w, f, d, in->data, in->len);
	return (struct parse_result){.status = PARSE_OK};
}
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
	.udp_least = DNS_HEADER_BYTES,
	.config_bytes = sizeof(struct dns_config),
	.configure = dns_configure,
	.state_bytes = sizeof(struct dns_state),
	.state_rest = app_state_moves,
	.parse = dns_parse,
	.tx_free = dns_tx_free,
	.log = dns_log,
	.alert_context = dns_alert_context,
	.events = dns_events,
	.buffers = dns_buffers,
	.values = dns_values,
};
