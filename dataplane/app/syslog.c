/* SPDX-License-Identifier: BSD-3-Clause
 *
 * syslog (RFC 3164, 5424) over UDP (RFC 5426: a datagram is a message) and TCP (RFC 6587: messages behind their
 * lengths, or with a newline or a zero byte behind them; each message says by its first byte which). Each message is a
 * transaction, complete at once. At port 514, and over TCP 601, a priority is enough to tell it, elsewhere a version or
 * a date must follow.
 *
 * A message in pieces is put together here, up to SYSLOG_MESSAGE_MAX; what is longer is passed over. Of a hole in the
 * stream its length is known: a message behind its length goes on behind it, or ends in it; of lines the one with the
 * hole is not read on, and the next begins with a priority. Time is linear in the bytes, in any cut. Runs in the worker
 * that owns the flow.
 */
#include "dataplane/app/syslog.h"

#include "dataplane/app/blob.h"
#include "dataplane/app/text.h"
#include "dataplane/base/digit.h"
#include "dataplane/base/put.h"

#define SYSLOG_PORT 514
#define SYSLOG_CONN_PORT 601
#define SYSLOG_TRANSACTIONS_MAX 1024
#define SYSLOG_LEAST_BYTES 4       /* "<1>a" */
#define LENGTH_DIGITS_MAX 7        /* of a message over TCP */
#define LENGTH_MAX (1u << 20)      /* longer ones are no lengths */
#define PRIORITY_BYTES_MAX 5       /* "<191>" */
#define HEAD_BYTES_MAX (LENGTH_DIGITS_MAX + 1 + PRIORITY_BYTES_MAX + 1)
#define DATE_LOOKED_AT 11          /* bytes behind it that tell a version or a date (syslog_dated) */

static const char *const syslog_events[] = {
#define EVENT(id, name) name,
#include "dataplane/event/app_event/syslog.def"
#undef EVENT
	NULL,
};

/* What the next byte of a direction over TCP belongs to. */
enum syslog_at {
	AT_START,
	AT_LENGTH,  /* digits so far */
	AT_BLANK,   /* the one behind them was there; a priority must follow */
	AT_COUNTED, /* a message of which .left bytes are to come */
	AT_LINE,    /* one that a newline or zero byte ends */
	AT_LOST,    /* after a hole: a length with a priority behind it is looked for */
	AT_FOUND,   /* it was there: the message is of .left bytes if another one follows */
};

struct syslog_side {
	struct blob part;    /* of the message that has begun, SYSLOG_MESSAGE_MAX at most; AT_LOST: of what may be a length */
	uint8_t at;          /* enum syslog_at */
	uint8_t digits;      /* AT_LENGTH */
	bool counted;        /* the message before stood behind its length */
	bool cut;            /* more of the message was there than is kept */
	bool hole;           /* bytes were lost: AT_COUNTED of this message, AT_LINE perhaps of the one before */
	bool bad_length;     /* its length cannot be one */
	uint32_t length;     /* AT_LENGTH, AT_BLANK, AT_FOUND: what the digits say */
	uint32_t left;
};

struct syslog_state {
	struct syslog_side side[2];
};

/* ---- is it syslog? ---- */

static bool own_port(const struct probe_input *in, uint16_t port)
{
	return port == SYSLOG_PORT || (in->ip_proto == 6 && port == SYSLOG_CONN_PORT);
}

/* A priority and what is behind it; PROBE_MORE: so far it could be. */
static enum probe_result probe_message(struct bytes b, bool likely)
{
	unsigned number = 0;
	uint32_t n = syslog_priority(b, &number);
	struct bytes rest;

	if (!n) {
		for (uint32_t i = 0; i < b.len; i++)
			if (i == PRIORITY_BYTES_MAX - 1 || (i ? !is_digit(b.data[i]) : b.data[i] != '<'))
				return PROBE_NO;
		return PROBE_MORE;
	}
	if (number > SYSLOG_PRIORITY_MAX)
		return PROBE_NO;
	if (likely)
		return b.len > n ? PROBE_YES : PROBE_MORE;
	rest = (struct bytes){b.data + n, b.len - n};
	if (syslog_dated(rest))
		return PROBE_YES;
	return rest.len < DATE_LOOKED_AT ? PROBE_MORE : PROBE_NO;
}

/* "57 ": the length and the blank behind it; 0 bytes: it is none, or (PROBE_MORE) not all of it is there. */
static enum probe_result probe_length(struct bytes b, uint32_t *bytes, uint32_t *length)
{
	uint32_t n = 0;

