/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SIP over UDP and TCP, see sip.h. A datagram is a message. Over TCP Content-Length frames them, line
 * ends between them keep the connection alive (RFC 5626, 3.5.1), and behind a hole the next first
 * line is looked for. Runs in the worker that owns the flow.
 */
#include "dataplane/app/sip.h"

#include "dataplane/app/frame.h"
#include "dataplane/engine/emit.h"

#define SIP_LINE_MAX 2048 /* a first line is told within */

enum sip_event {
#define EVENT(id, name) SIP_EVENT_##id,
#include "dataplane/event/app_event/sip.def"
#undef EVENT
};

static const char *const sip_events[] = {
#define EVENT(id, name) name,
#include "dataplane/event/app_event/sip.def"
#undef EVENT
	NULL,
};

enum sip_frame {
	FRAME_PDU = 1,
	FRAME_REQUEST_LINE,
	FRAME_REQUEST_HEADERS,
	FRAME_REQUEST_BODY,
	FRAME_RESPONSE_LINE,
	FRAME_RESPONSE_HEADERS,
	FRAME_RESPONSE_BODY,
};

struct sip_state {
	struct sip_stream {
		uint64_t skip; /* rest of a body */
		bool lost;     /* a first line is looked for */
	} stream[2];
};

static enum probe_result sip_probe(const struct probe_input *in)
{
	const uint8_t *lf = in->len ? memchr(in->data, '\n', in->len) : NULL;
	uint32_t len = lf ? (uint32_t)(lf - in->data) : in->len;

	if (!sip_line_possible(in->data, in->len))
		return PROBE_NO;
	if (in->ip_proto != 6 && (in->len > 3 && memcmp(in->data, "SIP/", 4) == 0) != (in->direction == TO_CLIENT))
		return PROBE_NO;
	if (!lf)
		return in->ip_proto == 6 && len < SIP_LINE_MAX ? PROBE_MORE : PROBE_NO;
	if (len && in->data[len - 1] == '\r')
		len--;
	return sip_line_read((struct bytes){in->data, len}, NULL) == SIP_NO_LINE ? PROBE_NO : PROBE_YES;
}

/* ---- a message ---- */

static void frame(struct worker *w, struct flow *f, const struct sip_tx *t, unsigned type,
		  uint64_t offset, uint64_t len)
{
	if (len)
		app_frame_tx(f, t->direction,
			     app_frame_open(w, f, t->direction, type, offset, len), t->tx.id);
}

/* Frames of a message that begins at that place: line and headers with their ends, without the blank
 * line between headers and body. */
static void frames(struct worker *w, struct flow *f, const struct sip_tx *t, uint64_t offset,
		   uint64_t body)
{
	unsigned first = t->request ? FRAME_REQUEST_LINE : FRAME_RESPONSE_LINE;
	uint64_t line = (uint64_t)(t->headers.data - t->message.data);
	uint64_t headers = t->headers.len;

	if (headers && t->headers.data[headers - 1] == '\n')
		headers -= headers > 1 && t->headers.data[headers - 2] == '\r' ? 2 : 1;
	frame(w, f, t, FRAME_PDU, offset, line + t->headers.len + body);
	frame(w, f, t, first, offset, line);
	frame(w, f, t, first + 1, offset + line, headers);
	frame(w, f, t, first + 2, offset + line + t->headers.len, body);
}

/* A message that cannot be told is a transaction too where it has an event. offset: where it begins
 * in the stream; body: length of its body, which may go on behind data. */
static struct sip_tx *message_take(struct worker *w, struct flow *f, enum direction d,
				   const uint8_t *data, uint32_t len, uint64_t offset, uint64_t body)
{
	struct sip_tx *t = sip_of(tx_new(w, f, sizeof(*t)));

	if (!t)
		return NULL;
	t->direction = (uint8_t)d;
	t->tx.progress[TO_SERVER] = t->tx.progress[TO_CLIENT] = 1;
	t->tx.inspected_done[direction_other(d)] = 1;
	text_set(w, &t->message, (struct bytes){data, len});
	if (!t->message.data)
		return t;
	if (!sip_message_read(t))
		tx_event(w, f, &t->tx, d, SIP_EVENT_INVALID_DATA);
	else if (f->app->frames)
		frames(w, f, t, offset, f->ip_proto == 6 ? body : t->body.len);
	return t;
}

/* As in the reference requests go to the server and responses to the client: what the callee asks on the same
 * ports is an error. */
static struct parse_result parse_datagram(struct worker *w, struct flow *f, enum direction d,
					  const struct app_input *in)
{
	struct parse_result res = {.status = PARSE_OK};
	struct sip_tx *t;
	uint64_t said;

	if (in->len < 5 || in->data[0] == 0 || in->data[0] == '\r' || in->data[0] == '\n')
		return res; /* keeps the way through a NAT open */
	if ((memcmp(in->data, "SIP/", 4) == 0) != (d == TO_CLIENT)) {
		res.status = PARSE_BAD;
		res.event = 1 + SIP_EVENT_INVALID_DATA;
		return res;
	}
	t = message_take(w, f, d, in->data, in->len, 0, 0);
	if (t && sip_content_length(t->headers, &said) && said > t->body.len)
		tx_event(w, f, &t->tx, d, SIP_EVENT_INCOMPLETE_DATA);
	return res;
}

/* Bytes up to the next line that could be a first one. */
static uint32_t line_find(const uint8_t *data, uint32_t len)
{
	uint32_t at = 0;

	while (at < len) {
		const uint8_t *lf;

		if (sip_line_possible(data + at, len - at) && len - at > 4)
			return at;
		lf = memchr(data + at, '\n', len - at);
		if (!lf)
			return len;
		at = (uint32_t)(lf - data) + 1;
	}
	return len;
}

