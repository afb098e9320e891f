/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The log of look-ups: the last LOOKUPS_MAX, for LOOKUP_DAYS. Each line that is written takes out
 * what is too old or one too many, so the log never has to be tidied.
 */
#include <errno.h>

#include "control/intel/row.h"
#include "control/store/bytes.h"

#define LOG_KEY 9
#define TIDY_STEPS 4 /* old lines taken out for each new one */

static void log_key(uint64_t n, uint8_t *key)
{
	key[0] = 'L';
	put_be64(key + 1, n);
}

static struct store_iter *log_iter(struct intel *in)
{
	struct slice from = {"L", 1}, to = {"M", 1};

	return store_iter_new(in->store, STORE_lookup, NULL, &from, &to);
}

/* Number of the line the iterator stands on, and its time (8 bytes before the JSON). */
static bool log_line(const struct store_iter *it, uint64_t *n, uint64_t *time_ns)
{
	struct slice k, v;

	if (!store_iter_valid(it))
		return false;
	k = store_iter_key(it);
	v = store_iter_value(it);
	if (k.len != LOG_KEY || v.len < 8)
		return false;
	*n = read_be64((const uint8_t *)k.data + 1);
	*time_ns = read_be64(v.data);
	return true;
}

/* Takes old lines out; finds the number of the next where it is not known. */
static int tidy(struct intel *in, struct store_batch *b, uint64_t now_ns)
{
	uint64_t oldest = LOOKUP_DAYS * 86400000000000ull, n, time_ns;
	struct store_iter *it = log_iter(in);
	uint8_t key[LOG_KEY];

	if (!it)
		return -ENOMEM;
	if (!in->next_lookup) {
		store_iter_last(it);
		in->next_lookup = log_line(it, &n, &time_ns) ? n + 1 : 1;
	}
	store_iter_first(it);
	for (int i = 0; i < TIDY_STEPS && log_line(it, &n, &time_ns); i++, store_iter_next(it)) {
		if (time_ns + oldest >= now_ns && n + LOOKUPS_MAX > in->next_lookup)
			break;
		log_key(n, key);
		store_batch_delete(in->store, b, STORE_lookup, key, sizeof(key));
	}
	store_iter_free(it);
	return 0;
}

int intel_log(struct intel *in, const char *who, const char *value, const char *verdict,
	      uint64_t now_ns)
{
	struct store_batch *b = store_batch_new();
	struct text line = {0};
	uint8_t key[LOG_KEY], *time;
	int err;

	if (!b)
		return -ENOMEM;
	time = text_room(&line, 8);
	if (time) {
		put_be64(time, now_ns);
		line.len = 8;
	}
	text_char(&line, '{');
	json_key_time(&line, "time", now_ns);
	json_key_cstr(&line, "who", who);
	json_key(&line, "value");
	json_put_string(&line, value, strnlen(value, VALUE_BYTES_MAX));
	json_key_cstr(&line, "verdict", verdict);
	text_char(&line, '}');
	pthread_mutex_lock(&in->lock);
	err = line.failed ? -ENOMEM : tidy(in, b, now_ns);
	if (!err) {
		log_key(in->next_lookup, key);
		store_batch_put(in->store, b, STORE_lookup, key, sizeof(key), line.data, line.len);
		err = store_write(in->store, b, false);
		in->next_lookup += !err;
	}
	pthread_mutex_unlock(&in->lock);
	text_free(&line);
	store_batch_free(b);
	return err;
}

int intel_log_list(struct intel *in, uint64_t since_ns, uint64_t limit, struct text *json)
{
	struct store_iter *it = log_iter(in);
	uint64_t n, time_ns;
	int err;

	if (!it)
		return -ENOMEM;
	text_char(json, '[');
	for (store_iter_last(it); limit-- && log_line(it, &n, &time_ns) && time_ns >= since_ns;
	     store_iter_prev(it)) {
		struct slice v = store_iter_value(it);

		json_comma(json);
		text_bytes(json, (const uint8_t *)v.data + 8, v.len - 8);
	}
	text_char(json, ']');
	err = store_iter_status(it);
	store_iter_free(it);
	return err ? err : json->failed ? -ENOMEM : 0;
}
