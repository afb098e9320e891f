/* SPDX-License-Identifier: BSD-3-Clause
 *
 * DCE/RPC over TCP (version 5) and UDP (version 4). A bind or a call is a transaction: a request and
 * its response, found by the call's number (UDP: activity and sequence number). Over TCP fragments
 * are taken when they are whole; behind a hole the next header is looked for. A response whose
 * request was not seen is a transaction too. Runs in the worker that owns the flow.
 */
#include "dataplane/app/dcerpc.h"

#include "dataplane/base/put.h"
#include "dataplane/engine/emit.h"

#define DCERPC_TRANSACTIONS_MAX 256
#define UDP_HEADER_BYTES 80
#define UDP_LAST_FRAGMENT 0x02
#define UDP_FRAGMENT 0x04
#define UDP_TYPE_LAST 10

enum dcerpc_event {
#define EVENT(id, name) DCERPC_EVENT_##id,
#include "dataplane/event/app_event/dcerpc.def"
#undef EVENT
};

static const char *const dcerpc_events[] = {
#define EVENT(id, name) name,
#include "dataplane/event/app_event/dcerpc.def"
#undef EVENT
	NULL,
};

struct dcerpc_state {
	struct dcerpc_association association;
	uint32_t stub_bytes; /* of live calls */
	bool gap[2];         /* the next header must be found first */
	uint64_t end[2];     /* offset at which the fragment that is not whole yet ends; 0: none */
	uint64_t skip_to[2]; /* bytes before this offset belong to a fragment with a hole */
};

struct dcerpc_tx {
	struct tx tx;
	bool udp;
	uint8_t minor;
	uint32_t sequence;
	uint8_t activity[16];
	struct dcerpc_call call;
};

static struct dcerpc_tx *dcerpc_of(struct tx *tx)
{
	return (struct dcerpc_tx *)(void *)tx;
}

static const struct dcerpc_call *dcerpc_tx_call(const struct tx *tx)
{
	return &((const struct dcerpc_tx *)(const void *)tx)->call;
}

/* ---- is it DCE/RPC? ---- */

static enum probe_result probed(const struct probe_input *in, bool request)
{
	if (request == (in->direction == TO_SERVER))
		return PROBE_YES;
	return in->midstream ? PROBE_YES_REVERSED : PROBE_YES;
}

static bool udp_header_good(const uint8_t *p, uint32_t len)
{
	bool little = p[4] & 0x10;
	uint32_t bytes;

	if (len < UDP_HEADER_BYTES || p[0] != 4 || p[1] > UDP_TYPE_LAST || p[3] & 0xfc || p[4] & 0xee ||
	    p[5] > 3)
		return false;
	bytes = little ? (uint32_t)(p[75] << 8 | p[74]) : get_be16(p + 74);
	return bytes <= len - UDP_HEADER_BYTES;
}

static enum probe_result dcerpc_probe(const struct probe_input *in)
{
	struct dcerpc_header h;

	if (in->ip_proto != 6) /* begun by a request of the client */
		return in->len >= UDP_HEADER_BYTES && udp_header_good(in->data, in->len) &&
				       (in->known || (in->direction == TO_SERVER && in->data[1] == DCERPC_REQUEST)) ?
			       PROBE_YES :
			       PROBE_NO;
	if (in->len < DCERPC_HEADER_BYTES) {
		static const uint8_t most[] = {5, 1, DCERPC_TYPE_LAST};

		if (in->len && in->data[0] != 5)
			return PROBE_NO;
		for (unsigned i = 1; i < in->len && i < 3; i++)
			if (in->data[i] > most[i])
				return PROBE_NO;
		return PROBE_MORE;
	}
	if (!dcerpc_header_read(&h, in->data))
		return PROBE_NO;
	return probed(in, dcerpc_is_request(h.type));
}

/* ---- TCP ---- */

/* Responses are lost, above all on a tap: when there are many calls, the oldest that still waits for
 * one is complete as it is. */
static void oldest_end(struct flow *f)
{
	if (f->app->live < DCERPC_TRANSACTIONS_MAX / 4 * 3)
		return;
	for (struct tx *tx = f->app->first; tx; tx = tx->next) {
		if (tx->progress[TO_SERVER] && tx->progress[TO_CLIENT])
			continue;
		for (unsigned d = 0; d < 2; d++) {
			dcerpc_of(tx)->call.done[d] = true;
			tx->progress[d] = 1;
		}
		return;
	}
}

static struct dcerpc_tx *tx_for(struct worker *w, struct flow *f, const struct dcerpc_header *h,
				enum direction d)
{
	struct dcerpc_tx *t;

