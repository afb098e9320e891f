/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SMTP: commands, replies, and who is speaking. See smtp.h.
 *
 * Both directions are taken as they come: a partial line is kept in the state (at most
 * SMTP_LINE_MAX), so every byte is looked at once. The server's 354 (or its PIPELINING) opens the
 * content; so does a line after DATA that is no command, as there are servers that take a mail from a
 * client that does not wait; ".", alone on a line, ends it; BDAT counts bytes. A reply that is none
 * ends the parsing.
 *
 * Runs in a worker of the dataplane process.
 */
#include "dataplane/app/smtp.h"
#include "dataplane/app/ntlmssp.h"

#include <ctype.h>
#include <strings.h>

#define SMTP_PORT 25
#define SUBMISSION_PORT 587 /* RFC 6409 */

const char *const smtp_event_names[] = {
#define EVENT(id, name) name,
#include "dataplane/event/app_event/smtp.def"
#undef EVENT
	NULL,
};

/* RFC 5321, 4954, 3207, 1846 */
static const uint16_t reply_codes[] = {
	211, 214, 220, 221, 235, 250, 251, 252, 334, 354, 421, 432, 435, 450, 451, 452,
	454, 455, 458, 459, 500, 501, 502, 503, 504, 521, 523, 524, 525, 530, 534, 535,
	538, 550, 551, 552, 553, 554, 555, 556,
};

/* ---- finding it ---- */

/* A name of a host, with a dot at least, and a space or the end of the line behind it. */
static bool is_host_name(const uint8_t *text, uint32_t len)
{
	uint32_t i = 0, label = 0, dots = 0;

	for (; i < len && text[i] != ' ' && text[i] != '\r' && text[i] != '\n'; i++) {
		if (text[i] == '.' ? label == 0 : !isalnum(text[i]) && text[i] != '-')
			return false;
		dots += text[i] == '.';
		label = text[i] == '.' ? 0 : label + 1;
	}
	return i < len && dots && label;
}

/* A greeting is also FTP's: only one that speaks of mail is taken for itself, or that names its host at a
 * port of mail (RFC 5321, 4.2). */
static enum probe_result probe_greeting(const struct probe_input *in)
{
	enum probe_result r = probe_word(in, "220");
	const uint8_t *lf;
	uint32_t n;

	if (r != PROBE_YES)
		return r;
	if (in->len > 3 && in->data[3] != ' ' && in->data[3] != '-')
		return PROBE_NO;
	if ((in->server_port == SMTP_PORT || in->server_port == SUBMISSION_PORT) && in->len > 4 &&
	    is_host_name(in->data + 4, in->len - 4))
		return PROBE_YES;
	lf = memchr(in->data, '\n', in->len);
	n = lf ? (uint32_t)(lf - in->data) : in->len;
	for (uint32_t i = 4; i + 4 <= n; i++)
		if (strncasecmp((const char *)in->data + i, "smtp", 4) == 0)
			return PROBE_YES;
	return lf || in->len > 512 ? PROBE_NO : PROBE_MORE;
}

static enum probe_result smtp_probe(const struct probe_input *in)
{
	static const char *const words[] = {"EHLO", "HELO", "QUIT"};

	if (in->len == 0)
		return PROBE_MORE;
	if (in->direction == TO_CLIENT)
		return probe_greeting(in);
	return probe_words(in, words, sizeof(words) / sizeof(words[0]));
}

/* ---- pieces ---- */

void smtp_event(struct smtp_state *s, enum smtp_event e)
{
	if (s->tx)
		tx_event(s->w, s->f, &s->tx->tx, TO_SERVER, e);
}

static void event_in(struct smtp_state *s, enum direction d, enum smtp_event e)
{
	if (s->tx)
		tx_event(s->w, s->f, &s->tx->tx, d, e);
}

static void advance(struct smtp_tx *tx, enum smtp_progress p)
{
	if (tx->tx.progress[TO_SERVER] < p)
		tx->tx.progress[TO_SERVER] = tx->tx.progress[TO_CLIENT] = p;
}

static void finish(struct smtp_tx *tx)
{
	advance(tx, SMTP_DONE);
	tx->tx.progress[TO_CLIENT] = SMTP_DONE;
}

static bool is_done(const struct smtp_tx *tx)
{
	return tx->tx.progress[TO_SERVER] >= SMTP_DONE;
}

