/* SPDX-License-Identifier: BSD-3-Clause
 *
 * IRC (RFC 1459, RFC 2812; IRCv3 message tags and STARTTLS; DCC as clients have it, "CTCP and DCC" by
 * K. Zeuge and others). Each message is a transaction. Records tell of those that say who is who, who
 * speaks where, and what went wrong; not of those that keep the session up or list something. What a
 * direct connection (DCC) announces stands beside the message that announces it. Runs in the worker that
 * owns the flow.
 */
#include <strings.h>

#include "dataplane/app/line.h"
#include "dataplane/app/text.h"
#include "dataplane/base/addr.h"
#include "dataplane/engine/emit.h"

#define IRC_LINE_MAX 9216 /* 8,191 of tags and 512 of message (IRCv3), and what servers allow beyond */
#define IRC_PARAMETERS_MAX 15
#define IRC_PROBE_MAX 512
#define IRC_TRANSACTIONS_MAX 1024
#define CTCP 1 /* the byte around a message of a client to a client */

enum irc_event {
#define EVENT(id, name) IRC_EVENT_##id,
#include "dataplane/event/app_event/irc.def"
#undef EVENT
};

static const char *const irc_events[] = {
#define EVENT(id, name) name,
#include "dataplane/event/app_event/irc.def"
#undef EVENT
	NULL,
};

/* "SEND file address port size", "CHAT chat address port" */
struct irc_dcc {
	bool there, has_size;
	uint8_t ip_version; /* 0: no address */
	uint16_t port;
	uint64_t size;
	struct addr address;
	struct text type, file;
};

struct irc_tx {
	struct tx tx;
	uint8_t direction;
	struct text nick;       /* of the client, as far as it is known */
	struct text prefix, command, message; /* message: the last parameter, where it is text */
	struct texts parameters; /* the others */
	struct irc_dcc dcc;
};

struct irc_state {
	struct text nick;
	bool skip[2];
};

static struct irc_tx *irc_of(struct tx *tx)
{
	return (struct irc_tx *)(void *)tx;
}

static bool is_one_of(struct bytes text, const char *const *words)
{
	while (*words)
		if (bytes_are(text, *words++))
			return true;
	return false;
}

/* The next word of a line; false: none is left. */
static bool word_take(struct bytes *rest, struct bytes *word)
{
	while (rest->len && *rest->data == ' ') {
		rest->data++;
		rest->len--;
	}
	*word = (struct bytes){rest->data, 0};
	while (rest->len && *rest->data != ' ') {
		rest->data++;
		rest->len--;
		word->len++;
	}
	return word->len > 0;
}

/* ---- finding it ---- */

/* Is the first line, as far as it is there, one with which a client begins? */
static enum probe_result client_line(struct bytes line, bool whole, bool *pass)
{
	static const char *const words[] = {"NICK", "USER", "PASS", "CAP", "SERVER", "STARTTLS", NULL};
	struct bytes word, one;
	unsigned more = 0;

	*pass = false;
	if (!word_take(&line, &word))
		return whole ? PROBE_NO : PROBE_MORE;
	for (unsigned i = 0; !whole && !line.len && words[i]; i++)
		if (word.len < strlen(words[i]) && strncasecmp((const char *)word.data, words[i], word.len) == 0)
			return PROBE_MORE;
	if (!is_one_of(word, words))
		return PROBE_NO;
	if (!whole)
		return PROBE_MORE;
	*pass = bytes_are(word, "PASS");
	while (word_take(&line, &one))
		more++;
	if (bytes_are(word, "CAP"))
		return more ? PROBE_YES : PROBE_NO;
	if (bytes_are(word, "USER")) /* name, two words, real name: FTP and POP3 have one word */
		return more >= 4 ? PROBE_YES : PROBE_NO;
	if (bytes_are(word, "NICK"))
		return more == 1 || more == 2 ? PROBE_YES : PROBE_NO;
	if (bytes_are(word, "SERVER"))
		return more >= 3 ? PROBE_YES : PROBE_NO;
	return PROBE_MORE; /* PASS; STARTTLS, which other protocols have as well: the server says which it is */
}

static enum probe_result probe_client(const struct probe_input *in)
{
	struct cursor c = cursor_of(in->data, in->len);
	bool skip = false, pass = true;
	struct line line;

	if (in->known)
		return (in->data[0] | 0x20) >= 'a' && (in->data[0] | 0x20) <= 'z' ? PROBE_YES : PROBE_NO;
	while (pass && line_take(&c, &skip, IRC_PROBE_MAX, &line)) {
		enum probe_result found = client_line(line.text, true, &pass);

		if (line.cut)
			return PROBE_NO;
		if (found != PROBE_MORE)
			return found;
	}
	return client_line((struct bytes){c.p, (uint32_t)cursor_left(&c)}, false, &pass);
}

