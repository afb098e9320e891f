/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SNMP over UDP: version 1 (RFC 1157), 2c (RFC 1901, 3416), 3 with its user model (RFC 3412, 3414).
 * Told by its form (BER, X.690). Each message is a transaction, complete at once. The scoped PDU of
 * an encrypted message is not read. Runs in the worker that owns the flow.
 */

#include "dataplane/app/ber.h"
#include "dataplane/app/text.h"
#include "dataplane/base/put.h"
#include "dataplane/engine/emit.h"

#define SNMP_VARS_MAX 256      /* of a message, kept */
#define SNMP_OID_CHARS_MAX 512
#define SNMP_PORT 161
#define SNMP_TRAP_PORT 162
#define SNMP_TRANSACTIONS_MAX 256
#define SNMP_PDU_ENCRYPTED 255

enum {
	TAG_OID = 0x06,
	TAG_IP_ADDRESS = 0x40,
	TAG_PDU = 0xa0, /* + its type */
	PDU_RESPONSE = 2,
	PDU_TRAP_V1 = 4,
	PDU_TYPE_LAST = 8,
	FLAG_PRIVACY = 2, /* of msgFlags */
	MODEL_USER = 3
};

enum snmp_event {
#define EVENT(id, name) SNMP_EVENT_##id,
#include "dataplane/event/app_event/snmp.def"
#undef EVENT
};

static const char *const snmp_events[] = {
#define EVENT(id, name) name,
#include "dataplane/event/app_event/snmp.def"
#undef EVENT
	NULL,
};

static const char *const pdu_names[PDU_TYPE_LAST + 1] = {
	"get_request",      "get_next_request", "response", "set_request", "trap_v1",
	"get_bulk_request", "inform_request",   "trap_v2",  "report",
};

static const char *const error_names[] = {
	"NoError",             "TooBig",           "NoSuchName",         "BadValue",
	"ReadOnly",            "GenErr",           "NoAccess",           "WrongType",
	"WrongLength",         "WrongEncoding",    "WrongValue",         "NoCreation",
	"InconsistentValue",   "ResourceUnavailable", "CommitFailed",    "UndoFailed",
	"AuthorizationError",  "NotWritable",      "InconsistentName",
};

static const char *const trap_names[] = {
	"cold_start", "warm_start", "link_down", "link_up", "authentication_failure",
	"egp_neighbor_loss", "enterprise_specific",
};

struct snmp_tx {
	struct tx tx;
	uint8_t direction;
	uint8_t version;      /* 1, 2, 3; 0: not told */
	uint8_t pdu;          /* type; SNMP_PDU_ENCRYPTED */
	bool has_pdu, has_community, has_user, has_trap, has_address;
	uint32_t error, trap;
	uint8_t address[4];
	struct text community, user, trap_oid;
	struct texts vars;
};

static struct snmp_tx *snmp_of(struct tx *tx)
{
	return (struct snmp_tx *)(void *)tx;
}

/* ---- reading ---- */

/* "1.3.6.1.2.1": sub-identifiers of seven bits a byte (X.690, 8.19). */
static uint32_t oid_text(struct bytes oid, char *out, uint32_t size)
{
	struct put p = put_to(out, size);
	uint64_t v = 0;

	for (uint32_t i = 0; i < oid.len && p.last - p.at >= 24; i++) {
		v = v << 7 | (oid.data[i] & 0x7f);
		if (v > UINT32_MAX)
			break;
		if (oid.data[i] & 0x80)
			continue;
		if (p.at == out) {
			unsigned top = v < 40 ? 0 : v < 80 ? 1 : 2;

			p = put_uint(p, top);
			v -= top * 40;
		}
		p = put_uint(put_char(p, '.'), v);
		v = 0;
	}
	return (uint32_t)(p.at - out);
}

/* Each has a name and a value. False: one is not well formed; those before it are kept. */
static bool vars_read(struct worker *w, struct snmp_tx *t, struct cursor *c)
{
	char text[SNMP_OID_CHARS_MAX];
	struct cursor list, one, value;
	uint8_t tag;

	if (!ber_take(c, BER_SEQUENCE, &list))
		return false;
	while (t->vars.count < SNMP_VARS_MAX && ber_take(&list, BER_SEQUENCE, &one)) {
		struct bytes oid = ber_bytes(&one, TAG_OID);

		if (!oid.data)
			return false;
		texts_add(w, &t->vars, text, oid_text(oid, text, sizeof(text)));
		if (!ber_next(&one, &tag, &value))
			return false;
	}
	return t->vars.count == SNMP_VARS_MAX || !cursor_left(&list);
}

