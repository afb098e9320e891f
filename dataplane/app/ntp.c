/* SPDX-License-Identifier: BSD-3-Clause
 *
 * NTP (RFC 5905, 7.3; of versions 1 and 2 RFC 1059, 1119; control messages RFC 9327; private ones ntpd's
 * ntp_request.h) over UDP: a message is told by its form, off its port only where it can be nothing else. Each is a
 * transaction, complete at once. Runs in the worker that owns the flow.
 */
#include "dataplane/app/app.h"
#include "dataplane/engine/emit.h"

#define NTP_HEADER_BYTES 48
#define NTP_CONTROL_BYTES 12
#define NTP_PRIVATE_BYTES 8
#define NTP_PRIVATE_ERROR_MAX 7
#define NTP_STRATUM_MAX 16
#define NTP_TRANSACTIONS_MAX 256

enum { MODE_CLIENT = 3, MODE_SERVER = 4, MODE_CONTROL = 6, MODE_PRIVATE = 7 };

enum ntp_event {
#define EVENT(id, name) NTP_EVENT_##id,
#include "dataplane/event/app_event/ntp.def"
#undef EVENT
};

static const char *const ntp_events[] = {
#define EVENT(id, name) name,
#include "dataplane/event/app_event/ntp.def"
#undef EVENT
	NULL,
};

struct ntp_tx {
	struct tx tx;
	uint8_t direction, version, mode, stratum;
	bool timing;          /* it has stratum and reference id */
	bool response;        /* of a control or private message */
	uint8_t code;         /* what that asks for: opcode, or request code */
	uint8_t reference[4];
};

static struct ntp_tx *ntp_of(struct tx *tx)
{
	return (struct ntp_tx *)(void *)tx;
}

static bool control_read(struct ntp_tx *t, const uint8_t *data, uint32_t len)
{
	if (len < NTP_CONTROL_BYTES)
		return false;
	t->response = data[1] & 0x80;
	t->code = data[1] & 0x1f;
	return get_be16(data + 10) <= len - NTP_CONTROL_BYTES;
}

/* The implementation is ntpd's, of whatever age; items of a size, as many as are said. */
static bool private_read(struct ntp_tx *t, const uint8_t *data, uint32_t len)
{
	uint32_t count = get_be16(data + 4) & 0xfff, size = get_be16(data + 6) & 0xfff;

	t->response = data[0] & 0x80;
	t->code = data[3];
	return data[2] <= 3 && data[2] != 1 && data[4] >> 4 <= NTP_PRIVATE_ERROR_MAX && data[6] >> 4 == 0 &&
	       count * size <= len - NTP_PRIVATE_BYTES;
}

/* False: this is no NTP. */
static bool message_read(struct ntp_tx *t, const uint8_t *data, uint32_t len)
{
	if (len < NTP_PRIVATE_BYTES)
		return false;
	t->version = data[0] >> 3 & 7;
	t->mode = data[0] & 7;
	if (t->version < 1 || t->version > 4 || !t->mode)
		return false;
	if (t->mode == MODE_CONTROL)
		return control_read(t, data, len);
	if (t->mode == MODE_PRIVATE)
		return private_read(t, data, len);
	if (len < NTP_HEADER_BYTES || len % 4 || data[1] > NTP_STRATUM_MAX)
		return false;
	t->timing = true;
	t->stratum = data[1];
	memcpy(t->reference, data + 12, 4);
	return true;
}

/* Symmetric and broadcast messages look much like anything: off the port only those of client and
 * server whose other fields fit are taken for NTP. */
static enum probe_result ntp_probe(const struct probe_input *in)
{
	bool port = in->client_port == 123 || in->server_port == 123;
	struct ntp_tx t = {0};

	if (!message_read(&t, in->data, in->len))
		return PROBE_NO;
	if (port)
		return PROBE_YES;
	if (t.version < 3 || in->len != NTP_HEADER_BYTES || (t.mode != MODE_CLIENT && t.mode != MODE_SERVER))
		return PROBE_NO;
	/* poll 2^3 to 2^17 s, precision 2^-6 to 2^-32 s, a time to be sent back */
	if (in->data[2] > 17 || (int8_t)in->data[3] > 0 || !get_be32(in->data + 40))
		return PROBE_NO;
	return t.mode == MODE_CLIENT ? t.stratum || get_be32(in->data + 12) ? PROBE_NO : PROBE_YES :
				       t.stratum && get_be32(in->data + 24) ? PROBE_YES : PROBE_NO;
}