	*bytes = *length = 0;
	for (; n < b.len && is_digit(b.data[n]); n++) {
		if (n == LENGTH_DIGITS_MAX || (!n && b.data[n] == '0'))
			return PROBE_NO;
		*length = *length * 10 + (b.data[n] & 15);
	}
	if (n == b.len)
		return PROBE_MORE;
	if (!n || b.data[n] != ' ')
		return PROBE_NO;
	*bytes = n + 1;
	return PROBE_YES;
}

static enum probe_result probe_tcp(const struct probe_input *in, bool likely)
{
	struct bytes b = {in->data, in->len};
	uint32_t bytes, length;

	if (b.len && is_digit(*b.data)) {
		enum probe_result r = probe_length(b, &bytes, &length);

		if (r != PROBE_YES)
			return r;
		b = (struct bytes){b.data + bytes, b.len - bytes};
	}
	return probe_message(b, likely);
}

static enum probe_result syslog_probe(const struct probe_input *in)
{
	bool to_port = own_port(in, in->server_port), from_port = own_port(in, in->client_port);
	enum probe_result r;

	if (in->ip_proto != 6) {
		if (in->direction == TO_CLIENT && !to_port && !from_port)
			return PROBE_NO;
		return probe_message((struct bytes){in->data, in->len}, to_port || from_port) == PROBE_YES ? PROBE_YES : PROBE_NO;
	}
	if (in->direction == TO_SERVER)
		return probe_tcp(in, to_port);
	/* servers say nothing; a flow that was met midway may be seen the wrong way round */
	if (!in->midstream || !from_port)
		return PROBE_NO;
	r = probe_tcp(in, true);
	return r == PROBE_YES ? PROBE_YES_REVERSED : r;
}

/* ---- one message ---- */