/* ":name NOTICE …", ":name 001 …", "NOTICE AUTH :…" */
static enum probe_result probe_server(const struct probe_input *in)
{
	struct bytes rest = {in->data, in->len}, word;
	const char *first = "NOTICE ";
	uint32_t n = (uint32_t)strlen(first);

	if (in->data[0] != ':' && !in->known) {
		if (memcmp(in->data, first, in->len < n ? in->len : n) != 0)
			return PROBE_NO;
		return in->len < IRC_PROBE_MAX && !memchr(in->data, '\n', in->len) ? PROBE_MORE
		       : memmem(in->data, in->len, " :", 2)			   ? PROBE_YES
										   : PROBE_NO;
	}
	if (in->known)
		return in->data[0] >= ' ' && in->data[0] < 0x7f ? PROBE_YES : PROBE_NO;
	word_take(&rest, &word);
	if (!rest.len)
		return word.len < IRC_PROBE_MAX && !memchr(word.data, '\n', word.len) ? PROBE_MORE : PROBE_NO;
	if (!word_take(&rest, &word) || !rest.len)
		return word.len > 6 || memchr(word.data, '\n', word.len) ? PROBE_NO : PROBE_MORE;
	if (bytes_are(word, "NOTICE"))
		return PROBE_YES;
	return (word.len == 3 && memcmp(word.data, "00", 2) == 0) || bytes_are(word, "670") ? PROBE_YES : PROBE_NO;
}

static enum probe_result irc_probe(const struct probe_input *in)
{
	if (!in->len)
		return PROBE_MORE;
	return in->direction == TO_SERVER ? probe_client(in) : probe_server(in);
}

/* ---- direct connections ---- */

static bool number_of(struct bytes text, uint64_t max, uint64_t *out)
{
	*out = 0;
	if (!text.len || text.len > 19)
		return false;
	for (uint32_t i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
		*out = *out * 10 + text.data[i] - '0';
	}
	return *out <= max;
}

/* An address of version 4 is a number, one of version 6 is written as usual. */
static void address_take(struct irc_dcc *dcc, struct bytes text)
{
	char name[48];
	uint64_t four;

	if (number_of(text, UINT32_MAX, &four)) {
		for (unsigned i = 0; i < 4; i++)
			dcc->address.b[i] = (uint8_t)(four >> (24 - 8 * i));
		dcc->ip_version = 4;
	} else if (text.len < sizeof(name) && memchr(text.data, ':', text.len)) {
		memcpy(name, text.data, text.len);
		name[text.len] = 0;
		dcc->ip_version = addr_parse(name, &dcc->address) == 6 ? 6 : 0;
	}
}

/* The file's name may be in quotes. */
static bool file_take(struct bytes *rest, struct bytes *file)
{
	const uint8_t *end;

	while (rest->len && *rest->data == ' ') {
		rest->data++;
		rest->len--;
	}
	if (!rest->len || *rest->data != '"')
		return word_take(rest, file);
	end = memchr(rest->data + 1, '"', rest->len - 1);
	if (!end)
		return false;
	*file = (struct bytes){rest->data + 1, (uint32_t)(end - rest->data) - 1};
	rest->len -= file->len + 2;
	rest->data = end + 1;
	return true;
}

static void dcc_take(struct worker *w, struct flow *f, struct irc_tx *t, struct bytes rest)
{
	struct irc_dcc *dcc = &t->dcc;
	struct bytes type, file, address = {0}, port = {0}, size = {0};
	uint64_t number;

	if (!word_take(&rest, &type) || !file_take(&rest, &file)) {
		tx_event(w, f, &t->tx, (enum direction)t->direction, IRC_EVENT_MALFORMED_DCC);
		return;
	}
	dcc->there = true;
	text_set(w, &dcc->type, type);
	text_set(w, &dcc->file, file);
	if (!bytes_are(type, "SEND") && !bytes_are(type, "CHAT"))
		return;
	word_take(&rest, &address);
	word_take(&rest, &port);
	address_take(dcc, address);
	if (!dcc->ip_version || !number_of(port, UINT16_MAX, &number)) {
		tx_event(w, f, &t->tx, (enum direction)t->direction, IRC_EVENT_MALFORMED_DCC);
		return;
	}
	dcc->port = (uint16_t)number;
	if (word_take(&rest, &size))
		dcc->has_size = number_of(size, UINT64_MAX, &dcc->size);
}

/* ---- messages ---- */