static bool transaction_new(struct smtp_state *s)
{
	struct smtp_tx *tx = (struct smtp_tx *)tx_new(s->w, s->f, sizeof(*tx));

	if (!tx)
		return false;
	tx->state = s;
	if (s->helo.data)
		text_set(s->w, &tx->helo, text_bytes(&s->helo));
	if (s->logon.data)
		text_set(s->w, &tx->logon, text_bytes(&s->logon));
	s->tx = tx;
	advance(tx, SMTP_COMMANDS);
	return true;
}

/* ---- commands ---- */

static bool word_at(struct bytes line, const char *word)
{
	size_t n = strlen(word);

	return line.len >= n && strncasecmp((const char *)line.data, word, n) == 0;
}

/* What stands after the command and one more byte (a space or colon), up to a space. */
static struct bytes argument(struct bytes line, uint32_t prefix)
{
	uint32_t i = prefix + 1, end;

	if (i > line.len)
		i = line.len;
	while (i < line.len && line.data[i] == ' ')
		i++;
	for (end = i; end < line.len && line.data[end] != ' '; end++)
		;
	return (struct bytes){line.data + i, end - i};
}

static bool command_push(struct smtp_state *s, enum smtp_command c)
{
	uint8_t *moved;
	uint32_t cap;

	if (s->command_count > s->command_first) {
		uint8_t before = s->commands[s->command_count - 1];

		if (before == SMTP_STARTTLS || before == SMTP_DATA)
			smtp_event(s, SMTP_EVENT_PIPELINED);
	}
	if (s->command_count == s->command_cap) {
		if (s->command_cap == SMTP_COMMANDS_MAX)
			return false;
		cap = s->command_cap ? s->command_cap * 2 : 16;
		moved = heap_realloc(&s->w->heap, s->commands, cap);
		if (!moved)
			return false;
		s->commands = moved;
		s->command_cap = cap;
	}
	s->commands[s->command_count++] = (uint8_t)c;
	return true;
}

static bool command_bdat(struct smtp_state *s, struct bytes line)
{
	struct bytes size = argument(line, 4);
	uint64_t n = 0;

	if (!size.len || line.data[4] != ' ')
		return false;
	for (uint32_t i = 0; i < size.len; i++) {
		if (size.data[i] < '0' || size.data[i] > '9')
			return i > 0;
		if (n < UINT32_MAX)
			n = n * 10 + (size.data[i] - '0');
	}
	s->bdat_left = n;
	while (line.len && line.data[line.len - 1] == ' ')
		line.len--;
	s->bdat_last = line.len >= 4 && word_at((struct bytes){line.data + line.len - 4, 4}, "last");
	s->in_data = n > 0;
	if (!smtp_mail_in_chunks(s))
		return true;
	if (!s->tx->content)
		smtp_mail_begin(s);
	s->tx->bdat = true;
	if (!n && s->bdat_last)
		smtp_mail_end(s, true);
	return true;
}

static bool command_data(struct smtp_state *s)
{
	if (s->tx->content) {
		/* The end of the mail before was not seen. */
		smtp_event(s, SMTP_EVENT_UNPARSABLE);
		smtp_mail_end(s, false);
		if (!transaction_new(s))
			return false;
	}
	smtp_mail_begin(s);
	dot_begin(&s->dot);
	s->data_waits = true;
	s->in_data = s->early = s->pipelining;
	return true;
}

static void command_mail(struct smtp_state *s, struct bytes line)
{
	struct bytes from = argument(line, 9);

	if (s->tx->mail_from.data) {
		smtp_event(s, SMTP_EVENT_DUPLICATE);
		return;
	}
	text_set(s->w, &s->tx->mail_from, from);
	smtp_contacts(s, from);
}

static void command_rcpt(struct smtp_state *s, struct bytes line)
{
	struct bytes to = argument(line, 7);

	if (s->tx->rcpt_to.count < SMTP_RECIPIENTS_MAX)
		texts_add(s->w, &s->tx->rcpt_to, to.data, to.len);
	smtp_contacts(s, to);
}

static void command_helo(struct smtp_state *s, struct bytes line)
{
	struct bytes name = argument(line, 4);

	if (s->helo.data) {
		smtp_event(s, SMTP_EVENT_DUPLICATE);
		return;
	}
	text_set(s->w, &s->helo, name);
	if (!s->tx->helo.data)
		text_set(s->w, &s->tx->helo, name);
}