static void note_events(struct worker *w, struct flow *f, struct syslog_tx *t, enum direction d)
{
	static const enum syslog_event events[] = {
		SYSLOG_EVENT_MISSING_PRIORITY,
		SYSLOG_EVENT_INVALID_PRIORITY,
		SYSLOG_EVENT_INVALID_HEADER,
		SYSLOG_EVENT_INVALID_STRUCTURED_DATA,
	};

	for (unsigned i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (t->m.flaws >> i & 1)
			tx_event(w, f, &t->tx, d, events[i]);
}

/* b: SYSLOG_MESSAGE_MAX at most; truncated: there is, or was, more of it. */
static struct syslog_tx *take(struct worker *w, struct flow *f, enum direction d, struct bytes b, bool truncated)
{
	struct syslog_tx *t;
	uint8_t *copy;

	if (!b.len)
		return NULL;
	t = syslog_of(tx_new(w, f, sizeof(*t)));
	if (!t)
		return NULL;
	copy = heap_dup(&w->heap, b.data, b.len);
	t->bytes = copy;
	t->direction = (uint8_t)d;
	t->truncated = truncated;
	t->tx.progress[TO_SERVER] = t->tx.progress[TO_CLIENT] = 1;
	t->tx.inspected_done[direction_other(d)] = 1;
	if (copy) {
		syslog_read(&t->m, (struct bytes){copy, b.len});
		note_events(w, f, t, d);
	}
	return t;
}

static void syslog_tx_free(struct worker *w, struct flow *f, struct tx *tx)
{
	heap_free(&w->heap, syslog_of(tx)->bytes);
}

static void parse_datagram(struct worker *w, struct flow *f, enum direction d, const struct app_input *in)
{
	bool cut = in->len > SYSLOG_MESSAGE_MAX;
	struct syslog_tx *t = take(w, f, d, (struct bytes){in->data, cut ? SYSLOG_MESSAGE_MAX : in->len}, cut);

	if (t && cut)
		tx_event(w, f, &t->tx, d, SYSLOG_EVENT_MESSAGE_TOO_LONG);
}

/* ---- messages of a stream ---- */

static struct bytes part_of(const struct syslog_side *s)
{
	return (struct bytes){s->part.data, s->part.len};
}

/* Keeps what there is room for. */
static void part_add(struct worker *w, struct syslog_side *s, const void *data, uint32_t len)
{
	uint32_t room = SYSLOG_MESSAGE_MAX - s->part.len;

	if (len > room)
		s->cut = true;
	if (!blob_add(w, &s->part, data, len < room ? len : room))
		s->cut = true;
}

/* The message has ended, or no more of it is to be had. b: all that is kept of it. */
static void message_end(struct worker *w, struct flow *f, enum direction d, struct syslog_side *s, struct bytes b,
			bool whole)
{
	/* what is behind a hole may be the end of a line that was torn */
	bool torn = s->hole && !syslog_priority(b, NULL);
	struct syslog_tx *t = torn ? NULL : take(w, f, d, b, s->cut || !whole);

	if (t && !whole)
		tx_event(w, f, &t->tx, d, SYSLOG_EVENT_INCOMPLETE_MESSAGE);
	else if (t && s->cut)
		tx_event(w, f, &t->tx, d, SYSLOG_EVENT_MESSAGE_TOO_LONG);
	if (t && s->bad_length)
		tx_event(w, f, &t->tx, d, SYSLOG_EVENT_INVALID_LENGTH);
	s->counted = s->at == AT_COUNTED;
	s->part.len = 0;
	s->cut = s->hole = s->bad_length = false;
	s->at = AT_START;
}

/* The next n bytes at *c are of the message, and all that was missing if `last`. */
static void message_add(struct worker *w, struct flow *f, enum direction d, struct syslog_side *s, struct cursor *c,
			uint32_t n, bool last)
{
	const uint8_t *data = cursor_take(c, n);
	bool holed = s->at == AT_COUNTED && s->hole;

	if (last && !s->part.len && !holed && n <= SYSLOG_MESSAGE_MAX) {
		message_end(w, f, d, s, (struct bytes){data, n}, true);
		return;
	}
	if (!holed)
		part_add(w, s, data, n);
	if (last)
		message_end(w, f, d, s, part_of(s), !holed);
}

static void counted_bytes(struct worker *w, struct flow *f, enum direction d, struct syslog_side *s, struct cursor *c)
{
	uint32_t left = (uint32_t)cursor_left(c), n = left < s->left ? left : s->left;

	s->left -= n;
	message_add(w, f, d, s, c, n, !s->left);
}

static void line_bytes(struct worker *w, struct flow *f, enum direction d, struct syslog_side *s, struct cursor *c)
{
	uint32_t left = (uint32_t)cursor_left(c), n = 0;

	while (n < left && c->p[n] != '\n' && c->p[n] != 0)
		n++;
	message_add(w, f, d, s, c, n, n < left);
	if (n < left)
		cursor_skip(c, 1);
}

/* What looked like a length begins a line. */
static void length_is_text(struct worker *w, struct syslog_side *s)
{
	char text[LENGTH_DIGITS_MAX + 2];
	struct put p = put_uint(put_to(text, sizeof(text)), s->length);

	if (s->at == AT_BLANK)
		p = put_char(p, ' ');
	part_add(w, s, text, (uint32_t)(p.at - text));
	s->at = AT_LINE;
}

/* A byte of a length, or the first one behind it. */
static void length_byte(struct worker *w, struct syslog_side *s, struct cursor *c)
{
	uint8_t byte = *c->p;

	if (s->at == AT_LENGTH && is_digit(byte) && s->digits < LENGTH_DIGITS_MAX) {
		s->length = s->length * 10 + (byte & 15);
		s->digits++;
		cursor_skip(c, 1);
	} else if (s->at == AT_LENGTH && byte == ' ') {
		s->at = AT_BLANK;
		cursor_skip(c, 1);
	} else if (s->at == AT_BLANK && byte == '<' && s->length <= LENGTH_MAX) {
		s->at = AT_COUNTED;
		s->left = s->length;
	} else {
		s->bad_length = s->at == AT_BLANK && byte == '<';
		length_is_text(w, s);
	}
}

static void start_byte(struct syslog_side *s, struct cursor *c)
{
	uint8_t byte = *c->p;

	if (byte == '\n' || byte == '\r' || byte == 0) {
		cursor_skip(c, 1); /* also behind a message that was counted */
		return;
	}
	s->length = s->digits = 0;
	s->at = is_digit(byte) && byte != '0' ? AT_LENGTH : AT_LINE;
}

/* "57 <34>": what stands before a message. *bytes: how many of them are about its length. */
static enum probe_result probe_head(struct bytes b, uint32_t *bytes, uint32_t *length)
{
	enum probe_result r = probe_length(b, bytes, length);

	return r != PROBE_YES ? r : probe_message((struct bytes){b.data + *bytes, b.len - *bytes}, true);
}

/* Digits before a priority may be the end of a message and the length of the next: "10" and "51" are "1051 <34>". The
 * smallest length above `above` that they end in; 0: there is none. */
static uint32_t length_in(uint32_t digits, uint32_t above)
{
	for (uint32_t unit = 10; unit / 10 <= digits; unit *= 10) {
		uint32_t n = digits % unit;

		if (n >= unit / 10 && n > above)
			return n;
	}
	return 0;
}

/* The part is a message of one of the lengths in .length, greater than `above`. */
static void guess_length(struct syslog_side *s, uint32_t above)
{
	s->left = length_in(s->length, above);
	if (!s->left || s->left > LENGTH_MAX) {
		s->part.len = 0;
		s->at = AT_LOST;
	} else if (s->left > SYSLOG_MESSAGE_MAX - HEAD_BYTES_MAX) { /* its end cannot be looked at */
		s->left -= s->part.len;
		s->at = AT_COUNTED;
	} else {
		s->at = AT_FOUND;
	}
}

static void part_drop(struct syslog_side *s, uint32_t bytes)
{
	s->part.len -= bytes;
	memmove(s->part.data, s->part.data + bytes, s->part.len);
}

/* Byte by byte, until a length with a priority behind it was there. */
static void lost_byte(struct worker *w, struct syslog_side *s, struct cursor *c)
{
	uint8_t byte = cursor_u8(c);
	uint32_t bytes;

	part_add(w, s, &byte, 1);
	while (s->part.len) {
		switch (probe_head(part_of(s), &bytes, &s->length)) {
		case PROBE_MORE:
			return;
		case PROBE_NO: /* what was there before the byte, or the first of many digits */
			part_drop(s, s->part.len > 1 && !is_digit(byte) ? s->part.len : 1);
			break;
		default:
			part_drop(s, bytes);
			guess_length(s, s->part.len - 1);
			return;
		}
	}
}

/* A length is right if a message follows upon it. */
static void found_bytes(struct worker *w, struct flow *f, enum direction d, struct syslog_side *s, struct cursor *c)
{
	uint32_t left = (uint32_t)cursor_left(c), n = 1, bytes, length;
	struct bytes behind;
	enum probe_result r;

	if (s->part.len < s->left)
		n = left < s->left - s->part.len ? left : s->left - s->part.len;
	part_add(w, s, cursor_take(c, n), n);
	if (s->part.len <= s->left)
		return;
	behind = (struct bytes){s->part.data + s->left, s->part.len - s->left};
	r = probe_head(behind, &bytes, &length);
	if (r == PROBE_NO)
		guess_length(s, s->left);
	if (r != PROBE_YES)
		return;
	n = s->left;
	left = s->part.len - n - bytes; /* of the next, there already */
	if (length < left || length > LENGTH_MAX) {
		guess_length(s, n);
		return;
	}
	s->at = AT_COUNTED;
	bytes += n;
	n = s->part.len;
	message_end(w, f, d, s, (struct bytes){s->part.data, s->left}, true);
	s->part.len = n;
	part_drop(s, bytes);
	s->at = AT_COUNTED;
	s->left = length - s->part.len;
	if (!s->left)
		message_end(w, f, d, s, part_of(s), true);
}

static void stream_bytes(struct worker *w, struct flow *f, enum direction d, struct syslog_side *s, struct cursor c)
{
	while (cursor_left(&c)) {
		switch (s->at) {
		case AT_START:
			start_byte(s, &c);
			break;
		case AT_LENGTH:
		case AT_BLANK:
			length_byte(w, s, &c);
			break;
		case AT_COUNTED:
			counted_bytes(w, f, d, s, &c);
			break;
		case AT_LINE:
			line_bytes(w, f, d, s, &c);
			break;
		case AT_LOST:
			lost_byte(w, s, &c);
			break;
		case AT_FOUND:
			found_bytes(w, f, d, s, &c);
			break;
		}
	}
}

/* So many bytes are missing. */
static void stream_hole(struct worker *w, struct flow *f, enum direction d, struct syslog_side *s, uint32_t len)
{
	if (s->at == AT_COUNTED && len < s->left) {
		s->left -= len;
		s->hole = true;
		return;
	}
	if (s->at == AT_COUNTED && len == s->left) {
		message_end(w, f, d, s, part_of(s), false);
		return;
	}
	if (s->at == AT_FOUND)
		s->at = AT_COUNTED;
	if (s->at == AT_COUNTED || (s->at == AT_LINE && s->part.len))
		message_end(w, f, d, s, part_of(s), false);
	else if (s->at == AT_LENGTH || s->at == AT_BLANK || s->at == AT_LOST)
		s->counted = true;
	s->part.len = 0;
	s->hole = !s->counted;
	s->at = s->counted ? AT_LOST : AT_LINE;
}

static void stream_end(struct worker *w, struct flow *f, enum direction d, struct syslog_side *s, bool cut)
{
	if (s->at == AT_LINE)
		message_end(w, f, d, s, part_of(s), !cut);
	else if (s->at == AT_COUNTED || s->at == AT_FOUND)
		message_end(w, f, d, s, part_of(s), s->at == AT_FOUND && s->part.len == s->left);
	s->at = AT_START;
}

/* ---- the protocol ---- */

static struct parse_result syslog_parse(struct worker *w, struct flow *f, void *state, enum direction d,
					const struct app_input *in)
{
	struct syslog_side *s = &((struct syslog_state *)state)->side[d];

	if (f->ip_proto != 6)
		parse_datagram(w, f, d, in);
	else if (in->flags & INPUT_GAP)
		stream_hole(w, f, d, s, in->len);
	else
		stream_bytes(w, f, d, s, cursor_of(in->data, in->len));
	if (f->ip_proto == 6 && in->flags & INPUT_END)
		stream_end(w, f, d, s, in->flags & INPUT_CUT);
	return (struct parse_result){.status = PARSE_OK};
}

static void syslog_state_clear(struct worker *w, struct flow *f, void *state)
{
	for (unsigned d = 0; d < 2; d++)
		heap_free(&w->heap, ((struct syslog_state *)state)->side[d].part.data);
}

/* What is kept of no message is given back. */
static bool syslog_state_rest(struct worker *w, void *state)
{
	for (unsigned d = 0; d < 2; d++) {
		struct blob *part = &((struct syslog_state *)state)->side[d].part;

		if (part->len)
			continue;
		heap_free(&w->heap, part->data);
		*part = (struct blob){0};
	}
	return true;
}

/* ---- rules ---- */

#define PART(name, member)                                                                         \
	static bool get_##name(struct worker *w, struct flow *f, struct tx *tx, enum direction d,  \
			       unsigned instance, struct buffer_view *out)                         \
	{                                                                                          \
		return syslog_of(tx)->direction == d && bytes_view(syslog_of(tx)->m.member, out);  \
	}
