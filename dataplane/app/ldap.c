/* SPDX-License-Identifier: BSD-3-Clause
 *
 * LDAP: finding it, messages out of the stream, transactions, what rules see. See ldap.h.
 * After StartTLS (RFC 4511, 4.14) the flow is TLS; after a SASL layer nothing more can be read.
 * Runs in the worker that owns the flow.
 */
#include "dataplane/app/ldap.h"

#include "dataplane/app/frame.h"

#define HEAD_BYTES_MAX 6
#define START_TLS "1.3.6.1.4.1.1466.20037"
#define FRAME_PDU 1

enum ldap_event {
#define EVENT(id, name) LDAP_EVENT_##id,
#include "dataplane/event/app_event/ldap.def"
#undef EVENT
};

static const char *const ldap_events[] = {
#define EVENT(id, name) name,
#include "dataplane/event/app_event/ldap.def"
#undef EVENT
	NULL,
};

struct ldap_state {
	bool sasl;         /* a layer of encryption may follow */
	bool lost[2];      /* where messages begin is not known */
	uint32_t skip[2];  /* bytes of a message that is not looked at */
	uint32_t begun[2]; /* bytes missing of the message that is waited for */
};

/* ---- finding it ---- */

/* What begins every message: SEQUENCE, INTEGER, an operation. Returns the operation; -1 it is none,
 * -2 more bytes are wanted. */
static int first_op(const uint8_t *data, uint32_t have)
{
	struct cursor c = cursor_of(data, have);
	uint32_t len, number_len, op_len;
	uint8_t tag;

	if (have && data[0] != BER_SEQUENCE)
		return -1;
	if (!ber_head(&c, &tag, &len))
		return c.p == c.end ? -2 : -1;
	if (len < 5 || len > 1u << 24)
		return -1;
	if (!ber_head(&c, &tag, &number_len))
		return c.p == c.end && (have < 3 || tag == BER_INTEGER) ? -2 : -1;
	if (tag != BER_INTEGER || !number_len || number_len > 4)
		return -1;
	if (!cursor_skip(&c, number_len) || !ber_head(&c, &tag, &op_len))
		return -2;
	if ((tag & 0xc0) != 0x40 || op_len > len || !ldap_op_known(tag & 0x1f))
		return -1;
	return tag & 0x1f;
}

static enum probe_result ldap_probe(const struct probe_input *in)
{
	int op = first_op(in->data, in->len);
	bool request, whole_udp = in->ip_proto != 6;

	if (op == -1)
		return PROBE_NO;
	if (op == -2)
		return whole_udp ? PROBE_NO : PROBE_MORE;
	request = ldap_is_request((uint8_t)op);
	if (request == (in->direction == TO_SERVER))
		return PROBE_YES;
	return PROBE_YES_REVERSED;
}

/* ---- transactions ---- */

/* The oldest one gives way to what comes. */
static struct ldap_tx *new_tx(struct worker *w, struct flow *f, enum direction d)
{
	struct ldap_tx *t;

	tx_make_way(w, f, d);
	t = ldap_of(tx_new(w, f, sizeof(*t)));
	if (t)
		t->direction = (uint8_t)d;
	return t;
}

static void event_alone(struct worker *w, struct flow *f, enum direction d, enum ldap_event e)
{
	struct ldap_tx *t = new_tx(w, f, d);

	if (!t)
		return;
	tx_event(w, f, &t->tx, d, e);
	t->tx.inspected_done[direction_other(d)] = 1;
	tx_finish(f, &t->tx);
}

static struct ldap_tx *tx_find(struct flow *f, uint32_t id)
{
	for (struct tx *tx = f->app->last; tx; tx = tx->prev)
		if (ldap_of(tx)->id == id && tx->progress[TO_CLIENT] < 2)
			return ldap_of(tx);
	return NULL;
}

static bool text_is(struct bytes b, const char *text)
{
	return b.len == strlen(text) && memcmp(b.data, text, b.len) == 0;
}

