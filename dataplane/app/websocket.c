/* SPDX-License-Identifier: BSD-3-Clause
 *
 * WebSocket (RFC 6455, 5), after an upgrade from HTTP/1, with messages compressed by permessage-deflate
 * (RFC 7692). A message put together from its frames is a transaction, as is a control frame. Of a
 * message WEBSOCKET_MESSAGE_MAX bytes are kept; what is longer is cut there. After missing bytes
 * that do not end inside a frame the rest cannot be followed: frames have no mark of their beginning.
 * Runs in the worker that owns the flow.
 */
#include "dataplane/app/app.h"
#include "dataplane/app/content.h"
#include "dataplane/app/text.h"
#include "dataplane/engine/emit.h"

#define WEBSOCKET_MESSAGE_MAX 65536
#define WEBSOCKET_TRANSACTIONS_MAX 1024
#define HEADER_MAX 14
#define BIT_FIN 0x80
#define BIT_COMPRESSED 0x40
#define BIT_MASK 0x80

enum opcode { CONTINUATION, TEXT, BINARY, CLOSE = 8, PING, PONG };

enum websocket_event {
#define EVENT(id, name) WEBSOCKET_EVENT_##id,
#include "dataplane/event/app_event/websocket.def"
#undef EVENT
};

static const char *const websocket_events[] = {
#define EVENT(id, name) name,
#include "dataplane/event/app_event/websocket.def"
#undef EVENT
	NULL,
};

struct websocket_tx {
	struct tx tx;
	uint8_t direction, opcode, flags; /* flags: upper half of the first byte of the last frame */
	bool masked;
	uint32_t mask;                    /* of the last frame */
	struct text payload;
};

/* What is kept of a message while its frames come. */
struct message {
	struct text payload; /* as it travels, masks undone */
	uint8_t opcode;
	bool open, compressed, cut;
};

struct side {
	struct message data, control;
	struct content_decoder *decoder; /* NULL: none yet */
	bool decoder_lost;               /* bytes it needs are missing */
	/* the frame in hand */
	uint64_t left;
	uint8_t first, key[4];
	bool masked, in_frame, lost;
	unsigned key_at;
};

struct websocket_state {
	struct side side[2];
};

static struct websocket_tx *websocket_of(struct tx *tx)
{
	return (struct websocket_tx *)(void *)tx;
}

/* Frames look like anything: they are taken for WebSocket only where HTTP has said so. */
static enum probe_result websocket_probe(const struct probe_input *in)
{
	return in->expected == APP_websocket ? PROBE_YES : PROBE_NO;
}

/* ---- messages ---- */

struct decoding {
	struct worker *w;
	struct text out;
	bool cut;
};

static void keep_decoded(void *context, const uint8_t *data, uint32_t len)
{
	struct decoding *d = context;
	uint32_t room = WEBSOCKET_MESSAGE_MAX - d->out.len;

	d->cut = d->cut || len > room;
	text_append(d->w, &d->out, (struct bytes){data, len < room ? len : room});
}

/* RFC 7692, 7.2.2: four bytes were left out at the end. The window goes on from message to message. */
static void decode(struct worker *w, struct side *s, struct message *m)
{
	static const uint8_t tail[4] = {0, 0, 0xff, 0xff};
	struct decoding d = {.w = w};

	if (s->decoder && s->decoder->over) {
		content_decoder_free(&w->heap, s->decoder);
		s->decoder = NULL;
	}
	if (!s->decoder)
		s->decoder = content_decoder_new(&w->heap, CONTENT_BARE_DEFLATE);
	if (!s->decoder || m->cut || s->decoder_lost) {
		s->decoder_lost = true;
		return;
	}
	if (content_decode(s->decoder, m->payload.data, m->payload.len, keep_decoded, &d) != CONTENT_GOOD ||
	    content_decode(s->decoder, tail, sizeof(tail), keep_decoded, &d) != CONTENT_GOOD)
		s->decoder_lost = true;
	if (!d.out.data)
		return;
	text_free(w, &m->payload);
	m->payload = d.out;
	m->cut = m->cut || d.cut;
}