	for (struct tx *tx = f->app->last; tx; tx = tx->prev)
		if (dcerpc_call_fits(&dcerpc_of(tx)->call, h, d))
			return dcerpc_of(tx);
	oldest_end(f);
	t = dcerpc_of(tx_new(w, f, sizeof(*t)));
	if (!t)
		return NULL;
	t->minor = h->minor;
	t->call.call_id = h->call_id;
	t->call.stub_bytes = &((struct dcerpc_state *)f->app->state)->stub_bytes;
	if (d == TO_CLIENT) {
		t->call.lost[TO_SERVER] = true;
		t->call.done[TO_SERVER] = true;
		t->tx.progress[TO_SERVER] = 1;
	}
	return t;
}

static void fragment_take(struct worker *w, struct flow *f, struct dcerpc_state *st,
			  enum direction d, const struct dcerpc_header *h, const uint8_t *data,
			  uint32_t len)
{
	struct dcerpc_tx *t;

	if (d == TO_SERVER && h->auth_bytes)
		dcerpc_logon_take(w, &st->association, h, data, len);
	if (h->type == DCERPC_AUTH3 || h->type >= 17)
		return;
	t = tx_for(w, f, h, d);
	if (!t)
		return;
	if (dcerpc_call_take(w, &st->association, &t->call, h, d, data, len))
		t->tx.progress[d] = 1;
}

/* Bytes up to the next thing that looks like a header; all of them if there is none. */
static uint32_t header_find(const uint8_t *data, uint32_t len)
{
	struct dcerpc_header h;

	for (uint32_t at = 0; at < len; at++) {
		const uint8_t *five = memchr(data + at, 5, len - at);

		if (!five)
			return len;
		at = (uint32_t)(five - data);
		if (len - at < DCERPC_HEADER_BYTES)
			return at;
		if (dcerpc_header_read(&h, five))
			return at;
	}
	return len;
}

static void gap_take(struct dcerpc_state *st, enum direction d, const struct app_input *in)
{
	uint64_t end = in->offset + in->len;

	if (st->skip_to[d] < st->end[d])
		st->skip_to[d] = st->end[d];
	st->end[d] = 0;
	if (end > st->skip_to[d])
		st->gap[d] = true;
}

enum { FRAME_HDR = 1, FRAME_PDU, FRAME_DATA };

static void fragment_frames(struct worker *w, struct flow *f, enum direction d, uint64_t offset,
			    uint32_t header, uint32_t whole)
{
	app_frame_open(w, f, d, FRAME_HDR, offset, header);
	app_frame_open(w, f, d, FRAME_PDU, offset, whole);
	app_frame_open(w, f, d, FRAME_DATA, offset + header, whole - header);
}

static struct parse_result parse_tcp(struct worker *w, struct flow *f, struct dcerpc_state *st,
				     enum direction d, const struct app_input *in)
{
	struct parse_result res = {.status = PARSE_OK};
	uint32_t at = 0;

	if (in->flags & INPUT_GAP) {
		gap_take(st, d, in);
		return res;
	}
	st->end[d] = 0;
	if (st->skip_to[d] > in->offset) {
		uint64_t skip = st->skip_to[d] - in->offset;

		at = skip < in->len ? (uint32_t)skip : in->len;
	}
	while (at < in->len) {
		struct dcerpc_header h;
		uint32_t left = in->len - at;

		if (st->gap[d])
			at += header_find(in->data + at, left);
		left = in->len - at;
		res.need = DCERPC_HEADER_BYTES;
		if (!left)
			break;
		if (left >= DCERPC_HEADER_BYTES) {
			if (!dcerpc_header_read(&h, in->data + at)) {
				res.status = PARSE_BAD;
				res.event = 1 + DCERPC_EVENT_MALFORMED_DATA;
				return res;
			}
			res.need = h.fragment_bytes;
		}
		if (left < res.need) {
			res.status = PARSE_MORE;
			if (left >= DCERPC_HEADER_BYTES)
				st->end[d] = in->offset + at + res.need;
			break;
		}
		st->gap[d] = false;
		if (f->app->frames)
			fragment_frames(w, f, d, in->offset + at, DCERPC_HEADER_BYTES, h.fragment_bytes);
		fragment_take(w, f, st, d, &h, in->data + at, h.fragment_bytes);
		at += h.fragment_bytes;
	}
	res.consumed = at;
	return res;
}

/* ---- UDP ---- */

