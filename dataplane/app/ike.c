/* SPDX-License-Identifier: BSD-3-Clause
 *
 * IKE: finding it, headers, what rules see. See ike.h. On port 4500 a message has four zero bytes
 * before it, and other datagrams are ESP (RFC 3948). Runs in the worker that owns the flow.
 */

#include "dataplane/app/ike.h"
#include "dataplane/base/put.h"

#define IKE_PORT 500
#define NAT_PORT 4500
#define MARKER_BYTES 4

static const char *const ike_events[] = {
#define EVENT(id, name) name,
#include "dataplane/event/app_event/ike.def"
#undef EVENT
	NULL,
};

/* ---- finding it ---- */

static bool is_zero(const uint8_t *b, unsigned n)
{
	uint8_t all = 0;

	for (unsigned i = 0; i < n; i++)
		all |= b[i];
	return !all;
}

/* Version 2 has few kinds of exchanges; version 1 of them is told by its number alone on its port. */
static bool header_good(const uint8_t *h, uint32_t len)
{
	uint8_t major = h[17] >> 4, minor = h[17] & 15, exchange = h[18];

	if (major == 1)
		return true;
	return major == 2 && minor == 0 && exchange >= 34 && exchange <= 37 && get_be32(h + 24) == len;
}

/* Elsewhere: the length fits, what it begins with too. */
static bool surely(const uint8_t *h, uint32_t len)
{
	uint8_t first = h[16], exchange = h[18];

	if (is_zero(h, 8) || get_be32(h + 24) != len || !header_good(h, len))
		return false;
	if (h[17] >> 4 == 2)
		return (first >= 33 && first <= 48) || first == 53;
	return first <= 22 && (h[17] & 15) == 0 && ((exchange >= 1 && exchange <= 6) || exchange == 32);
}

static enum probe_result ike_probe(const struct probe_input *in)
{
	const uint8_t *h = in->data;
	uint32_t len = in->len;

	if (in->server_port == NAT_PORT || in->client_port == NAT_PORT) {
		if (len < MARKER_BYTES || !is_zero(h, MARKER_BYTES))
			return PROBE_NO;
		h += MARKER_BYTES;
		len -= MARKER_BYTES;
	}
	if (len < IKE_HEADER_BYTES)
		return PROBE_NO;
	if (in->server_port == IKE_PORT || in->client_port == IKE_PORT ? !header_good(h, len) : !surely(h, len))
		return PROBE_NO;
	/* Who does not know the other's number yet asks first. */
	return is_zero(h + 8, 8) && in->direction == TO_CLIENT ? PROBE_YES_REVERSED : PROBE_YES;
}

/* ---- messages ---- */

bool ike_payload_next(struct cursor *c, uint8_t *type, struct ike_payload *out)
{
	uint16_t len;

	if (!cursor_left(c) || c->bad)
		return false;
	out->type = *type;
	out->next = cursor_u8(c);
	cursor_u8(c);
	len = cursor_be16(c);
	if (c->bad || len < 4) {
		c->bad = true;
		return false;
	}
	out->body = cursor_sub(c, (size_t)len - 4);
	*type = out->next;
	return !c->bad;
}

bool ike_payload_find(const struct ike_tx *t, uint8_t type, struct ike_payload *out)
{
	struct cursor c = ike_body(t);
	uint8_t next = t->first;

	for (unsigned i = 0; next && i < IKE_PAYLOADS_MAX && ike_payload_next(&c, &next, out); i++)
		if (out->type == type)
			return true;
	return false;
}

static void hex(char *out, const uint8_t *b)
{
	struct put p = put_to(out, 17);

	for (unsigned i = 0; i < 8; i++)
		p = put_hex(p, b[i], 2);
}

static void take_header(struct ike_tx *t, const uint8_t *h)
{
	memcpy(t->spi[0], h, 8);
	memcpy(t->spi[1], h + 8, 8);
	hex(t->spi_hex[0], h);
	hex(t->spi_hex[1], h + 8);
	t->first = h[16];
	t->major = h[17] >> 4;
	t->minor = h[17] & 15;
	t->exchange = h[18];
	t->flags = h[19];
	t->message_id = get_be32(h + 20);
}

