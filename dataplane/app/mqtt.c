/* SPDX-License-Identifier: BSD-3-Clause
 *
 * MQTT over TCP, see mqtt.h: finding it, following messages, transactions, what rules see.
 *
 * A CONNECT is taken for MQTT on any port, as is a CONNACK; other messages as first ones only on
 * port 1883 (a connection that was there before). After a gap that does not end inside a message
 * whose length is known, bytes are left out until a segment begins with what can be a message.
 * Runs in the worker that owns the flow.
 */
#include "dataplane/app/mqtt.h"

#include "dataplane/app/frame.h"

#define MQTT_PORT 1883

enum mqtt_event {
#define EVENT(id, name) MQTT_EVENT_##id,
#include "dataplane/event/app_event/mqtt.def"
#undef EVENT
	MQTT_EVENT_COUNT
};

static const char *const mqtt_events[MQTT_EVENT_COUNT + 1] = {
#define EVENT(id, name) [MQTT_EVENT_##id] = name,
#include "dataplane/event/app_event/mqtt.def"
#undef EVENT
};

enum { FRAME_PDU = 1, FRAME_HEADER, FRAME_DATA };

struct mqtt_state {
	uint8_t version;   /* of the CONNECT; 5 also where a CONNACK says so; 0 not known */
	bool connected;
	bool lost[2];      /* where messages begin is not known */
	uint32_t skip[2];  /* bytes of a message that is not looked at */
	uint32_t begun[2]; /* bytes missing of the message that is waited for */
};

/* ---- finding it ---- */

/* MQTT 3.1.1, 2.2.2 */
static bool flags_allowed(const struct mqtt_header *h)
{
	switch (h->type) {
	case MQTT_UNASSIGNED:
		return false;
	case MQTT_PUBLISH:
		return (h->flags >> 1 & 3) < 3;
	case MQTT_PUBREL:
	case MQTT_SUBSCRIBE:
	case MQTT_UNSUBSCRIBE:
		return h->flags == 2;
	default:
		return h->flags == 0;
	}
}

static bool length_allowed(const struct mqtt_header *h)
{
	switch (h->type) {
	case MQTT_CONNECT:
		return h->remaining >= 12;
	case MQTT_PINGREQ:
	case MQTT_PINGRESP:
		return h->remaining == 0;
	case MQTT_PUBLISH:
		return h->remaining >= 2;
	case MQTT_SUBSCRIBE:
	case MQTT_SUBACK:
	case MQTT_UNSUBSCRIBE:
		return h->remaining >= 3;
	case MQTT_CONNACK:
	case MQTT_PUBACK:
	case MQTT_PUBREC:
	case MQTT_PUBREL:
	case MQTT_PUBCOMP:
	case MQTT_UNSUBACK:
		return h->remaining >= 2;
	default:
		return true;
	}
}

static enum probe_result starts_with(const struct probe_input *in, uint32_t at, const char *what,
				     uint32_t n)
{
	uint32_t have = in->len > at ? in->len - at : 0;

	if (have && memcmp(in->data + at, what, have < n ? have : n) != 0)
		return PROBE_NO;
	return have < n ? PROBE_MORE : PROBE_YES;
}

static enum probe_result probe_connect(const struct probe_input *in, const struct mqtt_header *h)
{
	enum probe_result r = starts_with(in, h->bytes, "\0\4MQTT", 6);

	return r == PROBE_NO ? starts_with(in, h->bytes, "\0\6MQIsdp", 8) : r;
}

static enum probe_result probe_connack(const struct probe_input *in, const struct mqtt_header *h)
{
	const uint8_t *body = in->data + h->bytes;
	uint32_t have = in->len - h->bytes;

	if (have && body[0] > 1)
		return PROBE_NO;
	if (have < 2)
		return PROBE_MORE;
	return body[1] <= 5 || body[1] >= 0x80 ? PROBE_YES : PROBE_NO;
}

