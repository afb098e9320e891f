/* SPDX-License-Identifier: BSD-3-Clause
 *
 * TLS (RFC 5246, 8446, 6101) and the hello of SSLv2: the record layer. Records are followed header
 * by header; only handshake messages are put together (across records and segments), all other
 * contents are passed over in place. A connection is one transaction. Once application data flows
 * after a server's hello nothing more is to be learned: the stream is stopped, unless the option
 * app.tls.encryption-handling is full.
 * Runs in the worker that owns the flow.
 */
#include "dataplane/app/tls.h"

#include "dataplane/engine/emit.h"

#define RECORD_HEADER_BYTES 5
#define RECORD_BYTES_MAX (16384 + 2048 + 32) /* RFC 5246 6.2.3, and what some stacks add */
#define MESSAGE_USUAL_MAX 16384 /* certificates of some hops */
#define MESSAGE_ROOM_MIN 1024
#define HEARTBEAT_HEADER_BYTES 3
#define HEARTBEAT_PADDING_BYTES 16

enum content_type {
	CONTENT_CHANGE_CIPHER_SPEC = 20, CONTENT_ALERT, CONTENT_HANDSHAKE, CONTENT_APPLICATION,
	CONTENT_HEARTBEAT,
};

enum sslv2_message { SSLV2_ERROR, SSLV2_CLIENT_HELLO, SSLV2_CLIENT_MASTER_KEY, SSLV2_CLIENT_FINISHED,
		     SSLV2_SERVER_HELLO, SSLV2_SERVER_VERIFY };

static const char *const tls_event_names[] = {
#define EVENT(id, name) name,
#include "dataplane/event/app_event/tls.def"
#undef EVENT
	NULL,
};

/* ---- is it TLS? ---- */

static enum probe_result probe_sslv2(const struct probe_input *in)
{
	const uint8_t *b = in->data;

	if (!(b[0] & 0x80))
		return PROBE_NO;
	if (in->len < 5)
		return PROBE_MORE;
	if (in->direction == TO_SERVER)
		return b[2] == SSLV2_CLIENT_HELLO && ((b[3] == 0 && b[4] == 2) ||
						      (b[3] == 3 && b[4] <= 3)) ?
			       PROBE_YES :
			       PROBE_NO;
	if (in->len < 7)
		return PROBE_MORE;
	return b[2] == SSLV2_SERVER_HELLO && b[5] == 0 && b[6] == 2 ? PROBE_YES : PROBE_NO;
}

static enum probe_result tls_probe(const struct probe_input *in)
{
	const uint8_t *b = in->data;

	if (in->len == 0)
		return PROBE_MORE;
	if (b[0] & 0x80)
		return probe_sslv2(in);
	if (b[0] != CONTENT_HANDSHAKE &&
	    (in->direction == TO_SERVER || (b[0] != CONTENT_ALERT && b[0] != CONTENT_APPLICATION)))
		return PROBE_NO;
	if ((in->len > 1 && b[1] != 3) || (in->len > 2 && b[2] > 4))
		return PROBE_NO;
	if (in->len < 6)
		return PROBE_MORE;
	if (b[0] == CONTENT_HANDSHAKE && b[5] == (in->direction == TO_SERVER ? 2 : 1))
		return PROBE_YES_REVERSED;
	return PROBE_YES;
}

/* ---- state ---- */

static void tls_state_clear(struct worker *w, struct flow *f, void *state)
{
	struct tls_state *st = state;

	heap_free(&w->heap, st->stream[TO_SERVER].message);
	heap_free(&w->heap, st->stream[TO_CLIENT].message);
}

static void tls_tx_free(struct worker *w, struct flow *f, struct tx *tx)
{
	struct tls_state *st = f->app->state;
	struct tls_tx *t = tls_of(tx);

	for (unsigned d = 0; d < 2; d++) {
		heap_free(&w->heap, t->side[d].alpn_memory);
		heap_free(&w->heap, t->side[d].ja3);
		heap_free(&w->heap, t->side[d].lists);
		heap_free(&w->heap, t->side[d].certs.memory);
		x509_free(&w->heap, &t->side[d].certs.first);
	}
	heap_free(&w->heap, t->sni);
	if (st && st->tx == t)
		st->tx = NULL;
}