/* The client's last line of AUTH NTLM (MS-SMTPNTLM): who sends all mails from now on. */
static void take_logon(struct smtp_state *s, struct bytes line)
{
	text_free(s->w, &s->logon);
	text_free(s->w, &s->tx->logon);
	text_set(s->w, &s->logon, line);
	text_set(s->w, &s->tx->logon, line);
}

/* Does this line begin a new mail? RSET, QUIT and an empty one belong to the one before. */
static bool needs_new(const struct smtp_state *s, struct bytes line)
{
	if (!s->tx)
		return true;
	if (s->tx->bdat && s->tx->content_done && word_at(line, "mail from"))
		return true;
	return is_done(s->tx) && line.len && !word_at(line, "rset") && !word_at(line, "quit");
}

/* False: the parsing ends. */
static bool command_line(struct smtp_state *s, struct bytes line)
{
	if (needs_new(s, line)) {
		if (s->tx)
			finish(s->tx);
		if (!transaction_new(s))
			return false;
	}
	if (!s->first_reply)
		smtp_event(s, SMTP_EVENT_NO_WELCOME);
	s->current = SMTP_OTHER;
	if (word_at(line, "starttls")) {
		s->current = SMTP_STARTTLS;
	} else if (word_at(line, "data")) {
		s->current = SMTP_DATA;
		if (!command_data(s))
			return false;
	} else if (word_at(line, "bdat")) {
		s->current = SMTP_BDAT;
		if (!command_bdat(s, line))
			return false;
	} else if (word_at(line, "helo") || word_at(line, "ehlo")) {
		command_helo(s, line);
	} else if (word_at(line, "mail from")) {
		command_mail(s, line);
	} else if (word_at(line, "rcpt to")) {
		command_rcpt(s, line);
	} else if (word_at(line, NTLMSSP_LOGON_BASE64)) {
		take_logon(s, line);
	} else if (word_at(line, "rset")) {
		s->bdat_left = 0;
		s->current = SMTP_RSET;
	}
	return command_push(s, (enum smtp_command)s->current);
}

/* ---- frames ---- */

enum { FRAME_COMMAND_LINE = 1, FRAME_DATA, FRAME_RESPONSE_LINE };

static void line_frame(struct smtp_state *s, enum direction d, uint64_t end)
{
	uint64_t id = app_frame_open(s->w, s->f, d, d == TO_SERVER ? FRAME_COMMAND_LINE : FRAME_RESPONSE_LINE,
				     s->line_at[d], end - s->line_at[d]);

	if (s->tx)
		app_frame_tx(s->f, d, id, s->tx->tx.id);
}

static void data_frame_begin(struct smtp_state *s, uint64_t offset)
{
	if (!s->f->app->frames || s->data_frame)
		return;
	s->data_frame_at = offset;
	s->data_frame = app_frame_open(s->w, s->f, TO_SERVER, FRAME_DATA, offset, APP_FRAME_OPEN);
	app_frame_tx(s->f, TO_SERVER, s->data_frame, s->tx->tx.id);
}

static void data_frame_end(struct smtp_state *s, uint64_t offset)
{
	app_frame_close(s->f, TO_SERVER, s->data_frame, offset - s->data_frame_at);
	s->data_frame = 0;
}

/* ---- content ---- */

static void content_end(struct smtp_state *s)
{
	s->in_data = s->doubtful = false;
	command_push(s, SMTP_DATA_END);
	smtp_mail_end(s, true);
	finish(s->tx);
}

static void content_out(void *ctx, const uint8_t *data, uint32_t len)
{
	smtp_mail_data(ctx, data, len);
}

/* Commands as they stand alone or before a space (RFC 5321, 4.1.1; extensions). */
static bool is_command(struct bytes line)
{
	static const char *const verbs[] = {"mail", "rcpt", "rset", "quit", "noop", "ehlo", "helo", "data", "bdat",
					    "starttls", "auth", "vrfy", "expn", "help"};

	for (unsigned i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		size_t n = strlen(verbs[i]);

		if (word_at(line, verbs[i]) && (line.len == n || line.data[n] == ' '))
			return true;
	}
	return false;
}

