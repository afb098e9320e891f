/* SPDX-License-Identifier: BSD-3-Clause
 *
 * IMAP (RFC 9051, 3501). A command with the response that bears its tag is a transaction, the
 * greeting one without command. Lines and literals ({n} before a line end, RFC 9051, 4.3) are taken
 * as they come. A literal that is a whole mail (FETCH of BODY[] or RFC822, APPEND) goes through the
 * MIME parser: its attachments are files. So does a mail that comes in several literals that follow one
 * another: header and text, the header of a part (BODY[2.MIME]) and the part (BODY[2], BINARY[2]), or
 * partial fetches (BODY[]<0>, BODY[]<65536>), also by several commands: the transaction of the first one
 * then lasts until the mail is over. A part without its header is a file if it is in base64, or comes decoded
 * (BINARY[2]); how it is called is not known. Other literals are passed over; where mails as a whole are files
 * (file_bodies), what is fetched of one alone, as headers are, is one, too, as it came. STARTTLS changes the protocol;
 * compression (RFC 4978) is undone, up to the first hole. Arguments are not kept: they hold passwords. Runs in the worker that owns the flow.
 */
#include <strings.h>

#include "dataplane/app/app_state.h"
#include "dataplane/app/content.h"
#include "dataplane/app/line.h"
#include "dataplane/app/mail.h"
#include "dataplane/app/text.h"
#include "dataplane/base/digit.h"
#include "dataplane/engine/emit.h"

#define IMAP_LINE_MAX 4096
#define IMAP_KEPT_MAX (IMAP_LINE_MAX + CONTENT_STEP) /* unpacked bytes that wait for a line's end */
#define IMAP_TAG_MAX 64
#define IMAP_TEXT_MAX 512
#define IMAP_TRANSACTIONS_MAX 64
#define IMAP_SECTION_MAX 32
#define IMAP_PORT 143
#define IMAP_LOOK_BYTES 60 /* of a part: so long are lines of base64 at least, but for the last */

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
	uint64_t asked; /* bytes of a partial fetch; 0: it is none */
	bool answered;  /* its completion is there: it waits for the rest of its mail */
};

/* What a literal of the server is, of which message. */
struct imap_fetch {
	uint32_t message;
	uint8_t section_len;
	uint8_t section[IMAP_SECTION_MAX]; /* in upper case; none: the whole */
	bool partial, decoded;
	uint64_t offset;
};

struct imap_state {
	struct worker *w; /* of the call in hand */
	struct flow *f;
	bool packed;      /* both directions are compressed from here on */
	bool blind;       /* what comes cannot be read */
	struct imap_stream {
		struct content_decoder *decoder; /* owned; NULL: nothing compressed yet */
		struct app_pending kept;         /* the beginning of an unpacked line */
		bool skip;         /* rest of a long line */
		bool within;       /* the line goes on behind a literal */
		uint64_t literal;  /* bytes of it that are to come */
		bool passes;       /* it is none of the mail's */
		uint32_t message;  /* that the response in hand is about */
		uint64_t at;       /* bytes of the mail so far, with those of the literal in hand */
		struct imap_fetch fetch; /* what the mail's latest literal was */
		bool looks;        /* a part without header begins: is it base64? */
		uint8_t look[IMAP_LOOK_BYTES], look_len;
		struct mail *mail; /* that the literal is, or was and goes on with; NULL: passed over */
		struct file *piece; /* the literal, where it is not all of a mail; NULL: none is kept */
		struct imap_tx *piece_of;
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

static bool is_one_of(struct bytes word, const char *const *words)
{
	while (*words && !bytes_are(word, *words))
		words++;
	return *words;
}

/* A session that is picked up midway, at its port: "tag OK …", "* … EXISTS". */
static enum probe_result probe_answer(const struct probe_input *in)
{
	static const char *const status[] = {"OK", "NO", "BAD", NULL};
	static const char *const about[] = {"EXISTS", "RECENT", "FETCH", "EXPUNGE", NULL};
	const uint8_t *lf = in->len ? memchr(in->data, '\n', in->len) : NULL;
	struct bytes rest = {in->data, lf ? (uint32_t)(lf - in->data) : in->len}, tag = word_take(&rest), second = word_take(&rest);