static enum probe_result mqtt_probe(const struct probe_input *in)
{
	bool client = in->direction == TO_SERVER;
	struct mqtt_header h;

	switch (mqtt_header_read(&h, in->data, in->len)) {
	case MQTT_HEADER_BAD:
		return PROBE_NO;
	case MQTT_HEADER_MORE:
		return flags_allowed(&h) ? PROBE_MORE : PROBE_NO;
	case MQTT_HEADER_GOOD:
		break;
	}
	if (!flags_allowed(&h) || !length_allowed(&h))
		return PROBE_NO;
	if (h.type == MQTT_CONNECT) {
		enum probe_result r = probe_connect(in, &h);

		return r == PROBE_YES && !client ? PROBE_YES_REVERSED : r;
	}
	if (h.type == MQTT_CONNACK) {
		enum probe_result r = probe_connack(in, &h);

		return r == PROBE_YES && client ? PROBE_YES_REVERSED : r;
	}
	if (in->client_port != MQTT_PORT && in->server_port != MQTT_PORT)
		return PROBE_NO;
	return in->client_port == MQTT_PORT && in->server_port != MQTT_PORT ? PROBE_YES_REVERSED
									    : PROBE_YES;
}

/* ---- transactions ---- */

static void finish(struct worker *w, struct flow *f, struct mqtt_tx *t)
{
	t->complete = true;
	t->waits_for = MQTT_WAITS_NOT;
	t->tx.progress[TO_SERVER] = t->tx.progress[TO_CLIENT] = 1;
	f->app->changed[TO_SERVER] = f->app->changed[TO_CLIENT] = 1;
}

/* Each side counts its packets by itself: asked is who sent the one that is answered. Where nothing is known of that
 * one, as on a connection that turned out to be the other way round, the number alone decides. */
static struct mqtt_tx *waiting(struct flow *f, uint32_t id, enum direction asked)
{
	struct mqtt_tx *other = NULL;

	for (struct tx *tx = f->app->first; tx; tx = tx->next) {
		if (mqtt_of(tx)->waits_for != id)
			continue;
		if (mqtt_of(tx)->direction == asked)
			return mqtt_of(tx);
		if (!other)
			other = mqtt_of(tx);
	}
	return other;
}

/* The oldest one that waits gives way. */
static void make_room(struct worker *w, struct flow *f)
{
	if (f->app->live < app_tx_limit(w, APP_mqtt))
		return;
	for (struct tx *tx = f->app->first; tx; tx = tx->next) {
		if (mqtt_of(tx)->complete)
			continue;
		tx_event(w, f, tx, mqtt_of(tx)->direction, MQTT_EVENT_TOO_MANY_TRANSACTIONS);
		finish(w, f, mqtt_of(tx));
		return;
	}
}

static struct mqtt_tx *new_tx(struct worker *w, struct flow *f, const struct mqtt_state *s,
			      enum direction d)
{
	struct mqtt_tx *t;

	make_room(w, f);
	t = mqtt_of(tx_new(w, f, sizeof(*t)));
	if (!t)
		return NULL;
	t->direction = (uint8_t)d;
	t->version = s->version;
	t->waits_for = MQTT_WAITS_NOT;
	t->tx.progress[direction_other(d)] = 1;
	t->tx.inspected_done[direction_other(d)] = 1;
	return t;
}

static void add_message(struct worker *w, struct mqtt_tx *t, struct mqtt_message *m)
{
	if (t->count == MQTT_MESSAGES_PER_TX_MAX) {
		heap_free(&w->heap, m);
		return;
	}
	if (t->last)
		t->last->next = m;
	else
		t->first = m;
	t->last = m;
	t->count++;
}

static void malformed(struct worker *w, struct flow *f, const struct mqtt_state *s, enum direction d)
{
	struct mqtt_tx *t = new_tx(w, f, s, d);

	if (!t)
		return;
	tx_event(w, f, &t->tx, d, MQTT_EVENT_MALFORMED);
	finish(w, f, t);
}

