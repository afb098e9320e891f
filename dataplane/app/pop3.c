/* SPDX-License-Identifier: BSD-3-Clause
 *
 * POP3 (RFC 1939; CAPA RFC 2449, STLS RFC 2595, AUTH RFC 5034). A command with its response is a
 * transaction, the greeting one without command. Responses answer commands in their order. Mails
 * (RETR, TOP) go through the MIME parser as they come: their attachments are files. Runs in the
 * worker that owns the flow.
 */
#include <strings.h>

#include "dataplane/app/dot.h"
#include "dataplane/app/line.h"
#include "dataplane/app/mail.h"
#include "dataplane/app/text.h"
#include "dataplane/engine/emit.h"

#define POP3_LINE_MAX 4096
#define POP3_DATA_LINES_MAX 256 /* kept of a response */
#define POP3_ARGS_MAX 8
#define POP3_TRANSACTIONS_MAX 256

enum pop3_progress { POP3_NOTHING, POP3_REQUEST, POP3_DONE };

enum pop3_event {
#define EVENT(id, name) POP3_EVENT_##id,
#include "dataplane/event/app_event/pop3.def"
#undef EVENT
};

static const char *const pop3_events[] = {
#define EVENT(id, name) name,
#include "dataplane/event/app_event/pop3.def"
#undef EVENT
	NULL,
};

enum pop3_body { BODY_NONE, BODY_LINES, BODY_MAIL };

struct pop3_tx {
	struct tx tx;
	struct text command, header;
	struct texts args, data;
	bool answered, success;
};

struct pop3_state {
	struct worker *w; /* of the call in hand */
	struct flow *f;
	struct pop3_tx *waiting; /* oldest whose response is not complete */
	bool skip[2];            /* rest of a long line */
	bool challenged;         /* the next line of the client answers the server's "+ " */
	uint8_t body;            /* enum pop3_body: what the response in hand goes on with */
	struct dot_reader dot;
	struct mail *mail;
};

static struct pop3_tx *pop3_of(struct tx *tx)
{
	return (struct pop3_tx *)(void *)tx;
}

/* ---- finding it ---- */

static enum probe_result pop3_probe(const struct probe_input *in)
{
	static const char *const words[] = {"CAPA\r\n", "APOP ", "STLS\r\n"};
	enum probe_result best;

	if (in->direction == TO_CLIENT) {
		if (!in->known)
			return probe_word(in, "+OK "); /* a bare +OK is as well an answer of other protocols */
		best = probe_word(in, in->len && in->data[0] == '-' ? "-ERR" : "+OK");
		if (best == PROBE_YES && in->len > 3 && in->data[0] == '+' && in->data[3] > ' ')
			return PROBE_NO;
		return best;
	}
	if (in->known && in->len)
		return (in->data[0] | 0x20) >= 'a' && (in->data[0] | 0x20) <= 'z' ? PROBE_YES : PROBE_NO;
	return probe_words(in, words, sizeof(words) / sizeof(words[0]));
}

/* ---- transactions ---- */

static struct pop3_tx *transaction_new(struct pop3_state *s)
{
	struct pop3_tx *tx = pop3_of(tx_new(s->w, s->f, sizeof(*tx)));

	if (!tx)
		return NULL;
	tx->tx.progress[TO_SERVER] = tx->tx.progress[TO_CLIENT] = POP3_REQUEST;
	if (!s->waiting)
		s->waiting = tx;
	return tx;
}

static void transaction_end(struct pop3_state *s)
{
	struct pop3_tx *tx = s->waiting;

	/* TOP gives the beginning of a mail. */
	mail_end(s->mail, s->body == BODY_NONE && !(s->mail && tx && bytes_are(text_bytes(&tx->command), "TOP") &&
						     mime_is_open(&s->mail->mime)));
	s->mail = NULL;
	s->body = BODY_NONE;
	if (!tx)
		return;
	tx->tx.progress[TO_SERVER] = tx->tx.progress[TO_CLIENT] = POP3_DONE;
	s->f->app->changed[TO_SERVER] = 1;
	s->waiting = tx->tx.next ? pop3_of(tx->tx.next) : NULL;
}

static void pop3_tx_free(struct worker *w, struct flow *f, struct tx *base)
{
	struct pop3_state *s = f->app->state;
	struct pop3_tx *tx = pop3_of(base);

	if (s->waiting == tx) {
		mail_drop(s->mail);
		s->mail = NULL;
		s->waiting = NULL;
	}
	text_free(w, &tx->command);
	text_free(w, &tx->header);
	texts_free(w, &tx->args);
	texts_free(w, &tx->data);
}

