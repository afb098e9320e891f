/* SPDX-License-Identifier: BSD-3-Clause
 *
 * FTP's control connection: commands, replies, and which data connections they announce. See ftp.h.
 *
 * Replies answer commands in their order. One of several lines ends with "ddd " and the digits it
 * began with; one that begins with 1 is preliminary. A line with a hole is lost, the next is read.
 * Runs in the worker that owns the flow.
 */
#include "dataplane/app/ftp.h"

#include <stdlib.h>
#include <strings.h>

#include "dataplane/app/expect.h"
#include "dataplane/base/digit.h"

static const char *const ftp_events[] = {
#define EVENT(id, name) name,
#include "dataplane/event/app_event/ftp.def"
#undef EVENT
	NULL,
};

struct ftp_state {
	struct worker *w; /* of the call in hand */
	struct flow *f;
	struct ftp_tx *waiting; /* oldest whose reply is not complete */
	uint32_t waiting_count;
	bool skip[2];           /* rest of a long line */
	bool several;           /* inside a reply of several lines that began with code */
	uint8_t code[FTP_CODE_CHARS];
	uint16_t data_port;     /* agreed upon, no file asked for yet; 0: none */
	bool active;
};

static struct ftp_tx *ftp_of(struct tx *tx)
{
	return (struct ftp_tx *)(void *)tx;
}

/* ---- finding it ---- */

/* Is a greeting long past? */
static bool goes_on(const struct probe_input *in)
{
	return in->known || in->expected == APP_ftp; /* in clear text again after CCC (RFC 4217, 5.3) */
}

static enum probe_result probe_greeting(const struct probe_input *in)
{
	const uint8_t *lf;
	uint32_t n;

	if (goes_on(in) && in->len >= FTP_CODE_CHARS)
		return is_digit(in->data[0]) && is_digit(in->data[1]) && is_digit(in->data[2]) ?
			       PROBE_YES :
			       PROBE_NO;
	if (memcmp(in->data, "220", in->len < 3 ? in->len : 3) != 0)
		return PROBE_NO;
	if (in->len > 3 && in->data[3] != ' ' && in->data[3] != '-')
		return PROBE_NO;
	if (in->len >= 5 && memcmp(in->data, "220 (", 5) == 0)
		return PROBE_YES;
	lf = memchr(in->data, '\n', in->len);
	n = lf ? (uint32_t)(lf - in->data) : in->len;
	for (uint32_t i = 4; i + 3 <= n; i++)
		if (strncasecmp((const char *)in->data + i, "ftp", 3) == 0)
			return PROBE_YES;
	return lf || n > FTP_LINE_MAX / 2 ? PROBE_NO : PROBE_MORE;
}

static enum probe_result ftp_probe(const struct probe_input *in)
{
	static const char *const words[] = {"USER ", "PASS ", "PORT ", "FEAT", "AUTH SSL", "AUTH TLS"};
	enum probe_result best;

	if (!in->len)
		return PROBE_MORE;
	if (in->direction == TO_CLIENT)
		return probe_greeting(in);
	best = probe_words(in, words, sizeof(words) / sizeof(words[0]));
	/* Any other command, once the server has greeted. */
	if (best == PROBE_NO && goes_on(in) && in->data[0] >= 'A' && (in->data[0] | 0x20) <= 'z')
		return PROBE_YES;
	return best;
}

/* ---- transactions ---- */

static struct ftp_tx *transaction_new(struct ftp_state *s)
{
	struct ftp_tx *tx;

	if (s->waiting_count >= app_tx_limit(s->w, APP_ftp)) {
		tx_event(s->w, s->f, &s->waiting->tx, TO_SERVER, FTP_EVENT_TOO_MANY_TRANSACTIONS);
		return NULL;
	}
	tx = ftp_of(tx_new(s->w, s->f, sizeof(*tx)));
	if (!tx)
		return NULL;
	tx->tx.progress[TO_SERVER] = tx->tx.progress[TO_CLIENT] = FTP_COMMAND;
	if (!s->waiting)
		s->waiting = tx;
	s->waiting_count++;
	return tx;
}