static bool have_tx(struct worker *w, struct flow *f, struct tls_state *st)
{
	const struct tls_config *c = app_config(w, APP_tls);

	if (st->tx)
		return true;
	st->tx = tls_of(tx_new(w, f, sizeof(*st->tx)));
	if (st->tx && c->ja4)
		ja4_text(NULL, 't', st->tx->ja4);
	return st->tx;
}

static struct parse_result bad(struct tls_state *st, enum tls_event e)
{
	st->tx->flags |= TLS_BROKEN;
	return (struct parse_result){.status = PARSE_BAD, .event = (uint16_t)(1 + e)};
}

static void raise_progress(struct tls_tx *t, enum direction d, uint8_t progress)
{
	if (t->tx.progress[d] < progress)
		t->tx.progress[d] = progress;
}

static void handshake_complete(struct tls_tx *t)
{
	raise_progress(t, TO_SERVER, TLS_CLIENT_HANDSHAKE_DONE);
	raise_progress(t, TO_CLIENT, TLS_SERVER_HANDSHAKE_DONE);
}

/* ---- handshake messages out of records ---- */

static uint32_t message_size(const uint8_t *header)
{
	return 4 + ((uint32_t)header[1] << 16 | (uint32_t)header[2] << 8 | header[3]);
}

/* The first room: for the whole message, if its header is there and it is no unusual one. */
static uint32_t message_room(const uint8_t *data, uint32_t len)
{
	return len >= 4 && message_size(data) <= MESSAGE_USUAL_MAX ? message_size(data) : MESSAGE_ROOM_MIN;
}

static bool keep_message(struct worker *w, struct tls_stream *s, const uint8_t *data, uint32_t len)
{
	if (s->message_len + len > s->message_cap) {
		uint32_t cap = s->message_cap ? s->message_cap : message_room(data, len);
		uint8_t *bigger;

		while (cap < s->message_len + len)
			cap *= 2;
		bigger = heap_realloc(&w->heap, s->message, cap);
		if (!bigger) {
			w->counters->app_memcap++;
			return false;
		}
		s->message = bigger;
		s->message_cap = cap;
	}
	memcpy(s->message + s->message_len, data, len);
	s->message_len += len;
	return true;
}

static void drop_message(struct worker *w, struct tls_stream *s)
{
	heap_free(&w->heap, s->message);
	s->message = NULL;
	s->message_len = s->message_cap = 0;
}

/* Bytes of handshake records. False: a message cannot be right, or memory is out. */
static bool take_handshake(struct worker *w, struct flow *f, struct tls_state *st, enum direction d,
			   const uint8_t *data, uint32_t len)
{
	struct tls_stream *s = &st->stream[d];
	struct cursor c = cursor_of(data, len);

	while (cursor_left(&c)) {
		uint32_t left = (uint32_t)cursor_left(&c), want, n;

		if (s->message_skip) {
			n = left < s->message_skip ? left : s->message_skip;
			cursor_skip(&c, n);
			s->message_skip -= n;
			continue;
		}
		if (!s->message_len && left >= 4 && message_size(c.p) <= left) {
			n = message_size(c.p);
			if (!tls_handshake(w, f, st, d, cursor_take(&c, n), n))
				return false;
			continue;
		}
		want = s->message_len < 4 ? 4 : message_size(s->message);
		n = want - s->message_len < left ? want - s->message_len : left;
		if (!keep_message(w, s, cursor_take(&c, n), n))
			return false;
		if (s->message_len < 4)
			continue;
		want = message_size(s->message);
		if (want > TLS_HANDSHAKE_MAX) {
			tx_event(w, f, &st->tx->tx, d, TLS_EVENT_HANDSHAKE_INVALID_LENGTH);
			s->message_skip = want - s->message_len;
			drop_message(w, s);
		} else if (s->message_len == want) {
			bool good = tls_handshake(w, f, st, d, s->message, want);

			drop_message(w, s);
			if (!good)
				return false;
		}
	}
	return true;
}

/* ---- heartbeats (RFC 6520) ---- */

