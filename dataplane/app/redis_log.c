/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Records of Redis, see redis.h. The password of AUTH and HELLO is written with eve.types.redis.passwords
 * only. Runs in the worker that owns the flow.
 */
#include <strings.h>

#include "dataplane/app/redis.h"
#include "dataplane/engine/emit.h"

void redis_configure(const struct worker *w, void *memory)
{
	struct redis_config *c = memory;

	if (w->config)
		c->log_passwords = config_map_bool(&w->config->eve_types, "redis.passwords", false);
}

/* Place of the password among the words; 0: there is none. AUTH [user] password, HELLO 3 AUTH user password,
 * CONFIG SET requirepass password. */
static unsigned password_at(const struct redis_tx *t)
{
	struct bytes word, first = {0};
	unsigned i = 0;

	for (uint32_t at = 0; texts_next(&t->kept, &at, &word); i++) {
		if (i == 0)
			first = word;
		if (i == 2 && bytes_are(first, "CONFIG") && (bytes_are(word, "requirepass") || bytes_are(word, "masterauth")))
			return 3;
		if (i && bytes_are(first, "HELLO") && bytes_are(word, "AUTH"))
			return i + 2;
	}
	return bytes_are(first, "AUTH") && i > 1 ? i - 1 : 0;
}

static void put_request(struct recorder *r, const struct redis_tx *t, const struct redis_config *c)
{
	unsigned i = 0, password = c->log_passwords ? 0 : password_at(t);
	bool array = false;
	struct bytes word;

	rec_open(r, F_redis_request);
	for (uint32_t at = 0; texts_next(&t->kept, &at, &word); i++) {
		if (i == 0) {
			rec_bytes(r, F_redis_command, word.data, word.len);
			continue;
		}
		if (!array)
			rec_open(r, F_redis_args);
		array = true;
		if (i == password)
			rec_text(r, F_redis_arg, "<redacted>");
		else
			rec_bytes(r, F_redis_arg, word.data, word.len);
	}
	if (array)
		rec_close(r);
	if (t->words > t->kept.count)
		rec_uint(r, F_redis_words, t->words);
	rec_close(r);
}

static const char *type_name(uint8_t type)
{
	switch (type) {
	case '+':
		return "simple_string";
	case '-':
		return "error";
	case ':':
		return "integer";
	case '$':
		return "string";
	case '*':
		return "array";
	case '_':
		return "null";
	case '#':
		return "boolean";
	case ',':
		return "double";
	case '(':
		return "big_number";
	case '!':
		return "error";
	case '=':
		return "verbatim_string";
	case '%':
		return "map";
	case '~':
		return "set";
	case '>':
		return "push";
	default:
		return NULL;
	}
}

static void put_response(struct recorder *r, const struct redis_tx *t)
{
	rec_open(r, F_redis_response);
	if (type_name(t->type))
		rec_text(r, F_redis_type, type_name(t->type));
	if (strchr("*%~>", t->type))
		rec_uint(r, F_redis_elements, t->number);
	else if (strchr("$=!", t->type))
		rec_uint(r, F_redis_bytes, t->number);
	text_record(r, F_redis_value, &t->value);
	rec_close(r);
}

static void put_members(struct worker *w, struct recorder *r, const struct redis_tx *t)
{
	rec_open(r, F_redis_redis);
	rec_uint(r, F_redis_tx_id, t->tx.id + 1);
	if (t->words)
		put_request(r, t, app_config(w, APP_redis));
	if (t->type)
		put_response(r, t);
	rec_close(r);
}

void redis_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p)
{
	const struct redis_tx *t = redis_of(tx);
	struct recorder *r;

	if (!t->words && !t->type)
		return;
	r = emit_flow(w, RECORD_redis, f, TO_SERVER, tx->id, p);
	if (!r)
		return;
	put_members(w, r, t);
	emit_end(w);
}

void redis_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r)
{
	put_members(w, r, redis_of(tx));
}