#define VALUE(name, value)                                                                         \
	static bool get_##name(struct worker *w, struct flow *f, struct tx *tx, enum direction d,  \
			       uint64_t *out)                                                      \
	{                                                                                          \
		const struct syslog_message *m = &syslog_of(tx)->m;                                \
                                                                                                   \
		*out = (value);                                                                    \
		return syslog_of(tx)->direction == d && m->has_priority;                           \
	}

PART(hostname, hostname)
PART(appname, appname)
PART(procid, procid)
PART(msgid, msgid)
PART(structured, structured)
PART(message, text)
VALUE(facility, m->priority >> 3)
VALUE(severity, m->priority & 7)

static const struct proto_buffer syslog_buffers[] = {
	{"syslog.hostname", 0, 1, 1, get_hostname},
	{"syslog.appname", 0, 1, 1, get_appname},
	{"syslog.procid", 0, 1, 1, get_procid},
	{"syslog.msgid", 0, 1, 1, get_msgid},
	{"syslog.structured_data", 0, 1, 1, get_structured},
	{"syslog.message", 0, 1, 1, get_message},
	{NULL},
};

static const struct proto_value syslog_values[] = {
	{.name = "syslog.facility", .to_server = 1, .to_client = 1, .get = get_facility},
	{.name = "syslog.severity", .to_server = 1, .to_client = 1, .get = get_severity},
	{NULL},
};

const struct proto proto_syslog = {
	.name = "syslog",
	.id = APP_syslog,
	.over_tcp = 1,
	.over_udp = 1,
	.done = {1, 1},
	.client_alone = 1,
	.max_transactions = SYSLOG_TRANSACTIONS_MAX,
	.too_many_event = SYSLOG_EVENT_TOO_MANY_TRANSACTIONS,
	.probe = syslog_probe,
	.udp_first = {{'<', '<'}},
	.udp_least = SYSLOG_LEAST_BYTES,
	.state_bytes = sizeof(struct syslog_state),
	.state_clear = syslog_state_clear,
	.state_rest = syslog_state_rest,
	.parse = syslog_parse,
	.tx_free = syslog_tx_free,
	.log = syslog_log,
	.alert_context = syslog_alert_context,
	.events = syslog_events,
	.buffers = syslog_buffers,
	.values = syslog_values,
};
