/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a MySQL server says: answers, errors, results. See mysql.h. Whether an end stands between columns
 * and rows is told by its length where the login was not seen: 5 bytes are the old packet EOF, that of
 * servers which leave it out are longer. Runs in the worker that owns the flow.
 */
#include "dataplane/app/mysql.h"

enum { PACKET_OK = 0x00, PACKET_MORE_SECRET = 0x01, PACKET_MORE_FACTOR = 0x02, PACKET_INFILE = 0xfb, PACKET_END = 0xfe, PACKET_ERROR = 0xff };
enum { STATUS_MORE_RESULTS = 0x08, STATUS_CURSOR = 0x40 };

#define EOF_BYTES 5
#define ERROR_PROGRESS 0xffff /* of MariaDB: no error, how far it has come */
#define SQLSTATE_BYTES 5

bool mysql_number(struct cursor *c, uint64_t *out)
{
	uint8_t first = cursor_u8(c);

	*out = first;
	if (first == 0xfc)
		*out = cursor_le16(c);
	else if (first == 0xfd)
		*out = cursor_le16(c) | (uint64_t)cursor_u8(c) << 16;
	else if (first == 0xfe)
		*out = cursor_le64(c);
	return !c->bad && first != 0xfb && first != 0xff;
}

struct bytes mysql_string(struct cursor *c)
{
	uint64_t len;
	const uint8_t *data;

	if (!mysql_number(c, &len))
		return (struct bytes){0};
	data = cursor_take(c, len < SIZE_MAX ? (size_t)len : SIZE_MAX);
	return (struct bytes){data, data ? (uint32_t)len : 0};
}

struct bytes mysql_name(struct cursor *c)
{
	const uint8_t *nul = cursor_left(c) ? memchr(c->p, 0, cursor_left(c)) : NULL;
	struct bytes b = {c->p, (uint32_t)(nul ? (size_t)(nul - c->p) : cursor_left(c))};

	cursor_skip(c, b.len + (nul ? 1 : 0));
	return b;
}

static bool keeps_rows(struct worker *w, const struct mysql_tx *t)
{
	const struct mysql_config *c = app_config(w, APP_mysql);

	return c->keep_rows && t->command == MYSQL_COMMAND_query;
}

uint32_t mysql_reply_wanted(struct worker *w, const struct mysql_tx *t, uint32_t len, uint8_t first)
{
	if (t && t->reply == MYSQL_REPLY_ROWS && first < PACKET_END && !keeps_rows(w, t))
		return 1; /* counted only */
	return len < MYSQL_PACKET_MAX ? len : MYSQL_PACKET_MAX;
}

/* Does it end a list of rows? In a row the byte says that 16 MB follow. */
static bool is_end(struct cursor c, uint32_t len)
{
	return len && len < MYSQL_PACKET_FULL && *c.p == PACKET_END;
}

/* Behind the byte that says so: rows, id, status. Returns the status. */
static uint16_t take_ok(struct mysql_tx *t, struct cursor c)
{
	uint64_t id;

	if (!mysql_number(&c, &t->affected))
		return 0;
	t->has_affected = true;
	mysql_number(&c, &id);
	return cursor_le16(&c);
}

/* False: it is none. */
static bool take_error(struct worker *w, struct mysql_tx *t, struct cursor c)
{
	uint16_t code;

	if (cursor_left(&c) < 3 || *c.p != PACKET_ERROR)
		return false;
	cursor_u8(&c);
	code = cursor_le16(&c);
	if (code == ERROR_PROGRESS)
		return true;
	t->has_error = true;
	t->error = code;
	if (cursor_left(&c) > SQLSTATE_BYTES && *c.p == '#') {
		cursor_u8(&c);
		text_set(w, &t->error_state, (struct bytes){cursor_take(&c, SQLSTATE_BYTES), SQLSTATE_BYTES});
	}
	text_set(w, &t->error_message, (struct bytes){c.p, (uint32_t)cursor_left(&c)});
	return true;
}

