/* SPDX-License-Identifier: BSD-3-Clause
 *
 * RDP: finding it and reading how a connection begins. See rdp.h. What follows is encrypted, or
 * pictures, and not looked at. Runs in the worker that owns the flow.
 */
#include "dataplane/app/rdp.h"
#include "dataplane/app/ber.h"
#include "dataplane/app/tls_x509.h"

#define RDP_PORT 3389
#define TPKT_BYTES 4
#define TPKT_VERSION 3
#define REQUEST_BYTES 11       /* without cookie and negotiation */
#define NEGOTIATION_BYTES 8
#define X224_REQUEST 0xe0
#define X224_CONFIRM 0xd0
#define X224_DATA 0xf0
#define TLS_HEADER_BYTES 5
#define TLS_HANDSHAKE 22
#define TLS_CERTIFICATE 11
#define BLOCK_CORE 0xc001      /* client core data … */
#define BLOCK_NET 0xc003       /* … and network data */

enum rdp_event {
#define EVENT(id, name) RDP_EVENT_##id,
#include "dataplane/event/app_event/rdp.def"
#undef EVENT
};

static const char *const rdp_events[] = {
#define EVENT(id, name) name,
#include "dataplane/event/app_event/rdp.def"
#undef EVENT
	NULL,
};

struct rdp_state {
	bool tls, done;         /* it is TLS now; all has been seen */
	uint32_t skip[2];       /* of the TLS record in hand */
	bool skip_handshake;    /* that is the server's handshake */
	struct text handshake;  /* of the server */
};

/* ---- finding it ---- */

static uint32_t tpkt_length(const uint8_t *b)
{
	return get_be16(b + 2);
}

/* What a request may have behind its fixed part; other users of X.224 have parameters there. */
static bool request_good(const uint8_t *b, uint32_t len)
{
	static const char cookie[] = "Cookie: ";

	b += REQUEST_BYTES;
	len -= REQUEST_BYTES;
	if (len >= sizeof(cookie) - 1 && memcmp(b, cookie, sizeof(cookie) - 1) == 0)
		return true;
	return len >= NEGOTIATION_BYTES && b[0] == 1 && b[2] == NEGOTIATION_BYTES && b[3] == 0;
}

static enum probe_result rdp_probe(const struct probe_input *in)
{
	const uint8_t *b = in->data;
	uint32_t len = in->len;

	if (b[0] != TPKT_VERSION || (len >= 2 && b[1] != 0))
		return PROBE_NO;
	if (len < REQUEST_BYTES)
		return PROBE_MORE;
	if (tpkt_length(b) < REQUEST_BYTES || tpkt_length(b) > RDP_MESSAGE_MAX)
		return PROBE_NO;
	if (in->known || in->server_port == RDP_PORT)
		return PROBE_YES;
	if ((b[5] & 0xf0) != X224_REQUEST || b[4] + 5u != tpkt_length(b))
		return PROBE_NO;
	if (len < tpkt_length(b) && len < REQUEST_BYTES + NEGOTIATION_BYTES)
		return PROBE_MORE;
	return request_good(b, len) ? PROBE_YES : PROBE_NO;
}

/* ---- transactions ---- */

static struct rdp_tx *new_tx(struct worker *w, struct flow *f, enum direction d, enum rdp_kind kind)
{
	struct rdp_tx *t = rdp_of(tx_new(w, f, sizeof(*t)));

	if (!t)
		return NULL;
	t->kind = (uint8_t)kind;
	t->direction = (uint8_t)d;
	t->tx.progress[TO_SERVER] = t->tx.progress[TO_CLIENT] = 1;
	t->tx.inspected_done[direction_other(d)] = 1;
	return t;
}

/* "Cookie: mstshash=NAME\r\n", or a routing token that is passed over (2.2.1.1). */
static void take_cookie(struct worker *w, struct rdp_tx *t, struct cursor *c)
{
	static const char name[] = "Cookie: mstshash=";
	const uint8_t *end = memmem(c->p, cursor_left(c), "\r\n", 2);

	if (!end)
		return;
	if ((size_t)(end - c->p) >= sizeof(name) - 1 && memcmp(c->p, name, sizeof(name) - 1) == 0)
		text_set(w, &t->cookie,
			 (struct bytes){c->p + sizeof(name) - 1, (uint32_t)(end - c->p) - (uint32_t)sizeof(name) + 1});
	c->p = end + 2;
}

/* 2.2.1.1.1, 2.2.1.2.1, 2.2.1.2.2 */
static void take_negotiation(struct rdp_tx *t, struct cursor *c)
{
	uint8_t type = cursor_u8(c), flags = cursor_u8(c);
	uint32_t value;

	if (cursor_le16(c) != NEGOTIATION_BYTES)
		return;
	value = cursor_le32(c);
	if (c->bad)
		return;
	t->has_flags = type == 1 || type == 2;
	t->flags = flags;
	t->has_protocol = type == 2;
	t->protocol = value;
	t->has_error = type == 3;
	t->error = value;
}

