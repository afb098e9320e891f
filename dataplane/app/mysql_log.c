/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Records of MySQL, see mysql.h. Passwords travel as hashes of a challenge and are not written. Runs in
 * the worker that owns the flow.
 */
#include "dataplane/app/mysql.h"
#include "dataplane/engine/emit.h"

static const struct mysql_command commands[] = {
#define MYSQL_COMMAND(number, name, reply) {number, MYSQL_REPLY_##reply, #name},
#include "dataplane/app/mysql_commands.def"
#undef MYSQL_COMMAND
};

const struct mysql_command *mysql_command_find(uint8_t number)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (commands[i].number == number)
			return &commands[i];
	return NULL;
}

static void put_login(struct recorder *r, const struct mysql_tx *t)
{
	struct bytes name, value;
	uint32_t at = 0;

	rec_text(r, F_mysql_operation, "login");
	text_record(r, F_mysql_user, &t->user);
	text_record(r, F_mysql_database, &t->database);
	text_record(r, F_mysql_auth_plugin, &t->plugin);
	if (t->compressed)
		rec_bool(r, F_mysql_compressed, true);
	if (t->attributes.count) {
		rec_open(r, F_mysql_attributes);
		while (texts_next(&t->attributes, &at, &name) && texts_next(&t->attributes, &at, &value)) {
			rec_open(r, F_mysql_attribute);
			rec_member(r, F_mysql_setting, name, value);
			rec_close(r);
		}
		rec_close(r);
	}
	if (t->logged_in || t->has_error)
		rec_bool(r, F_mysql_success, t->logged_in);
}

static void put_command(struct recorder *r, const struct mysql_tx *t)
{
	const struct mysql_command *c = mysql_command_find((uint8_t)t->command);

	rec_text(r, F_mysql_operation, c ? c->name : "unknown");
	text_record(r, F_mysql_command, &t->text);
	text_record(r, F_mysql_user, &t->user);
	text_record(r, F_mysql_database, &t->database);
	if (t->user.data && (t->logged_in || t->has_error))
		rec_bool(r, F_mysql_success, t->logged_in);
	if (t->has_statement)
		rec_uint(r, F_mysql_statement_id, t->statement);
	if (t->file.data) {
		text_record(r, F_mysql_local_file, &t->file);
		rec_uint(r, F_mysql_local_file_bytes, t->file_bytes);
	}
	if (t->has_affected)
		rec_uint(r, F_mysql_affected_rows, t->affected);
	if (t->has_columns)
		rec_uint(r, F_mysql_columns, t->columns);
	if (t->has_rows)
		rec_uint(r, F_mysql_row_count, t->rows);
}

static void put_members(struct recorder *r, const struct mysql_state *s, const struct mysql_tx *t, bool rows)
{
	rec_open(r, F_mysql_mysql);
	rec_uint(r, F_mysql_tx_id, t->tx.id + 1);
	text_record(r, F_mysql_version, &s->version);
	rec_bool(r, F_mysql_tls, t->tls);
	if (t->command == MYSQL_LOGIN)
		put_login(r, t);
	else
		put_command(r, t);
	if (t->has_error) {
		rec_uint(r, F_mysql_error_code, t->error);
		text_record(r, F_mysql_error_state, &t->error_state);
		text_record(r, F_mysql_error_message, &t->error_message);
	}
	if (rows)
		texts_record(r, F_mysql_rows, F_mysql_row, &t->kept);
	rec_close(r);
}

void mysql_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p)
{
	struct recorder *r = emit_flow(w, RECORD_mysql, f, TO_SERVER, tx->id, p);

	if (!r)
		return;
	put_members(r, f->app->state, mysql_of(tx), false);
	emit_end(w);
}

void mysql_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r)
{
	put_members(r, f->app->state, mysql_of(tx), true);
}