static void finish_or_go_on(struct flow *f, struct mysql_tx *t, uint16_t status)
{
	if (!(status & STATUS_MORE_RESULTS)) {
		tx_finish(f, &t->tx);
		return;
	}
	t->reply = MYSQL_REPLY_RESULT;
	t->end_seen = false;
}

static bool take_auth(struct worker *w, struct flow *f, struct mysql_state *s, struct mysql_tx *t, struct cursor c)
{
	switch (cursor_u8(&c)) {
	case PACKET_OK:
		t->logged_in = true;
		s->packed = mysql_both(s, MYSQL_CAN_COMPRESS) || mysql_both(s, MYSQL_CAN_ZSTD);
		t->compressed = s->packed;
		tx_finish(f, &t->tx);
		return true;
	case PACKET_END: /* another way to log in */
	case PACKET_MORE_FACTOR: /* and one more */
		if (cursor_left(&c))
			text_set(w, &t->plugin, mysql_name(&c));
		return true;
	case PACKET_MORE_SECRET:
		return true;
	default:
		return false;
	}
}

static bool take_result(struct worker *w, struct flow *f, struct mysql_state *s, struct mysql_tx *t, struct cursor c)
{
	struct cursor start = c;
	uint64_t columns;
	bool described = true;

	switch (cursor_u8(&c)) {
	case PACKET_OK:
		finish_or_go_on(f, t, take_ok(t, c));
		return true;
	case PACKET_INFILE:
		text_set(w, &t->file, (struct bytes){c.p, (uint32_t)cursor_left(&c)});
		t->reply = MYSQL_REPLY_INFILE;
		return true;
	}
	if (!mysql_number(&start, &columns) || columns > UINT16_MAX)
		return false;
	if (mysql_both(s, MYSQL_CAN_NO_METADATA) && cursor_left(&start))
		described = cursor_u8(&start);
	t->has_columns = t->has_rows = true;
	t->columns = columns;
	t->left = described ? (uint32_t)columns : 0;
	t->reply = t->left ? MYSQL_REPLY_COLUMNS : MYSQL_REPLY_ROWS;
	return true;
}

static void statement_remember(struct worker *w, struct mysql_state *s, const struct mysql_tx *t)
{
	struct mysql_statement *one = &s->statements[s->statement_next++ % MYSQL_STATEMENTS_MAX];
	struct bytes text = text_bytes(&t->text);

	if (text.len > MYSQL_STATEMENT_BYTES_MAX)
		text.len = MYSQL_STATEMENT_BYTES_MAX;
	one->id = t->statement;
	text_set(w, &one->text, text);
}

static bool take_prepared(struct worker *w, struct flow *f, struct mysql_state *s, struct mysql_tx *t,
			  struct cursor c)
{
	uint32_t columns, parameters, end = mysql_both(s, MYSQL_CAN_NO_EOF) ? 0 : 1;

	if (cursor_u8(&c) != PACKET_OK)
		return false;
	t->statement = cursor_le32(&c);
	columns = cursor_le16(&c);
	parameters = cursor_le16(&c);
	if (c.bad)
		return false;
	t->has_statement = true;
	statement_remember(w, s, t);
	cursor_skip(&c, 3);
	if (mysql_both(s, MYSQL_CAN_NO_METADATA) && cursor_left(&c) && !cursor_u8(&c))
		columns = parameters = 0;
	t->left = (columns ? columns + end : 0) + (parameters ? parameters + end : 0);
	t->reply = MYSQL_REPLY_COLUMNS;
	if (!t->left)
		tx_finish(f, &t->tx);
	return true;
}

