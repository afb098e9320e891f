/* SPDX-License-Identifier: BSD-3-Clause
 *
 * IMAP (RFC 9051, 3501). A command with the response that bears its tag is a transaction, the
 * greeting one without command. Lines and literals ({n} before a line end, RFC 9051, 4.3) are taken
 * as they come. A literal that is a whole mail (FETCH of BODY[] or RFC822, APPEND) goes through the
 * MIME parser: its attachments are files; other literals are passed over. STARTTLS changes the
 * protocol. Arguments are not kept: they hold passwords. Runs in the worker that owns the flow.
 */
#include <strings.h>

#include "dataplane/app/line.h"
#include "dataplane/app/mail.h"
#include "dataplane/app/text.h"
#include "dataplane/engine/emit.h"

#define IMAP_LINE_MAX 4096
#define IMAP_TAG_MAX 64
#define IMAP_TEXT_MAX 512
#define IMAP_TRANSACTIONS_MAX 64

enum imap_progress { IMAP_NOTHING, IMAP_COMMAND, IMAP_DONE };

enum imap_event {
#define EVENT(id, name) IMAP_EVENT_##id,
#include "dataplane/event/app_event/imap.def"
#undef EVENT
};

static const char *const imap_events[] = {
#define EVENT(id, name) name,
#include "dataplane/event/app_event/imap.def"
#undef EVENT
	NULL,
};

struct imap_tx {
	struct tx tx;
	struct text tag, command, status, text;
};

struct imap_state {
	struct worker *w; /* of the call in hand */
	struct flow *f;
	struct imap_stream {
		bool skip;         /* rest of a long line */
		bool within;       /* the line goes on behind a literal */
		uint64_t literal;  /* bytes of it that are to come */
		struct mail *mail; /* that the literal is; NULL: passed over */
	} stream[2];
};

static struct imap_tx *imap_of(struct tx *tx)
{
	return (struct imap_tx *)(void *)tx;
}

static struct bytes word_take(struct bytes *rest)
{
	const uint8_t *blank = rest->len ? memchr(rest->data, ' ', rest->len) : NULL;
	struct bytes word = {rest->data, blank ? (uint32_t)(blank - rest->data) : rest->len};
	uint32_t used = word.len + (blank != NULL);

	rest->data += used;
	rest->len -= used;
	return word;
}

/* ---- finding it ---- */

static enum probe_result probe_greeting(const struct probe_input *in)
{
	static const char *const words[] = {"* OK ", "* PREAUTH ", "* BYE "};

	if (in->known && in->len && in->data[0] == '*')
		return PROBE_YES;
	return probe_words(in, words, sizeof(words) / sizeof(words[0]));
}

/* tag SP command: a command that no other protocol has in that place. */
static enum probe_result imap_probe(const struct probe_input *in)
{
	static const char *const words[] = {"CAPABILITY", "LOGIN", "AUTHENTICATE", "STARTTLS", "ID"};
	const uint8_t *lf = in->len ? memchr(in->data, '\n', in->len) : NULL;
	struct bytes rest, tag, command;

	if (in->direction == TO_CLIENT)
		return probe_greeting(in);
	for (uint32_t i = 0; i < in->len && i < IMAP_TAG_MAX && in->data[i] != ' '; i++)
		if (in->data[i] <= ' ' || in->data[i] >= 0x7f || strchr("(){%*\"\\+:/", in->data[i]))
			return PROBE_NO;
	if (!lf)
		return in->len < IMAP_TAG_MAX ? PROBE_MORE : PROBE_NO;
	rest = (struct bytes){in->data, (uint32_t)(lf - in->data)};
	if (rest.len && rest.data[rest.len - 1] == '\r')
		rest.len--;
	tag = word_take(&rest);
	command = word_take(&rest);
	if (!tag.len || tag.len > IMAP_TAG_MAX || !command.len)
		return PROBE_NO;
	if (in->known)
		return PROBE_YES;
	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (bytes_are(command, words[i]))
			return PROBE_YES;
	return PROBE_NO;
}

/* ---- transactions ---- */

static void mail_over(struct imap_stream *s, bool complete)
{
	mail_end(s->mail, complete);
	s->mail = NULL;
}

static void transaction_end(struct imap_state *s, struct imap_tx *tx)
{
	for (unsigned d = 0; d < 2; d++)
		if (s->stream[d].mail && s->stream[d].mail->tx == &tx->tx)
			mail_over(&s->stream[d], false);
	tx->tx.progress[TO_SERVER] = tx->tx.progress[TO_CLIENT] = IMAP_DONE;
	s->f->app->changed[TO_SERVER] = s->f->app->changed[TO_CLIENT] = 1;
}

static struct imap_tx *oldest_open(const struct imap_state *s)
{
	for (struct tx *tx = s->f->app->first; tx; tx = tx->next)
		if (tx->progress[TO_SERVER] < IMAP_DONE)
			return imap_of(tx);
	return NULL;
}