static void parameters_take(struct worker *w, struct irc_tx *t, struct bytes rest)
{
	struct bytes word;

	while (rest.len) {
		struct bytes before = rest;

		if (!word_take(&rest, &word))
			return;
		if (*word.data == ':') { /* to the end of the line */
			uint32_t skipped = (uint32_t)(word.data - before.data) + 1;

			text_set(w, &t->message, (struct bytes){word.data + 1, before.len - skipped});
			return;
		}
		if (t->parameters.count < IRC_PARAMETERS_MAX)
			texts_add(w, &t->parameters, word.data, word.len);
	}
}

static struct bytes parameter(const struct irc_tx *t, unsigned n)
{
	return texts_at(&t->parameters, n);
}

/* The client's name from now on: what it asks for before the server greets it, then what the server says. */
static void nick_follow(struct worker *w, struct irc_state *s, const struct irc_tx *t, enum direction d)
{
	struct bytes command = text_bytes(&t->command), named = parameter(t, 0), from = text_bytes(&t->prefix);
	const uint8_t *bang = from.len ? memchr(from.data, '!', from.len) : NULL;

	if (!named.data)
		named = text_bytes(&t->message);
	if (bang)
		from.len = (uint32_t)(bang - from.data);
	if (d == TO_SERVER ? bytes_are(command, "NICK") && !s->nick.data
			   : bytes_are(command, "001") ||
				     (bytes_are(command, "NICK") && s->nick.data && from.len == s->nick.len &&
				      memcmp(from.data, s->nick.data, from.len) == 0))
		if (named.len)
			text_set(w, &s->nick, named);
}

static void special_take(struct worker *w, struct flow *f, struct irc_tx *t, enum direction d)
{
	struct bytes command = text_bytes(&t->command), message = text_bytes(&t->message);

	if ((bytes_are(command, "PRIVMSG") || bytes_are(command, "NOTICE")) && message.len > 5 && message.data[0] == CTCP &&
	    strncasecmp((const char *)message.data + 1, "DCC ", 4) == 0) {
		message.data += 5;
		message.len -= 5;
		if (message.data[message.len - 1] == CTCP)
			message.len--;
		dcc_take(w, f, t, message);
	}
	if (d == TO_CLIENT && bytes_are(command, "670")) /* STARTTLS is granted */
		app_change_protocol(w, f, APP_tls);
}

static void message_take(struct worker *w, struct flow *f, struct irc_state *s, enum direction d, const struct line *line)
{
	struct bytes rest = line->text, word;
	struct irc_tx *t;

	if (rest.len && *rest.data == '@') /* tags */
		word_take(&rest, &word);
	while (rest.len && *rest.data == ' ') {
		rest.data++;
		rest.len--;
	}
	if (!rest.len)
		return;
	t = irc_of(tx_new(w, f, sizeof(*t)));
	if (!t)
		return;
	t->direction = (uint8_t)d;
	t->tx.progress[TO_SERVER] = t->tx.progress[TO_CLIENT] = 1;
	t->tx.inspected_done[direction_other(d)] = 1;
	if (line->cut)
		tx_event(w, f, &t->tx, d, IRC_EVENT_LINE_TOO_LONG);
	if (*rest.data == ':' && word_take(&rest, &word))
		text_set(w, &t->prefix, (struct bytes){word.data + 1, word.len - 1});
	if (word_take(&rest, &word))
		text_set(w, &t->command, word);
	parameters_take(w, t, rest);
	nick_follow(w, s, t, d);
	if (s->nick.data)
		text_set(w, &t->nick, text_bytes(&s->nick));
	special_take(w, f, t, d);
}

static struct parse_result irc_parse(struct worker *w, struct flow *f, void *state, enum direction d,
				     const struct app_input *in)
{
	struct cursor c = cursor_of(in->data, in->data ? in->len : 0);
	struct parse_result res = {.status = PARSE_OK};
	struct irc_state *s = state;
	struct line line;

	if (in->flags & INPUT_GAP)
		s->skip[d] = true;
	while (!f->app->change && line_take(&c, &s->skip[d], IRC_LINE_MAX, &line))
		message_take(w, f, s, d, &line);
	res.consumed = (uint32_t)(c.p - in->data);
	if (cursor_left(&c) && !(in->flags & INPUT_END))
		res.status = PARSE_MORE;
	return res;
}

static void irc_state_clear(struct worker *w, struct flow *f, void *state)
{
	text_free(w, &((struct irc_state *)state)->nick);
}

static void irc_tx_free(struct worker *w, struct flow *f, struct tx *tx)
{
	struct irc_tx *t = irc_of(tx);

	text_free(w, &t->nick);
	text_free(w, &t->prefix);
	text_free(w, &t->command);
	text_free(w, &t->message);
	texts_free(w, &t->parameters);
	text_free(w, &t->dcc.type);
	text_free(w, &t->dcc.file);
}