static void take_request(struct worker *w, struct flow *f, struct ldap_state *s, struct ldap_message *m,
			 uint64_t frame)
{
	struct ldap_tx *t = new_tx(w, f, TO_SERVER);
	struct cursor c = cursor_of(m->body.data, m->body.len);
	uint32_t version;

	if (!t) {
		heap_free(&w->heap, m);
		return;
	}
	t->request = m;
	t->id = m->id;
	t->tx.progress[TO_SERVER] = 1;
	app_frame_tx(f, TO_SERVER, frame, t->tx.id);
	if (m->op == LDAP_BIND_REQUEST && ber_number(&c, BER_INTEGER, &version) &&
	    ber_bytes(&c, BER_OCTETS).data && cursor_left(&c) && *c.p == 0xa3)
		s->sasl = true;
	if (m->op == LDAP_UNBIND_REQUEST || m->op == LDAP_ABANDON_REQUEST) {
		t->tx.inspected_done[TO_CLIENT] = 1;
		tx_finish(f, &t->tx);
	}
}

static bool is_last(uint8_t op)
{
	return op != LDAP_SEARCH_ENTRY && op != LDAP_SEARCH_REFERENCE && op != LDAP_INTERMEDIATE_RESPONSE;
}

static bool starts_tls(const struct ldap_tx *t, const struct ldap_message *m)
{
	struct ldap_result r;
	struct cursor c;

	if (m->op != LDAP_EXTENDED_RESPONSE || !t->request || t->request->op != LDAP_EXTENDED_REQUEST ||
	    !ldap_result_read(m, &r) || r.code)
		return false;
	c = cursor_of(t->request->body.data, t->request->body.len);
	return text_is(ber_bytes(&c, 0x80), START_TLS);
}

static void keep_response(struct worker *w, struct ldap_tx *t, struct ldap_message *m)
{
	t->response_count++;
	if (t->kept >= LDAP_RESPONSES_MAX || t->kept_bytes + m->len > LDAP_RESPONSES_BYTES_MAX) {
		heap_free(&w->heap, m);
		return;
	}
	t->kept++;
	t->kept_bytes += m->len;
	if (t->last)
		t->last->next = m;
	else
		t->first = m;
	t->last = m;
}

static void take_response(struct worker *w, struct flow *f, struct ldap_message *m, uint64_t frame)
{
	struct ldap_tx *t = tx_find(f, m->id);
	bool last = is_last(m->op);

	if (!t) {
		t = new_tx(w, f, TO_CLIENT);
		if (!t) {
			heap_free(&w->heap, m);
			return;
		}
		t->id = m->id;
		t->tx.progress[TO_SERVER] = 1;
		t->tx.inspected_done[TO_SERVER] = 1;
		tx_event(w, f, &t->tx, TO_CLIENT, LDAP_EVENT_REQUEST_NOT_FOUND);
		last = true;
	}
	app_frame_tx(f, TO_CLIENT, frame, t->tx.id);
	if (starts_tls(t, m))
		app_change_protocol(w, f, APP_tls);
	keep_response(w, t, m);
	if (last)
		tx_finish(f, &t->tx);
	else
		t->tx.progress[TO_CLIENT] = 1;
}

/* False: it is no message. */
static bool take_message(struct worker *w, struct flow *f, struct ldap_state *s, enum direction d,
			 struct bytes raw, uint64_t offset)
{
	uint64_t frame = app_frame_open(w, f, d, FRAME_PDU, offset, raw.len);
	struct ldap_message *m = heap_alloc(&w->heap, sizeof(*m) + raw.len);

	if (!m) {
		w->counters->app_memcap++;
		return true;
	}
	*m = (struct ldap_message){.len = raw.len};
	memcpy(m->raw, raw.data, raw.len);
	if (!ldap_message_read(m)) {
		heap_free(&w->heap, m);
		event_alone(w, f, d, LDAP_EVENT_INVALID_DATA);
		return false;
	}
	if (ldap_is_request(m->op))
		take_request(w, f, s, m, frame);
	else
		take_response(w, f, m, frame);
	return true;
}

/* ---- messages out of the stream ---- */

static struct parse_result parse_gap(struct ldap_state *s, enum direction d, uint32_t len)
{
	uint32_t known = s->begun[d] ? s->begun[d] : s->skip[d];

