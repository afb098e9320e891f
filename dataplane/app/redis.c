/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Redis: finding it, commands, replies, what rules see. See redis.h. After a hole what waits for a reply
 * is complete as it is, and reading goes on where a segment begins with an element. Runs in the worker
 * that owns the flow.
 */
#include "dataplane/app/redis.h"

#include <strings.h>

#include "dataplane/base/digit.h"

#define REDIS_PORT 6379

static const char *const redis_events[] = {
#define EVENT(id, name) name,
#include "dataplane/event/app_event/redis.def"
#undef EVENT
	NULL,
};

/* ---- finding it ---- */

/* Digits and CR LF at *at, which moves behind them. */
static enum probe_result number_line(const struct probe_input *in, uint32_t *at)
{
	uint32_t i = *at;

	while (i < in->len && i < *at + 10 && in->data[i] >= '0' && in->data[i] <= '9')
		i++;
	if (i < in->len && (i == *at || in->data[i] != '\r'))
		return PROBE_NO;
	if (i + 1 < in->len && in->data[i + 1] != '\n')
		return PROBE_NO;
	*at = i + 2;
	return i + 1 < in->len ? PROBE_YES : PROBE_MORE;
}

/* "*2\r\n$4\r\nINFO" */
static enum probe_result probe_array(const struct probe_input *in)
{
	enum probe_result found;
	uint32_t at = 1;

	if ((found = number_line(in, &at)) != PROBE_YES)
		return found;
	if (at >= in->len)
		return PROBE_MORE;
	if (in->data[at++] != '$')
		return PROBE_NO;
	if ((found = number_line(in, &at)) != PROBE_YES)
		return found;
	if (at >= in->len)
		return PROBE_MORE;
	return (in->data[at] | 0x20) >= 'a' && (in->data[at] | 0x20) <= 'z' ? PROBE_YES : PROBE_NO;
}

/* A word that is a command; its own port only, since it is one of other protocols as well. */
static enum probe_result probe_inline(const struct probe_input *in)
{
	static const char *const words[] = {"PING", "INFO", "AUTH", "CONFIG", "KEYS", "SET", "GET", "SELECT", "EVAL",
					    "SLAVEOF", "REPLICAOF", "MODULE", "FLUSHALL", "HELLO", "CLIENT", "COMMAND",
					    "DEL", "INCR", "EXISTS", "ECHO", "PUBLISH", "SUBSCRIBE", "MULTI", "MONITOR",
					    "LPUSH", "HSET", "DBSIZE", "SAVE", "BGSAVE", "ACL", "PSYNC", "SYNC", "REPLCONF"};
	enum probe_result best = PROBE_NO;

	if (in->server_port != REDIS_PORT)
		return PROBE_NO;
	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		uint32_t n = (uint32_t)strlen(words[i]), len = in->len < n ? in->len : n;

		if (strncasecmp((const char *)in->data, words[i], len) != 0)
			continue;
		if (in->len > n)
			return in->data[n] == ' ' || in->data[n] == '\r' || in->data[n] == '\n' ? PROBE_YES : PROBE_NO;
		best = PROBE_MORE;
	}
	return best;
}

static enum probe_result probe_server(const struct probe_input *in)
{
	static const char *const words[] = {"-NOAUTH Authentication required", "-DENIED Redis is running"};
	enum probe_result best = PROBE_NO;

	if (in->known)
		return memchr("+-:$*_#,(!=%~>|", in->data[0], 15) ? PROBE_YES : PROBE_NO;
	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		uint32_t n = (uint32_t)strlen(words[i]);

		if (memcmp(in->data, words[i], in->len < n ? in->len : n) == 0)
			best = in->len < n ? PROBE_MORE : PROBE_YES;
	}
	return best;
}

static enum probe_result redis_probe(const struct probe_input *in)
{
	if (!in->len)
		return PROBE_MORE;
	if (in->direction == TO_CLIENT)
		return probe_server(in);
	if (in->data[0] == '*')
		return probe_array(in);
	if (in->known)
		return (in->data[0] | 0x20) >= 'a' && (in->data[0] | 0x20) <= 'z' ? PROBE_YES : PROBE_NO;
	return probe_inline(in);
}

/* ---- transactions ---- */

static struct redis_tx *redis_waiting(const struct flow *f)
{
	struct tx *tx = tx_waiting(f);

	return tx ? redis_of(tx) : NULL;
}

static struct redis_tx *new_tx(struct worker *w, struct flow *f, enum direction d)
{
	struct redis_tx *t;