/* A message begins at c. */
static struct parse_result message_at(struct worker *w, struct flow *f, struct sip_stream *s,
				      enum direction d, struct cursor *c, uint64_t offset)
{
	uint32_t left = (uint32_t)cursor_left(c), head = sip_head_length(c->p, left), whole;
	const uint8_t *lf = memchr(c->p, '\n', left);
	uint64_t body = 0;

	if (!sip_line_possible(c->p, left) || (!lf && left > SIP_LINE_MAX)) {
		message_take(w, f, d, c->p, left < SIP_LINE_MAX ? left : SIP_LINE_MAX, offset, 0);
		return (struct parse_result){.status = PARSE_BAD};
	}
	if (!head && left < SIP_HEAD_MAX)
		return (struct parse_result){.status = PARSE_MORE};
	if (!head) {
		struct sip_tx *t = message_take(w, f, d, c->p, SIP_HEAD_MAX, offset, 0);

		if (t)
			tx_event(w, f, &t->tx, d, SIP_EVENT_INCOMPLETE_DATA);
		cursor_skip(c, SIP_HEAD_MAX);
		s->lost = true;
		return (struct parse_result){.status = PARSE_OK};
	}
	sip_content_length((struct bytes){lf + 1, head - (uint32_t)(lf + 1 - c->p)}, &body);
	whole = head + (uint32_t)(body < SIP_BODY_MAX ? body : SIP_BODY_MAX);
	if (left < whole)
		return (struct parse_result){.status = PARSE_MORE, .need = whole};
	message_take(w, f, d, c->p, whole, offset, body);
	cursor_skip(c, whole);
	s->skip = head + body - whole;
	return (struct parse_result){.status = PARSE_OK};
}

static void gap_take(struct sip_stream *s, uint64_t len)
{
	if (len <= s->skip) {
		s->skip -= len;
		return;
	}
	s->skip = 0;
	s->lost = true;
}

static struct parse_result parse_stream(struct worker *w, struct flow *f, struct sip_stream *s,
					enum direction d, const struct app_input *in)
{
	struct parse_result res = {.status = PARSE_OK};
	struct cursor c = cursor_of(in->data, in->data ? in->len : 0);

	if (in->flags & INPUT_GAP)
		gap_take(s, in->len);
	while (res.status == PARSE_OK && cursor_left(&c)) {
		size_t n = s->skip < cursor_left(&c) ? (size_t)s->skip : cursor_left(&c);

		cursor_skip(&c, n);
		s->skip -= n;
		if (s->skip || !cursor_left(&c))
			break;
		if (s->lost) {
			cursor_skip(&c, line_find(c.p, (uint32_t)cursor_left(&c)));
			s->lost = !cursor_left(&c);
			continue;
		}
		if (*c.p == '\r' || *c.p == '\n' || *c.p == 0)
			cursor_skip(&c, 1);
		else
			res = message_at(w, f, s, d, &c, in->offset + (uint64_t)(c.p - in->data));
	}
	res.consumed = (uint32_t)(c.p - in->data);
	return res;
}

static struct parse_result sip_parse(struct worker *w, struct flow *f, void *state,
				     enum direction d, const struct app_input *in)
{
	struct sip_state *st = state;

	if (f->ip_proto == 6)
		return parse_stream(w, f, &st->stream[d], d, in);
	return parse_datagram(w, f, d, in);
}

/* ---- flows ---- */

static void sip_tx_free(struct worker *w, struct flow *f, struct tx *tx)
{
	text_free(w, &sip_of(tx)->message);
}

/* ---- records ---- */

static void write_part(struct recorder *r, enum field_id field, struct bytes b)
{
	if (b.data)
		rec_bytes(r, field, b.data, b.len);
}

static void sip_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r)
{
	const struct sip_tx *t = sip_of(tx);

	rec_open(r, F_sip_sip);
	write_part(r, F_sip_method, t->method);
	write_part(r, F_sip_uri, t->uri);
	write_part(r, F_sip_version, t->version);
	write_part(r, F_sip_code, t->code);
	write_part(r, F_sip_reason, t->reason);
	write_part(r, t->request ? F_sip_request_line : F_sip_response_line, t->line);
	if (t->sdp)
		sdp_record(r, t->body);
	rec_close(r);
}

static void sip_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p)
{
	struct recorder *r;

	if (!sip_of(tx)->version.data)
		return;
	r = emit_flow(w, RECORD_sip, f, sip_of(tx)->direction, tx->id, p);
	if (!r)
		return;
	sip_alert_context(w, f, tx, r);
	emit_end(w);
}

const struct proto proto_sip = {
	.name = "sip",
	.id = APP_sip,
	.over_tcp = 1,
	.over_udp = 1,
	.done = {1, 1},
	.max_pending_bytes = SIP_HEAD_MAX + SIP_BODY_MAX,
	.max_transactions = SIP_TRANSACTIONS_MAX,
	.too_many_event = SIP_EVENT_TOO_MANY_TRANSACTIONS,
	.probe = sip_probe,
	.udp_first = {{'A', 'Z'}},
	.state_bytes = sizeof(struct sip_state),
	.state_rest = app_state_moves,
	.parse = sip_parse,
	.tx_free = sip_tx_free,
	.log = sip_log,
	.alert_context = sip_alert_context,
	.events = sip_events,
	.buffers = sip_buffers,
};
