/* SPDX-License-Identifier: BSD-3-Clause
 *
 * RFB (RFC 6143), versions 3.3, 3.7 and 3.8: the handshake up to ServerInit; what follows is pictures
 * and is not looked at. One transaction a connection. Which messages come depends on what the other
 * side said, so a message that arrives before that waits. Security types other than None and VNC
 * authentication are told, and followed no further. Runs in the worker that owns the flow.
 */
#include "dataplane/app/text.h"
#include "dataplane/engine/emit.h"

#define VERSION_BYTES 12
#define CHALLENGE_BYTES 16
#define SERVER_INIT_BYTES 24
#define RFB_NAME_MAX 8192
#define RFB_REASON_MAX 4096

enum { SECURITY_INVALID, SECURITY_NONE, SECURITY_VNC };

enum rfb_event {
#define EVENT(id, name) RFB_EVENT_##id,
#include "dataplane/event/app_event/rfb.def"
#undef EVENT
};

static const char *const rfb_events[] = {
#define EVENT(id, name) name,
#include "dataplane/event/app_event/rfb.def"
#undef EVENT
	NULL,
};

enum rfb_progress { RFB_NOTHING, RFB_VERSION, RFB_SECURITY, RFB_RESULT, RFB_INIT, RFB_DONE };

/* What a direction waits for. */
enum server_step { SERVER_VERSION, SERVER_TYPE, SERVER_TYPES, SERVER_CHALLENGE, SERVER_RESULT,
		   SERVER_REASON, SERVER_INIT, SERVER_DONE };
enum client_step { CLIENT_VERSION, CLIENT_TYPE, CLIENT_RESPONSE, CLIENT_INIT, CLIENT_DONE };

struct rfb_tx {
	struct tx tx;
	uint8_t version[2][6];    /* by direction of travel: digits of major and minor */
	bool has_version[2], has_security, has_challenge, has_response, has_result, has_shared, has_init;
	uint32_t security, result;
	uint8_t challenge[CHALLENGE_BYTES], response[CHALLENGE_BYTES];
	bool shared;
	uint8_t init[SERVER_INIT_BYTES];
	struct text name, reason;
};

struct rfb_state {
	struct rfb_tx *tx;
	uint8_t server, client; /* enum server_step, client_step */
};

static struct rfb_tx *rfb_of(struct tx *tx)
{
	return (struct rfb_tx *)(void *)tx;
}

/* "RFB 003.008\n" */
static bool version_good(const uint8_t *data, uint32_t len)
{
	static const char form[] = "RFB ddd.ddd\n";

	for (uint32_t i = 0; i < len && i < VERSION_BYTES; i++)
		if (form[i] == 'd' ? data[i] < '0' || data[i] > '9' : data[i] != (uint8_t)form[i])
			return false;
	return true;
}

static enum probe_result rfb_probe(const struct probe_input *in)
{
	if (!version_good(in->data, in->len))
		return PROBE_NO;
	return in->len < VERSION_BYTES ? PROBE_MORE : PROBE_YES;
}

static void advance(struct rfb_tx *t, enum direction d, enum rfb_progress p)
{
	if (t->tx.progress[d] < p)
		t->tx.progress[d] = (uint8_t)p;
}

/* Version 3.3 of the client makes the server choose the security type (RFC 6143, A). */
static bool is_33(const struct rfb_tx *t)
{
	return t->has_version[TO_SERVER] && memcmp(t->version[TO_SERVER], "003007", 6) < 0;
}

static bool is_37(const struct rfb_tx *t)
{
	return memcmp(t->version[TO_SERVER], "003007", 6) == 0;
}

static void security_chosen(struct worker *w, struct flow *f, struct rfb_state *st, enum direction d,
			    uint32_t type)
{
	struct rfb_tx *t = st->tx;

	t->security = type;
	t->has_security = true;
	advance(t, TO_CLIENT, RFB_SECURITY);
	switch (type) {
	case SECURITY_INVALID:
		st->server = SERVER_REASON;
		st->client = CLIENT_DONE;
		break;
	case SECURITY_NONE:
		st->server = is_33(t) || is_37(t) ? SERVER_INIT : SERVER_RESULT;
		st->client = CLIENT_INIT;
		break;
	case SECURITY_VNC:
		st->server = SERVER_CHALLENGE;
		st->client = CLIENT_RESPONSE;
		break;
	default:
		tx_event(w, f, &t->tx, d, RFB_EVENT_UNIMPLEMENTED_SECURITY_TYPE);
		st->server = SERVER_DONE;
		st->client = CLIENT_DONE;
	}
}