	if (!lf || lf == in->data || lf[-1] != '\r')
		return lf || in->len > IMAP_LINE_MAX ? PROBE_NO : PROBE_MORE;
	if (bytes_are(tag, "*"))
		return is_one_of((struct bytes){rest.data, rest.len - (rest.len > 0)}, about) ||
		       is_one_of(word_take(&rest), about) ? PROBE_YES : PROBE_NO;
	return tag.len && tag.len <= IMAP_TAG_MAX && is_one_of(second, status) ? PROBE_YES : PROBE_NO;
}

/* tag SP command: a command that no other protocol has in that place. */
static enum probe_result imap_probe(const struct probe_input *in)
{
	static const char *const words[] = {"CAPABILITY", "LOGIN", "AUTHENTICATE", "STARTTLS", "ID", NULL};
	const uint8_t *lf = in->len ? memchr(in->data, '\n', in->len) : NULL;
	struct bytes rest, tag, command;
	enum probe_result greeting;

	if (in->direction == TO_CLIENT) {
		greeting = probe_greeting(in);
		return greeting == PROBE_NO && in->midstream && in->server_port == IMAP_PORT ? probe_answer(in) : greeting;
	}
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
	return is_one_of(command, words) ? PROBE_YES : PROBE_NO;
}

/* ---- transactions ---- */

static void transaction_end(struct imap_state *s, struct imap_tx *tx);

static void mail_over(struct imap_state *s, struct imap_stream *st, bool complete)
{
	struct imap_tx *tx = st->mail ? imap_of(st->mail->tx) : NULL;

	mail_end(st->mail, complete);
	st->mail = NULL;
	if (tx && tx->answered)
		transaction_end(s, tx);
}

static void piece_end(struct imap_state *s, struct imap_stream *st)
{
	file_close(s->w, st->piece, st->literal ? FILE_TRUNCATED : FILE_CLOSED);
	st->piece = NULL;
}

static void transaction_end(struct imap_state *s, struct imap_tx *tx)
{
	tx->answered = false;
	if (s->stream[TO_CLIENT].piece && s->stream[TO_CLIENT].piece_of == tx)
		piece_end(s, &s->stream[TO_CLIENT]);
	for (unsigned d = 0; d < 2; d++)
		if (s->stream[d].mail && s->stream[d].mail->tx == &tx->tx)
			mail_over(s, &s->stream[d], !s->stream[d].literal && !mime_is_open(&s->stream[d].mail->mime));
	tx->tx.progress[TO_SERVER] = tx->tx.progress[TO_CLIENT] = IMAP_DONE;
	s->f->app->changed[TO_SERVER] = s->f->app->changed[TO_CLIENT] = 1;
}

static struct imap_tx *oldest_open(const struct imap_state *s)
{
	for (struct tx *tx = s->f->app->first; tx; tx = tx->next)
		if (tx->progress[TO_SERVER] < IMAP_DONE && !imap_of(tx)->answered)
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

