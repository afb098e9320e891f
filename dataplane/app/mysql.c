/* SPDX-License-Identifier: BSD-3-Clause
 *
 * MySQL: finding it, packets, the login, commands, what rules see. See mysql.h. A gap inside a packet
 * costs that packet; behind another one bytes are left out until a segment begins with what can be a
 * command, or the answer to one. Runs in the worker that owns the flow.
 */
#include "dataplane/app/mysql.h"

#define MYSQL_PORT 3306
#define HEAD_BYTES 4
#define GREETING_MAX 1024
#define LOGIN_MAX (64u << 10)
#define LOGIN_FIXED_BYTES 32 /* of it, before the user's name; with TLS to come nothing follows them */
#define VERSION_MAX 64
#define QUERY_PARAMETERS_MAX 256

static const char *const mysql_events[] = {
#define EVENT(id, name) name,
#include "dataplane/event/app_event/mysql.def"
#undef EVENT
	NULL,
};

static uint32_t packet_bytes(const uint8_t *b)
{
	return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16;
}

/* ---- finding it ---- */

/* Version 10 and the server's version as text, or its word that it will not talk. */
static enum probe_result probe_server(const struct probe_input *in)
{
	const uint8_t *b = in->data, *nul;
	uint32_t len = in->len < HEAD_BYTES ? 0 : packet_bytes(b), left = in->len < 5 ? 0 : in->len - 5;

	if (in->len < HEAD_BYTES + 1)
		return PROBE_MORE;
	if (b[3])
		return in->known ? PROBE_YES : PROBE_NO;
	if (b[4] == 0xff && in->server_port == MYSQL_PORT && len >= 3 && len < GREETING_MAX) {
		if (in->len < HEAD_BYTES + 3)
			return PROBE_MORE;
		return b[6] >= 1000 / 256 && b[6] < 5000 / 256 ? PROBE_YES : PROBE_NO;
	}
	if (b[4] != 10 || len < 20 || len > GREETING_MAX)
		return PROBE_NO;
	if (left && (b[5] < '0' || b[5] > '9'))
		return PROBE_NO;
	nul = left ? memchr(b + 5, 0, left < VERSION_MAX ? left : VERSION_MAX) : NULL;
	for (const uint8_t *p = b + 5; p < (nul ? nul : b + 5 + (left < VERSION_MAX ? left : VERSION_MAX)); p++)
		if (*p < ' ' || *p > '~')
			return PROBE_NO;
	if (!nul)
		return left < VERSION_MAX ? PROBE_MORE : PROBE_NO;
	return memchr(b + 5, '.', (size_t)(nul - b) - 5) ? PROBE_YES : PROBE_NO;
}

/* The answer to a greeting: of what a client may say first none of the bytes that are reserved. */
static enum probe_result probe_client(const struct probe_input *in)
{
	const uint8_t *b = in->data;

	if (in->len > 3 && b[3] > (in->known ? 3 : 1))
		return PROBE_NO;
	if (in->known)
		return in->len > 3 ? PROBE_YES : PROBE_MORE;
	if (in->len > 2 && (packet_bytes(b) < LOGIN_FIXED_BYTES || packet_bytes(b) > LOGIN_MAX))
		return PROBE_NO;
	if (in->len > 5 && (b[3] != 1 || !(b[5] & MYSQL_CAN_41 >> 8)))
		return PROBE_NO;
	/* MariaDB uses the last four */
	for (uint32_t i = 13; i < in->len && i < 32; i++)
		if (b[i])
			return PROBE_NO;
	return in->len < 32 ? PROBE_MORE : PROBE_YES;
}

static enum probe_result mysql_probe(const struct probe_input *in)
{
	return in->direction == TO_SERVER ? probe_client(in) : probe_server(in);
}

/* ---- transactions ---- */

static struct mysql_tx *mysql_waiting(const struct flow *f)
{
	struct tx *tx = tx_waiting(f);

	return tx ? mysql_of(tx) : NULL;
}

static struct mysql_tx *new_tx(struct worker *w, struct flow *f, enum direction d, uint16_t command,
			       enum mysql_reply reply)
{
	struct mysql_tx *t;

	tx_make_way(w, f, d);
	t = mysql_of(tx_new(w, f, sizeof(*t)));
	if (!t)
		return NULL;
	t->command = command;
	t->reply = (uint8_t)reply;
	t->tx.progress[TO_SERVER] = command != MYSQL_LOGIN;
	return t;
}