/* body: the first bytes of the record, which is len long. False: it cannot be right. */
static bool heartbeat(struct worker *w, struct flow *f, struct tls_state *st, enum direction d,
		      const uint8_t *body, uint32_t len)
{
	struct tls_tx *t = st->tx;
	bool encrypted = st->stream[d].encrypted || st->stream[direction_other(d)].encrypted;
	uint32_t mine = d == TO_SERVER ? TLS_HEARTBEAT_CLIENT : TLS_HEARTBEAT_SERVER;
	uint32_t payload_len;

	if (!encrypted && body[0] != 1 && body[0] != 2) {
		tx_event(w, f, &t->tx, d, TLS_EVENT_INVALID_HEARTBEAT_MESSAGE);
		return false;
	}
	if (t->flags & mine) {
		tx_event(w, f, &t->tx, d, TLS_EVENT_INVALID_HEARTBEAT_MESSAGE);
		return false;
	}
	if (t->flags & (TLS_HEARTBEAT_CLIENT | TLS_HEARTBEAT_SERVER)) { /* an answer */
		bool leak = t->heartbeat_len && t->heartbeat_len < len;

		t->flags &= ~(uint32_t)(TLS_HEARTBEAT_CLIENT | TLS_HEARTBEAT_SERVER);
		t->heartbeat_len = 0;
		if (leak)
			tx_event(w, f, &t->tx, d, TLS_EVENT_DATALEAK_HEARTBEAT_MISMATCH);
		return !leak;
	}
	t->flags |= mine;
	if (encrypted) {
		t->heartbeat_len = len;
		return true;
	}
	payload_len = get_be16(body + 1);
	tx_event(w, f, &t->tx, d, TLS_EVENT_HEARTBEAT_MESSAGE);
	if (payload_len + HEARTBEAT_HEADER_BYTES > len) {
		tx_event(w, f, &t->tx, d, TLS_EVENT_OVERFLOW_HEARTBEAT_MESSAGE);
		return false;
	}
	if (len - payload_len - HEARTBEAT_HEADER_BYTES < HEARTBEAT_PADDING_BYTES) {
		tx_event(w, f, &t->tx, d, TLS_EVENT_INVALID_HEARTBEAT_MESSAGE);
		return false;
	}
	return true;
}

/* ---- records ---- */

/* SSLv2 (draft-hickman-netscape-ssl): a header of 2 or 3 bytes and the message's type. Only the
 * hello's version is of interest. */
static struct parse_result sslv2_record(struct worker *w, struct flow *f, struct tls_state *st,
					enum direction d, struct cursor *c)
{
	struct parse_result res = {.status = PARSE_OK};
	struct tls_tx *t = st->tx;
	const uint8_t *b = cursor_peek(c, RECORD_HEADER_BYTES);
	uint32_t header, len;

	if (!b) {
		res.status = PARSE_MORE;
		res.need = RECORD_HEADER_BYTES;
		return res;
	}
	header = b[0] & 0x80 ? 2 : 3;
	len = (uint32_t)(b[0] & (b[0] & 0x80 ? 0x7f : 0x3f)) << 8 | b[1];
	if (!len)
		return bad(st, TLS_EVENT_INVALID_SSLV2_HEADER);
	t->side[d].version = SSLV2;
	switch (b[header]) {
	case SSLV2_ERROR:
		tx_event(w, f, &t->tx, d, TLS_EVENT_ERROR_MESSAGE_ENCOUNTERED);
		break;
	case SSLV2_CLIENT_HELLO:
		t->flags |= TLS_CLIENT_HELLO_SEEN;
		t->current |= TLS_CLIENT_HELLO_SEEN;
		if (header == 2 && len >= 3)
			t->side[d].version = get_be16(b + 3);
		raise_progress(t, TO_SERVER, TLS_CLIENT_HELLO);
		break;
	case SSLV2_SERVER_HELLO:
		t->flags |= TLS_SERVER_HELLO_SEEN;
		t->current |= TLS_SERVER_HELLO_SEEN;
		raise_progress(t, TO_CLIENT, TLS_SERVER_HELLO);
		break;
	}
	cursor_skip(c, header);
	st->stream[d].sslv2 = true;
	st->stream[d].type = 0;
	st->stream[d].record_left = len;
	return res;
}

static bool known_version(uint16_t v)
{
	return (v >= 0x0300 && v <= 0x0304) || v >> 8 == 0x7f;
}

static void change_cipher_spec(struct tls_state *st, enum direction d)
{
	struct tls_tx *t = st->tx;

	if (t->side[TO_CLIENT].version >= 0x0304)
		return; /* 1.3 sends it for old middleboxes only */
	st->stream[d].encrypted = true;
	/* The server encrypts without having shown a certificate: it took the ticket (RFC 5077 3.1). */
	if (d == TO_CLIENT && t->flags & TLS_CLIENT_TICKET && t->flags & TLS_SERVER_HELLO_SEEN &&
	    !t->side[TO_CLIENT].certs.memory)
		t->flags |= TLS_RESUMED;
}