static void take_message(struct worker *w, struct flow *f, enum direction d, struct side *s,
			 struct message *m)
{
	struct websocket_tx *t;

	if (m->compressed)
		decode(w, s, m);
	t = websocket_of(tx_new(w, f, sizeof(*t)));
	if (!t) {
		text_free(w, &m->payload);
		*m = (struct message){0};
		return;
	}
	t->direction = (uint8_t)d;
	t->opcode = m->opcode;
	t->flags = (uint8_t)(s->first >> 4 | (m->compressed ? BIT_COMPRESSED >> 4 : 0));
	t->masked = s->masked;
	t->mask = get_be32(s->key);
	t->payload = m->payload;
	if (m->cut)
		tx_event(w, f, &t->tx, d, WEBSOCKET_EVENT_SKIP_END_OF_PAYLOAD);
	*m = (struct message){0};
	t->tx.progress[TO_SERVER] = t->tx.progress[TO_CLIENT] = 1;
	t->tx.inspected_done[direction_other(d)] = 1;
}

/* ---- frames ---- */

static struct message *message_of(struct side *s)
{
	return (s->first & 15) >= CLOSE ? &s->control : &s->data;
}

/* Returns the bytes of the header; 0: more are wanted, then *need. */
static uint32_t read_header(struct side *s, const uint8_t *data, uint32_t len, uint32_t *need)
{
	struct cursor c = cursor_of(data, len);
	struct message *m;
	uint8_t second;
	uint64_t n;

	s->first = cursor_u8(&c);
	second = cursor_u8(&c);
	*need = 2;
	if (c.bad)
		return 0;
	n = second & 0x7f;
	*need += (n == 126 ? 2 : n == 127 ? 8 : 0) + (second & BIT_MASK ? 4 : 0);
	if (len < *need)
		return 0;
	if (n == 126)
		n = cursor_be16(&c);
	else if (n == 127)
		n = cursor_be64(&c);
	s->masked = second & BIT_MASK;
	memset(s->key, 0, sizeof(s->key));
	if (s->masked)
		memcpy(s->key, cursor_take(&c, 4), 4);
	s->key_at = 0;
	s->left = n;
	s->in_frame = true;
	m = message_of(s);
	if ((s->first & 15) != CONTINUATION || !m->open) {
		m->opcode = s->first & 15;
		m->compressed = s->first & BIT_COMPRESSED;
		m->open = true;
	}
	return *need;
}

static void take_payload(struct worker *w, struct side *s, const uint8_t *data, uint32_t len)
{
	struct message *m = message_of(s);
	uint32_t room = WEBSOCKET_MESSAGE_MAX - m->payload.len, n = len < room ? len : room;
	uint32_t before = m->payload.len;

	m->cut = m->cut || len > room;
	if (n && text_append(w, &m->payload, (struct bytes){data, n}))
		for (uint32_t i = 0; i < n; i++)
			m->payload.data[before + i] ^= s->key[(s->key_at + i) & 3];
	s->key_at = (s->key_at + len) & 3;
	s->left -= len;
}

static void end_frame(struct worker *w, struct flow *f, enum direction d, struct side *s)
{
	s->in_frame = false;
	if (s->first & BIT_FIN)
		take_message(w, f, d, s, message_of(s));
}

static struct parse_result parse_gap(struct worker *w, struct flow *f, struct side *s, enum direction d,
				     uint32_t len)
{
	struct message *m = message_of(s);

	if (!s->in_frame || len > s->left) {
		s->lost = true;
		return (struct parse_result){.status = PARSE_OK};
	}
	s->left -= len;
	s->key_at = (s->key_at + len) & 3;
	m->cut = true;
	if (!s->left)
		end_frame(w, f, d, s);
	return (struct parse_result){.status = PARSE_OK};
}

static struct parse_result websocket_parse(struct worker *w, struct flow *f, void *state,
					   enum direction d, const struct app_input *in)
{
	struct parse_result res = {.status = PARSE_OK};
	struct side *s = &((struct websocket_state *)state)->side[d];
	uint32_t at = 0, need;