/* A message that begins a transaction, and waits for an answer or not. */
static void handle_request(struct worker *w, struct flow *f, struct mqtt_state *s, enum direction d,
			   struct mqtt_message *m)
{
	struct mqtt_tx *t = new_tx(w, f, s, d);

	if (!t) {
		heap_free(&w->heap, m);
		return;
	}
	add_message(w, t, m);
	if (m->type == MQTT_CONNECT) {
		t->waits_for = MQTT_WAITS_CONNACK;
		if (s->connected)
			tx_event(w, f, &t->tx, d, MQTT_EVENT_DOUBLE_CONNECT);
		return;
	}
	if (mqtt_qos(m) == 3)
		tx_event(w, f, &t->tx, d, MQTT_EVENT_INVALID_QOS);
	else if (mqtt_qos(m) && !m->has_id)
		tx_event(w, f, &t->tx, d, MQTT_EVENT_MISSING_MSG_ID);
	else if (mqtt_qos(m))
		t->waits_for = m->id;
	if (!s->connected)
		tx_event(w, f, &t->tx, d, MQTT_EVENT_UNINTRODUCED);
	if (t->waits_for == MQTT_WAITS_NOT)
		finish(w, f, t);
}

static unsigned missing_event(uint8_t type)
{
	switch (type) {
	case MQTT_CONNACK:
		return MQTT_EVENT_MISSING_CONNECT;
	case MQTT_SUBACK:
		return MQTT_EVENT_MISSING_SUBSCRIBE;
	case MQTT_UNSUBACK:
		return MQTT_EVENT_MISSING_UNSUBSCRIBE;
	default:
		return MQTT_EVENT_MISSING_PUBLISH;
	}
}

static void handle_answer(struct worker *w, struct flow *f, struct mqtt_state *s, enum direction d,
			  struct mqtt_message *m)
{
	struct mqtt_tx *t = waiting(f, m->type == MQTT_CONNACK ? MQTT_WAITS_CONNACK : m->id,
				    m->type == MQTT_PUBREL ? d : direction_other(d));

	if (t) {
		uint8_t type = m->type;

		add_message(w, t, m);
		f->app->dirty = 1;
		if (type != MQTT_PUBREC && type != MQTT_PUBREL)
			finish(w, f, t);
		if (type == MQTT_CONNACK)
			s->connected = true;
		return;
	}
	t = new_tx(w, f, s, d);
	if (!t) {
		heap_free(&w->heap, m);
		return;
	}
	tx_event(w, f, &t->tx, d, missing_event(m->type));
	if (!s->connected && m->type != MQTT_CONNACK)
		tx_event(w, f, &t->tx, d, MQTT_EVENT_UNINTRODUCED);
	add_message(w, t, m);
	finish(w, f, t);
}

static void handle_alone(struct worker *w, struct flow *f, struct mqtt_state *s, enum direction d,
			 struct mqtt_message *m)
{
	struct mqtt_tx *t = new_tx(w, f, s, d);

	if (!t) {
		heap_free(&w->heap, m);
		return;
	}
	if (m->type == MQTT_UNASSIGNED)
		tx_event(w, f, &t->tx, d, MQTT_EVENT_UNASSIGNED_TYPE);
	else if (!s->connected && !m->truncated)
		tx_event(w, f, &t->tx, d, MQTT_EVENT_UNINTRODUCED);
	add_message(w, t, m);
	finish(w, f, t);
}

static void handle(struct worker *w, struct flow *f, struct mqtt_state *s, enum direction d,
		   struct mqtt_message *m)
{
	if (m->truncated) {
		handle_alone(w, f, s, d, m);
		return;
	}
	switch (m->type) {
	case MQTT_CONNECT:
		s->version = m->version;
		handle_request(w, f, s, d, m);
		break;
	case MQTT_PUBLISH:
	case MQTT_SUBSCRIBE:
	case MQTT_UNSUBSCRIBE:
		handle_request(w, f, s, d, m);
		break;
	case MQTT_CONNACK:
	case MQTT_PUBACK:
	case MQTT_PUBREC:
	case MQTT_PUBREL:
	case MQTT_PUBCOMP:
	case MQTT_SUBACK:
	case MQTT_UNSUBACK:
		handle_answer(w, f, s, d, m);
		break;
	default:
		handle_alone(w, f, s, d, m);
	}
}