static struct imap_tx *transaction_new(struct imap_state *s)
{
	struct imap_tx *tx;

	/* Completions are lost on a tap: the oldest that waits for one is over then. */
	if (s->f->app->live >= IMAP_TRANSACTIONS_MAX / 4 * 3) {
		tx = oldest_open(s);
		if (tx)
			transaction_end(s, tx);
	}
	tx = imap_of(tx_new(s->w, s->f, sizeof(*tx)));
	if (tx)
		tx->tx.progress[TO_SERVER] = tx->tx.progress[TO_CLIENT] = IMAP_COMMAND;
	return tx;
}

static void imap_tx_free(struct worker *w, struct flow *f, struct tx *base)
{
	struct imap_state *s = f->app->state;
	struct imap_tx *tx = imap_of(base);

	for (unsigned d = 0; d < 2; d++) {
		if (!s->stream[d].mail || s->stream[d].mail->tx != base)
			continue;
		mail_drop(s->stream[d].mail);
		s->stream[d].mail = NULL;
	}
	text_free(w, &tx->tag);
	text_free(w, &tx->command);
	text_free(w, &tx->status);
	text_free(w, &tx->text);
}

static struct bytes cut(struct bytes b, uint32_t max)
{
	return (struct bytes){b.data, b.len < max ? b.len : max};
}

static void upper(struct text *t)
{
	for (uint32_t i = 0; i < t->len; i++)
		if (t->data[i] >= 'a' && t->data[i] <= 'z')
			t->data[i] ^= 0x20;
}

/* ---- lines ---- */

/* The literal that a line announces at its end: "{n}", "{n+}" (RFC 7888), "~{n}". */
static bool literal_of(struct bytes line, uint64_t *out)
{
	uint32_t at = line.len;
	uint64_t n = 0, digit = 1;

	if (at < 3 || line.data[--at] != '}')
		return false;
	if (line.data[at - 1] == '+' || line.data[at - 1] == '-')
		at--;
	if (line.data[at - 1] < '0' || line.data[at - 1] > '9')
		return false;
	for (; at && line.data[at - 1] >= '0' && line.data[at - 1] <= '9'; at--) {
		n += digit * (line.data[at - 1] - '0');
		digit *= 10;
		if (digit > 100000000000ull)
			return false;
	}
	*out = n;
	return at && line.data[at - 1] == '{';
}

static bool contains(struct bytes text, const char *word)
{
	size_t n = strlen(word);

	for (uint32_t i = 0; i + n <= text.len; i++)
		if (strncasecmp((const char *)text.data + i, word, n) == 0)
			return true;
	return false;
}

/* Is the literal at the end of the server's line a mail, from its beginning? */
static bool fetches_mail(struct bytes line)
{
	return contains(line, "BODY[] {") || contains(line, "BODY[]<0> {") ||
	       contains(line, "RFC822 {") || contains(line, "BODY[] ~{");
}

static void client_line(struct imap_state *s, const struct line *line)
{
	struct imap_stream *st = &s->stream[TO_SERVER];
	bool first = !st->within;
	struct bytes rest = line->text, tag = word_take(&rest), command;
	struct imap_tx *tx = NULL;

	st->within = literal_of(line->text, &st->literal);
	if (first && tag.len && rest.len && tag.len <= IMAP_TAG_MAX) {
		command = word_take(&rest);
		if (bytes_are(command, "UID"))
			command = word_take(&rest);
		tx = transaction_new(s);
		if (!tx)
			return;
		text_set(s->w, &tx->tag, tag);
		text_set(s->w, &tx->command, cut(command, IMAP_TAG_MAX));
		upper(&tx->command);
	}
	if (line->cut && s->f->app->last)
		tx_event(s->w, s->f, s->f->app->last, TO_SERVER, IMAP_EVENT_LINE_TOO_LONG);
	if (!tx && s->f->app->last)
		tx = imap_of(s->f->app->last);
	if (st->within && tx && tx->tx.progress[TO_SERVER] < IMAP_DONE &&
	    bytes_are(text_bytes(&tx->command), "APPEND"))
		st->mail = mail_begin(s->w, s->f, &tx->tx, TO_SERVER);
}

static void completion(struct imap_state *s, struct imap_tx *tx, struct bytes rest)
{
	struct bytes status = word_take(&rest);

	text_set(s->w, &tx->status, cut(status, IMAP_TAG_MAX));
	upper(&tx->status);
	text_set(s->w, &tx->text, cut(rest, IMAP_TEXT_MAX));
	transaction_end(s, tx);
	if (bytes_are(text_bytes(&tx->command), "STARTTLS") && bytes_are(status, "OK"))
		app_change_protocol(s->w, s->f, APP_tls);
}