	tx_make_way(w, f, d);
	t = redis_of(tx_new(w, f, sizeof(*t)));
	if (t)
		t->expected = 1;
	return t;
}

static void redis_tx_free(struct worker *w, struct flow *f, struct tx *tx)
{
	struct redis_state *s = f->app->state;
	struct redis_tx *t = redis_of(tx);

	if (s->asking == t)
		s->asking = NULL;
	texts_free(w, &t->kept);
	text_free(w, &t->command);
	text_free(w, &t->word);
	text_free(w, &t->value);
}

static void malformed(struct worker *w, struct flow *f, enum direction d)
{
	struct redis_tx *t = redis_waiting(f);

	if (!t)
		t = new_tx(w, f, d);
	if (!t)
		return;
	tx_event(w, f, &t->tx, d, d == TO_SERVER ? REDIS_EVENT_MALFORMED_REQUEST : REDIS_EVENT_MALFORMED_RESPONSE);
	tx_finish(f, &t->tx);
}

/* ---- commands ---- */

static void word_add(struct worker *w, struct redis_tx *t, struct bytes word)
{
	static const uint8_t blank[] = " ";

	t->words++;
	if (t->kept.count >= REDIS_WORDS_MAX || t->kept.len + word.len > REDIS_WORDS_BYTES_MAX)
		return;
	if (t->kept.count)
		text_append(w, &t->command, (struct bytes){blank, 1});
	text_append(w, &t->command, word);
	texts_add(w, &t->kept, word.data, word.len);
}

static struct bytes word_of(const struct redis_tx *t, unsigned n)
{
	return texts_at(&t->kept, n);
}

/* Does the server answer this command? A client may ask it not to (CLIENT REPLY). */
static bool answered(struct redis_state *s, const struct redis_tx *t)
{
	bool about = bytes_are(word_of(t, 0), "CLIENT") && bytes_are(word_of(t, 1), "REPLY"), skipped = s->skip_next;

	s->skip_next = false;
	if (about && bytes_are(word_of(t, 2), "ON"))
		s->silent = false;
	else if (about && bytes_are(word_of(t, 2), "OFF"))
		s->silent = true;
	else if (about && bytes_are(word_of(t, 2), "SKIP"))
		skipped = s->skip_next = !s->silent;
	return !s->silent && !skipped;
}

/* SUBSCRIBE and its kin, or what takes that back; of patterns and of shards too. */
static bool is_subscription(struct bytes word)
{
	static const char *const ends[] = {"SUBSCRIBE", "UNSUBSCRIBE"};

	if (word.len && ((word.data[0] | 0x20) == 'p' || ((word.data[0] | 0x20) == 's' && (word.len == 10 || word.len == 12)))) {
		word.data++;
		word.len--;
	}
	return bytes_are(word, ends[0]) || bytes_are(word, ends[1]);
}

static void command_end(struct flow *f, struct redis_state *s, struct redis_tx *t)
{
	struct bytes word = word_of(t, 0);

	s->asking = NULL;
	t->open = false;
	t->tx.progress[TO_SERVER] = 1;
	f->app->changed[TO_SERVER] = 1;
	f->app->dirty = 1;
	if (is_subscription(word)) { /* each channel is answered */
		t->expected = t->words > 2 && t->words < UINT32_MAX ? (uint32_t)t->words - 1 : 1;
		s->subscribed = true;
	}
	if (!answered(s, t))
		tx_finish(f, &t->tx);
}

/* What stands behind a backslash in double quotes, at *at, which moves behind it. */
static uint8_t escaped(struct bytes line, uint32_t *at)
{
	static const char letters[] = "nrtba", meant[] = "\n\r\t\b\a";
	uint8_t c = line.data[(*at)++];
	const char *letter = c ? strchr(letters, c) : NULL;
	int high, low;

	if (letter)
		return (uint8_t)meant[letter - letters];
	if (c != 'x' || *at + 2 > line.len)
		return c;
	high = hex_digit(line.data[*at]);
	low = hex_digit(line.data[*at + 1]);
	if (high < 0 || low < 0)
		return c;
	*at += 2;
	return (uint8_t)(high << 4 | low);
}