/* ---- records ---- */

/* Is it worth a record? Of numbers those of the greeting and of errors are. */
static bool tells(const struct irc_tx *t)
{
	static const char *const quiet[] = {"PING", "PONG", "LIST", "NAMES", "WHO", "WHOIS", "WHOWAS", "ISON", "MOTD",
					    "LUSERS", "USERHOST", NULL};
	struct bytes command = text_bytes(&t->command);

	if (command.len == 3 && command.data[0] >= '0' && command.data[0] <= '9')
		return bytes_are(command, "001") || command.data[0] == '4' || command.data[0] == '5' || command.data[0] >= '9';
	return command.len && !is_one_of(command, quiet);
}

static void put_dcc(struct recorder *r, const struct irc_dcc *dcc)
{
	rec_open(r, F_irc_dcc);
	text_record(r, F_irc_dcc_type, &dcc->type);
	text_record(r, F_irc_dcc_file, &dcc->file);
	if (dcc->ip_version) {
		rec_addr(r, F_irc_dcc_ip, &dcc->address, dcc->ip_version);
		rec_uint(r, F_irc_dcc_port, dcc->port);
	}
	if (dcc->has_size)
		rec_uint(r, F_irc_dcc_size, dcc->size);
	rec_close(r);
}

static void irc_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r)
{
	const struct irc_tx *t = irc_of(tx);
	bool secret = bytes_are(text_bytes(&t->command), "PASS") || bytes_are(text_bytes(&t->command), "OPER") ||
		      bytes_are(text_bytes(&t->command), "AUTHENTICATE");

	rec_open(r, F_irc_irc);
	rec_text(r, F_irc_sender, t->direction == TO_SERVER ? "client" : "server");
	text_record(r, F_irc_nick, &t->nick);
	text_record(r, F_irc_prefix, &t->prefix);
	text_record(r, F_irc_command, &t->command);
	if (!secret) {
		texts_record(r, F_irc_params, F_irc_param, &t->parameters);
		text_record(r, F_irc_message, &t->message);
	}
	if (t->dcc.there)
		put_dcc(r, &t->dcc);
	rec_close(r);
}

static void irc_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p)
{
	struct recorder *r;

	if (!tells(irc_of(tx)))
		return;
	r = emit_flow(w, RECORD_irc, f, (enum direction)irc_of(tx)->direction, tx->id, p);
	if (!r)
		return;
	irc_alert_context(w, f, tx, r);
	emit_end(w);
}

/* ---- what rules see ---- */

#define TEXT_OF(name, member)                                                                      \
	static bool get_##name(struct worker *w, struct flow *f, struct tx *tx, enum direction d,  \
			       unsigned instance, struct buffer_view *out)                         \
	{                                                                                          \
		return irc_of(tx)->direction == d && text_view(&irc_of(tx)->member, out);          \
	}
TEXT_OF(nick, nick)
TEXT_OF(prefix, prefix)
TEXT_OF(command, command)
TEXT_OF(message, message)
TEXT_OF(dcc_file, dcc.file)
#undef TEXT_OF

static bool get_param(struct worker *w, struct flow *f, struct tx *tx, enum direction d, unsigned instance,
		      struct buffer_view *out)
{
	return irc_of(tx)->direction == d && texts_view(&irc_of(tx)->parameters, instance, out);
}

static const struct proto_buffer irc_buffers[] = {
	{"irc.nick", 0, 1, 1, get_nick},
	{"irc.prefix", 0, 1, 1, get_prefix},
	{"irc.command", 0, 1, 1, get_command},
	{"irc.params", BUFFER_MULTI, 1, 1, get_param},
	{"irc.message", 0, 1, 1, get_message},
	{"irc.dcc.file", 0, 1, 1, get_dcc_file},
	{NULL},
};

const struct proto proto_irc = {
	.name = "irc",
	.id = APP_irc,
	.over_tcp = 1,
	.done = {1, 1},
	.max_pending_bytes = IRC_LINE_MAX,
	.max_transactions = IRC_TRANSACTIONS_MAX,
	.too_many_event = IRC_EVENT_TOO_MANY_TRANSACTIONS,
	.probe = irc_probe,
	.state_bytes = sizeof(struct irc_state),
	.state_rest = app_state_moves,
	.state_clear = irc_state_clear,
	.parse = irc_parse,
	.tx_free = irc_tx_free,
	.log = irc_log,
	.alert_context = irc_alert_context,
	.events = irc_events,
	.buffers = irc_buffers,
};