static struct parse_result record_header(struct worker *w, struct flow *f, struct tls_state *st,
					 enum direction d, struct cursor *c)
{
	struct parse_result res = {.status = PARSE_OK};
	struct tls_stream *s = &st->stream[d];
	const uint8_t *b = cursor_peek(c, RECORD_HEADER_BYTES);
	uint32_t len;

	if (!b) {
		res.status = PARSE_MORE;
		res.need = RECORD_HEADER_BYTES;
		return res;
	}
	len = get_be16(b + 3);
	if (!known_version(get_be16(b + 1)))
		return bad(st, TLS_EVENT_INVALID_RECORD_VERSION);
	if (len > RECORD_BYTES_MAX)
		return bad(st, TLS_EVENT_INVALID_RECORD_LENGTH);
	s->type = b[0];
	if (!st->tx->side[d].version)
		st->tx->side[d].version = get_be16(b + 1);
	switch (b[0]) {
	case CONTENT_CHANGE_CIPHER_SPEC:
		change_cipher_spec(st, d);
		break;
	case CONTENT_ALERT:
		if (!s->encrypted)
			st->tx->flags |= TLS_ALERTED;
		break;
	case CONTENT_HANDSHAKE:
		if (s->encrypted)
			s->type = 0;
		break;
	case CONTENT_APPLICATION:
		/* early data (0-RTT) comes before the server's hello */
		if (st->tx->flags & TLS_SERVER_HELLO_SEEN || !(st->tx->flags & TLS_EARLY_DATA))
			st->tx->flags |= TLS_HANDSHAKE_COMPLETE;
		break;
	case CONTENT_HEARTBEAT:
		if (len < HEARTBEAT_HEADER_BYTES)
			break;
		b = cursor_peek(c, RECORD_HEADER_BYTES + HEARTBEAT_HEADER_BYTES);
		if (!b) {
			res.status = PARSE_MORE;
			res.need = RECORD_HEADER_BYTES + HEARTBEAT_HEADER_BYTES;
			return res;
		}
		if (!heartbeat(w, f, st, d, b + RECORD_HEADER_BYTES, len))
			return (struct parse_result){.status = PARSE_BAD};
		break;
	default:
		return bad(st, TLS_EVENT_INVALID_RECORD_TYPE);
	}
	cursor_skip(c, RECORD_HEADER_BYTES);
	s->record_left = len;
	return res;
}

enum { FRAME_PDU = 1, FRAME_HDR, FRAME_DATA, FRAME_ALERT, FRAME_HEARTBEAT, FRAME_SSL2_HDR, FRAME_SSL2_PDU };

/* A record whose header, of so many bytes, has been read. */
static void record_frames(struct worker *w, struct flow *f, const struct tls_state *st, enum direction d,
			  uint8_t content, uint64_t offset, uint32_t header)
{
	const struct tls_stream *s = &st->stream[d];
	uint64_t tx = st->tx->tx.id;
	bool sslv2 = s->sslv2;

	app_frame_tx(f, d, app_frame_open(w, f, d, sslv2 ? FRAME_SSL2_HDR : FRAME_PDU, offset,
					  sslv2 ? header : header + s->record_left), tx);
	app_frame_tx(f, d, app_frame_open(w, f, d, sslv2 ? FRAME_SSL2_PDU : FRAME_HDR, offset,
					  sslv2 ? header + s->record_left : header), tx);
	if (sslv2)
		return;
	app_frame_tx(f, d, app_frame_open(w, f, d, FRAME_DATA, offset + header, s->record_left), tx);
	if (content == CONTENT_ALERT || content == CONTENT_HEARTBEAT)
		app_frame_tx(f, d, app_frame_open(w, f, d,
						  content == CONTENT_ALERT ? FRAME_ALERT : FRAME_HEARTBEAT,
						  offset + header, s->record_left), tx);
}

static bool take_body(struct worker *w, struct flow *f, struct tls_state *st, enum direction d,
		      struct cursor *c)
{
	struct tls_stream *s = &st->stream[d];
	uint32_t left = (uint32_t)cursor_left(c), n = left < s->record_left ? left : s->record_left;
	const uint8_t *data = cursor_take(c, n);

	s->record_left -= n;
	return s->type != CONTENT_HANDSHAKE || take_handshake(w, f, st, d, data, n);
}