/* Words of an inline command; quotes hold blanks, and letters that stand for others, as servers read them. */
static void inline_take(struct worker *w, struct redis_tx *t, struct bytes line)
{
	uint8_t word[REDIS_LINE_MAX], quote = 0;
	uint32_t len = 0;
	bool open = false;

	for (uint32_t at = 0; at < line.len;) {
		uint8_t c = line.data[at++];

		if (quote && c == quote) {
			quote = 0;
		} else if (quote && c == '\\' && at < line.len && (quote == '"' || line.data[at] == '\'')) {
			word[len++] = escaped(line, &at);
		} else if (!quote && (c == '"' || c == '\'')) {
			quote = c;
			open = true;
		} else if (!quote && (c == ' ' || c == '\t')) {
			if (open)
				word_add(w, t, (struct bytes){word, len});
			open = false;
			len = 0;
		} else {
			word[len++] = c;
			open = true;
		}
	}
	if (open)
		word_add(w, t, (struct bytes){word, len});
}

static void word_part(struct worker *w, struct redis_tx *t, const struct redis_element *e)
{
	struct bytes part = e->text;

	if (part.len > REDIS_WORDS_BYTES_MAX - t->word.len)
		part.len = REDIS_WORDS_BYTES_MAX - t->word.len;
	if (part.len)
		text_append(w, &t->word, part);
	if (!e->closed)
		return;
	word_add(w, t, text_bytes(&t->word));
	text_free(w, &t->word);
}

static bool request_take(struct worker *w, struct flow *f, struct redis_state *s, const struct redis_element *e)
{
	bool begins = e->first && !e->more;

	if (e->type && e->type != (begins ? '*' : '$')) /* a client says nothing else */
		return false;
	if (begins && (!e->type || !e->last)) { /* an empty one is not answered */
		s->asking = new_tx(w, f, TO_SERVER);
		if (s->asking)
			s->asking->open = true;
	}
	if (!s->asking)
		return true;
	if (e->more)
		word_part(w, s->asking, e);
	else if (!e->type)
		inline_take(w, s->asking, e->text);
	if (e->last)
		command_end(f, s, s->asking);
	return true;
}

/* ---- replies ---- */

static void value_part(struct worker *w, struct redis_tx *t, const struct redis_element *e)
{
	struct bytes part = e->text;

	if (t->value_done)
		return;
	if (part.len > REDIS_VALUE_MAX - t->value.len)
		part.len = REDIS_VALUE_MAX - t->value.len;
	if (part.len)
		text_append(w, &t->value, part);
	t->value_done = e->closed;
}

static bool is_message(struct bytes word)
{
	return bytes_are(word, "message") || bytes_are(word, "pmessage") || bytes_are(word, "smessage");
}

/* Is that reply no answer to the command? Messages of channels are none, nor is what else is said of a channel where
 * nobody asks for it: UNSUBSCRIBE without words is answered for each there is. */
static bool is_of_channel(const struct redis_state *s, const struct redis_tx *t)
{
	struct bytes word = {s->word, s->word_len};

	return (s->reply == '*' || s->reply == '>') &&
	       (is_message(word) || (is_subscription(word) && !is_subscription(word_of(t, 0))));
}

static void word_take(struct redis_state *s, const struct redis_element *e)
{
	uint32_t room = sizeof(s->word) - s->word_len, n = e->text.len < room ? e->text.len : room;

	if (s->word_done)
		return;
	if (n)
		memcpy(s->word + s->word_len, e->text.data, n);
	s->word_len = (uint8_t)(s->word_len + n);
	s->word_done = e->closed;
}

static void reply_end(struct flow *f, struct redis_state *s, struct redis_tx *t)
{
	struct bytes command = word_of(t, 0);

	if (s->subscribed && is_of_channel(s, t)) {
		/* the answer is still to come, or more of it */
		if (!t->replied) {
			t->type = 0;
			t->value_done = false;
			t->value.len = 0;
		}
		return;
	}
	t->replied = true;
	if (--t->expected)
		return;
	if (bytes_are(command, "PSYNC") || bytes_are(command, "SYNC"))
		s->blind = t->type != '-';
	tx_finish(f, &t->tx);
}

static void reply_take(struct worker *w, struct flow *f, struct redis_state *s, const struct redis_element *e)
{
	struct redis_tx *t = redis_waiting(f);

	if (e->first && !e->more) {
		bool asked = t && !t->open;

		s->reply = e->type;
		s->word_len = 0;
		s->word_done = false;
		/* A push answers nothing, but for what was subscribed to; attributes stand before an answer. */
		s->pushing = !asked || e->type == '|' || (e->type == '>' && !is_subscription(word_of(t, 0))) ? e->type : 0;
		if (!s->pushing && !t->type) {
			t->type = e->type;
			t->number = e->number;
			/* the copy itself: a string without an end of line */
			s->blind = e->type == '$' && bytes_are(word_of(t, 0), "SYNC");
		}
	}
	if (s->pushing || !t) {
		if (e->last)
			s->pushing = 0;
		return;
	}
	if (e->more || strchr("+-:#,(", e->type)) {
		word_take(s, e);
		value_part(w, t, e);
	}
	if (e->last)
		reply_end(f, s, t);
}