	s->begun[d] = 0;
	s->skip[d] = known > len ? known - len : 0;
	s->lost[d] = s->lost[d] || known < len;
	return (struct parse_result){.status = PARSE_OK};
}

/* Bytes of the message at data; 0: more are wanted to know; UINT32_MAX: it is none. */
static uint32_t message_bytes(const uint8_t *data, uint32_t have)
{
	struct cursor c = cursor_of(data, have < HEAD_BYTES_MAX ? have : HEAD_BYTES_MAX);
	uint32_t len;
	uint8_t tag;

	if (data[0] != BER_SEQUENCE)
		return UINT32_MAX;
	if (!ber_head(&c, &tag, &len))
		return have < HEAD_BYTES_MAX && c.p == c.end ? 0 : UINT32_MAX;
	return len > 1u << 30 ? UINT32_MAX : len + (uint32_t)(c.p - data);
}

static struct parse_result bad(struct worker *w, struct flow *f, struct ldap_state *s, enum direction d,
			       bool told)
{
	if (s->sasl) /* encrypted from here on */
		return (struct parse_result){.status = PARSE_DONE};
	if (!told)
		event_alone(w, f, d, LDAP_EVENT_INVALID_DATA);
	return (struct parse_result){.status = PARSE_BAD};
}

static struct parse_result ldap_parse(struct worker *w, struct flow *f, void *state, enum direction d,
				      const struct app_input *in)
{
	struct parse_result res = {.status = PARSE_OK};
	struct ldap_state *s = state;
	uint32_t at;

	if (in->flags & INPUT_GAP)
		return parse_gap(s, d, in->len);
	at = s->skip[d] < in->len ? s->skip[d] : in->len;
	s->skip[d] -= at;
	s->begun[d] = 0;
	while (at < in->len && !f->app->change) {
		uint32_t left = in->len - at, n = message_bytes(in->data + at, left);

		if (s->lost[d] && first_op(in->data + at, left) < 0)
			return res;
		s->lost[d] = false;
		if (n == UINT32_MAX)
			return bad(w, f, s, d, false);
		if (n > LDAP_MESSAGE_MAX) {
			event_alone(w, f, d, LDAP_EVENT_INCOMPLETE_DATA);
			s->skip[d] = n > left ? n - left : 0;
			at += n > left ? left : n;
			continue;
		}
		if (!n || n > left) {
			res.status = PARSE_MORE;
			res.consumed = at;
			res.need = n ? n : left + 1;
			s->begun[d] = n ? n - left : 0;
			if (f->ip_proto != 6)
				event_alone(w, f, d, LDAP_EVENT_INCOMPLETE_DATA);
			return res;
		}
		if (!take_message(w, f, s, d, (struct bytes){in->data + at, n}, in->offset + at))
			return bad(w, f, s, d, true);
		at += n;
	}
	if (at < in->len) { /* TLS */
		res.status = PARSE_MORE;
		res.consumed = at;
	}
	return res;
}

static void ldap_tx_free(struct worker *w, struct flow *f, struct tx *tx)
{
	struct ldap_tx *t = ldap_of(tx);
	struct ldap_message *next;

	heap_free(&w->heap, t->request);
	for (struct ldap_message *m = t->first; m; m = next) {
		next = m->next;
		heap_free(&w->heap, m);
	}
}

/* ---- buffers ---- */

static bool show(struct bytes b, struct buffer_view *out)
{
	*out = (struct buffer_view){.data = b.data, .len = b.len, .complete = true};
	return b.data != NULL;
}

#define GET(name)                                                                                  \
	static bool get_##name(struct worker *w, struct flow *f, struct tx *tx, enum direction d,  \
			       unsigned instance, struct buffer_view *out)

GET(request_dn)
{
	const struct ldap_tx *t = ldap_of(tx);

	return t->request && show(ldap_dn(t->request), out);
}

GET(request_attribute)
{
	const struct ldap_tx *t = ldap_of(tx);
	struct ldap_attributes a;
	struct cursor values;
	struct bytes type;

	if (!t->request)
		return false;
	a = ldap_attributes_of(t->request);
	while (ldap_attribute_next(&a, &type, &values))
		if (!instance--)
			return show(type, out);
	return false;
}