static void malformed(struct worker *w, struct flow *f, enum direction d)
{
	enum mysql_event e = d == TO_SERVER ? MYSQL_EVENT_MALFORMED_REQUEST : MYSQL_EVENT_MALFORMED_RESPONSE;
	struct mysql_tx *t = mysql_waiting(f);

	if (!t)
		t = new_tx(w, f, d, MYSQL_LOGIN, MYSQL_REPLY_NONE);
	if (!t)
		return;
	tx_event(w, f, &t->tx, d, e);
	tx_finish(f, &t->tx);
}

/* ---- the login ---- */

static bool take_greeting(struct worker *w, struct flow *f, struct mysql_state *s, struct cursor c)
{
	struct mysql_tx *t = new_tx(w, f, TO_CLIENT, MYSQL_LOGIN, MYSQL_REPLY_AUTH);
	struct cursor start = c;
	uint8_t version = cursor_u8(&c);

	if (!t)
		return true;
	if (version == 0xff)
		return mysql_reply_take(w, f, s, t, start, (uint32_t)cursor_left(&start));
	if (version != 10 && version != 9)
		return false;
	text_set(w, &s->version, mysql_name(&c));
	if (version == 9)
		return true;
	cursor_skip(&c, 4 + 8 + 1); /* thread, challenge */
	s->server_can = cursor_le16(&c);
	cursor_skip(&c, 1 + 2); /* character set, status */
	s->server_can |= (uint32_t)cursor_le16(&c) << 16;
	cursor_skip(&c, 1 + 10 + 13);
	if ((s->server_can & MYSQL_CAN_PLUGIN) && cursor_left(&c))
		text_set(w, &t->plugin, mysql_name(&c));
	return true;
}

static void take_attributes(struct worker *w, struct mysql_tx *t, struct cursor *c)
{
	struct bytes all = mysql_string(c);
	struct cursor one = cursor_of(all.data, all.len);

	while (cursor_left(&one) && t->attributes.count < 2 * MYSQL_ATTRIBUTES_MAX) {
		struct bytes name = mysql_string(&one), value = mysql_string(&one);

		if (one.bad)
			break;
		texts_add(w, &t->attributes, name.data, name.len);
		texts_add(w, &t->attributes, value.data, value.len);
	}
}

/* User and what follows, as the capabilities have it. */
static void take_user(struct worker *w, struct mysql_state *s, struct mysql_tx *t, struct cursor *c)
{
	uint32_t can = s->client_can;

	text_set(w, &t->user, mysql_name(c));
	if (can & MYSQL_CAN_LONG_SECRET)
		mysql_string(c);
	else if (can & MYSQL_CAN_SECURE)
		cursor_skip(c, cursor_u8(c));
	else
		mysql_name(c);
	if ((can & MYSQL_CAN_DATABASE) && cursor_left(c))
		text_set(w, &t->database, mysql_name(c));
	if ((can & MYSQL_CAN_PLUGIN) && cursor_left(c))
		text_set(w, &t->plugin, mysql_name(c));
	if ((can & MYSQL_CAN_ATTRIBUTES) && cursor_left(c))
		take_attributes(w, t, c);
}

static bool take_login(struct worker *w, struct flow *f, struct mysql_state *s, struct cursor c, uint32_t len)
{
	struct mysql_tx *t = mysql_waiting(f);
	struct cursor start = c;

	if (!t)
		t = new_tx(w, f, TO_SERVER, MYSQL_LOGIN, MYSQL_REPLY_AUTH);
	if (!t)
		return true;
	s->client_can = cursor_le16(&c);
	if (!(s->client_can & MYSQL_CAN_41)) {
		s->login_sent = true;
		cursor_skip(&c, 3);
		s->client_can &= MYSQL_CAN_DATABASE | MYSQL_CAN_COMPRESS;
		take_user(w, s, t, &c);
	} else {
		s->client_can = cursor_le32(&start);
		cursor_skip(&start, LOGIN_FIXED_BYTES - 4);
		if (start.bad)
			return false;
		if (len == LOGIN_FIXED_BYTES && (s->client_can & MYSQL_CAN_TLS)) {
			t->tls = true;
			text_free(w, &t->plugin);
			tx_finish(f, &t->tx);
			app_change_protocol(w, f, APP_tls);
			return true;
		}
		s->login_sent = true;
		take_user(w, s, t, &start);
	}
	t->tx.progress[TO_SERVER] = 1;
	f->app->changed[TO_SERVER] = 1;
	f->app->dirty = 1;
	return true;
}

