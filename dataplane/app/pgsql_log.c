/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Records of PostgreSQL, see pgsql.h. Passwords are written with eve.types.pgsql.passwords only. Runs
 * in the worker that owns the flow.
 */
#include <strings.h>

#include "dataplane/app/pgsql.h"
#include "dataplane/base/put.h"
#include "dataplane/engine/emit.h"

#define ERROR_FIELDS_MAX 32

void pgsql_configure(const struct worker *w, void *memory)
{
	struct pgsql_config *c = memory;

	if (w->config)
		c->log_passwords = config_map_bool(&w->config->eve_types, "pgsql.passwords", false);
}

static void put(struct recorder *r, enum field_id f, const struct text *t)
{
	if (t->data)
		rec_bytes(r, f, t->data, t->len);
}

/* Parameters that have another spelling in EVE. */
static struct bytes spelled(struct bytes name)
{
	static const char *const names[][2] = {{"DateStyle", "date_style"},
					       {"IntervalStyle", "interval_style"},
					       {"TimeZone", "time_zone"}};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (name.len == strlen(names[i][0]) &&
		    strncasecmp((const char *)name.data, names[i][0], name.len) == 0)
			return (struct bytes){(const uint8_t *)names[i][1], (uint32_t)strlen(names[i][1])};
	return name;
}

static bool is_user(struct bytes name)
{
	return name.len == 4 && memcmp(name.data, "user", 4) == 0;
}

static void put_parameters(struct recorder *r, enum field_id array, const struct texts *t, bool startup)
{
	struct bytes name, value;
	bool any = false;
	uint32_t at = 0;

	while (texts_next(t, &at, &name) && texts_next(t, &at, &value)) {
		if (startup && is_user(name))
			continue;
		if (!any)
			rec_open(r, array);
		any = true;
		rec_open(r, F_pgsql_parameter);
		rec_member(r, F_pgsql_setting, spelled(name), value);
		rec_close(r);
	}
	if (any)
		rec_close(r);
}

static void put_startup(struct recorder *r, const struct pgsql_tx *t)
{
	struct bytes name, value;
	char version[16];
	uint32_t at = 0;

	put_uint(put_char(put_uint(put_to(version, sizeof(version)), t->major), '.'), t->minor);
	rec_text(r, F_pgsql_protocol_version, version);
	rec_open(r, F_pgsql_startup_parameters);
	while (texts_next(&t->parameters, &at, &name) && texts_next(&t->parameters, &at, &value))
		if (is_user(name)) {
			rec_bytes(r, F_pgsql_user, value.data, value.len);
			break;
		}
	put_parameters(r, F_pgsql_optional_parameters, &t->parameters, true);
	rec_close(r);
}

static void put_copy(struct recorder *r, enum field_id object, enum field_id count,
		     const struct pgsql_copy *c)
{
	rec_open(r, object);
	rec_uint(r, count, c->messages);
	rec_uint(r, F_pgsql_data_size, c->bytes);
	rec_close(r);
}

static void put_request(struct recorder *r, const struct pgsql_tx *t, const struct pgsql_config *c)
{
	switch (t->request) {
	case PGSQL_SSL:
	case PGSQL_GSS:
		rec_text(r, F_pgsql_message, t->request == PGSQL_SSL ? "SSL Request" : "GSS Encryption Request");
		break;
	case PGSQL_STARTUP:
		put_startup(r, t);
		break;
	case PGSQL_CANCEL:
		rec_text(r, F_pgsql_message, "cancel_request");
		rec_uint(r, F_pgsql_process_id, t->cancel_pid);
		rec_uint(r, F_pgsql_secret_key, t->cancel_key);
		break;
	case PGSQL_PASSWORD:
		if (c->log_passwords)
			put(r, F_pgsql_password, &t->text);
		else
			rec_bool(r, F_pgsql_password_redacted, true);
		break;
	case PGSQL_SASL_INITIAL:
		put(r, F_pgsql_sasl_authentication_mechanism, &t->mechanism);
		put(r, F_pgsql_sasl_param, &t->text);
		break;
	case PGSQL_SASL_RESPONSE:
		put(r, F_pgsql_sasl_response, &t->text);
		break;
	case PGSQL_QUERY:
		put(r, F_pgsql_simple_query, &t->text);
		break;
	case PGSQL_EXTENDED:
		put(r, F_pgsql_query, &t->text);
		break;
	case PGSQL_COPY:
		if (t->copy_in.messages)
			put_copy(r, F_pgsql_copy_data_in, F_pgsql_msg_count, &t->copy_in);
		if (t->copy_done || t->copy_failed)
			rec_text(r, F_pgsql_message, t->copy_done ? "copy_done" : "copy_fail");
		break;
	case PGSQL_TERMINATE:
		rec_text(r, F_pgsql_message, "termination_message");
		break;
	}
}