/* ---- commands ---- */

static bool word_take(struct bytes *rest, struct bytes *word)
{
	uint32_t n = 0;

	while (rest->len && *rest->data == ' ') {
		rest->data++;
		rest->len--;
	}
	while (n < rest->len && rest->data[n] != ' ')
		n++;
	*word = (struct bytes){rest->data, n};
	rest->data += n;
	rest->len -= n;
	return n > 0;
}

static void command_line(struct pop3_state *s, const struct line *line)
{
	static const uint8_t sasl[] = "<SASL DATA>";
	struct bytes rest = line->text, word;
	struct pop3_tx *tx;

	if (!s->challenged && !word_take(&rest, &word))
		return;
	tx = transaction_new(s);
	if (!tx)
		return;
	if (line->cut)
		tx_event(s->w, s->f, &tx->tx, TO_SERVER, POP3_EVENT_REQUEST_TOO_LONG);
	if (s->challenged) {
		s->challenged = false;
		text_set(s->w, &tx->command, (struct bytes){sasl, sizeof(sasl) - 1});
		return;
	}
	text_set(s->w, &tx->command, word);
	for (uint32_t i = 0; i < tx->command.len; i++)
		if (tx->command.data[i] >= 'a' && tx->command.data[i] <= 'z')
			tx->command.data[i] ^= 0x20;
	/* A password may hold blanks (RFC 1939, 7). */
	if (bytes_are(word, "PASS") && rest.len) {
		texts_add(s->w, &tx->args, rest.data + 1, rest.len - 1);
		return;
	}
	while (tx->args.count < POP3_ARGS_MAX && word_take(&rest, &word))
		texts_add(s->w, &tx->args, word.data, word.len);
}

/* ---- responses ---- */

/* What follows the first line of a good response to that command. */
static enum pop3_body body_of(const struct pop3_tx *tx)
{
	struct bytes command = text_bytes(&tx->command);

	if (bytes_are(command, "RETR") || bytes_are(command, "TOP"))
		return BODY_MAIL;
	if (bytes_are(command, "CAPA"))
		return BODY_LINES;
	if ((bytes_are(command, "LIST") || bytes_are(command, "UIDL") || bytes_are(command, "AUTH")) && !tx->args.count)
		return BODY_LINES;
	return BODY_NONE;
}

static void status_line(struct pop3_state *s, const struct line *line)
{
	struct bytes text = line->text;
	struct pop3_tx *tx = s->waiting ? s->waiting : transaction_new(s);
	bool ok = text.len >= 3 && strncasecmp((const char *)text.data, "+OK", 3) == 0;
	bool bad = text.len >= 4 && strncasecmp((const char *)text.data, "-ERR", 4) == 0;
	uint32_t word = ok ? 3 : bad ? 4 : 1;

	if (!tx)
		return;
	if (line->cut)
		tx_event(s->w, s->f, &tx->tx, TO_CLIENT, POP3_EVENT_RESPONSE_TOO_LONG);
	s->challenged = !ok && !bad && text.len && text.data[0] == '+';
	if (!ok && !bad && !s->challenged) {
		tx_event(s->w, s->f, &tx->tx, TO_CLIENT, POP3_EVENT_INVALID_RESPONSE);
		transaction_end(s);
		return;
	}
	tx->answered = true;
	tx->success = !bad;
	text.data += word;
	text.len -= word;
	while (text.len && *text.data == ' ') {
		text.data++;
		text.len--;
	}
	text_set(s->w, &tx->header, text);
	s->body = ok ? (uint8_t)body_of(tx) : BODY_NONE;
	if (s->body == BODY_MAIL) {
		dot_begin(&s->dot);
		s->mail = mail_begin(s->w, s->f, &tx->tx, TO_CLIENT);
	}
	if (s->body != BODY_NONE)
		return;
	if (ok && bytes_are(text_bytes(&tx->command), "STLS"))
		app_change_protocol(s->w, s->f, APP_tls);
	transaction_end(s);
}

static void data_line(struct pop3_state *s, struct bytes text)
{
	if (text.len == 1 && text.data[0] == '.') {
		s->body = BODY_NONE;
		transaction_end(s);
		return;
	}
	if (text.len && text.data[0] == '.') {
		text.data++;
		text.len--;
	}
	if (s->waiting && s->waiting->data.count < POP3_DATA_LINES_MAX)
		texts_add(s->w, &s->waiting->data, text.data, text.len);
}