/* ---- commands ---- */

/* Passes over the value of a parameter of that type. */
static void skip_value(struct cursor *c, uint8_t type)
{
	switch (type) {
	case 0x01: /* tiny */
		cursor_skip(c, 1);
		break;
	case 0x02: /* short, year */
	case 0x0d:
		cursor_skip(c, 2);
		break;
	case 0x03: /* long, int24, float */
	case 0x09:
	case 0x04:
		cursor_skip(c, 4);
		break;
	case 0x05: /* double, long long */
	case 0x08:
		cursor_skip(c, 8);
		break;
	case 0x06: /* NULL */
		break;
	case 0x07: /* times */
	case 0x0a:
	case 0x0b:
	case 0x0c:
		cursor_skip(c, cursor_u8(c));
		break;
	default:
		mysql_string(c);
	}
}

/* Attributes before the text of a query. */
static void skip_parameters(struct cursor *c)
{
	uint64_t count, sets;
	uint8_t types[QUERY_PARAMETERS_MAX];
	const uint8_t *nulls;

	mysql_number(c, &count);
	mysql_number(c, &sets);
	if (c->bad || !count)
		return;
	if (count > QUERY_PARAMETERS_MAX) {
		cursor_skip(c, cursor_left(c));
		return;
	}
	nulls = cursor_take(c, (size_t)(count + 7) / 8);
	if (!nulls || cursor_u8(c) != 1)
		return;
	for (unsigned i = 0; i < count; i++) {
		types[i] = cursor_u8(c);
		cursor_skip(c, 1);
		mysql_string(c);
	}
	for (unsigned i = 0; i < count && !c->bad; i++)
		if (!(nulls[i / 8] >> i % 8 & 1))
			skip_value(c, types[i]);
}

/* Of a prepared statement: its number, and, where it was seen, its text. */
static void take_statement(struct worker *w, const struct mysql_state *s, struct mysql_tx *t, struct cursor c)
{
	t->statement = cursor_le32(&c);
	t->has_statement = !c.bad;
	for (unsigned i = 0; t->has_statement && t->command == MYSQL_COMMAND_stmt_execute && i < MYSQL_STATEMENTS_MAX; i++)
		if (s->statements[i].text.data && s->statements[i].id == t->statement)
			text_set(w, &t->text, text_bytes(&s->statements[i].text));
}

static void take_argument(struct worker *w, struct mysql_state *s, struct mysql_tx *t, struct cursor c)
{
	switch (t->command) {
	case MYSQL_COMMAND_query:
		if (mysql_both(s, MYSQL_CAN_QUERY_ATTRIBUTES))
			skip_parameters(&c);
		/* fall through */
	case MYSQL_COMMAND_init_db:
	case MYSQL_COMMAND_create_db:
	case MYSQL_COMMAND_drop_db:
	case MYSQL_COMMAND_stmt_prepare:
		text_set(w, &t->text, (struct bytes){c.p, (uint32_t)cursor_left(&c)});
		break;
	case MYSQL_COMMAND_field_list:
		text_set(w, &t->text, mysql_name(&c));
		break;
	case MYSQL_COMMAND_change_user:
		text_set(w, &t->user, mysql_name(&c));
		cursor_skip(&c, cursor_u8(&c));
		text_set(w, &t->database, mysql_name(&c));
		break;
	case MYSQL_COMMAND_stmt_execute:
	case MYSQL_COMMAND_stmt_send_long_data:
	case MYSQL_COMMAND_stmt_close:
	case MYSQL_COMMAND_stmt_reset:
	case MYSQL_COMMAND_stmt_fetch:
	case MYSQL_COMMAND_stmt_bulk_execute:
		take_statement(w, s, t, c);
		break;
	}
}