/* Length of T.125's packed encoding: one or two bytes. */
static uint32_t packed_length(struct cursor *c)
{
	uint32_t n = cursor_u8(c);

	return n & 0x80 ? (n & 0x7f) << 8 | cursor_u8(c) : n;
}

/* Blocks of a conference's user data (2.2.1.3), behind the key "Duca". */
static bool take_blocks(struct worker *w, struct rdp_tx *t, struct cursor user)
{
	const uint8_t *key = memmem(user.p, cursor_left(&user), "Duca", 4);
	struct cursor c;

	if (!key)
		return false;
	c = cursor_of(key + 4, (size_t)(user.end - key) - 4);
	packed_length(&c);
	while (cursor_left(&c) >= 4) {
		uint16_t type = cursor_le16(&c), len = cursor_le16(&c);
		struct cursor body;

		if (len < 4)
			return false;
		body = cursor_sub(&c, len - 4u);
		if (body.bad)
			return false;
		if (type == BLOCK_NET)
			cursor_skip(&body, 4);
		if (type == BLOCK_CORE || type == BLOCK_NET)
			text_set(w, type == BLOCK_CORE ? &t->core : &t->channels,
				 (struct bytes){body.p, (uint32_t)cursor_left(&body)});
	}
	return true;
}

/* T.125, 7: connect-initial has two selectors, a flag, three sets of parameters and user data. */
static bool take_connect(struct worker *w, struct rdp_tx *t, struct cursor c)
{
	struct cursor item;
	uint8_t tag;

	for (unsigned i = 0; i < 6; i++)
		if (!ber_next(&c, &tag, &item))
			return false;
	return ber_take(&c, BER_OCTETS, &item) && take_blocks(w, t, item);
}

static void take_data(struct worker *w, struct flow *f, struct rdp_state *s, enum direction d, struct cursor c)
{
	struct rdp_tx *t = NULL;
	uint8_t first = cursor_u8(&c), second = cursor_u8(&c);
	uint32_t n = cursor_u8(&c);

	if (first != 0x7f || c.bad)
		return;
	for (unsigned i = n & 0x80 ? n & 7 : 0; i; i--)
		cursor_u8(&c); /* its length: TPKT says it too */
	if (d == TO_SERVER && second == 0x65) {
		t = new_tx(w, f, d, RDP_CONNECT);
		if (t && !take_connect(w, t, c))
			tx_event(w, f, &t->tx, d, RDP_EVENT_MALFORMED_DATA);
	} else if (d == TO_CLIENT && second == 0x66) {
		new_tx(w, f, d, RDP_CONNECTED);
		s->done = true;
	}
}

/* One message of TPKT. */
static void take_message(struct worker *w, struct flow *f, struct rdp_state *s, enum direction d,
			 const uint8_t *data, uint32_t len)
{
	struct cursor c = cursor_of(data + TPKT_BYTES, len - TPKT_BYTES);
	uint8_t length = cursor_u8(&c), type = cursor_u8(&c) & 0xf0;
	struct rdp_tx *t;

	if (type == X224_DATA) {
		cursor_skip(&c, length ? length - 1u : 0);
		take_data(w, f, s, d, c);
		return;
	}
	if (type != (d == TO_SERVER ? X224_REQUEST : X224_CONFIRM))
		return;
	t = new_tx(w, f, d, d == TO_SERVER ? RDP_REQUEST : RDP_CONFIRM);
	if (!t)
		return;
	cursor_skip(&c, 5); /* references, class */
	if (d == TO_SERVER)
		take_cookie(w, t, &c);
	if (cursor_left(&c) >= NEGOTIATION_BYTES)
		take_negotiation(t, &c);
	if (c.bad)
		tx_event(w, f, &t->tx, d, RDP_EVENT_MALFORMED_DATA);
}

/* ---- TLS ---- */

/* "0A:BC" as a number in hex. */
static void add_serial(struct worker *w, struct rdp_tx *t, const struct x509_text *serial)
{
	char text[2 * X509_SERIAL_MAX];
	uint32_t n = 0;

	for (uint32_t i = 0; i < serial->len && n < sizeof(text); i++) {
		uint8_t c = (uint8_t)serial->data[i];

		if (c == ':' || (c == '0' && !n))
			continue;
		text[n++] = (char)(c >= 'A' && c <= 'F' ? c | 0x20 : c);
	}
	texts_add(w, &t->serials, text, n);
}