	if (s->lost)
		return res;
	if (in->flags & INPUT_GAP)
		return parse_gap(w, f, s, d, in->len);
	while (at < in->len) {
		uint32_t left = in->len - at, n;

		if (!s->in_frame) {
			n = read_header(s, in->data + at, left, &need);
			if (!n) {
				res.status = PARSE_MORE;
				res.consumed = at;
				res.need = need;
				return res;
			}
			at += n;
			left -= n;
		}
		n = s->left < left ? (uint32_t)s->left : left;
		take_payload(w, s, in->data + at, n);
		at += n;
		if (!s->left)
			end_frame(w, f, d, s);
	}
	return res;
}

static void websocket_state_clear(struct worker *w, struct flow *f, void *state)
{
	struct websocket_state *s = state;

	for (unsigned d = 0; d < 2; d++) {
		text_free(w, &s->side[d].data.payload);
		text_free(w, &s->side[d].control.payload);
		content_decoder_free(&w->heap, s->side[d].decoder);
	}
}

static void websocket_tx_free(struct worker *w, struct flow *f, struct tx *tx)
{
	text_free(w, &websocket_of(tx)->payload);
}

/* ---- records and rules ---- */

static void put_members(struct recorder *r, const struct websocket_tx *t)
{
	static const char *const names[16] = {
		[CONTINUATION] = "continuation", [TEXT] = "text", [BINARY] = "binary",
		[CLOSE] = "connection_close",	 [PING] = "ping", [PONG] = "pong",
	};

	rec_open(r, F_websocket_websocket);
	rec_bool(r, F_websocket_fin, t->flags & BIT_FIN >> 4);
	if (t->masked)
		rec_uint(r, F_websocket_mask, t->mask);
	rec_text(r, F_websocket_opcode, names[t->opcode] ? names[t->opcode] : "unknown");
	rec_close(r);
}

static void websocket_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p)
{
	struct recorder *r =
		emit_flow(w, RECORD_websocket, f, websocket_of(tx)->direction, tx->id, p);

	if (!r)
		return;
	put_members(r, websocket_of(tx));
	emit_end(w);
}

static void websocket_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r)
{
	put_members(r, websocket_of(tx));
}

static bool get_payload(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
			unsigned instance, struct buffer_view *out)
{
	return text_view(&websocket_of(tx)->payload, out);
}

static const struct proto_buffer websocket_buffers[] = {
	{.name = "websocket.payload", .to_server = 1, .to_client = 1, .get = get_payload},
	{.name = NULL},
};

static bool value_opcode(struct worker *w, struct flow *f, struct tx *tx, enum direction d, uint64_t *out)
{
	*out = websocket_of(tx)->opcode;
	return true;
}

static bool value_mask(struct worker *w, struct flow *f, struct tx *tx, enum direction d, uint64_t *out)
{
	*out = websocket_of(tx)->mask;
	return websocket_of(tx)->masked;
}

static bool value_flags(struct worker *w, struct flow *f, struct tx *tx, enum direction d, uint64_t *out)
{
	*out = websocket_of(tx)->flags;
	return true;
}

static const struct proto_value websocket_values[] = {
	{.name = "websocket.opcode", .to_server = 1, .to_client = 1, .get = value_opcode},
	{.name = "websocket.mask", .to_server = 1, .to_client = 1, .get = value_mask},
	{.name = "websocket.flags", .to_server = 1, .to_client = 1, .get = value_flags},
	{.name = NULL},
};

const struct proto proto_websocket = {
	.name = "websocket",
	.id = APP_websocket,
	.over_tcp = 1,
	.done = {1, 1},
	.max_pending_bytes = HEADER_MAX,
	.max_transactions = WEBSOCKET_TRANSACTIONS_MAX,
	.too_many_event = WEBSOCKET_EVENT_TOO_MANY_TRANSACTIONS,
	.probe = websocket_probe,
	.state_bytes = sizeof(struct websocket_state),
	.state_rest = app_state_moves,
	.state_clear = websocket_state_clear,
	.parse = websocket_parse,
	.tx_free = websocket_tx_free,
	.log = websocket_log,
	.alert_context = websocket_alert_context,
	.events = websocket_events,
	.buffers = websocket_buffers,
	.values = websocket_values,
};