static struct parse_result ntp_parse(struct worker *w, struct flow *f, void *state, enum direction d,
				     const struct app_input *in)
{
	struct parse_result res = {.status = PARSE_OK};
	struct ntp_tx *t = ntp_of(tx_new(w, f, sizeof(*t)));

	if (!t)
		return res;
	t->direction = (uint8_t)d;
	t->tx.progress[TO_SERVER] = t->tx.progress[TO_CLIENT] = 1;
	t->tx.inspected_done[direction_other(d)] = 1;
	if (!message_read(t, in->data, in->len)) {
		t->mode = 0;
		tx_event(w, f, &t->tx, d, NTP_EVENT_MALFORMED_DATA);
	}
	return res;
}

static void ntp_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r)
{
	const struct ntp_tx *t = ntp_of(tx);

	rec_open(r, F_ntp_ntp);
	rec_uint(r, F_ntp_version, t->version);
	rec_uint(r, F_ntp_mode, t->mode);
	if (t->timing) {
		rec_uint(r, F_ntp_stratum, t->stratum);
		rec_bytes(r, F_ntp_reference_id, t->reference, sizeof(t->reference));
	} else {
		rec_bool(r, F_ntp_response, t->response);
		rec_uint(r, t->mode == MODE_CONTROL ? F_ntp_opcode : F_ntp_request_code, t->code);
	}
	rec_close(r);
}

static void ntp_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p)
{
	struct recorder *r;

	if (!ntp_of(tx)->mode)
		return;
	r = emit_flow(w, RECORD_ntp, f, ntp_of(tx)->direction, tx->id, p);
	if (!r)
		return;
	ntp_alert_context(w, f, tx, r);
	emit_end(w);
}

#define VALUE(name, member, there)                                                                 \
	static bool get_##name(struct worker *w, struct flow *f, struct tx *tx, enum direction d,  \
			       uint64_t *out)                                                      \
	{                                                                                          \
		const struct ntp_tx *t = ntp_of(tx);                                               \
                                                                                                   \
		*out = t->member;                                                                  \
		return t->direction == d && t->there;                                              \
	}

VALUE(version, version, mode)
VALUE(mode, mode, mode)
VALUE(stratum, stratum, timing)

static bool get_reference(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
			  unsigned instance, struct buffer_view *out)
{
	const struct ntp_tx *t = ntp_of(tx);

	*out = (struct buffer_view){t->reference, sizeof(t->reference), 0, true};
	return t->direction == d && t->timing;
}

static const struct proto_buffer ntp_buffers[] = {
	{"ntp.reference_id", 0, 1, 1, get_reference},
	{NULL},
};

static const struct proto_value ntp_values[] = {
	{.name = "ntp.version", .to_server = 1, .to_client = 1, .get = get_version},
	{.name = "ntp.mode", .to_server = 1, .to_client = 1, .get = get_mode},
	{.name = "ntp.stratum", .to_server = 1, .to_client = 1, .get = get_stratum},
	{NULL},
};

const struct proto proto_ntp = {
	.name = "ntp",
	.id = APP_ntp,
	.over_udp = 1,
	.done = {1, 1},
	.max_transactions = NTP_TRANSACTIONS_MAX,
	.too_many_event = NTP_EVENT_TOO_MANY_TRANSACTIONS,
	.probe = ntp_probe,
	.udp_first = {{0x08, 0x27}, {0x48, 0x67}, {0x88, 0xa7}, {0xc8, 0xe7}}, /* versions 1 to 4, whatever the leap */
	.udp_least = NTP_PRIVATE_BYTES,
	.parse = ntp_parse,
	.log = ntp_log,
	.alert_context = ntp_alert_context,
	.events = ntp_events,
	.buffers = ntp_buffers,
	.values = ntp_values,
};