	if (s->stream[TO_CLIENT].piece_of == tx)
		s->stream[TO_CLIENT].piece = NULL;
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

/* The number before which `end` is, and the byte before it, which must be `before`; *end moves to that byte. */
static bool number_back(struct bytes line, uint32_t *end, uint8_t before, uint64_t *out)
{
	uint64_t digit = 1;
	uint32_t at = *end;

	*out = 0;
	for (; at && line.data[at - 1] >= '0' && line.data[at - 1] <= '9' && digit < 1000000000000ull; at--) {
		*out += digit * (line.data[at - 1] - '0');
		digit *= 10;
	}
	if (digit == 1 || !at || line.data[at - 1] != before)
		return false;
	*end = at - 1;
	return true;
}

/* How many bytes a client asks for: "]<0.65536>" (RFC 9051, 6.4.5). 0: it does not say. */
static uint64_t asked_of(struct bytes line)
{
	const uint8_t *begin = line.len ? memmem(line.data, line.len, "]<", 2) : NULL;
	const uint8_t *close = begin ? memchr(begin, '>', line.len - (size_t)(begin - line.data)) : NULL;
	uint32_t end = close ? (uint32_t)(close - line.data) : 0;
	uint64_t n;

	return close && number_back(line, &end, '.', &n) ? n : 0;
}

static bool ends_with(struct bytes line, const char *word)
{
	uint32_t n = (uint32_t)strlen(word);

	return line.len >= n && bytes_are((struct bytes){line.data + line.len - n, n}, word);
}

/* What the literal is that the line announces: "RFC822 {4}", "BODY[2.MIME] {4}", "BINARY[]<100> ~{4}". */
static bool fetch_read(struct bytes line, struct imap_fetch *out)
{
	uint32_t begin;

	*out = (struct imap_fetch){.message = out->message};
	while (line.len && line.data[line.len - 1] != '{')
		line.len--;
	line.len -= line.len > 0;
	line.len -= ends_with(line, "~");
	if (!ends_with(line, " "))
		return false;
	line.len--;
	if (ends_with(line, "(RFC822") || ends_with(line, " RFC822"))
		return true;
	if (ends_with(line, "RFC822.HEADER") || ends_with(line, "RFC822.TEXT")) { /* RFC 3501, 6.4.5 */
		bool header = ends_with(line, "HEADER");

		out->section_len = header ? 6 : 4;
		memcpy(out->section, header ? "HEADER" : "TEXT", out->section_len);
		return true;
	}
	if (ends_with(line, ">")) {
		line.len--;
		if (!number_back(line, &line.len, '<', &out->offset))
			return false;
		out->partial = true;
	}
	if (!ends_with(line, "]"))
		return false;
	line.len--;
	for (begin = line.len; begin && line.data[begin - 1] != '['; begin--)
		;
	if (!begin || line.len - begin > IMAP_SECTION_MAX)
		return false;
	for (uint32_t i = begin; i < line.len; i++) {
		uint8_t c = line.data[i];

		out->section[out->section_len++] = c >= 'a' && c <= 'z' ? c ^ 0x20 : c;
	}
	line.len = begin - 1;
	out->decoded = ends_with(line, "BINARY");
	return out->decoded || ends_with(line, "BODY");
}

static bool section_is(const struct imap_fetch *f, uint32_t from, const char *word)
{
	return bytes_are((struct bytes){f->section + from, f->section_len - from}, word);
}

static bool is_part_header(const struct imap_fetch *f)
{
	return f->section_len > 5 && section_is(f, f->section_len - 5u, ".MIME") && !f->partial;
}

/* BODY[2], BODY[1.2] */
static bool is_part(const struct imap_fetch *f)
{
	for (uint32_t i = 0; i < f->section_len; i++)
		if ((f->section[i] < '0' || f->section[i] > '9') && f->section[i] != '.')
			return false;
	return f->section_len > 0;
}

/* Does a mail begin with it? */
static bool fetch_begins(const struct imap_fetch *f)
{
	return (is_part(f) && !f->offset) || (!f->section_len && !f->offset) || is_part_header(f) || (section_is(f, 0, "HEADER") && !f->partial);
}

/* Does it go on with the mail in hand? */
static bool fetch_follows(const struct imap_stream *st, const struct imap_fetch *f)
{
	const struct imap_fetch *last = &st->fetch;

	if (!st->mail || f->message != last->message)
		return false;
	if (last->partial)
		return f->partial && f->offset == st->at && f->offset && f->section_len == last->section_len &&
		       memcmp(f->section, last->section, f->section_len) == 0;
	if (f->partial || !last->section_len)
		return false;
	if (is_part_header(last))
		return f->section_len == last->section_len - 5 && memcmp(f->section, last->section, f->section_len) == 0;
	return section_is(last, 0, "HEADER") && section_is(f, 0, "TEXT");
}

/* The header that a part without one would have. */
static void part_header(struct imap_stream *st, bool base64)
{
	static const char before[] = "Content-Disposition: attachment; filename=\"BODY[", after[] = "]\"\r\n",
			  coded[] = "Content-Transfer-Encoding: base64\r\n", end[] = "\r\n";

	mail_data(st->mail, (const uint8_t *)before, sizeof(before) - 1);
	mail_data(st->mail, st->fetch.section, st->fetch.section_len);
	mail_data(st->mail, (const uint8_t *)after, sizeof(after) - 1);
	if (base64)
		mail_data(st->mail, (const uint8_t *)coded, sizeof(coded) - 1);
	mail_data(st->mail, (const uint8_t *)end, sizeof(end) - 1);
}

/* The literal that a line of the server announced. */
static void fetch_take(struct imap_state *s, struct imap_stream *st, const struct imap_fetch *f)
{
	bool follows = fetch_follows(st, f), whole = !f->section_len;
	struct imap_tx *tx = oldest_open(s);

	st->passes = false;
	if (!follows) {
		if (st->mail)
			mail_over(s, st, !mime_is_open(&st->mail->mime));
		if (!fetch_begins(f))
			return;
		if (!tx)
			tx = transaction_new(s); /* its command was not seen */
		if (tx)
			st->mail = (whole ? mail_begin : mail_begin_part)(s->w, s->f, &tx->tx, TO_CLIENT);
		st->at = 0;
	} else if (f->decoded && !whole) {
		mime_is_decoded(&st->mail->mime);
	}
	st->fetch = *f;
	st->at += st->literal;
	st->looks = st->mail && !follows && is_part(f) && !f->decoded;
	st->look_len = 0;
	if (st->mail && !follows && is_part(f) && f->decoded)
		part_header(st, false);
	/* Less than was asked for: the end of the mail is in it. */
	if (f->partial && tx && st->literal < tx->asked)
		st->fetch.partial = false;
}

/* A literal that is not all of a mail begins, where those are kept. */
static void piece_begin(struct imap_state *s, struct imap_stream *st)
{
	struct imap_tx *tx = file_bodies(s->w) ? oldest_open(s) : NULL;

	if (!tx)
		return;
	st->piece = file_open_mail(s->w, s->f, &tx->tx, TO_CLIENT);
	st->piece_of = tx;
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
		tx->asked = asked_of(line->text);
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
	if (s->stream[TO_CLIENT].mail && s->stream[TO_CLIENT].mail->tx == &tx->tx && s->stream[TO_CLIENT].fetch.partial)
		tx->answered = true;
	else
		transaction_end(s, tx);
	if (bytes_are(text_bytes(&tx->command), "STARTTLS") && bytes_are(status, "OK"))
		app_change_protocol(s->w, s->f, APP_tls);
	if (bytes_are(text_bytes(&tx->command), "COMPRESS") && bytes_are(status, "OK"))
		s->packed = true;
}

/* "* 5 FETCH (": 5; 0: another response. */
static uint32_t message_of(struct bytes rest)
{
	struct bytes word = word_take(&rest);
	uint64_t n;

	word.data--; /* the blank before it */
	word.len++;
	return number_back(word, &word.len, ' ', &n) ? (uint32_t)n : 0;
}

static void server_line(struct imap_state *s, const struct line *line)
{
	struct imap_stream *st = &s->stream[TO_CLIENT];
	struct bytes rest = line->text, tag = word_take(&rest);
	bool first = !st->within;
	struct imap_fetch fetch = {0};
	struct imap_tx *tx = NULL;

	st->within = literal_of(line->text, &st->literal);
	if (first && bytes_are(tag, "*"))
		st->message = message_of(rest);
	fetch.message = st->message;
	st->passes = true;
	if (st->within) {
		bool read = fetch_read(line->text, &fetch);

		if (read)
			fetch_take(s, st, &fetch);
		if (st->message && (!read || fetch.section_len))
			piece_begin(s, st);
		if (read)
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
		if (t->progress[TO_SERVER] < IMAP_DONE && !tx->answered && tx->tag.len == tag.len &&
		    memcmp(tx->tag.data, tag.data, tag.len) == 0) {
			completion(s, tx, rest);
			return;
		}
	}
}

/* ---- bytes ---- */

/* Nothing of the literal is left: that was the mail, unless it goes on in another one. */
static void literal_end(struct imap_state *s, struct imap_stream *st)
{
	const struct imap_fetch *f = &st->fetch;

	if (st->piece)
		piece_end(s, st);
	if (!st->mail)
		return;
	if (st == &s->stream[TO_CLIENT] && (f->partial || is_part_header(f) || section_is(f, 0, "HEADER")))
		return;
	mail_over(s, st, true);
}

/* May the mail in hand have the literal in hand? */
static struct mail *mail_of(const struct imap_stream *st)
{
	return st->passes ? NULL : st->mail;
}

/* The first bytes of a part, which tell whether it is base64. */
static void part_look(struct imap_state *s, struct imap_stream *st, const uint8_t *data, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++) {
		if (base64_digit(data[i]) < 0) {
			st->looks = false;
			mail_over(s, st, false);
			return;
		}
		st->look[st->look_len++] = data[i];
	}
	if (st->look_len < IMAP_LOOK_BYTES)
		return;
	st->looks = false;
	part_header(st, true);
	mail_data(st->mail, st->look, st->look_len);
}

static void literal_take(struct imap_state *s, struct imap_stream *st, struct cursor *c)
{
	size_t n = st->literal < cursor_left(c) ? (size_t)st->literal : cursor_left(c), most = IMAP_LOOK_BYTES - st->look_len;

	if (st->looks && mail_of(st))
		n = n < most ? n : most;
	if (st->piece)
		file_append(s->w, st->piece, c->p, (uint32_t)n);
	if (st->looks && mail_of(st)) {
		part_look(s, st, c->p, (uint32_t)n);
	} else {
		mail_data(mail_of(st), c->p, (uint32_t)n);
	}
	cursor_skip(c, n);
	st->literal -= n;
	if (!st->literal)
		literal_end(s, st);
}

static void gap_take(struct imap_state *s, struct imap_stream *st, uint64_t len)
{
	if (st->looks && mail_of(st))
		mail_over(s, st, false);
	if (len <= st->literal) {
		mail_gap(mail_of(st), len);
		if (st->piece)
			file_gap(s->w, st->piece, len);
		st->literal -= len;
		if (!st->literal)
			literal_end(s, st);
		return;
	}
	mail_over(s, st, false);
	if (st->piece)
		piece_end(s, st);
	st->literal = 0;
	st->within = false;
	st->skip = true;
}

/* Lines and literals. Returns how many bytes were taken. */
static uint32_t text_take(struct imap_state *s, enum direction d, const uint8_t *data, uint32_t len)
{
	struct cursor c = cursor_of(data, len);
	struct imap_stream *st = &s->stream[d];
	bool packed = s->packed;
	struct line line;

	while (cursor_left(&c) && !s->f->app->change && s->packed == packed) {
		if (st->literal) {
			literal_take(s, st, &c);
			continue;
		}
		if (!line_take(&c, &st->skip, IMAP_LINE_MAX, &line))
			break;
		if (d == TO_SERVER)
			client_line(s, &line);
		else
			server_line(s, &line);
		if (st->within && !st->literal)
			literal_end(s, st); /* an empty one */
	}
	return (uint32_t)(c.p - data);
}

struct unpacking {
	struct imap_state *s;
	enum direction d;
};

/* Unpacked bytes: what is whole of them is read, the beginning of a line kept. */
static void unpacked(void *context, const uint8_t *data, uint32_t len)
{
	struct unpacking *u = context;
	struct app_pending *kept = &u->s->stream[u->d].kept;
	uint32_t taken;

	if (kept->len) {
		if (app_keep(u->s->w, kept, data, len, IMAP_KEPT_MAX, 0) != len) {
			u->s->blind = true;
			return;
		}
		taken = text_take(u->s, u->d, kept->data, kept->len);
		kept->len -= taken;
		memmove(kept->data, kept->data + taken, kept->len);
		return;
	}
	taken = text_take(u->s, u->d, data, len);
	if (taken < len && app_keep(u->s->w, kept, data + taken, len - taken, IMAP_KEPT_MAX, 0) != len - taken)
		u->s->blind = true;
}

static void packed_take(struct imap_state *s, enum direction d, const uint8_t *data, uint32_t len)
{
	struct imap_stream *st = &s->stream[d];
	struct unpacking u = {s, d};

	if (!st->decoder)
		st->decoder = content_decoder_new(&s->w->heap, CONTENT_BARE_DEFLATE);
	if (!st->decoder || content_decode(st->decoder, data, len, unpacked, &u) != CONTENT_GOOD)
		s->blind = true;
}

/* No more of the direction comes. */
static void stream_end(struct imap_state *s, enum direction d)
{
	struct imap_stream *st = &s->stream[d];
	struct imap_tx *tx;

	if (st->mail)
		mail_over(s, st, !st->literal && !mime_is_open(&st->mail->mime));
	if (st->piece)
		piece_end(s, st);
	while (d == TO_CLIENT && (tx = oldest_open(s)))
		transaction_end(s, tx);
}

static struct parse_result imap_parse(struct worker *w, struct flow *f, void *state,
				      enum direction d, const struct app_input *in)
{
	struct parse_result res = {.status = PARSE_OK};
	struct imap_state *s = state;
	uint32_t len = in->data ? in->len : 0, taken = 0;

	s->w = w;
	s->f = f;
	if (in->flags & INPUT_GAP && s->packed)
		s->blind = true;
	else if (in->flags & INPUT_GAP)
		gap_take(s, &s->stream[d], in->len);
	if (!s->packed)
		taken = text_take(s, d, in->data, len);
	if (s->packed && taken < len && !s->blind)
		packed_take(s, d, in->data + taken, len - taken);
	if (in->flags & INPUT_END)
		stream_end(s, d);
	res.consumed = s->packed ? len : taken;
	if (res.consumed < len && !(in->flags & INPUT_END))
		res.status = PARSE_MORE;
	return res;
}

static void imap_state_clear(struct worker *w, struct flow *f, void *state)
{
	struct imap_state *s = state;

	for (unsigned d = 0; d < 2; d++) {
		content_decoder_free(&w->heap, s->stream[d].decoder);
		app_keep_free(w, &s->stream[d].kept);
	}
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
	.state_rest = app_state_moves,
	.state_clear = imap_state_clear,
	.parse = imap_parse,
	.tx_free = imap_tx_free,
	.log = imap_log,
	.alert_context = imap_alert_context,
	.events = imap_events,
	.buffers = imap_buffers,
};
