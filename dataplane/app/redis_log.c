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

/* Is a word of the command a password? AUTH [user] password, HELLO 3 AUTH user password, CONFIG SET requirepass
 * password, ACL SETUSER user >password, MIGRATE … AUTH password, … AUTH2 user password. before: the two words in front
 * of it, the nearer one first. */
static bool is_password(struct bytes command, const struct bytes before[2], struct bytes word, unsigned n, bool last)
{
	if (bytes_are(command, "AUTH"))
		return last;
	if (bytes_are(command, "HELLO"))
		return n > 2 && bytes_are(before[1], "AUTH");
	if (bytes_are(command, "CONFIG"))
		return n > 2 && n % 2 && (bytes_are(before[0], "requirepass") || bytes_are(before[0], "masterauth"));
	if (bytes_are(command, "ACL"))
		return n > 2 && word.len && strchr("><#!", word.data[0]);
	return bytes_are(command, "MIGRATE") && n > 1 &&
	       (bytes_are(before[0], "AUTH") || (n > 2 && bytes_are(before[1], "AUTH2")));
}

static void put_request(struct recorder *r, const struct redis_tx *t, const struct redis_config *c)
{
	struct bytes word, command = texts_at(&t->kept, 0), before[2] = {{0}};
	bool array = false;
	unsigned i = 0;

	rec_open(r, F_redis_request);
	for (uint32_t at = 0; texts_next(&t->kept, &at, &word); i++) {
		if (i == 0) {
			rec_bytes(r, F_redis_command, word.data, word.len);
			continue;
		}
		if (!array)
			rec_open(r, F_redis_args);
		array = true;
		if (!c->log_passwords && is_password(command, before, word, i, i + 1 == t->kept.count))
			rec_text(r, F_redis_arg, "<redacted>");
		else
			rec_bytes(r, F_redis_arg, word.data, word.len);
		before[1] = before[0];
		before[0] = word;
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