/* ---- messages out of the stream ---- */

/* One whole message, or the head of one that is too long. False: it cannot be followed. */
static bool take_message(struct worker *w, struct flow *f, struct mqtt_state *s, enum direction d,
			 const struct mqtt_header *h, const uint8_t *body)
{
	uint32_t keep = body ? h->remaining : 0;
	struct mqtt_message *m = heap_alloc(&w->heap, sizeof(*m) + keep);

	if (!m) {
		w->counters->app_memcap++;
		return true;
	}
	*m = (struct mqtt_message){.type = h->type, .flags = h->flags, .truncated = !body,
				   .length = h->bytes + h->remaining};
	if (!s->version && h->type == MQTT_CONNACK && h->remaining > 2)
		s->version = 5;
	m->version = s->version;
	if (body)
		memcpy(m->body, body, keep);
	if (body && !mqtt_message_read(m, keep)) {
		heap_free(&w->heap, m);
		malformed(w, f, s, d);
		return false;
	}
	handle(w, f, s, d, m);
	return true;
}

static void open_frames(struct worker *w, struct flow *f, enum direction d, uint64_t offset,
			const struct mqtt_header *h)
{
	app_frame_open(w, f, d, FRAME_PDU, offset, h->bytes + h->remaining);
	app_frame_open(w, f, d, FRAME_HEADER, offset, h->bytes);
	app_frame_open(w, f, d, FRAME_DATA, offset + h->bytes, h->remaining);
}

static struct parse_result parse_gap(struct mqtt_state *s, enum direction d, uint32_t len)
{
	uint32_t known = s->begun[d] ? s->begun[d] : s->skip[d];

	s->begun[d] = 0;
	s->skip[d] = known > len ? known - len : 0;
	if (known < len)
		s->lost[d] = true;
	return (struct parse_result){.status = PARSE_OK};
}

/* May a message begin here, after bytes were missing? */
static bool may_begin(const struct mqtt_header *h, uint32_t len)
{
	if (!flags_allowed(h) || !length_allowed(h))
		return false;
	return h->type == MQTT_PUBLISH || h->bytes + h->remaining <= len;
}

static struct parse_result mqtt_parse(struct worker *w, struct flow *f, void *state, enum direction d,
				      const struct app_input *in)
{
	const struct mqtt_config *config = app_config(w, APP_mqtt);
	struct parse_result res = {.status = PARSE_OK};
	struct mqtt_state *s = state;
	uint32_t at;

	if (in->flags & INPUT_GAP)
		return parse_gap(s, d, in->len);
	at = s->skip[d] < in->len ? s->skip[d] : in->len;
	s->skip[d] -= at;
	s->begun[d] = 0;
	while (at < in->len) {
		uint32_t left = in->len - at;
		struct mqtt_header h;
		enum mqtt_header_status status = mqtt_header_read(&h, in->data + at, left);

		if (s->lost[d]) {
			if (status != MQTT_HEADER_GOOD || !may_begin(&h, left))
				return res;
			s->lost[d] = false;
		}
		if (status == MQTT_HEADER_BAD) {
			malformed(w, f, s, d);
			res.status = PARSE_BAD;
			return res;
		}
		if (status == MQTT_HEADER_GOOD && h.remaining > config->message_max) {
			app_frame_open(w, f, d, FRAME_PDU, in->offset + at, h.bytes + h.remaining);
			take_message(w, f, s, d, &h, NULL);
			if (h.bytes + h.remaining >= left) {
				s->skip[d] = h.bytes + h.remaining - left;
				return res;
			}
			at += h.bytes + h.remaining;
			continue;
		}
		if (status == MQTT_HEADER_MORE || h.bytes + h.remaining > left) {
			res.status = PARSE_MORE;
			res.consumed = at;
			res.need = status == MQTT_HEADER_MORE ? left + 1 : h.bytes + h.remaining;
			s->begun[d] = status == MQTT_HEADER_MORE ? 0 : res.need - left;
			return res;
		}
		open_frames(w, f, d, in->offset + at, &h);
		if (!take_message(w, f, s, d, &h, in->data + at + h.bytes)) {
			res.status = PARSE_BAD;
			return res;
		}
		at += h.bytes + h.remaining;
	}
	return res;
}