/* The oldest one is over. */
static void transaction_end(struct ftp_state *s)
{
	struct ftp_tx *tx = s->waiting;

	tx->tx.progress[TO_SERVER] = tx->tx.progress[TO_CLIENT] = FTP_REPLIED;
	s->f->app->changed[TO_SERVER] = 1;
	s->waiting = tx->tx.next ? ftp_of(tx->tx.next) : NULL;
	s->waiting_count--;
	s->several = false;
}

static void ftp_tx_free(struct worker *w, struct flow *f, struct tx *base)
{
	struct ftp_state *s = f->app->state;
	struct ftp_tx *tx = ftp_of(base);

	if (s->waiting == tx) /* the flow ends, or its protocol changes */
		s->waiting = NULL;
	text_free(w, &tx->command);
	text_free(w, &tx->data);
	texts_free(w, &tx->codes);
	texts_free(w, &tx->replies);
}

/* ---- commands ---- */

/* A file or a listing will go over the connection agreed upon. */
static void data_expect(struct ftp_state *s, struct ftp_tx *tx, enum ftp_data_command command)
{
	bool upload = ftp_data_rows[command].upload, file = ftp_data_rows[command].file;
	struct expectation e = {
		.ip_version = s->f->ip_version,
		.ip_proto = 6,
		.server_port = s->data_port,
		.proto = APP_ftp_data,
		.client = s->active ? s->f->server : s->f->client,
		.server = s->active ? s->f->client : s->f->server,
	};

	if (file)
		e.name = tx->data;
	if (!file && !s->data_port)
		return;
	if (!s->data_port) {
		tx_event(s->w, s->f, &tx->tx, TO_SERVER, FTP_EVENT_FILE_BEFORE_PORT);
		return;
	}
	e.detail = FTP_DATA_DETAIL(command, upload == s->active ? TO_CLIENT : TO_SERVER);
	expect_add(s->w, &e);
	s->data_port = 0;
}

static void command_line(struct ftp_state *s, const struct line *line)
{
	struct bytes text = line->text, word;
	struct ftp_tx *tx;

	while (text.len && (text.data[0] == ' ' || text.data[0] == '\t')) {
		text.data++;
		text.len--;
	}
	if (!text.len)
		return;
	tx = transaction_new(s);
	if (!tx)
		return;
	word = text;
	for (word.len = 0; word.len < text.len && text.data[word.len] != ' '; word.len++)
		;
	if (bytes_are(text, "AUTH TLS"))
		word = text;
	text_set(s->w, &tx->command, word);
	for (uint32_t i = 0; i < tx->command.len; i++)
		if (tx->command.data[i] >= 'a' && tx->command.data[i] <= 'z')
			tx->command.data[i] ^= 0x20;
	if (text.len > word.len + 1)
		text_set(s->w, &tx->data,
			 (struct bytes){text.data + word.len + 1, text.len - word.len - 1});
	if (line->cut) {
		tx->command_cut = true;
		tx_event(s->w, s->f, &tx->tx, TO_SERVER, FTP_EVENT_REQUEST_TOO_LONG);
	}
	for (unsigned i = 0; i < FTP_DATA_COMMAND_COUNT; i++)
		if (bytes_are(word, ftp_data_rows[i].command))
			data_expect(s, tx, (enum ftp_data_command)i);
}

/* ---- replies ---- */

static void port_said(struct ftp_state *s, struct ftp_tx *tx, uint16_t port, enum ftp_mode mode)
{
	if (!port)
		return;
	tx->dynamic_port = s->data_port = port;
	tx->mode = (uint8_t)mode;
	s->active = mode == FTP_ACTIVE;
}

/* A reply that is final. */
static void reply_means(struct ftp_state *s, struct ftp_tx *tx, const uint8_t *code, struct bytes text)
{
	struct bytes command = text_bytes(&tx->command), data = text_bytes(&tx->data);
	const uint8_t *at = text.data ? memchr(text.data, '(', text.len) : NULL;

	if (code[0] != '2')
		return;
	if (bytes_are(command, "PORT")) {
		port_said(s, tx, ftp_port_of_numbers(data, NULL), FTP_ACTIVE);
	} else if (bytes_are(command, "EPRT")) {
		port_said(s, tx, ftp_port_of_extended(data), FTP_ACTIVE);
	} else if (memcmp(code, "227", 3) == 0) {
		port_said(s, tx, ftp_port_of_numbers(text, NULL), FTP_PASSIVE);
	} else if (memcmp(code, "229", 3) == 0 && at) {
		text.len -= (uint32_t)(at - text.data);
		text.data = at;
		port_said(s, tx, ftp_port_of_extended(text), FTP_PASSIVE);
	} else if (memcmp(code, "234", 3) == 0 && command.len >= 4 &&
		   strncasecmp((const char *)command.data, "AUTH", 4) == 0) {
		app_change_protocol(s->w, s->f, APP_tls);
	}
}

