/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/intel/sighting.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/intel/intel.h"

#define KEY_MAX (1 + INTEL_KEY_MAX + SIGHTING_WHO_MAX + 1)

int sighting_put(struct store *s, struct store_batch *b, const struct sighting *sg)
{
	uint8_t *key = malloc(KEY_MAX);
	size_t who = strnlen(sg->who, SIGHTING_WHO_MAX - 1), len;
	struct text json = {0};
	int err = 0;

	if (!key)
		return -ENOMEM;
	key[0] = 'T';
	len = intel_key(sg->kind, sg->value, strlen(sg->value), key + 1);
	if (!len) {
		free(key);
		return -EINVAL;
	}
	memcpy(key + 1 + len, sg->who, who);
	key[1 + len + who] = '\0';
	text_char(&json, '{');
	json_key(&json, "who");
	json_put_string(&json, sg->who, who);
	json_key_cstr(&json, "kind", indicator_kind_name(sg->kind));
	json_key_cstr(&json, "value", sg->value);
	json_key_time(&json, "first", sg->first_ns);
	json_key_time(&json, "last", sg->last_ns);
	json_key_uint(&json, "count", sg->count);
	json_key_time(&json, "received", sg->received_ns);
	text_char(&json, '}');
	if (json.failed)
		err = -ENOMEM;
	else
		store_batch_put(s, b, STORE_lookup, key, 2 + len + who, json.data, json.len);
	text_free(&json);
	free(key);
	return err;
}

int sighting_list(struct store *s, int kind, const char *value, uint64_t limit, struct text *out)
{
	uint8_t *from = malloc(KEY_MAX), *to = malloc(KEY_MAX);
	size_t len = 0;
	struct slice low = {from, 1}, high = {to, 1};
	struct store_iter *it = NULL;
	uint64_t n = 0;
	int err = from && to ? 0 : -ENOMEM;

	text_char(out, '[');
	if (!err) {
		from[0] = to[0] = 'T';
		to[0]++;
		if (kind)
			len = intel_key(kind, value, strlen(value), from + 1);
		if (kind && !len)
			err = -EINVAL;
	}
	if (!err && kind) {
		memcpy(to, from, 1 + len);
		to[1 + len] = 0xff;
		low.len = 1 + len;
		high.len = 2 + len;
	}
	if (!err && !(it = store_iter_new(s, STORE_lookup, NULL, &low, &high)))
		err = -ENOMEM;
	for (it ? store_iter_first(it) : (void)0; it && store_iter_valid(it) && n < limit;
	     store_iter_next(it)) {
		struct slice k = store_iter_key(it), v = store_iter_value(it);

		/* A longer value that begins alike is another indicator. */
		if (kind && memchr((const uint8_t *)k.data + 1 + len, 0, k.len - 1 - len) !=
				    (const uint8_t *)k.data + k.len - 1)
			continue;
		json_comma(out);
		text_bytes(out, v.data, v.len);
		n++;
	}
	if (!err)
		err = store_iter_status(it);
	store_iter_free(it);
	text_char(out, ']');
	free(from);
	free(to);
	return err;
}