/* Is the line, with no answer to DATA there, one of the mail? */
static bool comes_early(const struct smtp_state *s, struct bytes line)
{
	return s->data_waits && s->tx && s->tx->content && !s->tx->content_done && !is_command(line) &&
	       smtp_mail_early(s);
}

/* Content after DATA. Returns how many bytes were taken: all, or those up to its end. */
static uint32_t content_data(struct smtp_state *s, const uint8_t *data, uint32_t len)
{
	bool end;
	uint32_t n = dot_take(&s->dot, data, len, content_out, s, &end);

	if (end && s->dot.odd) {
		s->in_data = false;
		s->doubtful = true;
	} else if (end) {
		content_end(s);
	}
	return n;
}

/* A line that was taken for a command's is the content's. */
static void content_line(struct smtp_state *s, struct bytes line)
{
	s->in_data = true;
	s->current = SMTP_DATA;
	data_frame_begin(s, s->line_at[TO_SERVER]);
	content_data(s, line.data, line.len);
	content_data(s, (const uint8_t *)"\r\n" + !s->line[TO_SERVER].cr, 1u + s->line[TO_SERVER].cr);
}

/* The first line of what comes before the answer to DATA. */
static void content_early(struct smtp_state *s, struct bytes line)
{
	smtp_event(s, SMTP_EVENT_PIPELINED);
	s->early = true;
	content_line(s, line);
}

/* A server that wants CR LF on both sides of the dot takes what follows another end for more of the mail: what the
 * client says next decides. */
static void doubt_end(struct smtp_state *s, struct bytes *line)
{
	s->doubtful = false;
	if (!s->tx || !s->tx->content || s->tx->content_done)
		return;
	if (is_command(*line) && (!word_at(*line, "mail") || word_at(*line, "mail from"))) {
		content_end(s);
		return;
	}
	smtp_mail_data(s, (const uint8_t *)".\n", 2);
	dot_begin(&s->dot);
	content_line(s, *line);
	line->data = NULL;
}

static uint32_t content_bdat(struct smtp_state *s, const uint8_t *data, uint32_t len)
{
	uint32_t n = len < s->bdat_left ? len : (uint32_t)s->bdat_left;

	smtp_mail_data(s, data, n);
	s->bdat_left -= n;
	if (!s->bdat_left) {
		s->in_data = false;
		if (s->bdat_last && s->tx->bdat)
			smtp_mail_end(s, true);
	}
	return n;
}

/* ---- replies ---- */

static unsigned reply_code(struct bytes line)
{
	unsigned code = 0;

	for (int i = 0; i < 3; i++) {
		if (line.data[i] < '0' || line.data[i] > '9')
			return 0;
		code = code * 10 + line.data[i] - '0';
	}
	for (unsigned i = 0; i < sizeof(reply_codes) / sizeof(reply_codes[0]); i++)
		if (reply_codes[i] == code)
			return code;
	return 0;
}

/* No content will come, or what came is none: the next DATA of this mail may begin it. */
static void data_rejected(struct smtp_state *s)
{
	if (!s->tx || !s->tx->mime || (s->in_data && !s->early))
		return;
	s->in_data = false;
	smtp_mail_free(s->w, s->tx);
	s->tx->content = false;
}

/* Does the answer in hand speak of a DATA that another one has followed? */
static bool data_again(const struct smtp_state *s)
{
	uint32_t next = s->command_first + 1;

	return next < s->command_count && memchr(s->commands + next, SMTP_DATA, s->command_count - next);
}

static void data_answered(struct smtp_state *s, unsigned code)
{
	bool again = data_again(s);

	if (code != 354) {
		event_in(s, TO_CLIENT, SMTP_EVENT_DATA_REJECTED);
		if (!again)
			data_rejected(s);
	} else if (!s->early) {
		s->in_data = true;
	}
	s->data_waits &= again;
	s->early &= again;
}

static void reply_to(struct smtp_state *s, enum smtp_command c, unsigned code)
{
	if (c == SMTP_STARTTLS) {
		if (code == 220) {
			s->starttls = true;
			if (s->tx)
				advance(s->tx, SMTP_DONE);
		} else {
			event_in(s, TO_CLIENT, SMTP_EVENT_TLS_REJECTED);
		}
	} else if (c == SMTP_DATA) {
		data_answered(s, code);
	} else if (c == SMTP_DATA_END) {
		if (s->tx && is_done(s->tx) && !s->multiline)
			finish(s->tx);
	} else if (c == SMTP_RSET) {
		if (code == 250 && s->tx && !s->multiline)
			advance(s->tx, SMTP_DONE);
	}
}