enum took { TOOK_IT, TOOK_NOTHING, TOOK_BAD };

static bool version_take(struct rfb_tx *t, enum direction d, struct cursor *c)
{
	const uint8_t *v = cursor_take(c, VERSION_BYTES);

	if (!v || !version_good(v, VERSION_BYTES))
		return false;
	memcpy(t->version[d], v + 4, 3);
	memcpy(t->version[d] + 3, v + 8, 3);
	t->has_version[d] = true;
	advance(t, d, RFB_VERSION);
	return true;
}

/* A text of the server with its length before it; more than max is bad. */
static enum took text_take(struct worker *w, struct cursor *c, uint32_t before, uint32_t max,
			   struct text *out)
{
	const uint8_t *head = cursor_peek(c, before + 4);
	uint32_t len = head ? get_be32(head + before) : 0;

	if (!head)
		return TOOK_NOTHING;
	if (len > max)
		return TOOK_BAD;
	if (!cursor_peek(c, before + 4 + len))
		return TOOK_NOTHING;
	text_set(w, out, (struct bytes){head + before + 4, len});
	cursor_skip(c, before + 4 + len);
	return TOOK_IT;
}

static void result_said(struct worker *w, struct flow *f, struct rfb_state *st, uint32_t result)
{
	struct rfb_tx *t = st->tx;

	t->result = result;
	t->has_result = true;
	advance(t, TO_CLIENT, RFB_RESULT);
	if (result == 0) {
		st->server = SERVER_INIT;
		return;
	}
	if (result > 2)
		tx_event(w, f, &t->tx, TO_CLIENT, RFB_EVENT_UNKNOWN_SECURITY_RESULT);
	st->client = CLIENT_DONE;
	/* Only version 3.8 says why. */
	st->server = !is_33(t) && !is_37(t) && result <= 2 ? SERVER_REASON : SERVER_DONE;
}

static enum took server_init(struct worker *w, struct rfb_state *st, struct cursor *c)
{
	const uint8_t *head = cursor_peek(c, SERVER_INIT_BYTES);
	struct rfb_tx *t = st->tx;
	enum took took = text_take(w, c, SERVER_INIT_BYTES - 4, RFB_NAME_MAX, &t->name);

	if (took != TOOK_IT)
		return took;
	memcpy(t->init, head, SERVER_INIT_BYTES);
	t->has_init = true;
	advance(t, TO_CLIENT, RFB_INIT);
	st->server = SERVER_DONE;
	return TOOK_IT;
}

static enum took server_types(struct rfb_state *st, struct cursor *c)
{
	const uint8_t *n = cursor_peek(c, 1);

	if (!n || !cursor_peek(c, 1 + (size_t)*n))
		return TOOK_NOTHING;
	cursor_skip(c, 1 + (size_t)*n);
	if (!*n) {
		st->server = SERVER_REASON;
		st->client = CLIENT_DONE;
	} else {
		st->server = SERVER_TYPE; /* the client chooses */
	}
	return TOOK_IT;
}

/* One message of the server. */
static enum took server_take(struct worker *w, struct flow *f, struct rfb_state *st, struct cursor *c)
{
	struct rfb_tx *t = st->tx;
	enum took took;

	switch ((enum server_step)st->server) {
	case SERVER_VERSION:
		if (cursor_left(c) < VERSION_BYTES)
			return TOOK_NOTHING;
		st->server = SERVER_TYPES;
		return version_take(t, TO_CLIENT, c) ? TOOK_IT : TOOK_BAD;
	case SERVER_TYPES:
		if (!t->has_version[TO_SERVER])
			return TOOK_NOTHING;
		if (!is_33(t))
			return server_types(st, c);
		if (cursor_left(c) < 4)
			return TOOK_NOTHING;
		security_chosen(w, f, st, TO_CLIENT, cursor_be32(c));
		return TOOK_IT;
	case SERVER_TYPE:
		return TOOK_NOTHING;
	case SERVER_CHALLENGE:
		if (cursor_left(c) < CHALLENGE_BYTES)
			return TOOK_NOTHING;
		memcpy(t->challenge, cursor_take(c, CHALLENGE_BYTES), CHALLENGE_BYTES);
		t->has_challenge = true;
		st->server = SERVER_RESULT;
		return TOOK_IT;
	case SERVER_RESULT:
		if (cursor_left(c) < 4)
			return TOOK_NOTHING;
		result_said(w, f, st, cursor_be32(c));
		return TOOK_IT;
	case SERVER_REASON:
		took = text_take(w, c, 0, RFB_REASON_MAX, &t->reason);
		if (took == TOOK_IT)
			st->server = SERVER_DONE;
		return took;
	case SERVER_INIT:
		return server_init(w, st, c);
	default:
		cursor_skip(c, cursor_left(c));
		return TOOK_IT;
	}
}