static struct parse_result ike_parse(struct worker *w, struct flow *f, void *state, enum direction d,
				     const struct app_input *in)
{
	struct parse_result res = {.status = PARSE_OK};
	const uint8_t *h = in->data;
	uint32_t len = in->len;
	struct ike_tx *t;

	if (f->server_port == NAT_PORT || f->client_port == NAT_PORT) {
		if (len < MARKER_BYTES || !is_zero(h, MARKER_BYTES))
			return res; /* ESP, or to keep the way open */
		h += MARKER_BYTES;
		len -= MARKER_BYTES;
	}
	if (len < IKE_HEADER_BYTES || (h[17] >> 4 != 1 && h[17] >> 4 != 2))
		return (struct parse_result){.status = PARSE_BAD};
	t = ike_of(tx_new(w, f, sizeof(*t)));
	if (!t)
		return res;
	t->direction = (uint8_t)d;
	t->tx.progress[TO_SERVER] = t->tx.progress[TO_CLIENT] = 1;
	t->tx.inspected_done[direction_other(d)] = 1;
	take_header(t, h);
	if (t->major == 2 || !(t->flags & IKE1_FLAG_ENCRYPTED)) {
		text_set(w, &t->body, (struct bytes){h + IKE_HEADER_BYTES, len - IKE_HEADER_BYTES});
		t->broken = !(t->major == 1 ? ike1_take : ike2_take)(w, f, state, t);
	}
	if (t->broken)
		tx_event(w, f, &t->tx, d, IKE_EVENT_MALFORMED_DATA);
	return res;
}

/* What the exchange had chosen by then stands in the record: it is written while that is so. */
static void ike_state_clear(struct worker *w, struct flow *f, void *state)
{
	struct ike_state *s = state;

	for (unsigned d = 0; d < 2; d++) {
		text_free(w, &s->side[d].key_exchange);
		text_free(w, &s->side[d].nonce);
		text_free(w, &s->side[d].transform);
	}
}

static void ike_tx_free(struct worker *w, struct flow *f, struct tx *tx)
{
	text_free(w, &ike_of(tx)->body);
	texts_free(w, &ike_of(tx)->vendors);
}

/* ---- rules ---- */

static bool get_init_spi(struct worker *w, struct flow *f, struct tx *tx, enum direction d, unsigned instance,
			 struct buffer_view *out)
{
	return bytes_view((struct bytes){(const uint8_t *)ike_of(tx)->spi_hex[0], 16}, out);
}

static bool get_resp_spi(struct worker *w, struct flow *f, struct tx *tx, enum direction d, unsigned instance,
			 struct buffer_view *out)
{
	return bytes_view((struct bytes){(const uint8_t *)ike_of(tx)->spi_hex[1], 16}, out);
}

static bool get_vendor(struct worker *w, struct flow *f, struct tx *tx, enum direction d, unsigned instance,
		       struct buffer_view *out)
{
	return texts_view(&ike_of(tx)->vendors, instance, out);
}

/* The last payload of that kind, as the record has it; false where there is none. */
static bool payload_bytes(const struct ike_tx *t, enum ike1_payload type, struct bytes *out)
{
	struct cursor c = ike_body(t);
	struct ike_payload p;
	uint8_t next = t->first;
	bool found = false;

	for (unsigned i = 0; t->major == 1 && next && i < IKE_PAYLOADS_MAX && ike_payload_next(&c, &next, &p); i++)
		if (p.type == type && cursor_left(&p.body)) {
			*out = (struct bytes){p.body.p, (uint32_t)cursor_left(&p.body)};
			found = true;
		}
	return found;
}