static void mqtt_tx_free(struct worker *w, struct flow *f, struct tx *tx)
{
	struct mqtt_message *next;

	for (struct mqtt_message *m = mqtt_of(tx)->first; m; m = next) {
		next = m->next;
		heap_free(&w->heap, m);
	}
}

/* ---- buffers ---- */

static bool show(struct bytes b, struct buffer_view *out)
{
	if (!b.data)
		return false;
	*out = (struct buffer_view){.data = b.data, .len = b.len, .complete = true};
	return true;
}

static const struct mqtt_message *message_of(struct tx *tx, uint8_t type)
{
	for (const struct mqtt_message *m = mqtt_of(tx)->first; m; m = m->next)
		if (m->type == type && !m->truncated)
			return m;
	return NULL;
}

#define GET(name, message, member)                                                                 \
	static bool get_##name(struct worker *w, struct flow *f, struct tx *tx, enum direction d,  \
			       unsigned instance, struct buffer_view *out)                         \
	{                                                                                          \
		const struct mqtt_message *m = message_of(tx, message);                            \
                                                                                                   \
		return m && show(m->member, out);                                                  \
	}

GET(clientid, MQTT_CONNECT, client_id)
GET(username, MQTT_CONNECT, username)
GET(password, MQTT_CONNECT, password)
GET(willtopic, MQTT_CONNECT, will_topic)
GET(willmessage, MQTT_CONNECT, will_message)
GET(protocol, MQTT_CONNECT, protocol)
GET(topic, MQTT_PUBLISH, topic)
GET(payload, MQTT_PUBLISH, payload)

static bool get_listed(struct tx *tx, uint8_t type, unsigned instance, struct buffer_view *out)
{
	const struct mqtt_message *m = message_of(tx, type);
	struct cursor c;
	struct bytes topic;
	uint8_t qos;

	if (!m || instance >= MQTT_TOPICS_MAX)
		return false;
	c = cursor_of(m->list.data, m->list.len);
	while (mqtt_topic_next(m, &c, &topic, &qos))
		if (!instance--)
			return show(topic, out);
	return false;
}

static bool get_subscribed(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
			   unsigned instance, struct buffer_view *out)
{
	return get_listed(tx, MQTT_SUBSCRIBE, instance, out);
}

static bool get_unsubscribed(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
			     unsigned instance, struct buffer_view *out)
{
	return get_listed(tx, MQTT_UNSUBSCRIBE, instance, out);
}

static const struct proto_buffer mqtt_buffers[] = {
	{.name = "mqtt.connect.clientid", .to_server = 1, .get = get_clientid},
	{.name = "mqtt.connect.username", .to_server = 1, .get = get_username},
	{.name = "mqtt.connect.password", .to_server = 1, .get = get_password},
	{.name = "mqtt.connect.willtopic", .to_server = 1, .get = get_willtopic},
	{.name = "mqtt.connect.willmessage", .to_server = 1, .get = get_willmessage},
	{.name = "mqtt.connect.protocol_string", .to_server = 1, .get = get_protocol},
	{.name = "mqtt.publish.topic", .to_server = 1, .to_client = 1, .get = get_topic},
	{.name = "mqtt.publish.message", .to_server = 1, .to_client = 1, .get = get_payload},
	{.name = "mqtt.subscribe.topic", .flags = BUFFER_MULTI, .to_server = 1, .get = get_subscribed},
	{.name = "mqtt.unsubscribe.topic", .flags = BUFFER_MULTI, .to_server = 1,
	 .get = get_unsubscribed},
	{.name = NULL},
};