static void reply_keep(struct ftp_state *s, struct ftp_tx *tx, const uint8_t *code, struct bytes text)
{
	if (tx->replies.count >= FTP_REPLY_LINES_MAX)
		return;
	if (code)
		texts_add(s->w, &tx->codes, code, FTP_CODE_CHARS);
	texts_add(s->w, &tx->replies, text.data, text.len);
}

static void reply_line(struct ftp_state *s, const struct line *line)
{
	struct bytes text = line->text;
	const uint8_t *code = NULL;
	struct ftp_tx *tx = s->waiting;
	bool last = false, more = false;

	if (!text.len)
		return;
	if (!tx)
		tx = transaction_new(s);
	if (!tx)
		return;
	tx->replied = true;
	if (text.len >= 3 && is_digit(text.data[0]) && is_digit(text.data[1]) && is_digit(text.data[2]) &&
	    (text.len == 3 || text.data[3] == ' ' || text.data[3] == '-')) {
		code = text.data;
		more = text.len > 3 && text.data[3] == '-';
		text.data += text.len > 3 ? 4 : 3;
		text.len -= text.len > 3 ? 4 : 3;
		last = !more && (!s->several || memcmp(code, s->code, FTP_CODE_CHARS) == 0);
	}
	reply_keep(s, tx, code, text);
	if (line->cut) {
		tx->reply_cut = true;
		tx_event(s->w, s->f, &tx->tx, TO_CLIENT, FTP_EVENT_RESPONSE_TOO_LONG);
	}
	if (more && !s->several) {
		s->several = true;
		memcpy(s->code, code, FTP_CODE_CHARS);
	}
	if (!last) {
		if (!code && !s->several)
			transaction_end(s); /* no reply at all: no more is known of it */
		return;
	}
	s->several = false;
	if (code[0] == '1')
		return;
	reply_means(s, tx, code, text);
	transaction_end(s);
}

/* ---- flows ---- */

static struct parse_result ftp_parse(struct worker *w, struct flow *f, void *state,
				     enum direction d, const struct app_input *in)
{
	struct cursor c = cursor_of(in->data, in->data ? in->len : 0);
	struct parse_result res = {.status = PARSE_OK};
	struct ftp_state *s = state;
	struct line line;

	s->w = w;
	s->f = f;
	if (in->flags & INPUT_GAP) {
		s->skip[d] = true;
		if (d == TO_CLIENT)
			s->several = false;
	}
	while (!f->app->change && line_take(&c, &s->skip[d], FTP_LINE_MAX, &line)) {
		if (d == TO_SERVER)
			command_line(s, &line);
		else
			reply_line(s, &line);
	}
	if (in->flags & INPUT_END && d == TO_CLIENT)
		while (s->waiting)
			transaction_end(s);
	res.consumed = (uint32_t)(c.p - in->data);
	if (cursor_left(&c) && !(in->flags & INPUT_END))
		res.status = PARSE_MORE;
	return res;
}

const struct proto proto_ftp = {
	.name = "ftp",
	.id = APP_ftp,
	.over_tcp = 1,
	.done = {FTP_REPLIED, FTP_REPLIED},
	.max_pending_bytes = FTP_LINE_MAX,
	.max_transactions = 2 * FTP_TRANSACTIONS_MAX,
	.gives_way = 1,
	.too_many_event = FTP_EVENT_TOO_MANY_TRANSACTIONS,
	.probe = ftp_probe,
	.state_bytes = sizeof(struct ftp_state),
	.state_rest = app_state_moves,
	.parse = ftp_parse,
	.tx_free = ftp_tx_free,
	.log = ftp_log,
	.alert_context = ftp_alert_context,
	.events = ftp_events,
	.buffers = ftp_buffers,
	.values = ftp_values,
};
