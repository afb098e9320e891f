/* SPDX-License-Identifier: BSD-3-Clause
 *
 * PostgreSQL: finding it, messages, transactions, what rules see. See pgsql.h. A gap inside a message
 * of known length costs that message; after another one bytes are left out until a segment begins
 * with what can be a message. Runs in the worker that owns the flow.
 */
#include "dataplane/app/pgsql.h"

#define PGSQL_PORT 5432
#define CODE_SSL 80877103u
#define CODE_GSS 80877104u
#define CODE_CANCEL 80877102u
#define CANCEL_MAX 268 /* with the key of version 3.2 */
#define STARTUP_MAX 10000 /* as servers have it */
#define MESSAGE_LENGTH_MAX (1u << 30)
#define HEAD_BYTES 5
#define ROW_HEAD_BYTES 7

enum pgsql_event {
#define EVENT(id, name) PGSQL_EVENT_##id,
#include "dataplane/event/app_event/pgsql.def"
#undef EVENT
};

static const char *const pgsql_events[] = {
#define EVENT(id, name) name,
#include "dataplane/event/app_event/pgsql.def"
#undef EVENT
	NULL,
};

struct pgsql_state {
	bool started;      /* messages of the client have a type from now on */
	bool ssl_asked;    /* the server's next byte answers that */
	bool blind;        /* GSS hides the rest */
	uint8_t wants;     /* enum pgsql_request that the next message p is */
	bool lost[2];
	uint32_t skip[2];  /* bytes of a message that are not looked at */
	uint32_t begun[2]; /* bytes missing of the message that is waited for */
};

/* ---- finding it ---- */

static enum probe_result probe_client(const struct probe_input *in)
{
	uint32_t len, code;

	if (in->len && in->data[0])
		return PROBE_NO;
	if (in->len < 8)
		return PROBE_MORE;
	len = get_be32(in->data);
	code = get_be32(in->data + 4);
	if (code == CODE_SSL || code == CODE_GSS)
		return len == 8 ? PROBE_YES : PROBE_NO;
	if (code == CODE_CANCEL)
		return len >= 16 && len <= CANCEL_MAX ? PROBE_YES : PROBE_NO;
	if (code >> 16 != 3 || len < 9 || len > STARTUP_MAX)
		return PROBE_NO;
	/* user, database, … */
	return in->len < 9 ? PROBE_MORE : in->data[8] >= 'a' && in->data[8] <= 'z' ? PROBE_YES : PROBE_NO;
}

static enum probe_result probe_server(const struct probe_input *in)
{
	const uint8_t *b = in->data;
	uint32_t at = 0, len;

	if (in->len && (b[0] == 'N' || b[0] == 'S' || (b[0] == 'G' && in->known))) {
		if (in->len == 1 || b[0] == 'G')
			return in->server_port == PGSQL_PORT || in->known ? PROBE_YES : PROBE_MORE;
		at = 1;
	}
	if (in->len > at && b[at] != 'R' && b[at] != 'E' && b[at] != 'v')
		return PROBE_NO;
	if (in->len < at + HEAD_BYTES)
		return PROBE_MORE;
	len = get_be32(b + at + 1);
	return len >= 8 && len < STARTUP_MAX ? PROBE_YES : PROBE_NO;
}

static enum probe_result pgsql_probe(const struct probe_input *in)
{
	return in->direction == TO_SERVER ? probe_client(in) : probe_server(in);
}

/* ---- transactions ---- */

static struct pgsql_tx *pgsql_waiting(const struct flow *f)
{
	struct tx *tx = tx_waiting(f);

	return tx ? pgsql_of(tx) : NULL;
}

/* What a server says unasked (notices, notifications) waits for the next request. */
static struct pgsql_tx *unasked(struct flow *f)
{
	struct pgsql_tx *t = f->app->last ? pgsql_of(f->app->last) : NULL;

	return t && t->request == PGSQL_NONE && !t->tx.progress[TO_CLIENT] ? t : NULL;
}