static void udp_call_take(struct worker *w, struct dcerpc_tx *t, const uint8_t *p, uint32_t len)
{
	bool little = p[4] & 0x10, request = p[1] == DCERPC_REQUEST;
	struct dcerpc_call *call = &t->call;
	enum direction d = request ? TO_SERVER : TO_CLIENT;
	struct cursor c = cursor_of(p, len);
	uint32_t bytes;

	cursor_skip(&c, 68);
	call->seen[d] = true;
	call->fragments[d]++;
	if (request) {
		call->request_type = p[1];
		call->opnum = little ? cursor_le16(&c) : cursor_be16(&c);
		call->little = little;
		call->has_interface = true;
		call->interface.version = (uint16_t)(little ? p[61] << 8 | p[60] : p[62] << 8 | p[63]);
		dcerpc_uuid_read(call->interface.uuid, p + 24, little);
	} else {
		call->response_type = p[1];
		cursor_skip(&c, 2);
	}
	cursor_skip(&c, 4);
	bytes = little ? cursor_le16(&c) : cursor_be16(&c);
	cursor_skip(&c, 4);
	if (bytes > cursor_left(&c))
		bytes = (uint32_t)cursor_left(&c);
	dcerpc_stub_append(w, call, d, c.p, bytes);
	if (!(p[2] & UDP_FRAGMENT) || p[2] & UDP_LAST_FRAGMENT || d == TO_CLIENT) {
		call->done[d] = !(p[2] & UDP_FRAGMENT) || p[2] & UDP_LAST_FRAGMENT;
		t->tx.progress[d] = call->done[d];
	}
}

static void parse_udp(struct worker *w, struct flow *f, enum direction d, const struct app_input *in)
{
	const uint8_t *p = in->data;
	bool little, request;
	uint8_t activity[16];
	uint32_t sequence;
	struct dcerpc_tx *t = NULL;

	if (in->len < UDP_HEADER_BYTES || !udp_header_good(p, in->len))
		return;
	request = p[1] == DCERPC_REQUEST;
	if (!request && p[1] != DCERPC_RESPONSE && p[1] != DCERPC_FAULT && p[1] != 6)
		return;
	little = p[4] & 0x10;
	sequence = little ? (uint32_t)p[67] << 24 | (uint32_t)p[66] << 16 | (uint32_t)p[65] << 8 | p[64]
			  : get_be32(p + 64);
	dcerpc_uuid_read(activity, p + 40, true); /* shown like this whatever the byte order */
	for (struct tx *tx = f->app->last; tx && !t; tx = tx->prev)
		if (dcerpc_of(tx)->sequence == sequence &&
		    memcmp(dcerpc_of(tx)->activity, activity, sizeof(activity)) == 0 &&
		    !dcerpc_of(tx)->call.done[request ? TO_SERVER : TO_CLIENT])
			t = dcerpc_of(tx);
	if (!t) {
		oldest_end(f);
		t = dcerpc_of(tx_new(w, f, sizeof(*t)));
		if (!t)
			return;
		t->udp = true;
		t->call.stub_bytes = &((struct dcerpc_state *)f->app->state)->stub_bytes;
		t->sequence = sequence;
		memcpy(t->activity, activity, sizeof(activity));
		if (!request) {
			t->call.lost[TO_SERVER] = t->call.done[TO_SERVER] = true;
			t->tx.progress[TO_SERVER] = 1;
		}
	}
	if (f->app->frames)
		fragment_frames(w, f, d, 0, UDP_HEADER_BYTES, in->len);
	udp_call_take(w, t, p, in->len);
}

/* ---- the protocol ---- */

static void dcerpc_state_clear(struct worker *w, struct flow *f, void *state)
{
	struct dcerpc_state *st = state;

	dcerpc_association_free(w, &st->association);
}

static void dcerpc_tx_free(struct worker *w, struct flow *f, struct tx *tx)
{
	dcerpc_call_free(w, &dcerpc_of(tx)->call);
}

static struct parse_result dcerpc_parse(struct worker *w, struct flow *f, void *state,
					enum direction d, const struct app_input *in)
{
	if (f->ip_proto == 6)
		return parse_tcp(w, f, state, d, in);
	parse_udp(w, f, d, in);
	return (struct parse_result){.status = PARSE_OK};
}

static bool get_stub_data(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
			  unsigned instance, struct buffer_view *out)
{
	return dcerpc_stub_view(&dcerpc_of(tx)->call, d, out);
}

/* ---- records ---- */

static void write_interface(struct recorder *r, const struct dcerpc_interface *one)
{
	char text[40];

	rec_open(r, F_dcerpc_interface);
	dcerpc_uuid_text(text, one->uuid);
	rec_text(r, F_dcerpc_uuid, text);
	put_uint(put_char(put_uint(put_to(text, sizeof(text)), one->version), '.'), one->minor);
	rec_text(r, F_dcerpc_version, text);
	rec_uint(r, F_dcerpc_ack_result, one->result);
	rec_close(r);
}

