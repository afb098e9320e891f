/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Telnet (RFC 854; options RFC 855, 1143): told by the negotiation that it begins with, and cut into
 * frames as the reference engine does, whose rules look at them: a control sequence, or a line of data
 * up to LF (from the client also to CR NUL, its end of line by RFC 1123, 3.3.1), with the control
 * sequences that stand in it. What asks for a name, and what asks for a password after the client's
 * line, is a frame up to its colon and space, with all lines before. It has no transactions. Runs in
 * the worker that owns the flow.
 */
#include "dataplane/app/frame.h"

enum { IAC = 255, DONT = 254, WILL = 251, SB = 250, SE = 240 };

#define TELNET_OPTION_LAST 49 /* of those assigned in a row; 138 … 140 and 255 are others */

enum telnet_frame { FRAME_PDU = 1, FRAME_CTL, FRAME_DATA };

static const char *const telnet_events[] = {
#define EVENT(id, name) name,
#include "dataplane/event/app_event/telnet.def"
#undef EVENT
	NULL,
};

enum telnet_at { AT_DATA, AT_CR, AT_COLON, AT_IAC, AT_OPTION, AT_SUB, AT_SUB_IAC };

/* Who has spoken: the server to ask for the name, the client, the server again. */
enum telnet_login { LOGIN_BEFORE, LOGIN_ASKED, LOGIN_TOLD, LOGIN_OVER };

struct telnet_state {
	uint8_t login; /* enum telnet_login */
	struct telnet_stream {
		uint8_t at; /* enum telnet_at */
		bool open;  /* a frame is */
		uint64_t begin, pdu, id;
	} stream[2];
};

/* Three bytes that negotiate, and the next sequence, as far as it is there. */
static enum probe_result telnet_probe(const struct probe_input *in)
{
	for (uint32_t i = 0; i < in->len && i < 6; i++) {
		uint8_t c = in->data[i];

		if (i == 3 && c != IAC)
			break;
		if (i % 3 == 0 && c != IAC)
			return PROBE_NO;
		if (i % 3 == 1 && (c < (i == 1 ? WILL : SB) || c > DONT))
			return PROBE_NO;
		if (i % 3 == 2 && c > TELNET_OPTION_LAST)
			return PROBE_NO;
	}
	return in->len < 3 ? PROBE_MORE : PROBE_YES;
}

static void frame_begin(struct worker *w, struct flow *f, struct telnet_stream *s, enum direction d,
			unsigned type, uint64_t offset)
{
	s->open = true;
	s->begin = offset;
	s->pdu = app_frame_open(w, f, d, FRAME_PDU, offset, APP_FRAME_OPEN);
	s->id = app_frame_open(w, f, d, type, offset, APP_FRAME_OPEN);
}

static void frame_end(struct flow *f, struct telnet_stream *s, enum direction d, uint64_t offset)
{
	if (!s->open)
		return;
	app_frame_close(f, d, s->pdu, offset - s->begin);
	app_frame_close(f, d, s->id, offset - s->begin);
	s->open = false;
}

static bool asks(const struct telnet_state *t, enum direction d)
{
	return d == TO_CLIENT && (t->login == LOGIN_BEFORE || t->login == LOGIN_TOLD);
}

/* Is it the last byte of a line, or of a question? */
static bool ends(const struct telnet_state *t, enum direction d, uint8_t c)
{
	uint8_t before = t->stream[d].at;

	if (asks(t, d))
		return before == AT_COLON && c == ' ';
	return c == '\n' || (before == AT_CR && c == 0 && d == TO_SERVER);
}

/* A byte of data, or the beginning of a control sequence. */
static void data_byte(struct worker *w, struct flow *f, struct telnet_state *t, enum direction d,
		      uint8_t c, uint64_t offset)
{
	struct telnet_stream *s = &t->stream[d];

	if (!s->open && c == IAC) {
		frame_begin(w, f, s, d, FRAME_CTL, offset);
		s->at = AT_IAC;
		return;
	}
	if (!s->open)
		frame_begin(w, f, s, d, FRAME_DATA, offset);
	if (ends(t, d, c)) {
		frame_end(f, s, d, offset + 1);
		if (asks(t, d) || (d == TO_SERVER && t->login == LOGIN_ASKED))
			t->login++;
	}
	s->at = c == '\r' ? AT_CR : c == ':' ? AT_COLON : AT_DATA;
}

/* A byte within a control sequence. True: it is the last. */
static bool control_byte(struct worker *w, struct flow *f, struct telnet_stream *s, enum direction d,
			 uint8_t c, uint64_t offset)
{
	switch ((enum telnet_at)s->at) {
	case AT_IAC:
		s->at = c == SB ? AT_SUB : AT_OPTION;
		return c < SB || c == IAC;
	case AT_SUB:
		s->at = c == IAC ? AT_SUB_IAC : AT_SUB;
		return false;
	case AT_SUB_IAC:
		s->at = AT_SUB;
		if (c != SE)
			return false;
		/* the end of a subnegotiation is a control sequence of its own */
		frame_end(f, s, d, offset - 1);
		frame_begin(w, f, s, d, FRAME_CTL, offset - 1);
		return true;
	default:
		return true;
	}
}

static struct parse_result telnet_parse(struct worker *w, struct flow *f, void *state, enum direction d,
					const struct app_input *in)
{
	struct telnet_state *t = state;
	struct telnet_stream *s = &t->stream[d];

	if (in->flags & INPUT_GAP) {
		frame_end(f, s, d, in->offset);
		s->at = AT_DATA;
		return (struct parse_result){.status = PARSE_OK};
	}
	for (uint32_t i = 0; f->app->frames && i < in->len; i++) {
		uint64_t offset = in->offset + i;

		if (s->at <= AT_COLON) {
			data_byte(w, f, t, d, in->data[i], offset);
		} else if (control_byte(w, f, s, d, in->data[i], offset)) {
			frame_end(f, s, d, offset + 1);
			s->at = AT_DATA;
		}
	}
	return (struct parse_result){.status = PARSE_OK, .consumed = in->len};
}

const struct proto proto_telnet = {
	.name = "telnet",
	.id = APP_telnet,
	.over_tcp = 1,
	.done = {1, 1},
	.max_transactions = 1,
	.probe = telnet_probe,
	.state_bytes = sizeof(struct telnet_state),
	.state_rest = app_state_moves,
	.parse = telnet_parse,
	.events = telnet_events,
};