static void begin(struct pgsql_tx *t, enum pgsql_request r)
{
	t->request = (uint8_t)r;
	if (r != PGSQL_EXTENDED && r != PGSQL_COPY)
		t->tx.progress[TO_SERVER] = 1;
}

static struct pgsql_tx *new_tx(struct worker *w, struct flow *f, enum direction d, enum pgsql_request r)
{
	struct pgsql_tx *t = d == TO_SERVER && r != PGSQL_NONE ? unasked(f) : NULL;

	if (t) {
		begin(t, r);
		return t;
	}

	tx_make_way(w, f, d);
	t = pgsql_of(tx_new(w, f, sizeof(*t)));
	if (!t)
		return NULL;
	t->auth = -1;
	if (r != PGSQL_NONE)
		begin(t, r);
	return t;
}

/* The client's last one, if it may go on. */
static struct pgsql_tx *going_on(struct flow *f, enum pgsql_request r)
{
	struct pgsql_tx *t = f->app->last ? pgsql_of(f->app->last) : NULL;

	return t && t->request == r && !t->tx.progress[TO_SERVER] ? t : NULL;
}

static void event_alone(struct worker *w, struct flow *f, enum direction d, enum pgsql_event e)
{
	struct pgsql_tx *t = new_tx(w, f, d, PGSQL_NONE);

	if (!t)
		return;
	tx_event(w, f, &t->tx, d, e);
	tx_finish(f, &t->tx);
}

/* Bytes up to the next NUL, which is moved past. */
static struct bytes string(struct cursor *c)
{
	const uint8_t *nul = cursor_left(c) ? memchr(c->p, 0, cursor_left(c)) : NULL;
	struct bytes b = {c->p, (uint32_t)(nul ? (size_t)(nul - c->p) : cursor_left(c))};

	cursor_skip(c, b.len + (nul ? 1 : 0));
	return b;
}

static void keep_parameter(struct worker *w, struct texts *t, struct bytes name, struct bytes value)
{
	if (t->count >= 2 * PGSQL_PARAMETERS_MAX || t->len + name.len + value.len > PGSQL_TEXTS_BYTES_MAX)
		return;
	if (texts_add(w, t, name.data, name.len))
		texts_add(w, t, value.data, value.len);
}

/* ---- the client's messages ---- */

static void take_first(struct worker *w, struct flow *f, struct pgsql_state *s, struct cursor c)
{
	uint32_t code = cursor_be32(&c);
	struct pgsql_tx *t;

	if (code == CODE_SSL || code == CODE_GSS) {
		s->ssl_asked = true;
		new_tx(w, f, TO_SERVER, code == CODE_SSL ? PGSQL_SSL : PGSQL_GSS);
		return;
	}
	t = new_tx(w, f, TO_SERVER, code == CODE_CANCEL ? PGSQL_CANCEL : PGSQL_STARTUP);
	if (!t)
		return;
	if (code == CODE_CANCEL) {
		t->cancel_pid = cursor_be32(&c);
		t->cancel_key = cursor_be32(&c);
		tx_finish(f, &t->tx);
		return;
	}
	s->started = true;
	t->major = (uint16_t)(code >> 16);
	t->minor = (uint16_t)code;
	for (unsigned i = 0; i < PGSQL_PARAMETERS_MAX && cursor_left(&c) && *c.p; i++) {
		struct bytes name = string(&c);

		keep_parameter(w, &t->parameters, name, string(&c));
	}
}

static void take_password(struct worker *w, struct flow *f, struct pgsql_state *s, struct cursor c)
{
	enum pgsql_request r = s->wants ? s->wants : PGSQL_PASSWORD;
	struct pgsql_tx *t = new_tx(w, f, TO_SERVER, r);

	if (!t)
		return;
	if (r == PGSQL_SASL_INITIAL) {
		text_set(w, &t->mechanism, string(&c));
		cursor_be32(&c);
		text_set(w, &t->text, (struct bytes){c.p, (uint32_t)cursor_left(&c)});
	} else if (r == PGSQL_SASL_RESPONSE) {
		text_set(w, &t->text, (struct bytes){c.p, (uint32_t)cursor_left(&c)});
	} else {
		text_set(w, &t->text, string(&c));
	}
}