GET(response_dn)
{
	for (const struct ldap_message *m = ldap_of(tx)->first; m; m = m->next) {
		struct bytes dn = ldap_dn(m);

		if (dn.data && !instance--)
			return show(dn, out);
	}
	return false;
}

GET(response_message)
{
	for (const struct ldap_message *m = ldap_of(tx)->first; m; m = m->next) {
		struct ldap_result r;

		if (ldap_result_read(m, &r) && !instance--)
			return show(r.message, out);
	}
	return false;
}

GET(response_attribute)
{
	struct cursor values;
	struct bytes type;

	if (instance >= LDAP_ATTRIBUTES_MAX)
		return false;
	for (const struct ldap_message *m = ldap_of(tx)->first; m; m = m->next) {
		struct ldap_attributes a = ldap_attributes_of(m);

		while (ldap_attribute_next(&a, &type, &values))
			if (!instance--)
				return show(type, out);
	}
	return false;
}

static const struct proto_buffer ldap_buffers[] = {
	{.name = "ldap.request.dn", .to_server = 1, .get = get_request_dn},
	{.name = "ldap.request.attribute_type", .flags = BUFFER_MULTI, .to_server = 1,
	 .get = get_request_attribute},
	{.name = "ldap.responses.dn", .flags = BUFFER_MULTI | BUFFER_STREAMING, .to_client = 1,
	 .get = get_response_dn},
	{.name = "ldap.responses.message", .flags = BUFFER_MULTI | BUFFER_STREAMING, .to_client = 1,
	 .get = get_response_message},
	{.name = "ldap.responses.attribute_type", .flags = BUFFER_MULTI | BUFFER_STREAMING, .to_client = 1,
	 .get = get_response_attribute},
	{.name = NULL},
};

static bool value_request(struct worker *w, struct flow *f, struct tx *tx, enum direction d, uint64_t *out)
{
	const struct ldap_tx *t = ldap_of(tx);

	if (t->request)
		*out = t->request->op;
	return t->request != NULL;
}

static bool value_count(struct worker *w, struct flow *f, struct tx *tx, enum direction d, uint64_t *out)
{
	*out = ldap_of(tx)->response_count;
	return true;
}

static bool value_response(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
			   unsigned instance, uint64_t *out)
{
	for (const struct ldap_message *m = ldap_of(tx)->first; m; m = m->next)
		if (!instance--) {
			*out = m->op;
			return true;
		}
	return false;
}

static bool value_code(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
		       unsigned instance, uint64_t *out)
{
	for (const struct ldap_message *m = ldap_of(tx)->first; m; m = m->next) {
		struct ldap_result r;

		if (ldap_result_read(m, &r) && !instance--) {
			*out = r.code;
			return true;
		}
	}
	return false;
}

static const struct proto_value ldap_values[] = {
	{.name = "ldap.request.operation", .to_server = 1, .get = value_request},
	{.name = "ldap.responses.operation", .to_client = 1, .get_multi = value_response},
	{.name = "ldap.responses.count", .to_client = 1, .get = value_count},
	{.name = "ldap.responses.result_code", .to_client = 1, .get_multi = value_code},
	{.name = NULL},
};

const struct proto proto_ldap = {
	.name = "ldap",
	.id = APP_ldap,
	.over_tcp = 1,
	.over_udp = 1,
	.done = {1, 2},
	.max_pending_bytes = LDAP_MESSAGE_MAX,
	.max_transactions = 2 * LDAP_TRANSACTIONS_MAX,
	.gives_way = 1,
	.too_many_event = LDAP_EVENT_TOO_MANY_TRANSACTIONS,
	.probe = ldap_probe,
	.udp_first = {{BER_SEQUENCE, BER_SEQUENCE}},
	.state_bytes = sizeof(struct ldap_state),
	.state_rest = app_state_moves,
	.parse = ldap_parse,
	.tx_free = ldap_tx_free,
	.log = ldap_log,
	.alert_context = ldap_alert_context,
	.events = ldap_events,
	.buffers = ldap_buffers,
	.values = ldap_values,
};