/* ---- bytes ---- */

static struct parse_result parse_gap(struct flow *f, struct redis_state *s, enum direction d, uint32_t len)
{
	struct redis_reader *r = &s->reader[d];

	if (len < r->bulk) {
		r->bulk -= len;
		return (struct parse_result){.status = PARSE_OK};
	}
	redis_reader_reset(r);
	r->lost = true;
	s->asking = d == TO_SERVER ? NULL : s->asking;
	s->pushing = 0;
	for (struct redis_tx *t = redis_waiting(f); t; t = redis_waiting(f))
		tx_finish(f, &t->tx);
	return (struct parse_result){.status = PARSE_OK};
}

/* Does this look like the begin of a command or reply? */
static bool may_begin(enum direction d, const uint8_t *data)
{
	return d == TO_SERVER ? *data == '*' : memchr("+-:$*%~>", *data, 8) != NULL;
}

static struct parse_result redis_parse(struct worker *w, struct flow *f, void *state, enum direction d,
				       const struct app_input *in)
{
	struct redis_state *s = state;
	struct redis_reader *r = &s->reader[d];
	struct cursor c = cursor_of(in->data, in->data ? in->len : 0);
	struct redis_element e;
	enum redis_read read;

	if (s->blind)
		return (struct parse_result){.status = PARSE_OK};
	if (in->flags & INPUT_GAP)
		return parse_gap(f, s, d, in->len);
	if (!in->len || (r->lost && !may_begin(d, in->data)))
		return (struct parse_result){.status = PARSE_OK};
	r->lost = false;
	while (!s->blind && (read = redis_read(r, &c, &e)) != REDIS_WAIT) {
		bool good = read == REDIS_ELEMENT;

		if (good && d == TO_SERVER)
			good = request_take(w, f, s, &e);
		else if (good && e.type == 0 && !e.more)
			good = false;
		else if (good)
			reply_take(w, f, s, &e);
		if (good)
			continue;
		malformed(w, f, d);
		return (struct parse_result){.status = PARSE_BAD};
	}
	if (s->blind || !cursor_left(&c))
		return (struct parse_result){.status = PARSE_OK};
	return (struct parse_result){.status = PARSE_MORE, .consumed = (uint32_t)(c.p - in->data)};
}

/* ---- what rules see ---- */

static bool get_command(struct worker *w, struct flow *f, struct tx *tx, enum direction d, unsigned instance,
			struct buffer_view *out)
{
	return text_view(&redis_of(tx)->command, out);
}

static bool get_error(struct worker *w, struct flow *f, struct tx *tx, enum direction d, unsigned instance,
		      struct buffer_view *out)
{
	const struct redis_tx *t = redis_of(tx);

	return (t->type == '-' || t->type == '!') && text_view(&t->value, out);
}

static bool get_value(struct worker *w, struct flow *f, struct tx *tx, enum direction d, unsigned instance,
		      struct buffer_view *out)
{
	const struct redis_tx *t = redis_of(tx);

	return t->type && t->type != '-' && t->type != '!' && text_view(&t->value, out);
}

static const struct proto_buffer redis_buffers[] = {
	{.name = "redis.command", .to_server = 1, .get = get_command},
	{.name = "redis.error", .to_client = 1, .get = get_error},
	{.name = "redis.value", .to_client = 1, .get = get_value},
	{.name = NULL},
};

const struct proto proto_redis = {
	.name = "redis",
	.id = APP_redis,
	.over_tcp = 1,
	.done = {1, 1},
	.max_pending_bytes = REDIS_LINE_MAX,
	.max_transactions = 2 * REDIS_TRANSACTIONS_MAX,
	.gives_way = 1,
	.too_many_event = REDIS_EVENT_TOO_MANY_TRANSACTIONS,
	.probe = redis_probe,
	.config_bytes = sizeof(struct redis_config),
	.configure = redis_configure,
	.state_bytes = sizeof(struct redis_state),
	.state_rest = app_state_moves,
	.parse = redis_parse,
	.tx_free = redis_tx_free,
	.log = redis_log,
	.alert_context = redis_alert_context,
	.events = redis_events,
	.buffers = redis_buffers,
};