static bool take_command(struct worker *w, struct flow *f, struct mysql_state *s, struct cursor c)
{
	const struct mysql_command *command;
	struct mysql_tx *t;

	if (!cursor_left(&c))
		return false;
	command = mysql_command_find(cursor_u8(&c));
	if (!command)
		return false;
	s->login_sent = true;
	t = new_tx(w, f, TO_SERVER, command->number, (enum mysql_reply)command->reply);
	if (!t)
		return true;
	take_argument(w, s, t, c);
	if (command->reply == MYSQL_REPLY_NONE)
		tx_finish(f, &t->tx);
	return true;
}

/* ---- packets out of the stream ---- */

static bool take(struct worker *w, struct flow *f, struct mysql_state *s, enum direction d, const uint8_t *data,
		 uint32_t have, uint32_t len)
{
	struct cursor c = cursor_of(data + HEAD_BYTES, have - HEAD_BYTES);
	struct mysql_tx *t = mysql_waiting(f);
	uint8_t number = data[3];

	if (d == TO_CLIENT) {
		if (t)
			return mysql_reply_take(w, f, s, t, c, len);
		/* unasked: the greeting; later what stands behind an end, or a farewell */
		return s->login_sent || f->app->tx_count || take_greeting(w, f, s, c);
	}
	if (t && t->reply == MYSQL_REPLY_INFILE) {
		t->file_bytes += len;
		return true;
	}
	if (number == 0)
		return take_command(w, f, s, c);
	return s->login_sent || take_login(w, f, s, c, len);
}

/* Can a segment of that length begin with this packet, when nothing is known of what came before? */
static bool may_begin(const struct flow *f, enum direction d, const uint8_t *data, uint32_t left)
{
	if (left < HEAD_BYTES + 1)
		return false;
	if (d == TO_CLIENT)
		return data[3] == 1 && mysql_waiting(f);
	return data[3] == 0 && packet_bytes(data) == left - HEAD_BYTES && mysql_command_find(data[HEAD_BYTES]);
}

static struct parse_result parse_gap(struct flow *f, struct mysql_state *s, enum direction d, uint32_t len)
{
	struct mysql_side *side = &s->side[d];
	uint32_t known = side->begun ? side->begun : side->skip;

	side->begun = 0;
	side->skip = known > len ? known - len : 0;
	if (known >= len)
		return (struct parse_result){.status = PARSE_OK};
	side->lost = true;
	side->longer = false;
	for (struct mysql_tx *t = mysql_waiting(f); t; t = mysql_waiting(f))
		tx_finish(f, &t->tx); /* what was said to it is not known */
	return (struct parse_result){.status = PARSE_OK};
}

/* How many bytes of the packet are waited for; how long it is stands in *total. */
static uint32_t wanted(struct worker *w, const struct flow *f, const struct mysql_side *side, enum direction d,
		       const uint8_t *data, uint32_t left, uint32_t *total)
{
	uint32_t len, most;

	if (left < HEAD_BYTES)
		return HEAD_BYTES;
	len = most = packet_bytes(data);
	*total = HEAD_BYTES + len;
	if (len && left < HEAD_BYTES + 1)
		return HEAD_BYTES + 1;
	if (side->longer)
		most = 0;
	else if (d == TO_CLIENT && len)
		most = mysql_reply_wanted(w, mysql_waiting(f), len, data[HEAD_BYTES]);
	return HEAD_BYTES + (most < MYSQL_PACKET_MAX ? most : MYSQL_PACKET_MAX);
}

struct parse_result mysql_packets(struct worker *w, struct flow *f, struct mysql_state *s, enum direction d,
				  const struct app_input *in)
{
	struct mysql_side *side = &s->side[d];
	uint32_t at = side->skip < in->len ? side->skip : in->len;
	bool packed = s->packed;

	side->skip -= at;
	side->begun = 0;
	while (at < in->len && !f->app->change && s->packed == packed) {
		const uint8_t *data = in->data + at;
		uint32_t left = in->len - at, total = 0, n;

		if (side->lost && !may_begin(f, d, data, left))
			return (struct parse_result){.status = PARSE_OK};
		side->lost = false;
		n = wanted(w, f, side, d, data, left, &total);
		if (left < n) {
			side->begun = left > HEAD_BYTES ? n - left : 0;
			return (struct parse_result){.status = PARSE_MORE, .consumed = at, .need = n};
		}
		if (!side->longer && !take(w, f, s, d, data, n, total - HEAD_BYTES)) {
			malformed(w, f, d);
			return (struct parse_result){.status = PARSE_BAD};
		}
		side->longer = total - HEAD_BYTES == MYSQL_PACKET_FULL;
		side->skip = total > left ? total - left : 0;
		at += total < left ? total : left;
	}
	if (at < in->len)
		return (struct parse_result){.status = PARSE_MORE, .consumed = at};
	return (struct parse_result){.status = PARSE_OK};
}