static void take_copy(struct worker *w, struct flow *f, uint8_t type, uint32_t len)
{
	struct pgsql_tx *t = going_on(f, PGSQL_COPY);

	if (!t)
		t = new_tx(w, f, TO_SERVER, PGSQL_COPY);
	if (!t)
		return;
	if (type == 'd') {
		t->copy_in.messages++;
		t->copy_in.bytes += len - 4;
		return;
	}
	t->copy_done = type == 'c';
	t->copy_failed = type == 'f';
	t->tx.progress[TO_SERVER] = 1;
}

static void take_extended(struct worker *w, struct flow *f, uint8_t type, struct cursor c)
{
	struct pgsql_tx *t = going_on(f, PGSQL_EXTENDED);

	if (!t)
		t = new_tx(w, f, TO_SERVER, PGSQL_EXTENDED);
	if (!t)
		return;
	if (type == 'P' && !t->text.data) {
		string(&c); /* name of the statement */
		text_set(w, &t->text, string(&c));
	}
	if (type == 'S')
		t->tx.progress[TO_SERVER] = 1;
}

static void take_request(struct worker *w, struct flow *f, struct pgsql_state *s, uint8_t type,
			 uint32_t len, struct cursor c)
{
	struct pgsql_tx *t;

	switch (type) {
	case 'Q':
		t = new_tx(w, f, TO_SERVER, PGSQL_QUERY);
		if (t)
			text_set(w, &t->text, string(&c));
		break;
	case 'p':
		take_password(w, f, s, c);
		break;
	case 'd':
	case 'c':
	case 'f':
		take_copy(w, f, type, len);
		break;
	case 'X':
		t = new_tx(w, f, TO_SERVER, PGSQL_TERMINATE);
		if (t)
			tx_finish(f, &t->tx);
		break;
	default:
		take_extended(w, f, type, c);
	}
}

/* ---- the server's messages ---- */

static void take_auth(struct worker *w, struct flow *f, struct pgsql_state *s, struct pgsql_tx *t,
		      struct cursor c)
{
	uint32_t kind = cursor_be32(&c);

	t->auth = kind <= PGSQL_AUTH_SASL_FINAL ? (int32_t)kind : -1;
	if (kind == PGSQL_AUTH_MD5 || kind == PGSQL_AUTH_SSPI || kind == PGSQL_AUTH_SASL_FINAL)
		text_set(w, &t->auth_data, (struct bytes){c.p, (uint32_t)cursor_left(&c)});
	s->wants = kind == PGSQL_AUTH_SASL	      ? PGSQL_SASL_INITIAL
		   : kind == PGSQL_AUTH_SASL_CONTINUE ? PGSQL_SASL_RESPONSE
						      : PGSQL_PASSWORD;
	if (kind != PGSQL_AUTH_OK && kind != PGSQL_AUTH_SASL_FINAL)
		tx_finish(f, &t->tx); /* the client's turn */
}

static void take_notification(struct worker *w, struct pgsql_tx *t, struct cursor c)
{
	t->has_notification = true;
	t->notification_pid = cursor_be32(&c);
	text_set(w, &t->channel, string(&c));
	text_set(w, &t->payload, string(&c));
}

static void take_columns(struct cursor c, bool *has, uint16_t *columns)
{
	cursor_u8(&c); /* text or binary */
	*columns = cursor_be16(&c);
	*has = true;
}

