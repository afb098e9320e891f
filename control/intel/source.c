/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Sources: their numbers, their state in family feed, their refused lines.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "control/intel/row.h"
#include "control/store/bytes.h"

struct source *source_find(struct intel *in, const char *name)
{
	for (struct source *src = in->sources; src; src = src->next)
		if (!src->gone && strcmp(src->name, name) == 0)
			return src;
	return NULL;
}

struct source *source_by_number(struct intel *in, uint16_t number)
{
	struct source *src;

	pthread_mutex_lock(&in->lock);
	for (src = in->sources; src; src = src->next)
		if (!src->gone && src->number == number)
			break;
	pthread_mutex_unlock(&in->lock);
	return src;
}

static struct source *source_new(struct intel *in, const char *name, uint16_t number)
{
	struct source *src = calloc(1, sizeof(*src));

	if (!src)
		return NULL;
	snprintf(src->name, sizeof(src->name), "%s", name);
	src->number = number;
	pthread_mutex_lock(&in->lock);
	src->next = in->sources;
	in->sources = src;
	pthread_mutex_unlock(&in->lock);
	return src;
}

struct source *source_get(struct intel *in, const char *name)
{
	struct source *src = source_find(in, name);
	unsigned number = 0;

	if (src)
		return src;
	/* Numbers of sources that are gone are not given again before the store is opened anew: a
	 * reader may still be at their rows. */
	for (src = in->sources; src; src = src->next)
		if (src->number > number)
			number = src->number;
	return number < 65535 ? source_new(in, name, (uint16_t)(number + 1)) : NULL;
}

uint64_t sources_entries(struct intel *in)
{
	uint64_t n = 0;

	for (struct source *src = in->sources; src; src = src->next)
		n += src->gone ? 0 : src->entries;
	return n;
}

#define NUMBERS(X)                                                                                 \
	X(entries)                                                                                 \
	X(allowed)                                                                                 \
	X(updated_ns)                                                                              \
	X(version)                                                                                 \
	X(given) X(loaded) X(refused) X(fresh) X(changed) X(same) X(removed) X(refused_next)
#define FETCH_TEXTS(X) X(format) X(etag) X(last_modified) X(position) X(options) X(error)
#define FETCH_TIMES(X) X(tried_ns) X(next_ns)