static void mail_out(void *ctx, const uint8_t *data, uint32_t len)
{
	mail_data(((struct pop3_state *)ctx)->mail, data, len);
}

/* ---- bytes ---- */

static void to_client(struct pop3_state *s, struct cursor *c)
{
	struct line line;
	bool end;

	while (cursor_left(c) && !s->f->app->change) {
		if (s->body == BODY_MAIL) {
			cursor_skip(c, dot_take(&s->dot, c->p, (uint32_t)cursor_left(c), mail_out, s, &end));
			if (end) {
				s->body = BODY_NONE;
				transaction_end(s);
			}
			continue;
		}
		if (!line_take(c, &s->skip[TO_CLIENT], POP3_LINE_MAX, &line))
			return;
		if (s->body == BODY_LINES)
			data_line(s, line.text);
		else if (line.text.len)
			status_line(s, &line);
	}
}

static void gap_take(struct pop3_state *s, enum direction d, uint32_t len)
{
	if (d == TO_CLIENT && s->body == BODY_MAIL) {
		mail_gap(s->mail, len);
		dot_gap(&s->dot);
	} else {
		s->skip[d] = true;
	}
}

static struct parse_result pop3_parse(struct worker *w, struct flow *f, void *state,
				      enum direction d, const struct app_input *in)
{
	struct cursor c = cursor_of(in->data, in->data ? in->len : 0);
	struct parse_result res = {.status = PARSE_OK};
	struct pop3_state *s = state;
	struct line line;

	s->w = w;
	s->f = f;
	if (in->flags & INPUT_GAP)
		gap_take(s, d, in->len);
	if (d == TO_CLIENT)
		to_client(s, &c);
	else
		while (!f->app->change && line_take(&c, &s->skip[d], POP3_LINE_MAX, &line))
			command_line(s, &line);
	if (in->flags & INPUT_END && d == TO_CLIENT)
		while (s->waiting)
			transaction_end(s);
	res.consumed = (uint32_t)(c.p - in->data);
	if (cursor_left(&c) && !(in->flags & INPUT_END))
		res.status = PARSE_MORE;
	return res;
}

/* ---- flows and records ---- */

static void pop3_alert_context(struct worker *w, struct flow *f, struct tx *base, struct recorder *r)
{
	const struct pop3_tx *tx = pop3_of(base);

	rec_open(r, F_pop3_pop3);
	if (tx->command.data) {
		rec_open(r, F_pop3_request);
		text_record(r, F_pop3_command, &tx->command);
		texts_record(r, F_pop3_args, F_pop3_arg, &tx->args);
		rec_close(r);
	}
	if (tx->answered) {
		rec_open(r, F_pop3_response);
		rec_bool(r, F_pop3_success, tx->success);
		rec_text(r, F_pop3_status, tx->success ? "OK" : "ERR");
		text_record(r, F_pop3_header, &tx->header);
		texts_record(r, F_pop3_data, F_pop3_line, &tx->data);
		rec_close(r);
	}
	rec_close(r);
}

static void pop3_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p)
{
	struct recorder *r = emit_flow(w, RECORD_pop3, f, TO_SERVER, tx->id, p);

	if (!r)
		return;
	pop3_alert_context(w, f, tx, r);
	emit_end(w);
}

#define FILE_BUFFER BUFFER_STREAMING | BUFFER_MULTI, 0, POP3_REQUEST

static const struct proto_buffer pop3_buffers[] = {
	{"file.data", FILE_BUFFER, file_view},
	{"file.name", FILE_BUFFER, file_name_view},
	{"file.magic", FILE_BUFFER, file_magic_view},
	{NULL},
};

const struct proto proto_pop3 = {
	.name = "pop3",
	.id = APP_pop3,
	.over_tcp = 1,
	.done = {POP3_DONE, POP3_DONE},
	.max_pending_bytes = POP3_LINE_MAX,
	.max_transactions = POP3_TRANSACTIONS_MAX,
	.too_many_event = POP3_EVENT_TOO_MANY_TRANSACTIONS,
	.probe = pop3_probe,
	.state_bytes = sizeof(struct pop3_state),
	.state_rest = app_state_moves,
	.parse = pop3_parse,
	.tx_free = pop3_tx_free,
	.log = pop3_log,
	.alert_context = pop3_alert_context,
	.events = pop3_events,
	.buffers = pop3_buffers,
};