static enum field_id error_field(uint8_t type)
{
	switch (type) {
#define FIELD_OF(letter, name) case letter: return F_pgsql_##name
		FIELD_OF('S', severity_localizable);
		FIELD_OF('V', severity_non_localizable);
		FIELD_OF('C', code);
		FIELD_OF('M', message);
		FIELD_OF('D', detail);
		FIELD_OF('H', hint);
		FIELD_OF('P', position);
		FIELD_OF('p', internal_position);
		FIELD_OF('q', internal_query);
		FIELD_OF('W', where);
		FIELD_OF('s', schema_name);
		FIELD_OF('t', table_name);
		FIELD_OF('c', column_name);
		FIELD_OF('d', data_type);
		FIELD_OF('n', constraint_name);
		FIELD_OF('F', file);
		FIELD_OF('L', line);
		FIELD_OF('R', routine);
#undef FIELD_OF
	}
	return FIELD_NONE;
}

/* Each key once. Returns whether a message was among them. */
static bool put_error(struct recorder *r, const struct text *error)
{
	uint64_t written[4] = {0};
	struct cursor c;

	if (!error->data)
		return false;
	c = cursor_of(error->data, error->len);
	for (unsigned i = 0; i < ERROR_FIELDS_MAX; i++) {
		uint8_t type = cursor_u8(&c);
		const uint8_t *nul = type && cursor_left(&c) ? memchr(c.p, 0, cursor_left(&c)) : NULL;
		uint32_t len;

		if (!type)
			break;
		len = (uint32_t)(nul ? (size_t)(nul - c.p) : cursor_left(&c));
		if (error_field(type) && !(written[type / 64] >> type % 64 & 1))
			rec_bytes(r, error_field(type), c.p, len);
		written[type / 64] |= 1ull << type % 64;
		cursor_skip(&c, len + (nul ? 1 : 0));
	}
	return written['M' / 64] >> 'M' % 64 & 1;
}

static void put_auth(struct recorder *r, const struct pgsql_tx *t, bool message_taken)
{
	const char *text = NULL;

	switch (t->auth) {
	case PGSQL_AUTH_OK:
		text = "authentication_ok";
		break;
	case PGSQL_AUTH_CLEARTEXT:
		text = "authentication_cleartext_password";
		break;
	case PGSQL_AUTH_SASL:
		text = "authentication_sasl";
		break;
	case PGSQL_AUTH_SASL_CONTINUE:
		text = "authentication_sasl_continue";
		break;
	case PGSQL_AUTH_MD5:
		put(r, F_pgsql_authentication_md5_password, &t->auth_data);
		break;
	case PGSQL_AUTH_SSPI:
		put(r, F_pgsql_authentication_sspi, &t->auth_data);
		break;
	}
	if (t->auth == PGSQL_AUTH_SASL_FINAL || t->auth == PGSQL_AUTH_OK)
		put(r, F_pgsql_authentication_sasl_final, &t->auth_data);
	if (text && !message_taken)
		rec_text(r, F_pgsql_message, text);
}

static void put_columns(struct recorder *r, enum field_id object, uint16_t columns)
{
	rec_open(r, object);
	rec_uint(r, F_pgsql_columns, columns);
	rec_close(r);
}

static void put_response(struct recorder *r, const struct pgsql_tx *t)
{
	if (t->ssl)
		rec_bool(r, F_pgsql_ssl_accepted, t->ssl == 'S');
	put_auth(r, t, put_error(r, &t->error));
	put_parameters(r, F_pgsql_parameter_status, &t->status, false);
	if (t->has_key) {
		rec_uint(r, F_pgsql_process_id, t->pid);
		rec_uint(r, F_pgsql_secret_key, t->key);
	}
	if (t->has_copy_in)
		put_columns(r, F_pgsql_copy_in_response, t->copy_in_columns);
	if (t->has_copy_out)
		put_columns(r, F_pgsql_copy_out_response, t->copy_out_columns);
	if (t->copy_out.messages)
		put_copy(r, F_pgsql_copy_data_out, F_pgsql_row_count, &t->copy_out);
	if (t->has_fields)
		rec_uint(r, F_pgsql_field_count, t->fields);
	if (t->has_rows) {
		rec_uint(r, F_pgsql_data_rows, t->rows);
		rec_uint(r, F_pgsql_data_size, t->row_bytes);
	}
	if (t->has_notification) {
		rec_uint(r, F_pgsql_pid, t->notification_pid);
		put(r, F_pgsql_channel_name, &t->channel);
		put(r, F_pgsql_payload, &t->payload);
	}
	put(r, F_pgsql_command_completed, &t->completed);
}

static void put_members(struct worker *w, struct recorder *r, const struct pgsql_tx *t)
{
	rec_open(r, F_pgsql_pgsql);
	rec_uint(r, F_pgsql_tx_id, t->tx.id + 1);
	if (t->request != PGSQL_NONE) {
		rec_open(r, F_pgsql_request);
		put_request(r, t, app_config(w, APP_pgsql));
		rec_close(r);
	}
	if (t->responded) {
		rec_open(r, F_pgsql_response);
		put_response(r, t);
		rec_close(r);
	}
	rec_close(r);
}

void pgsql_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p)
{
	const struct pgsql_tx *t = pgsql_of(tx);
	struct recorder *r;

	if (t->request == PGSQL_NONE && !t->responded)
		return;
	r = emit_flow(w, RECORD_pgsql, f, t->request == PGSQL_NONE ? TO_CLIENT : TO_SERVER, tx->id, p);
	if (!r)
		return;
	put_members(w, r, t);
	emit_end(w);
}

void pgsql_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r)
{
	put_members(w, r, pgsql_of(tx));
}