static struct parse_result mysql_parse(struct worker *w, struct flow *f, void *state, enum direction d,
				       const struct app_input *in)
{
	struct mysql_state *s = state;

	if (s->blind)
		return (struct parse_result){.status = PARSE_OK};
	if (s->packed)
		return mysql_unpack(w, f, s, d, in);
	return in->flags & INPUT_GAP ? parse_gap(f, s, d, in->len) : mysql_packets(w, f, s, d, in);
}

static void mysql_state_clear(struct worker *w, struct flow *f, void *state)
{
	struct mysql_state *s = state;

	text_free(w, &s->version);
	mysql_unpack_clear(w, s);
	for (unsigned i = 0; i < MYSQL_STATEMENTS_MAX; i++)
		text_free(w, &s->statements[i].text);
}

static void mysql_tx_free(struct worker *w, struct flow *f, struct tx *tx)
{
	struct mysql_tx *t = mysql_of(tx);

	text_free(w, &t->user);
	text_free(w, &t->database);
	text_free(w, &t->plugin);
	text_free(w, &t->text);
	text_free(w, &t->file);
	text_free(w, &t->error_state);
	text_free(w, &t->error_message);
	texts_free(w, &t->attributes);
	texts_free(w, &t->kept);
}

/* ---- what rules see ---- */

static bool get_command(struct worker *w, struct flow *f, struct tx *tx, enum direction d, unsigned instance,
			struct buffer_view *out)
{
	return text_view(&mysql_of(tx)->text, out);
}

static bool get_user(struct worker *w, struct flow *f, struct tx *tx, enum direction d, unsigned instance,
		     struct buffer_view *out)
{
	return text_view(&mysql_of(tx)->user, out);
}

static bool get_database(struct worker *w, struct flow *f, struct tx *tx, enum direction d, unsigned instance,
			 struct buffer_view *out)
{
	return text_view(&mysql_of(tx)->database, out);
}

static bool get_row(struct worker *w, struct flow *f, struct tx *tx, enum direction d, unsigned instance,
		    struct buffer_view *out)
{
	return texts_view(&mysql_of(tx)->kept, instance, out);
}

static bool get_error_code(struct worker *w, struct flow *f, struct tx *tx, enum direction d, uint64_t *out)
{
	*out = mysql_of(tx)->error;
	return mysql_of(tx)->has_error;
}

static void mysql_wanted(void *config, const char *buffer)
{
	if (strcmp(buffer, "mysql.rows") == 0)
		((struct mysql_config *)config)->keep_rows = true;
}

static const struct proto_buffer mysql_buffers[] = {
	{.name = "mysql.command", .to_server = 1, .get = get_command},
	{.name = "mysql.user", .to_server = 1, .get = get_user},
	{.name = "mysql.database", .to_server = 1, .get = get_database},
	{.name = "mysql.rows", .flags = BUFFER_MULTI, .to_client = 1, .get = get_row},
	{.name = NULL},
};

static const struct proto_value mysql_values[] = {
	{.name = "mysql.error_code", .to_client = 1, .get = get_error_code},
	{.name = NULL},
};

const struct proto proto_mysql = {
	.name = "mysql",
	.id = APP_mysql,
	.over_tcp = 1,
	.done = {1, 1},
	.max_pending_bytes = HEAD_BYTES + MYSQL_PACKET_MAX,
	.max_transactions = 2 * MYSQL_TRANSACTIONS_MAX,
	.gives_way = 1,
	.too_many_event = MYSQL_EVENT_TOO_MANY_TRANSACTIONS,
	.probe = mysql_probe,
	.config_bytes = sizeof(struct mysql_config),
	.wanted = mysql_wanted,
	.state_bytes = sizeof(struct mysql_state),
	.state_rest = app_state_moves,
	.state_clear = mysql_state_clear,
	.parse = mysql_parse,
	.tx_free = mysql_tx_free,
	.log = mysql_log,
	.alert_context = mysql_alert_context,
	.events = mysql_events,
	.buffers = mysql_buffers,
	.values = mysql_values,
};