static void take_response(struct worker *w, struct flow *f, struct pgsql_state *s, uint8_t type,
			  uint32_t len, struct cursor c)
{
	struct pgsql_tx *t = pgsql_waiting(f);
	struct bytes name;

	if (!t)
		t = new_tx(w, f, TO_CLIENT, PGSQL_NONE);
	if (!t)
		return;
	t->responded = true;
	switch (type) {
	case 'R':
		take_auth(w, f, s, t, c);
		break;
	case 'S':
		name = string(&c);
		keep_parameter(w, &t->status, name, string(&c));
		break;
	case 'K':
		t->has_key = true;
		t->pid = cursor_be32(&c);
		t->key = cursor_be32(&c);
		break;
	case 'T':
		t->has_fields = true;
		t->fields = cursor_be16(&c);
		break;
	case 'D':
		t->has_rows = true;
		t->rows++;
		len -= 4 + 2;
		t->row_bytes += len > 4u * cursor_be16(&c) ? len - 4u * get_be16(c.p - 2) : 0;
		break;
	case 'C':
		text_set(w, &t->completed, string(&c));
		break;
	case 'E':
	case 'N':
		text_set(w, &t->error, (struct bytes){c.p, (uint32_t)cursor_left(&c)});
		break;
	case 'A':
		take_notification(w, t, c);
		break;
	case 'd':
		t->copy_out.messages++;
		t->copy_out.bytes += len - 4;
		break;
	case 'H':
		take_columns(c, &t->has_copy_out, &t->copy_out_columns);
		break;
	case 'G':
		take_columns(c, &t->has_copy_in, &t->copy_in_columns);
		tx_finish(f, &t->tx);
		break;
	case 'Z':
		tx_finish(f, &t->tx);
		break;
	}
}

/* The byte that answers an SSL request. False: it is none, but a message. */
static bool take_ssl_answer(struct worker *w, struct flow *f, struct pgsql_state *s, uint8_t byte)
{
	struct pgsql_tx *t = pgsql_waiting(f);

	s->ssl_asked = false;
	if (byte != 'S' && byte != 'N' && byte != 'G')
		return false;
	if (t) {
		t->responded = true;
		t->ssl = byte;
		tx_finish(f, &t->tx);
	}
	if (byte == 'S')
		app_change_protocol(w, f, APP_tls);
	s->blind = byte == 'G';
	return true;
}

/* ---- messages out of the stream ---- */

static bool type_known(enum direction d, uint8_t type)
{
	static const char *const types[2] = {"BCDEFHPQSXcdfp", "123ACDEGHIKNRSTVWZcdnstv"};

	return type && strchr(types[d], type);
}

static struct parse_result parse_gap(struct pgsql_state *s, enum direction d, uint32_t len)
{
	uint32_t known = s->begun[d] ? s->begun[d] : s->skip[d];

	s->begun[d] = 0;
	s->skip[d] = known > len ? known - len : 0;
	s->lost[d] = s->lost[d] || known < len;
	if (s->lost[d])
		s->started = true;
	return (struct parse_result){.status = PARSE_OK};
}

/* How much of a message is waited for; what its length says stands in *total. 0: it is none. */
static uint32_t wanted(const struct pgsql_state *s, enum direction d, const uint8_t *data, uint32_t *total)
{
	uint32_t len;

	if (d == TO_SERVER && !s->started) {
		*total = len = get_be32(data);
		return len >= 8 && len <= STARTUP_MAX ? len : 0;
	}
	len = get_be32(data + 1);
	if (!type_known(d, data[0]) || len < 4 || len > MESSAGE_LENGTH_MAX)
		return 0;
	*total = len + 1;
	if (data[0] == 'd') /* counted only */
		return HEAD_BYTES;
	if (d == TO_CLIENT && data[0] == 'D')
		return len < 6 ? 0 : ROW_HEAD_BYTES;
	return *total < PGSQL_MESSAGE_MAX ? *total : PGSQL_MESSAGE_MAX;
}

static void take(struct worker *w, struct flow *f, struct pgsql_state *s, enum direction d,
		 const uint8_t *data, uint32_t have)
{
	if (d == TO_SERVER && !s->started)
		take_first(w, f, s, cursor_of(data + 4, have - 4));
	else if (d == TO_SERVER)
		take_request(w, f, s, data[0], get_be32(data + 1), cursor_of(data + HEAD_BYTES, have - HEAD_BYTES));
	else
		take_response(w, f, s, data[0], get_be32(data + 1), cursor_of(data + HEAD_BYTES, have - HEAD_BYTES));
}