/* "1,foo,NULL": how long the text of a row is; written to out where that is not NULL. */
static uint32_t row_text(struct cursor c, uint64_t columns, uint8_t *out)
{
	static const struct bytes null_text = {(const uint8_t *)"NULL", 4};
	uint32_t len = 0;

	for (uint64_t i = 0; i < columns && cursor_left(&c); i++) {
		bool null = *c.p == 0xfb;
		struct bytes value = mysql_string(&c);

		if (null)
			value = null_text;
		else if (c.bad)
			break;
		if (out && i)
			out[len] = ',';
		len += i > 0;
		if (out && value.len)
			memcpy(out + len, value.data, value.len);
		len += value.len;
	}
	return len;
}

static void row_keep(struct worker *w, struct mysql_tx *t, struct cursor c)
{
	uint32_t len = row_text(c, t->columns, NULL);
	uint8_t *text;

	if (t->kept.count >= MYSQL_ROWS_MAX || len > MYSQL_ROWS_BYTES_MAX || t->kept.len + len > MYSQL_ROWS_BYTES_MAX)
		return;
	text = len ? heap_alloc(&w->heap, len) : NULL;
	if (!text)
		return;
	row_text(c, t->columns, text);
	texts_add(w, &t->kept, text, len);
	heap_free(&w->heap, text);
}

static bool take_row(struct worker *w, struct flow *f, struct mysql_tx *t, struct cursor c, uint32_t len)
{
	uint16_t status;

	if (!is_end(c, len)) {
		t->has_rows = true;
		t->rows++;
		if (keeps_rows(w, t))
			row_keep(w, t, c);
		return true;
	}
	cursor_u8(&c);
	if (len != EOF_BYTES) { /* an answer in its place */
		uint64_t number;

		mysql_number(&c, &number);
		mysql_number(&c, &number);
		finish_or_go_on(f, t, cursor_le16(&c));
		return true;
	}
	cursor_le16(&c);
	status = cursor_le16(&c);
	if (!t->end_seen && t->command != MYSQL_COMMAND_stmt_fetch && !(status & STATUS_CURSOR))
		t->end_seen = true;
	else
		finish_or_go_on(f, t, status);
	return true;
}

/* A column, or the end behind the parameters of a statement. */
static void take_column(struct flow *f, struct mysql_tx *t)
{
	if (--t->left)
		return;
	t->reply = MYSQL_REPLY_ROWS;
	if (t->command == MYSQL_COMMAND_stmt_prepare)
		tx_finish(f, &t->tx);
}

bool mysql_reply_take(struct worker *w, struct flow *f, struct mysql_state *s, struct mysql_tx *t,
		      struct cursor c, uint32_t len)
{
	if (t->reply == MYSQL_REPLY_INFILE) /* the verdict on the file */
		t->reply = MYSQL_REPLY_RESULT;
	if (!len)
		return t->reply != MYSQL_REPLY_AUTH && t->reply != MYSQL_REPLY_RESULT;
	if (t->reply != MYSQL_REPLY_TEXT && take_error(w, t, c)) {
		if (t->has_error)
			tx_finish(f, &t->tx);
		return true;
	}
	switch ((enum mysql_reply)t->reply) {
	case MYSQL_REPLY_AUTH:
		return take_auth(w, f, s, t, c);
	case MYSQL_REPLY_RESULT:
		return take_result(w, f, s, t, c);
	case MYSQL_REPLY_PREPARE:
		return take_prepared(w, f, s, t, c);
	case MYSQL_REPLY_COLUMNS:
		take_column(f, t);
		return true;
	case MYSQL_REPLY_ROWS:
		return take_row(w, f, t, c, len);
	case MYSQL_REPLY_LIST:
		if (is_end(c, len))
			tx_finish(f, &t->tx);
		else
			t->rows++;
		return true;
	case MYSQL_REPLY_SIMPLE:
		if (cursor_u8(&c) == PACKET_OK)
			take_ok(t, c);
		tx_finish(f, &t->tx);
		return true;
	case MYSQL_REPLY_TEXT:
	case MYSQL_REPLY_NONE:
	case MYSQL_REPLY_INFILE:
		break;
	}
	tx_finish(f, &t->tx);
	return true;
}