/* RFC 1157, 4.1.6 */
static bool trap_read(struct worker *w, struct snmp_tx *t, struct cursor *c)
{
	char text[SNMP_OID_CHARS_MAX];
	struct bytes oid = ber_bytes(c, TAG_OID), address = ber_bytes(c, TAG_IP_ADDRESS);
	struct cursor when;
	uint32_t specific;
	uint8_t tag;

	if (!oid.data || address.len != 4 || !ber_number(c, BER_INTEGER, &t->trap) ||
	    !ber_number(c, BER_INTEGER, &specific) || !ber_next(c, &tag, &when))
		return false;
	t->has_trap = t->has_address = true;
	memcpy(t->address, address.data, 4);
	text_set(w, &t->trap_oid, (struct bytes){(uint8_t *)text, oid_text(oid, text, sizeof(text))});
	return vars_read(w, t, c);
}

static bool pdu_read(struct worker *w, struct snmp_tx *t, struct cursor *c)
{
	struct cursor body, number;
	uint8_t tag;

	if (!ber_next(c, &tag, &body) || tag < TAG_PDU || tag > TAG_PDU + PDU_TYPE_LAST)
		return false;
	t->pdu = tag - TAG_PDU;
	t->has_pdu = true;
	if (t->pdu == PDU_TRAP_V1)
		return trap_read(w, t, &body);
	if (!ber_take(&body, BER_INTEGER, &number) || !ber_number(&body, BER_INTEGER, &t->error) ||
	    !ber_take(&body, BER_INTEGER, &number))
		return false;
	return vars_read(w, t, &body);
}

/* RFC 3412, 6 and RFC 3414, 2.4 */
static bool v3_read(struct worker *w, struct flow *f, struct snmp_tx *t, enum direction d, struct cursor *c)
{
	struct cursor head, number, security, parameters, scoped;
	struct bytes flags, user;
	uint32_t model;

	if (!ber_take(c, BER_SEQUENCE, &head) || !ber_take(&head, BER_INTEGER, &number) ||
	    !ber_take(&head, BER_INTEGER, &number))
		return false;
	flags = ber_bytes(&head, BER_OCTETS);
	if (flags.len != 1 || !ber_number(&head, BER_INTEGER, &model) || !ber_take(c, BER_OCTETS, &security))
		return false;
	if (model != MODEL_USER) {
		tx_event(w, f, &t->tx, d, SNMP_EVENT_UNKNOWN_SECURITY_MODEL);
	} else {
		if (!ber_take(&security, BER_SEQUENCE, &parameters) ||
		    !ber_take(&parameters, BER_OCTETS, &number) || /* engine id */
		    !ber_take(&parameters, BER_INTEGER, &number) || !ber_take(&parameters, BER_INTEGER, &number))
			return false;
		user = ber_bytes(&parameters, BER_OCTETS);
		if (!user.data)
			return false;
		t->has_user = text_set(w, &t->user, user);
	}
	if (flags.data[0] & FLAG_PRIVACY) {
		t->pdu = SNMP_PDU_ENCRYPTED;
		t->has_pdu = true;
		return true;
	}
	return ber_take(c, BER_SEQUENCE, &scoped) && ber_take(&scoped, BER_OCTETS, &number) &&
	       ber_take(&scoped, BER_OCTETS, &number) && pdu_read(w, t, &scoped);
}

static bool message_read(struct worker *w, struct flow *f, struct snmp_tx *t, enum direction d,
			 const uint8_t *data, uint32_t len)
{
	struct cursor c = cursor_of(data, len), message;
	struct bytes community;
	uint32_t version;

	if (!ber_take(&c, BER_SEQUENCE, &message) || !ber_number(&message, BER_INTEGER, &version) || version > 3 ||
	    version == 2)
		return false;
	t->version = version == 3 ? 3 : (uint8_t)(version + 1);
	if (t->version == 3)
		return v3_read(w, f, t, d, &message);
	community = ber_bytes(&message, BER_OCTETS);
	if (!community.data)
		return false;
	t->has_community = text_set(w, &t->community, community);
	return pdu_read(w, t, &message);
}

/* ---- the protocol ---- */

static bool port_of(const struct probe_input *in)
{
	return in->server_port == SNMP_PORT || in->server_port == SNMP_TRAP_PORT || in->client_port == SNMP_PORT ||
	       in->client_port == SNMP_TRAP_PORT;
}

static enum probe_result snmp_probe(const struct probe_input *in)
{
	struct cursor c = cursor_of(in->data, in->len), message, next;
	uint32_t version;
	uint8_t tag;

	if (!ber_take(&c, BER_SEQUENCE, &message) || !ber_number(&message, BER_INTEGER, &version))
		return PROBE_NO;
	/* of version 3 no more than this can be read: only where it is expected */
	if (version == 3 && !port_of(in))
		return PROBE_NO;
	if (version == 3)
		return ber_take(&message, BER_SEQUENCE, &next) && ber_take(&message, BER_OCTETS, &next) ?
			       PROBE_YES :
			       PROBE_NO;
	if (version > 1 || !ber_take(&message, BER_OCTETS, &next) || !ber_next(&message, &tag, &next))
		return PROBE_NO;
	return tag >= TAG_PDU && tag <= TAG_PDU + PDU_TYPE_LAST ? PROBE_YES : PROBE_NO;
}