#define PAYLOAD(name, type)                                                                        \
	static bool get_##name(struct worker *w, struct flow *f, struct tx *tx, enum direction d,  \
			       unsigned instance, struct buffer_view *out)                         \
	{                                                                                          \
		struct bytes b;                                                                    \
                                                                                                   \
		return ike_of(tx)->direction == d && payload_bytes(ike_of(tx), type, &b) &&        \
		       bytes_view(b, out);                                                         \
	}                                                                                          \
	static bool value_##name(struct worker *w, struct flow *f, struct tx *tx, enum direction d, \
				 uint64_t *out)                                                    \
	{                                                                                          \
		struct bytes b;                                                                    \
                                                                                                   \
		if (ike_of(tx)->direction != d || !payload_bytes(ike_of(tx), type, &b))            \
			return false;                                                              \
		*out = b.len;                                                                      \
		return true;                                                                       \
	}

PAYLOAD(key_exchange, IKE1_KEY_EXCHANGE)
PAYLOAD(nonce, IKE1_NONCE)

static bool value_exchange(struct worker *w, struct flow *f, struct tx *tx, enum direction d, uint64_t *out)
{
	*out = ike_of(tx)->exchange;
	return ike_of(tx)->direction == d;
}

/* What the responder chose: the attribute's number in the upper half, as the keyword has it. Version 2
 * names by type what version 1 has as attributes. */
static bool value_chosen(struct worker *w, struct flow *f, struct tx *tx, enum direction d, unsigned instance,
			 uint64_t *out)
{
	static const uint8_t attributes[IKE2_TRANSFORMS] = {
		[IKE2_ENCRYPTION] = 1, [IKE2_PRF] = 13, [IKE2_INTEGRITY] = 3, [IKE2_DH] = 4};
	const struct ike_tx *t = ike_of(tx);
	struct ike_attribute a;
	struct ike2_choice choice;
	struct cursor c;

	if (t->direction != TO_CLIENT || instance >= IKE_TRANSFORMS_MAX)
		return false;
	if (t->major == 2) {
		if (!ike2_choice(t, instance, &choice))
			return false;
		*out = (uint64_t)(choice.type < IKE2_TRANSFORMS ? attributes[choice.type] : 0) << 32 | choice.id;
		return true;
	}
	if (!ike1_transform(t, 0, &c))
		return false;
	do
		if (!ike1_attribute_next(&c, &a))
			return false;
	while (instance--);
	*out = a.has_number ? (uint64_t)a.type << 32 | a.number : 0;
	return true;
}

static const struct proto_buffer ike_buffers[] = {
	{"ike.init_spi", 0, 1, 0, get_init_spi},
	{"ike.resp_spi", 0, 0, 1, get_resp_spi},
	{"ike.vendor", BUFFER_MULTI, 1, 0, get_vendor},
	{"ike.key_exchange_payload", 0, 1, 1, get_key_exchange},
	{"ike.nonce_payload", 0, 1, 1, get_nonce},
	{NULL},
};

static const struct proto_value ike_values[] = {
	{.name = "ike.exchtype", .to_server = 1, .to_client = 1, .get = value_exchange},
	{.name = "ike.chosen_sa_attribute", .to_client = 1, .get_multi = value_chosen},
	{.name = "ike.key_exchange_payload_length", .to_server = 1, .to_client = 1, .get = value_key_exchange},
	{.name = "ike.nonce_payload_length", .to_server = 1, .to_client = 1, .get = value_nonce},
	{NULL},
};

const struct proto proto_ike = {
	.name = "ike",
	.id = APP_ike,
	.over_udp = 1,
	.done = {1, 1},
	.max_transactions = IKE_TRANSACTIONS_MAX,
	.too_many_event = IKE_EVENT_TOO_MANY_TRANSACTIONS,
	.probe = ike_probe,
	.udp_least = IKE_HEADER_BYTES,
	.state_bytes = sizeof(struct ike_state),
	.state_clear = ike_state_clear,
	.parse = ike_parse,
	.tx_free = ike_tx_free,
	.log = ike_log,
	.alert_context = ike_alert_context,
	.events = ike_events,
	.buffers = ike_buffers,
	.values = ike_values,
};