/* ---- values ---- */

static const struct mqtt_message *nth(struct tx *tx, unsigned n)
{
	const struct mqtt_message *m = mqtt_of(tx)->first;

	while (m && n--)
		m = m->next;
	return m;
}

static bool value_type(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
		       unsigned instance, uint64_t *out)
{
	const struct mqtt_message *m = nth(tx, instance);

	if (m)
		*out = m->type;
	return m != NULL;
}

static bool value_flags(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
			unsigned instance, uint64_t *out)
{
	const struct mqtt_message *m = nth(tx, instance);

	if (m)
		*out = m->flags;
	return m != NULL;
}

static bool value_qos(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
		      unsigned instance, uint64_t *out)
{
	const struct mqtt_message *m = nth(tx, instance);

	if (m)
		*out = mqtt_qos(m);
	return m != NULL;
}

static bool value_version(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
			  uint64_t *out)
{
	const struct mqtt_message *connect = message_of(tx, MQTT_CONNECT);

	*out = connect ? connect->version : mqtt_of(tx)->version;
	return true;
}

/* The codes of all messages one after the other. */
static bool value_code(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
		       unsigned instance, uint64_t *out)
{
	for (const struct mqtt_message *m = mqtt_of(tx)->first; m; m = m->next) {
		bool codes = !m->truncated && (m->type == MQTT_SUBACK || m->type == MQTT_UNSUBACK);
		uint32_t n = codes ? m->list.len : m->has_code;

		if (instance < n) {
			*out = codes ? m->list.data[instance] : m->code;
			return true;
		}
		instance -= n;
	}
	return false;
}

static bool value_session(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
			  uint64_t *out)
{
	const struct mqtt_message *m = message_of(tx, MQTT_CONNACK);

	if (m)
		*out = m->session_present;
	return m != NULL;
}

static bool value_connect_flags(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
				uint64_t *out)
{
	const struct mqtt_message *m = message_of(tx, MQTT_CONNECT);

	if (m)
		*out = m->connect_flags;
	return m != NULL;
}

static const struct proto_value mqtt_values[] = {
	{.name = "mqtt.type", .to_server = 1, .to_client = 1, .get_multi = value_type},
	{.name = "mqtt.flags", .to_server = 1, .to_client = 1, .get_multi = value_flags},
	{.name = "mqtt.qos", .to_server = 1, .to_client = 1, .get_multi = value_qos},
	{.name = "mqtt.protocol_version", .to_server = 1, .to_client = 1, .get = value_version},
	{.name = "mqtt.reason_code", .to_server = 1, .to_client = 1, .get_multi = value_code},
	{.name = "mqtt.connack.session_present", .to_server = 1, .to_client = 1,
	 .get = value_session},
	{.name = "mqtt.connect.flags", .to_server = 1, .to_client = 1, .get = value_connect_flags},
	{.name = NULL},
};

const struct proto proto_mqtt = {
	.name = "mqtt",
	.id = APP_mqtt,
	.over_tcp = 1,
	.done = {1, 1},
	.max_pending_bytes = MQTT_MESSAGE_MAX + MQTT_HEADER_MAX,
	.max_transactions = 2 * MQTT_TRANSACTIONS_MAX,
	.gives_way = 1,
	.too_many_event = MQTT_EVENT_TOO_MANY_TRANSACTIONS,
	.probe = mqtt_probe,
	.config_bytes = sizeof(struct mqtt_config),
	.configure = mqtt_configure,
	.state_bytes = sizeof(struct mqtt_state),
	.state_rest = app_state_moves,
	.parse = mqtt_parse,
	.tx_free = mqtt_tx_free,
	.log = mqtt_log,
	.alert_context = mqtt_alert_context,
	.events = mqtt_events,
	.buffers = mqtt_buffers,
	.values = mqtt_values,
};