static struct parse_result snmp_parse(struct worker *w, struct flow *f, void *state, enum direction d,
				      const struct app_input *in)
{
	struct parse_result res = {.status = PARSE_OK};
	uint8_t *version = state;
	struct snmp_tx *t = snmp_of(tx_new(w, f, sizeof(*t)));

	if (!t)
		return res;
	t->direction = (uint8_t)d;
	t->tx.progress[TO_SERVER] = t->tx.progress[TO_CLIENT] = 1;
	t->tx.inspected_done[direction_other(d)] = 1;
	if (!message_read(w, f, t, d, in->data, in->len))
		tx_event(w, f, &t->tx, d, SNMP_EVENT_MALFORMED_DATA);
	if (*version && t->version && *version != t->version)
		tx_event(w, f, &t->tx, d, SNMP_EVENT_VERSION_MISMATCH);
	if (t->version)
		*version = t->version;
	return res;
}

static void snmp_tx_free(struct worker *w, struct flow *f, struct tx *tx)
{
	text_free(w, &snmp_of(tx)->community);
	text_free(w, &snmp_of(tx)->user);
	text_free(w, &snmp_of(tx)->trap_oid);
	texts_free(w, &snmp_of(tx)->vars);
}

/* ---- records ---- */

static void snmp_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r)
{
	const struct snmp_tx *t = snmp_of(tx);

	rec_open(r, F_snmp_snmp);
	rec_uint(r, F_snmp_version, t->version);
	if (t->has_pdu)
		rec_text(r, F_snmp_pdu_type, t->pdu == SNMP_PDU_ENCRYPTED ? "encrypted" : pdu_names[t->pdu]);
	if (t->has_pdu && t->pdu == PDU_RESPONSE && t->error && t->error < sizeof(error_names) / sizeof(error_names[0]))
		rec_text(r, F_snmp_error, error_names[t->error]);
	if (t->has_trap) {
		struct addr a = {0};

		memcpy(a.b, t->address, 4);
		rec_text(r, F_snmp_trap_type,
			 t->trap < sizeof(trap_names) / sizeof(trap_names[0]) ? trap_names[t->trap] : "unknown");
		text_record(r, F_snmp_trap_oid, &t->trap_oid);
		rec_addr(r, F_snmp_trap_address, &a, 4);
	}
	texts_record(r, F_snmp_vars, F_snmp_var, &t->vars);
	if (t->has_community)
		text_record(r, F_snmp_community, &t->community);
	if (t->has_user)
		text_record(r, F_snmp_usm, &t->user);
	rec_close(r);
}

static void snmp_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p)
{
	struct recorder *r;

	if (!snmp_of(tx)->version)
		return;
	r = emit_flow(w, RECORD_snmp, f, snmp_of(tx)->direction, tx->id, p);
	if (!r)
		return;
	snmp_alert_context(w, f, tx, r);
	emit_end(w);
}

#define VALUE(name, member, there)                                                                 \
	static bool get_##name(struct worker *w, struct flow *f, struct tx *tx, enum direction d,  \
			       uint64_t *out)                                                      \
	{                                                                                          \
		const struct snmp_tx *t = snmp_of(tx);                                             \
                                                                                                   \
		*out = t->member;                                                                  \
		return t->direction == d && t->there;                                              \
	}
#define TEXT(name, member)                                                                         \
	static bool get_##name(struct worker *w, struct flow *f, struct tx *tx, enum direction d,  \
			       unsigned instance, struct buffer_view *out)                         \
	{                                                                                          \
		return snmp_of(tx)->direction == d && text_view(&snmp_of(tx)->member, out);        \
	}

VALUE(version, version, version)
VALUE(pdu_type, pdu, has_pdu)
VALUE(trap_type, trap, has_trap)
TEXT(community, community)
TEXT(usm, user)

static const struct proto_buffer snmp_buffers[] = {
	{"snmp.community", 0, 1, 1, get_community},
	{"snmp.usm", 0, 1, 1, get_usm},
	{NULL},
};

static const struct proto_value snmp_values[] = {
	{.name = "snmp.version", .to_server = 1, .to_client = 1, .get = get_version},
	{.name = "snmp.pdu_type", .to_server = 1, .to_client = 1, .get = get_pdu_type},
	{.name = "snmp.trap_type", .to_server = 1, .to_client = 1, .get = get_trap_type},
	{NULL},
};

const struct proto proto_snmp = {
	.name = "snmp",
	.id = APP_snmp,
	.over_udp = 1,
	.done = {1, 1},
	.max_transactions = SNMP_TRANSACTIONS_MAX,
	.too_many_event = SNMP_EVENT_TOO_MANY_TRANSACTIONS,
	.probe = snmp_probe,
	.udp_first = {{BER_SEQUENCE, BER_SEQUENCE}},
	.state_bytes = sizeof(uint8_t), /* the version of the message before */
	.state_rest = app_state_moves,
	.parse = snmp_parse,
	.tx_free = snmp_tx_free,
	.log = snmp_log,
	.alert_context = snmp_alert_context,
	.events = snmp_events,
	.buffers = snmp_buffers,
	.values = snmp_values,
};