static enum took client_take(struct worker *w, struct flow *f, struct rfb_state *st, struct cursor *c)
{
	struct rfb_tx *t = st->tx;

	switch ((enum client_step)st->client) {
	case CLIENT_VERSION:
		if (cursor_left(c) < VERSION_BYTES)
			return TOOK_NOTHING;
		if (!version_take(t, TO_SERVER, c))
			return TOOK_BAD;
		st->client = CLIENT_TYPE;
		return TOOK_IT;
	case CLIENT_TYPE:
		if (is_33(t))
			return TOOK_NOTHING; /* the server chooses */
		security_chosen(w, f, st, TO_SERVER, cursor_u8(c));
		return TOOK_IT;
	case CLIENT_RESPONSE:
		if (cursor_left(c) < CHALLENGE_BYTES)
			return TOOK_NOTHING;
		memcpy(t->response, cursor_take(c, CHALLENGE_BYTES), CHALLENGE_BYTES);
		t->has_response = true;
		st->client = CLIENT_INIT;
		return TOOK_IT;
	case CLIENT_INIT:
		t->shared = cursor_u8(c) != 0;
		t->has_shared = true;
		st->client = CLIENT_DONE;
		return TOOK_IT;
	default:
		cursor_skip(c, cursor_left(c));
		return TOOK_IT;
	}
}

static struct parse_result rfb_parse(struct worker *w, struct flow *f, void *state, enum direction d,
				     const struct app_input *in)
{
	struct cursor c = cursor_of(in->data, in->data ? in->len : 0);
	struct parse_result res = {.status = PARSE_OK};
	struct rfb_state *st = state;
	enum took took = TOOK_IT;

	if (!st->tx && !f->app->tx_count)
		st->tx = rfb_of(tx_new(w, f, sizeof(*st->tx)));
	if (!st->tx)
		return (struct parse_result){.status = PARSE_BAD};
	if (in->flags & INPUT_GAP) { /* which message it is in cannot be told any more */
		st->server = SERVER_DONE;
		st->client = CLIENT_DONE;
	}
	while (took == TOOK_IT && cursor_left(&c))
		took = d == TO_CLIENT ? server_take(w, f, st, &c) : client_take(w, f, st, &c);
	res.consumed = (uint32_t)(c.p - in->data);
	if (took == TOOK_BAD)
		return (struct parse_result){.status = PARSE_BAD, .event = 1 + RFB_EVENT_MALFORMED_MESSAGE};
	if (took == TOOK_NOTHING)
		res.status = PARSE_MORE;
	if (st->server == SERVER_DONE && st->client == CLIENT_DONE) {
		advance(st->tx, TO_SERVER, RFB_DONE);
		advance(st->tx, TO_CLIENT, RFB_DONE);
		res.status = PARSE_DONE;
	}
	return res;
}

/* ---- flows and records ---- */

static void rfb_tx_free(struct worker *w, struct flow *f, struct tx *tx)
{
	((struct rfb_state *)f->app->state)->tx = NULL;
	text_free(w, &rfb_of(tx)->name);
	text_free(w, &rfb_of(tx)->reason);
}

static void write_version(struct recorder *r, enum field_id object, const struct rfb_tx *t, enum direction d)
{
	if (!t->has_version[d])
		return;
	rec_open(r, object);
	rec_bytes(r, F_rfb_major, t->version[d], 3);
	rec_bytes(r, F_rfb_minor, t->version[d] + 3, 3);
	rec_close(r);
}