/* The greeting is nobody's answer, even where commands came before it. */
static bool is_greeting(const struct smtp_state *s, unsigned code)
{
	if (s->command_first == s->command_count)
		return true;
	return !s->first_reply && code == 220 && s->commands[s->command_first] != SMTP_STARTTLS;
}

/* False: the parsing ends. */
static bool reply_line(struct smtp_state *s, struct bytes line)
{
	bool more = line.len >= 4 && line.data[3] == '-';
	unsigned code;

	if (line.len == 0)
		return true;
	if (line.len < 3 || !(code = reply_code(line))) {
		event_in(s, TO_CLIENT, SMTP_EVENT_INVALID_REPLY);
		return false;
	}
	s->multiline = more;
	/* The server has taken it for the end, unless it still answers what was said before. */
	if (s->doubtful && s->command_first == s->command_count && s->tx)
		content_end(s);
	if (is_greeting(s, code)) {
		if (s->first_reply)
			return true;
		if (!more)
			s->first_reply = true;
		if (code != 220)
			event_in(s, TO_CLIENT, SMTP_EVENT_INVALID_REPLY);
		return true;
	}
	reply_to(s, (enum smtp_command)s->commands[s->command_first], code);
	if (!more)
		s->command_first++;
	else if (code == 250 && line.len == 14 && word_at((struct bytes){line.data + 4, 10}, "pipelining"))
		s->pipelining = true;
	if (s->command_first == s->command_count)
		s->command_first = s->command_count = 0;
	return true;
}

/* ---- lines ---- */

static bool line_room(struct smtp_state *s, struct smtp_line *l)
{
	if (!l->data)
		l->data = heap_alloc(&s->w->heap, SMTP_LINE_MAX);
	return l->data != NULL;
}

/* Takes bytes up to a line end. Returns how many; *out is the line when it is whole (data NULL:
 * not yet, or it was thrown away). False in *ok: no memory. */
static uint32_t line_take(struct smtp_state *s, enum direction d, const uint8_t *data, uint32_t len,
			  struct bytes *out, bool *ok)
{
	struct smtp_line *l = &s->line[d];
	const uint8_t *lf = memchr(data, '\n', len);
	uint32_t n = lf ? (uint32_t)(lf - data) : len;
	struct bytes line = {data, n};

	*ok = true;
	out->data = NULL;
	if (!l->too_long && (l->len || !lf)) {
		if (!line_room(s, l)) {
			*ok = false;
			return len;
		}
		if (l->len + n > SMTP_LINE_MAX) {
			l->too_long = true;
			event_in(s, d, SMTP_EVENT_TRUNCATED_LINE);
		} else {
			memcpy(l->data + l->len, data, n);
			l->len += n;
		}
		line = (struct bytes){l->data, l->len};
	}
	if (!lf)
		return len;
	if (!l->too_long) {
		l->cr = line.len && line.data[line.len - 1] == '\r';
		line.len -= l->cr;
		*out = line;
	}
	l->too_long = false;
	l->len = 0;
	return n + 1;
}

static bool to_server(struct smtp_state *s, const uint8_t *data, uint32_t len, uint64_t offset)
{
	struct bytes line;
	uint32_t n;
	bool ok;

	while (len && !s->starttls) {
		if (s->in_data && (s->current == SMTP_DATA || s->current == SMTP_BDAT) && s->tx) {
			data_frame_begin(s, offset);
			n = s->current == SMTP_DATA ? content_data(s, data, len)
						    : content_bdat(s, data, len);
			if (!s->in_data)
				data_frame_end(s, offset + n);
			s->line_at[TO_SERVER] = offset + n;
		} else {
			n = line_take(s, TO_SERVER, data, len, &line, &ok);
			if (ok && line.data && s->doubtful)
				doubt_end(s, &line);
			if (ok && line.data && comes_early(s, line)) {
				content_early(s, line);
				line.data = NULL; /* no command's */
			}
			if (!ok || (line.data && !command_line(s, line)))
				return false;
			if (line.data && s->f->app->frames)
				line_frame(s, TO_SERVER, offset + n);
			if (data[n - 1] == '\n')
				s->line_at[TO_SERVER] = offset + n;
		}
		data += n;
		len -= n;
		offset += n;
	}
	return true;
}