static void server_line(struct imap_state *s, const struct line *line)
{
	struct imap_stream *st = &s->stream[TO_CLIENT];
	struct bytes rest = line->text, tag = word_take(&rest);
	bool first = !st->within;
	struct imap_tx *tx = NULL;

	st->within = literal_of(line->text, &st->literal);
	if (st->within && fetches_mail(line->text)) {
		tx = oldest_open(s);
		if (!tx)
			tx = transaction_new(s); /* its command was not seen */
		if (tx)
			st->mail = mail_begin(s->w, s->f, &tx->tx, TO_CLIENT);
		return;
	}
	if (!first || !tag.len || bytes_are(tag, "+"))
		return;
	if (line->cut && s->f->app->last)
		tx_event(s->w, s->f, s->f->app->last, TO_CLIENT, IMAP_EVENT_LINE_TOO_LONG);
	if (bytes_are(tag, "*")) {
		if (!s->f->app->tx_count && (tx = transaction_new(s)))
			completion(s, tx, rest);
		return;
	}
	for (struct tx *t = s->f->app->first; t; t = t->next) {
		tx = imap_of(t);
		if (t->progress[TO_SERVER] < IMAP_DONE && tx->tag.len == tag.len &&
		    memcmp(tx->tag.data, tag.data, tag.len) == 0) {
			completion(s, tx, rest);
			return;
		}
	}
}

/* ---- bytes ---- */

static void literal_take(struct imap_stream *st, struct cursor *c)
{
	size_t n = st->literal < cursor_left(c) ? (size_t)st->literal : cursor_left(c);

	mail_data(st->mail, c->p, (uint32_t)n);
	cursor_skip(c, n);
	st->literal -= n;
	if (!st->literal)
		mail_over(st, true);
}

static void gap_take(struct imap_stream *st, uint64_t len)
{
	if (len <= st->literal) {
		mail_gap(st->mail, len);
		st->literal -= len;
		if (!st->literal)
			mail_over(st, true);
		return;
	}
	mail_over(st, false);
	st->literal = 0;
	st->within = false;
	st->skip = true;
}

static struct parse_result imap_parse(struct worker *w, struct flow *f, void *state,
				      enum direction d, const struct app_input *in)
{
	struct cursor c = cursor_of(in->data, in->data ? in->len : 0);
	struct parse_result res = {.status = PARSE_OK};
	struct imap_state *s = state;
	struct imap_stream *st = &s->stream[d];
	struct line line;

	s->w = w;
	s->f = f;
	if (in->flags & INPUT_GAP)
		gap_take(st, in->len);
	while (cursor_left(&c) && !f->app->change) {
		if (st->literal) {
			literal_take(st, &c);
			continue;
		}
		if (!line_take(&c, &st->skip, IMAP_LINE_MAX, &line))
			break;
		if (d == TO_SERVER)
			client_line(s, &line);
		else
			server_line(s, &line);
		if (!st->literal)
			mail_over(st, true); /* an empty one */
	}
	if (in->flags & INPUT_END) {
		struct imap_tx *tx;

		mail_over(st, false);
		while (d == TO_CLIENT && (tx = oldest_open(s)))
			transaction_end(s, tx);
	}
	res.consumed = (uint32_t)(c.p - in->data);
	if (cursor_left(&c) && !(in->flags & INPUT_END))
		res.status = PARSE_MORE;
	return res;
}

/* ---- flows and records ---- */

static void imap_alert_context(struct worker *w, struct flow *f, struct tx *base, struct recorder *r)
{
	const struct imap_tx *tx = imap_of(base);

	rec_open(r, F_imap_imap);
	text_record(r, F_imap_tag, &tx->tag);
	text_record(r, F_imap_command, &tx->command);
	text_record(r, F_imap_status, &tx->status);
	text_record(r, F_imap_text, &tx->text);
	rec_close(r);
}

static void imap_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p)
{
	struct recorder *r = emit_flow(w, RECORD_imap, f, TO_SERVER, tx->id, p);

	if (!r)
		return;
	imap_alert_context(w, f, tx, r);
	emit_end(w);
}

#define FILE_BUFFER BUFFER_STREAMING | BUFFER_MULTI, IMAP_COMMAND, IMAP_COMMAND

static const struct proto_buffer imap_buffers[] = {
	{"file.data", FILE_BUFFER, file_view},
	{"file.name", FILE_BUFFER, file_name_view},
	{"file.magic", FILE_BUFFER, file_magic_view},
	{NULL},
};

const struct proto proto_imap = {
	.name = "imap",
	.id = APP_imap,
	.over_tcp = 1,
	.done = {IMAP_DONE, IMAP_DONE},
	.max_pending_bytes = IMAP_LINE_MAX,
	.max_transactions = IMAP_TRANSACTIONS_MAX,
	.too_many_event = IMAP_EVENT_TOO_MANY_TRANSACTIONS,
	.probe = imap_probe,
	.state_bytes = sizeof(struct imap_state),
	.parse = imap_parse,
	.tx_free = imap_tx_free,
	.log = imap_log,
	.alert_context = imap_alert_context,
	.events = imap_events,
	.buffers = imap_buffers,
};