static void write_authentication(struct recorder *r, const struct rfb_tx *t)
{
	static const char *const results[] = {"OK", "FAIL", "TOOMANY"};

	rec_open(r, F_rfb_authentication);
	if (t->has_security)
		rec_uint(r, F_rfb_security_type, t->security);
	if (t->has_security && t->security == SECURITY_VNC) {
		rec_open(r, F_rfb_vnc);
		if (t->has_challenge)
			rec_bytes(r, F_rfb_challenge, t->challenge, CHALLENGE_BYTES);
		if (t->has_response)
			rec_bytes(r, F_rfb_vnc_response, t->response, CHALLENGE_BYTES);
		rec_close(r);
	}
	if (t->has_result)
		rec_text(r, F_rfb_security_result, t->result < 3 ? results[t->result] : "UNKNOWN");
	text_record(r, F_rfb_fail_reason, &t->reason);
	rec_close(r);
}

/* RFC 6143, 7.3.2 and 7.4 */
static void write_screen(struct recorder *r, const struct rfb_tx *t)
{
	struct cursor c = cursor_of(t->init, SERVER_INIT_BYTES);

	rec_open(r, F_rfb_framebuffer);
	rec_uint(r, F_rfb_width, cursor_be16(&c));
	rec_uint(r, F_rfb_height, cursor_be16(&c));
	text_record(r, F_rfb_name, &t->name);
	rec_open(r, F_rfb_pixel_format);
	rec_uint(r, F_rfb_bits_per_pixel, cursor_u8(&c));
	rec_uint(r, F_rfb_depth, cursor_u8(&c));
	rec_bool(r, F_rfb_big_endian, cursor_u8(&c) != 0);
	rec_bool(r, F_rfb_true_color, cursor_u8(&c) != 0);
	rec_uint(r, F_rfb_red_max, cursor_be16(&c));
	rec_uint(r, F_rfb_green_max, cursor_be16(&c));
	rec_uint(r, F_rfb_blue_max, cursor_be16(&c));
	rec_uint(r, F_rfb_red_shift, cursor_u8(&c));
	rec_uint(r, F_rfb_green_shift, cursor_u8(&c));
	rec_uint(r, F_rfb_blue_shift, cursor_u8(&c));
	rec_close(r);
	rec_close(r);
}

static void rfb_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r)
{
	const struct rfb_tx *t = rfb_of(tx);

	rec_open(r, F_rfb_rfb);
	write_version(r, F_rfb_server_version, t, TO_CLIENT);
	write_version(r, F_rfb_client_version, t, TO_SERVER);
	write_authentication(r, t);
	if (t->has_shared)
		rec_bool(r, F_rfb_screen_shared, t->shared);
	if (t->has_init)
		write_screen(r, t);
	rec_close(r);
}

static void rfb_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p)
{
	struct recorder *r = emit_flow(w, RECORD_rfb, f, TO_SERVER, tx->id, p);

	if (!r)
		return;
	rfb_alert_context(w, f, tx, r);
	emit_end(w);
}

static bool get_name(struct worker *w, struct flow *f, struct tx *tx, enum direction d, unsigned instance,
		     struct buffer_view *out)
{
	return text_view(&rfb_of(tx)->name, out);
}

static bool get_result(struct worker *w, struct flow *f, struct tx *tx, enum direction d, uint64_t *out)
{
	*out = rfb_of(tx)->result < 3 ? rfb_of(tx)->result : 3;
	return rfb_of(tx)->has_result;
}

static bool get_security(struct worker *w, struct flow *f, struct tx *tx, enum direction d, uint64_t *out)
{
	*out = rfb_of(tx)->security;
	return rfb_of(tx)->has_security;
}

static const struct proto_buffer rfb_buffers[] = {
	{"rfb.name", 0, 0, RFB_INIT, get_name},
	{NULL},
};

static const struct proto_value rfb_values[] = {
	{.name = "rfb.secresult", .to_client = RFB_RESULT, .get = get_result},
	{.name = "rfb.sectype", .to_client = RFB_SECURITY, .get = get_security},
	{NULL},
};

const struct proto proto_rfb = {
	.name = "rfb",
	.id = APP_rfb,
	.over_tcp = 1,
	.done = {RFB_DONE, RFB_DONE},
	.max_pending_bytes = SERVER_INIT_BYTES + RFB_NAME_MAX,
	.max_transactions = 1,
	.too_many_event = RFB_EVENT_CONFUSED_STATE,
	.probe = rfb_probe,
	.state_bytes = sizeof(struct rfb_state),
	.state_rest = app_state_moves,
	.parse = rfb_parse,
	.tx_free = rfb_tx_free,
	.log = rfb_log,
	.alert_context = rfb_alert_context,
	.events = rfb_events,
	.buffers = rfb_buffers,
	.values = rfb_values,
};