static bool to_client(struct smtp_state *s, const uint8_t *data, uint32_t len, uint64_t offset)
{
	struct bytes line;
	uint32_t n;
	bool ok;

	while (len) {
		n = line_take(s, TO_CLIENT, data, len, &line, &ok);
		if (!ok || (line.data && !reply_line(s, line)))
			return false;
		if (line.data && s->f->app->frames)
			line_frame(s, TO_CLIENT, offset + n);
		if (data[n - 1] == '\n')
			s->line_at[TO_CLIENT] = offset + n;
		data += n;
		len -= n;
		offset += n;
	}
	return true;
}

/* ---- flows ---- */

/* Bytes are missing. Within the content it can be followed on; a line with a hole is dropped. */
static bool take_gap(struct smtp_state *s, enum direction d, uint32_t len)
{
	if (d == TO_SERVER && s->in_data && s->tx && s->current == SMTP_DATA) {
		smtp_mail_gap(s, len);
		dot_gap(&s->dot);
		return true;
	}
	if (d == TO_SERVER && s->in_data && s->tx && s->current == SMTP_BDAT && len <= s->bdat_left) {
		smtp_mail_gap(s, len);
		s->bdat_left -= len;
		return true;
	}
	return false;
}

static struct parse_result smtp_parse(struct worker *w, struct flow *f, void *state,
				      enum direction d, const struct app_input *in)
{
	struct parse_result result = {.status = PARSE_OK, .consumed = in->len};
	struct smtp_state *s = state;
	bool ok = true;

	s->w = w;
	s->f = f;
	if (in->flags & INPUT_GAP)
		ok = take_gap(s, d, in->len);
	else if (in->len)
		ok = d == TO_SERVER ? to_server(s, in->data, in->len, in->offset)
				    : to_client(s, in->data, in->len, in->offset);
	if ((!ok || in->flags & INPUT_END) && d == TO_SERVER && s->tx && s->tx->mime)
		smtp_mail_end(s, s->doubtful);
	if (!ok)
		result.status = PARSE_BAD;
	else if (s->starttls) {
		s->starttls = false;
		if (!app_change_protocol(w, f, APP_tls))
			smtp_event(s, SMTP_EVENT_CHANGE_FAILED);
	}
	return result;
}

static void smtp_state_clear(struct worker *w, struct flow *f, void *state)
{
	struct smtp_state *s = state;

	heap_free(&w->heap, s->line[0].data);
	heap_free(&w->heap, s->line[1].data);
	text_free(w, &s->helo);
	text_free(w, &s->logon);
	heap_free(&w->heap, s->commands);
}

static void smtp_tx_free(struct worker *w, struct flow *f, struct tx *base)
{
	struct smtp_tx *tx = (struct smtp_tx *)base;

	if (tx->state->tx == tx)
		tx->state->tx = NULL;
	smtp_mail_free(w, tx);
	text_free(w, &tx->helo);
	text_free(w, &tx->logon);
	text_free(w, &tx->mail_from);
	texts_free(w, &tx->rcpt_to);
	texts_free(w, &tx->header_names);
	texts_free(w, &tx->header_values);
	texts_free(w, &tx->attachments);
	texts_free(w, &tx->urls);
}

const struct proto proto_smtp = {
	.name = "smtp",
	.id = APP_smtp,
	.over_tcp = 1,
	.shows_past = 1,
	.done = {SMTP_DONE, SMTP_DONE},
	.max_pending_bytes = SMTP_LINE_MAX,
	.max_transactions = SMTP_TRANSACTIONS_MAX,
	.too_many_event = SMTP_EVENT_TOO_MANY_TRANSACTIONS,
	.probe = smtp_probe,
	.state_bytes = sizeof(struct smtp_state),
	.state_rest = app_state_moves,
	.state_clear = smtp_state_clear,
	.parse = smtp_parse,
	.tx_free = smtp_tx_free,
	.log = smtp_log,
	.alert_context = smtp_alert_context,
	.events = smtp_event_names,
	.buffers = smtp_buffers,
};