static struct parse_result more(struct pgsql_state *s, enum direction d, uint32_t at, uint32_t left,
				uint32_t need)
{
	s->begun[d] = need > HEAD_BYTES ? need - left : 0;
	return (struct parse_result){.status = PARSE_MORE, .consumed = at, .need = need};
}

static struct parse_result pgsql_parse(struct worker *w, struct flow *f, void *state, enum direction d,
				       const struct app_input *in)
{
	struct parse_result res = {.status = PARSE_OK};
	struct pgsql_state *s = state;
	uint32_t at;

	if (in->flags & INPUT_GAP)
		return parse_gap(s, d, in->len);
	at = s->skip[d] < in->len ? s->skip[d] : in->len;
	s->skip[d] -= at;
	s->begun[d] = 0;
	while (at < in->len && !f->app->change && !s->blind) {
		uint32_t left = in->len - at, total = 0, n;

		if (d == TO_CLIENT && s->ssl_asked && take_ssl_answer(w, f, s, in->data[at])) {
			at++;
			continue;
		}
		/* TLS begins before the server's byte was taken for its consent. */
		if (d == TO_SERVER && s->ssl_asked && in->data[at] == 0x16) {
			app_change_protocol(w, f, APP_tls);
			break;
		}
		if (left < HEAD_BYTES && (!s->lost[d] || type_known(d, in->data[at])))
			return more(s, d, at, left, HEAD_BYTES);
		n = left < HEAD_BYTES ? 0 : wanted(s, d, in->data + at, &total);
		if (!n && s->lost[d])
			return res;
		s->lost[d] = false;
		if (!n) {
			event_alone(w, f, d, d == TO_SERVER ? PGSQL_EVENT_MALFORMED_REQUEST
							    : PGSQL_EVENT_MALFORMED_RESPONSE);
			res.status = PARSE_BAD;
			return res;
		}
		if (left < n)
			return more(s, d, at, left, n);
		take(w, f, s, d, in->data + at, n);
		s->skip[d] = total > left ? total - left : 0;
		at += total < left ? total : left;
	}
	if (at < in->len && !s->blind) {
		res.status = PARSE_MORE;
		res.consumed = at;
	}
	return res;
}

static void pgsql_tx_free(struct worker *w, struct flow *f, struct tx *tx)
{
	struct pgsql_tx *t = pgsql_of(tx);

	text_free(w, &t->text);
	text_free(w, &t->mechanism);
	texts_free(w, &t->parameters);
	text_free(w, &t->auth_data);
	text_free(w, &t->completed);
	text_free(w, &t->error);
	text_free(w, &t->channel);
	text_free(w, &t->payload);
	texts_free(w, &t->status);
}

/* ---- buffers ---- */

static bool get_query(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
		      unsigned instance, struct buffer_view *out)
{
	const struct pgsql_tx *t = pgsql_of(tx);

	return (t->request == PGSQL_QUERY || t->request == PGSQL_EXTENDED) &&
	       bytes_view(text_bytes(&t->text), out);
}

static const struct proto_buffer pgsql_buffers[] = {
	{.name = "pgsql.query", .to_server = 1, .get = get_query},
	{.name = NULL},
};

const struct proto proto_pgsql = {
	.name = "pgsql",
	.id = APP_pgsql,
	.over_tcp = 1,
	.done = {1, 1},
	.max_pending_bytes = PGSQL_MESSAGE_MAX,
	.max_transactions = 2 * PGSQL_TRANSACTIONS_MAX,
	.gives_way = 1,
	.too_many_event = PGSQL_EVENT_TOO_MANY_TRANSACTIONS,
	.probe = pgsql_probe,
	.config_bytes = sizeof(struct pgsql_config),
	.configure = pgsql_configure,
	.state_bytes = sizeof(struct pgsql_state),
	.state_rest = app_state_moves,
	.parse = pgsql_parse,
	.tx_free = pgsql_tx_free,
	.log = pgsql_log,
	.alert_context = pgsql_alert_context,
	.events = pgsql_events,
	.buffers = pgsql_buffers,
};