static void write_interfaces(struct recorder *r, const struct dcerpc_association *a,
			     const struct dcerpc_call *call)
{
	rec_open(r, F_dcerpc_interfaces);
	if (call->request_type == DCERPC_REQUEST)
		write_interface(r, &call->interface);
	else
		for (uint32_t i = 0; i < a->count; i++)
			if (a->interfaces[i].batch == call->batch)
				write_interface(r, &a->interfaces[i]);
	rec_close(r);
}

static void write_part(struct recorder *r, enum field_id object, const struct dcerpc_call *call,
		       enum direction d)
{
	rec_open(r, object);
	if (d == TO_SERVER)
		rec_uint(r, F_dcerpc_opnum, call->opnum);
	rec_uint(r, F_dcerpc_frag_cnt, call->fragments[d]);
	rec_uint(r, F_dcerpc_stub_data_size, call->stub[d].len);
	rec_close(r);
}

static void write_call(struct recorder *r, const struct dcerpc_state *st, const struct dcerpc_tx *t)
{
	static const struct ntlmssp_fields logon = {F_dcerpc_ntlmssp, F_dcerpc_domain, F_dcerpc_user, F_dcerpc_host,
						    F_dcerpc_ntlmssp_version};
	const struct dcerpc_call *call = &t->call;
	char text[40];

	rec_open(r, F_dcerpc_dcerpc);
	if (call->seen[TO_SERVER]) {
		rec_text(r, F_dcerpc_request, dcerpc_type_name(call->request_type));
		if (call->request_type == DCERPC_REQUEST)
			write_part(r, F_dcerpc_req, call, TO_SERVER);
		if (!t->udp && (call->request_type != DCERPC_REQUEST || call->has_interface))
			write_interfaces(r, &st->association, call);
	} else {
		rec_text(r, F_dcerpc_request, "REQUEST_LOST");
	}
	if (call->seen[TO_CLIENT]) {
		rec_text(r, F_dcerpc_response, dcerpc_type_name(call->response_type));
		if (call->response_type == DCERPC_RESPONSE)
			write_part(r, F_dcerpc_res, call, TO_CLIENT);
	} else {
		rec_text(r, F_dcerpc_response, "UNREPLIED");
	}
	if (t->udp) {
		dcerpc_uuid_text(text, t->activity);
		rec_text(r, F_dcerpc_activityuuid, text);
		rec_uint(r, F_dcerpc_seqnum, t->sequence);
		rec_text(r, F_dcerpc_rpc_version, "4.0");
	} else {
		rec_uint(r, F_dcerpc_call_id, call->call_id);
		put_uint(put_text(put_to(text, sizeof(text)), "5."), t->minor);
		rec_text(r, F_dcerpc_rpc_version, text);
	}
	dcerpc_logon_record(r, &logon, call);
	rec_close(r);
}

static void dcerpc_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p)
{
	struct recorder *r = emit_flow(w, RECORD_dcerpc, f, TO_SERVER, tx->id, p);

	if (!r)
		return;
	write_call(r, f->app->state, dcerpc_of(tx));
	emit_end(w);
}

static void dcerpc_alert_context(struct worker *w, struct flow *f, struct tx *tx,
				 struct recorder *r)
{
	write_call(r, f->app->state, dcerpc_of(tx));
}

static const struct proto_buffer dcerpc_buffers[] = {
	{.name = "dcerpc.stub_data", .to_server = 1, .to_client = 1, .get = get_stub_data},
	{.name = NULL},
};

const struct proto proto_dcerpc = {
	.name = "dcerpc",
	.id = APP_dcerpc,
	.over_tcp = 1,
	.over_udp = 1,
	.done = {1, 1},
	.max_pending_bytes = DCERPC_FRAGMENT_MAX,
	.max_transactions = DCERPC_TRANSACTIONS_MAX,
	.too_many_event = DCERPC_EVENT_TOO_MANY_TRANSACTIONS,
	.probe = dcerpc_probe,
	.udp_first = {{4, 4}},
	.udp_least = UDP_HEADER_BYTES,
	.state_bytes = sizeof(struct dcerpc_state),
	.state_rest = app_state_moves,
	.state_clear = dcerpc_state_clear,
	.parse = dcerpc_parse,
	.tx_free = dcerpc_tx_free,
	.log = dcerpc_log,
	.alert_context = dcerpc_alert_context,
	.call = dcerpc_tx_call,
	.events = dcerpc_events,
	.buffers = dcerpc_buffers,
};