/* RFC 5246, 7.4.2 */
static void take_certificates(struct worker *w, struct flow *f, struct cursor c)
{
	struct rdp_tx *t = new_tx(w, f, TO_CLIENT, RDP_CERTIFICATES);

	cursor_be24(&c);
	for (unsigned i = 0; t && i < RDP_CHAIN_MAX && cursor_left(&c) > 3; i++) {
		struct cursor one = cursor_sub(&c, cursor_be24(&c));
		struct x509 x = {0};

		if (one.bad)
			break;
		x509_parse(&w->heap, &x, one.p, (uint32_t)cursor_left(&one));
		if (x.serial.len)
			add_serial(w, t, &x.serial);
		x509_free(&w->heap, &x);
	}
}

/* Looks for the certificates in what there is of the server's handshake. */
static void take_handshake(struct worker *w, struct flow *f, struct rdp_state *s)
{
	struct cursor c = cursor_of(s->handshake.data, s->handshake.len);

	while (cursor_left(&c) >= 4) {
		uint8_t type = cursor_u8(&c);
		uint32_t len = cursor_be24(&c);

		if (len > cursor_left(&c)) {
			s->done = s->handshake.len >= RDP_HANDSHAKE_MAX;
			return;
		}
		if (type == TLS_CERTIFICATE) {
			take_certificates(w, f, cursor_sub(&c, len));
			s->done = true;
			return;
		}
		cursor_skip(&c, len);
	}
}

/* Records; of the server's the handshake is kept until its certificates have been seen. */
static uint32_t take_tls(struct worker *w, struct flow *f, struct rdp_state *s, enum direction d,
			 const uint8_t *data, uint32_t len)
{
	uint32_t n = TLS_HEADER_BYTES;

	if (!s->skip[d]) {
		if (len < n)
			return 0;
		s->skip[d] = get_be16(data + 3);
		if (d == TO_CLIENT) {
			s->skip_handshake = data[0] == TLS_HANDSHAKE;
			s->done = s->done || !s->skip_handshake; /* from here on it is encrypted */
		}
		return n;
	}
	n = s->skip[d] < len ? s->skip[d] : len;
	s->skip[d] -= n;
	if (d == TO_CLIENT && s->skip_handshake) {
		uint32_t room = RDP_HANDSHAKE_MAX - s->handshake.len;

		text_append(w, &s->handshake, (struct bytes){data, n < room ? n : room});
		if (!s->skip[d])
			take_handshake(w, f, s);
	}
	return n;
}

/* ---- the stream ---- */

static struct parse_result rdp_parse(struct worker *w, struct flow *f, void *state, enum direction d,
				     const struct app_input *in)
{
	struct parse_result res = {.status = PARSE_OK};
	struct rdp_state *s = state;
	uint32_t at = 0;

	if (in->flags & INPUT_GAP)
		s->done = true;
	while (!s->done && at < in->len) {
		const uint8_t *data = in->data + at;
		uint32_t left = in->len - at, n;

		s->tls = s->tls || (data[0] == TLS_HANDSHAKE && f->app->tx_count);
		if (s->tls) {
			n = take_tls(w, f, s, d, data, left);
			res.need = TLS_HEADER_BYTES;
		} else if (data[0] != TPKT_VERSION) {
			s->done = true; /* fast-path (2.2.9.1.2): the beginning is over */
			break;
		} else {
			n = left < TPKT_BYTES ? TPKT_BYTES : tpkt_length(data);
			if (n < REQUEST_BYTES - 4 || n > RDP_MESSAGE_MAX)
				return (struct parse_result){.status = PARSE_BAD, .event = 1 + RDP_EVENT_MALFORMED_DATA};
			res.need = n;
			n = left < n ? 0 : n;
			if (n)
				take_message(w, f, s, d, data, n);
		}
		if (!n) {
			res.status = PARSE_MORE;
			res.consumed = at;
			return res;
		}
		at += n;
	}
	return (struct parse_result){.status = PARSE_OK};
}

static void rdp_state_clear(struct worker *w, struct flow *f, void *state)
{
	text_free(w, &((struct rdp_state *)state)->handshake);
}

static void rdp_tx_free(struct worker *w, struct flow *f, struct tx *tx)
{
	text_free(w, &rdp_of(tx)->cookie);
	text_free(w, &rdp_of(tx)->core);
	text_free(w, &rdp_of(tx)->channels);
	texts_free(w, &rdp_of(tx)->serials);
}

const struct proto proto_rdp = {
	.name = "rdp",
	.id = APP_rdp,
	.over_tcp = 1,
	.done = {1, 1},
	.max_pending_bytes = RDP_MESSAGE_MAX,
	.max_transactions = RDP_TRANSACTIONS_MAX,
	.too_many_event = RDP_EVENT_TOO_MANY_TRANSACTIONS,
	.probe = rdp_probe,
	.state_bytes = sizeof(struct rdp_state),
	.state_rest = app_state_moves,
	.state_clear = rdp_state_clear,
	.parse = rdp_parse,
	.tx_free = rdp_tx_free,
	.log = rdp_log,
	.alert_context = rdp_alert_context,
	.events = rdp_events,
};