static void read_state(struct source *src, const json_t *j)
{
	const char *text;

#define X(member) src->member = (uint64_t)json_integer_value(json_object_get(j, #member));
	NUMBERS(X)
#undef X
#define X(member) src->fetch.member = (uint64_t)json_integer_value(json_object_get(j, #member));
	FETCH_TIMES(X)
#undef X
#define X(member)                                                                                  \
	text = json_string_value(json_object_get(j, #member));                                     \
	snprintf(src->fetch.member, sizeof(src->fetch.member), "%s", text ? text : "");
	FETCH_TEXTS(X)
#undef X
}

int sources_load(struct intel *in)
{
	struct slice from = {"S", 1}, to = {"T", 1};
	struct store_iter *it = store_iter_new(in->store, STORE_feed, NULL, &from, &to);
	int err = it ? 0 : -ENOMEM;

	if (it)
		store_iter_first(it);
	for (; !err && store_iter_valid(it); store_iter_next(it)) {
		struct slice k = store_iter_key(it), v = store_iter_value(it);
		json_t *j = json_loadb(v.data, v.len, 0, NULL);
		json_int_t number = json_integer_value(json_object_get(j, "number"));
		char name[INTEL_SOURCE_MAX];
		struct source *src;

		if (j && number > 0 && number <= 65535 && k.len <= sizeof(name)) {
			memcpy(name, (const char *)k.data + 1, k.len - 1);
			name[k.len - 1] = '\0';
			src = source_new(in, name, (uint16_t)number);
			err = src ? 0 : -ENOMEM;
			if (src)
				read_state(src, j);
		}
		json_decref(j);
	}
	if (!err)
		err = store_iter_status(it);
	store_iter_free(it);
	return err;
}

static size_t state_key(const struct source *src, uint8_t *key)
{
	size_t n = strlen(src->name);

	key[0] = 'S';
	memcpy(key + 1, src->name, n);
	return n + 1;
}

void source_put(struct intel *in, struct store_batch *b, const struct source *src)
{
	uint8_t key[1 + INTEL_SOURCE_MAX];
	struct text json = {0};

	text_char(&json, '{');
	json_key_uint(&json, "number", src->number);
#define X(member) json_key_uint(&json, #member, src->member);
	NUMBERS(X)
#undef X
#define X(member) json_key_uint(&json, #member, src->fetch.member);
	FETCH_TIMES(X)
#undef X
#define X(member) json_key_cstr(&json, #member, src->fetch.member);
	FETCH_TEXTS(X)
#undef X
	text_char(&json, '}');
	store_batch_put(in->store, b, STORE_feed, key, state_key(src, key), json.data, json.len);
	text_free(&json);
}

static void line_key(const struct source *src, uint64_t n, uint8_t *key)
{
	key[0] = 'R';
	put_be64(put_be16(key + 1, src->number), n);
}

#define LINE_KEY 11

void source_line_put(struct intel *in, struct store_batch *b, const struct source *src, uint64_t n,
		     struct slice value)
{
	uint8_t key[LINE_KEY];

	line_key(src, n, key);
	store_batch_put(in->store, b, STORE_feed, key, sizeof(key), value.data, value.len);
}

void source_lines_drop(struct intel *in, struct store_batch *b, const struct source *src,
		       uint64_t from, uint64_t to)
{
	uint8_t low[LINE_KEY], high[LINE_KEY];

	line_key(src, from, low);
	line_key(src, to, high);
	if (from < to)
		store_batch_delete_range(in->store, b, STORE_feed, low, sizeof(low), high,
					 sizeof(high));
}

void source_delete(struct intel *in, struct store_batch *b, struct source *src)
{
	uint8_t key[1 + INTEL_SOURCE_MAX];

	store_batch_delete(in->store, b, STORE_feed, key, state_key(src, key));
	source_lines_drop(in, b, src, 0, UINT64_MAX);
}

int intel_fetch_get(struct intel *in, const char *source, struct intel_fetch *out)
{
	const struct source *src;

	pthread_mutex_lock(&in->lock);
	src = source_find(in, source);
	*out = src ? src->fetch : (struct intel_fetch){.format = ""};
	pthread_mutex_unlock(&in->lock);
	return 0;
}

int intel_fetch_set(struct intel *in, const char *source, const struct intel_fetch *f)
{
	struct source *src = source_get(in, source);
	struct store_batch *b = src ? store_batch_new() : NULL;
	int err;

	if (!b)
		return -ENOMEM;
	pthread_mutex_lock(&in->lock);
	src->fetch = *f;
	pthread_mutex_unlock(&in->lock);
	source_put(in, b, src);
	err = store_write(in->store, b, true);
	store_batch_free(b);
	return err;
}

int intel_sources(struct intel *in, struct text *json)
{
	pthread_mutex_lock(&in->lock);
	text_char(json, '[');
	for (const struct source *src = in->sources; src; src = src->next) {
		if (src->gone)
			continue;
		json_comma(json);
		text_char(json, '{');
		json_key_cstr(json, "name", src->name);
		json_key_cstr(json, "format", src->fetch.format);
		json_key_uint(json, "entries", src->entries);
		json_key_uint(json, "allowed", src->allowed);
		json_key_uint(json, "version", src->version);
#define X(member) json_key_uint(json, #member, src->member);
		X(given)
		X(loaded)
		X(refused)
		X(fresh)
		X(changed)
		X(same)
		X(removed)
#undef X
			if (src->updated_ns) json_key_time(json, "updated", src->updated_ns);
		if (src->fetch.tried_ns)
			json_key_time(json, "tried", src->fetch.tried_ns);
		if (src->fetch.next_ns)
			json_key_time(json, "next", src->fetch.next_ns);
		json_key_cstr(json, "error", src->fetch.error);
		text_char(json, '}');
	}
	text_char(json, ']');
	pthread_mutex_unlock(&in->lock);
	return json->failed ? -ENOMEM : 0;
}

int intel_refused(struct intel *in, const char *source, uint64_t limit, struct text *json)
{
	uint8_t low[LINE_KEY], high[LINE_KEY];
	struct slice from = {low, LINE_KEY}, to = {high, LINE_KEY};
	struct store_iter *it;
	const struct source *src;
	int err;

	pthread_mutex_lock(&in->lock);
	src = source_find(in, source);
	pthread_mutex_unlock(&in->lock);
	if (!src)
		return -ENOENT;
	line_key(src, 0, low);
	line_key(src, UINT64_MAX, high);
	it = store_iter_new(in->store, STORE_feed, NULL, &from, &to);
	if (!it)
		return -ENOMEM;
	text_char(json, '[');
	for (store_iter_first(it); store_iter_valid(it) && limit--; store_iter_next(it)) {
		struct slice v = store_iter_value(it);

		json_comma(json);
		text_bytes(json, v.data, v.len);
	}
	text_char(json, ']');
	err = store_iter_status(it);
	store_iter_free(it);
	return err ? err : json->failed ? -ENOMEM : 0;
}