/* The handshake is complete for rules and records when the certificates are there, as the
 * reference has it. */
static void look_at_progress(struct tls_tx *t)
{
	const struct tls_side *who = &t->side[t->flags & TLS_WANTS_CLIENT_CERT ? TO_SERVER : TO_CLIENT];

	if (t->flags & TLS_HANDSHAKE_COMPLETE || (who->certs.good && who->certs.first.subject.data &&
						  who->certs.first.issuer.data))
		handshake_complete(t);
}

/* FTP's client may end the encryption of its commands alone (CCC; RFC 4217, 5.3): what comes where a
 * record should begin is a command then. */
static bool may_end(const struct flow *f)
{
	return f->app->proto_original == APP_ftp;
}

static bool has_ended(const struct flow *f, const struct tls_tx *t, enum direction d, uint8_t c)
{
	bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';

	return d == TO_SERVER && letter && may_end(f) && t->flags & TLS_HANDSHAKE_COMPLETE;
}

static struct parse_result tls_parse(struct worker *w, struct flow *f, void *state, enum direction d,
				     const struct app_input *in)
{
	const struct tls_config *config = app_config(w, APP_tls);
	struct tls_state *st = state;
	struct tls_stream *s = &st->stream[d];
	struct parse_result res = {.status = PARSE_OK};
	struct cursor c;

	if (in->flags & INPUT_GAP)
		return (struct parse_result){.status = PARSE_BAD};
	if (!in->len)
		return res;
	if (!have_tx(w, f, st))
		return (struct parse_result){.status = PARSE_BAD};
	c = cursor_of(in->data, in->len);
	st->tx->current = 0;
	while (cursor_left(&c)) {
		const uint8_t *start = c.p;

		if (s->record_left) {
			if (!take_body(w, f, st, d, &c)) {
				res.status = PARSE_BAD;
				res.event = 1 + TLS_EVENT_INVALID_HANDSHAKE_MESSAGE;
				break;
			}
			continue;
		}
		if (has_ended(f, st->tx, d, *c.p) && app_change_protocol(w, f, APP_ftp)) {
			f->flags &= ~(uint32_t)FLOW_NO_PAYLOAD;
			res.status = PARSE_MORE;
			break;
		}
		if (*c.p & 0xc0 && (!s->started || s->sslv2))
			res = sslv2_record(w, f, st, d, &c);
		else
			res = record_header(w, f, st, d, &c);
		if (res.status != PARSE_OK)
			break;
		s->started = true;
		if (f->app->frames)
			record_frames(w, f, st, d, *start, in->offset + (uint64_t)(start - in->data),
				      (uint32_t)(c.p - start));
	}
	res.consumed = (uint32_t)(c.p - in->data);
	look_at_progress(st->tx);
	if (res.status == PARSE_BAD || config->encryption == TLS_FULL || f->app->change)
		return res;
	if (st->tx->flags & TLS_HANDSHAKE_COMPLETE && st->tx->flags & TLS_SERVER_HELLO_SEEN) {
		if (config->encryption == TLS_BYPASS)
			app_bypass(f);
		if ((f->app->frames || may_end(f)) && config->encryption == TLS_TRACK) {
			f->flags |= FLOW_NO_PAYLOAD; /* its records are asked for, or its end */
			return res;
		}
		res.status = PARSE_DONE;
	}
	return res;
}

const struct proto proto_tls = {
	.name = "tls",
	.id = APP_tls,
	.over_tcp = 1,
	.client_first = 1,
	.done = {TLS_CLIENT_FINISHED, TLS_SERVER_FINISHED},
	.log_at = {TLS_CLIENT_HANDSHAKE_DONE, TLS_SERVER_HANDSHAKE_DONE},
	.max_pending_bytes = RECORD_HEADER_BYTES + HEARTBEAT_HEADER_BYTES,
	.max_transactions = 1,
	.too_many_event = TLS_EVENT_INVALID_SSL_RECORD,
	.config_bytes = sizeof(struct tls_config),
	.configure = tls_configure,
	.probe = tls_probe,
	.state_bytes = sizeof(struct tls_state),
	.state_rest = app_state_moves,
	.state_clear = tls_state_clear,
	.parse = tls_parse,
	.tx_free = tls_tx_free,
	.log = tls_log,
	.alert_context = tls_alert_context,
	.events = tls_event_names,
	.buffers = tls_buffers,
	.values = tls_values,
};
