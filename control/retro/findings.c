/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reading findings, what people say of them, and what a change of intelligence makes of them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/base/say.h"
#include "control/base/when.h"
#include "control/ingest/ingest.h"
#include "control/retro/finding_private.h"
#include "control/store/bytes.h"
#include "control/store/json_row.h"
#include "dataplane/event/record.h"

#define LIST_MAX 1000000u
#define RECORD_BYTES 16384

static const char *member(const json_t *f, const char *key)
{
	const char *s = json_string_value(json_object_get(f, key));

	return s ? s : "";
}

static uint64_t number(const json_t *f, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(f, key));

	return n > 0 ? (uint64_t)n : 0;
}

static uint64_t time_of(const json_t *f, const char *key)
{
	uint64_t ns = 0;

	time_parse(member(f, key), &ns);
	return ns;
}

/* ---- announcing ---- */

static void put_text(struct recorder *r, enum field_id field, const json_t *f, const char *key)
{
	if (*member(f, key))
		rec_text(r, field, member(f, key));
}

static void put_number(struct recorder *r, enum field_id field, const json_t *f, const char *key)
{
	if (json_object_get(f, key))
		rec_uint(r, field, number(f, key));
}

/* The record of a finding: its time is now, its source the client. */
static void make_record(struct recorder *r, void *memory, const json_t *f)
{
	struct record_head head = {.type = RECORD_retro,
				   .ts_ns = wall_clock_ns(),
				   .tx_id = RECORD_NO_TX};
	struct addr client = {{0}};
	int version = addr_parse(member(f, "client"), &client);

	rec_begin(r, memory, RECORD_BYTES, &head);
	rec_open(r, F_retro_retro);
	if (version)
		rec_addr(r, F_retro_client, &client, version);
	put_text(r, F_retro_host_name, f, "host");
	put_text(r, F_retro_host_mac, f, "mac");
	put_text(r, F_retro_host_user, f, "user");
	put_text(r, F_retro_kind, f, "kind");
	put_text(r, F_retro_indicator, f, "indicator");
	put_text(r, F_retro_source, f, "source");
	put_text(r, F_retro_threat, f, "threat");
	put_text(r, F_retro_family, f, "family");
	put_text(r, F_retro_category, f, "category");
	put_number(r, F_retro_score, f, "score");
	put_number(r, F_retro_version, f, "version");
	rec_time(r, F_retro_first, time_of(f, "first"));
	rec_time(r, F_retro_last, time_of(f, "last"));
	put_number(r, F_retro_count, f, "count");
	put_number(r, F_retro_days, f, "days");
	put_number(r, F_retro_bytes_out, f, "bytes_out");
	put_number(r, F_retro_bytes_in, f, "bytes_in");
	put_number(r, F_retro_run, f, "run");
	rec_close(r);
	rec_end(r);
}

/* The finding's key from its members. 0: it has none (damaged). */
static size_t key_of(const json_t *f, char prefix, uint8_t *key)
{
	uint8_t indicator[INTEL_KEY_MAX];
	int kind = indicator_kind_by_name(member(f, "kind"));
	size_t len = intel_key(kind, member(f, "indicator"), strlen(member(f, "indicator")),
			       indicator);
	struct addr client;
	int version = addr_parse(member(f, "client"), &client);

	if (!len || !version)
		return 0;
	return finding_key(key, prefix, (struct slice){indicator, len}, &client, version);
}

void finding_announce(struct desk *d, const json_t *f)
{
	uint8_t marker[FINDING_KEY_MAX];
	_Alignas(8) uint8_t memory[RECORD_BYTES];
	size_t len = key_of(f, 'm', marker);
	struct recorder r;

	if (!d->ingest || !len)
		return;
	make_record(&r, memory, f);
	if (ingest_post(d->ingest, (const struct record_head *)(void *)memory, marker, len) != 0)
		say("out of memory: a finding is announced after the next start");
}

/* Calls back for each finding: its JSON, parsed and owned by the loop. */
static int each(struct desk *d, int (*call)(void *arg, struct slice key, json_t *f), void *arg)
{
	static const uint8_t from = 'f', to = 'f' + 1;
	struct slice low = {&from, 1}, high = {&to, 1};
	struct store_iter *it = store_iter_new(d->store, STORE_finding, NULL, &low, &high);
	int err = it ? 0 : -ENOMEM;

	for (it ? store_iter_first(it) : (void)0; !err && store_iter_valid(it);
	     store_iter_next(it)) {
		struct slice v = store_iter_value(it);
		json_t *f = json_loadb(v.data, v.len, 0, NULL);

		if (f)
			err = call(arg, store_iter_key(it), f);
		json_decref(f);
	}
	if (!err)
		err = store_iter_status(it);
	store_iter_free(it);
	return err;
}

int findings_announce(struct desk *d)
{
	static const uint8_t from = 'm', to = 'm' + 1;
	struct slice low = {&from, 1}, high = {&to, 1};
	struct store_iter *it;
	struct text value = {0};
	int err;

	if (!d->ingest)
		return 0;
	it = store_iter_new(d->store, STORE_finding, NULL, &low, &high);
	err = it ? 0 : -ENOMEM;
	for (it ? store_iter_first(it) : (void)0; !err && store_iter_valid(it);
	     store_iter_next(it)) {
		struct slice k = store_iter_key(it);
		uint8_t key[FINDING_KEY_MAX];
		json_t *f = NULL;

		if (k.len > sizeof(key))
			continue;
		memcpy(key, k.data, k.len);
		key[0] = 'f';
		err = store_get(d->store, STORE_finding, key, k.len, NULL, &value);
		if (err == 1)
			f = json_loadb((char *)value.data, value.len, 0, NULL);
		err = err < 0 ? err : 0;
		if (f)
			finding_announce(d, f);
		json_decref(f);
	}
	text_free(&value);
	store_iter_free(it);
	return err;
}

/* ---- judging anew ---- */

struct judge {
	struct desk *d;
	struct store_batch *batch;
	const atomic_bool *stop;
	uint64_t changed;
	/* of the finding in hand */
	int kind;
	struct slice key;
	bool holds;
};

static int is_it(void *arg, const struct intel_verdict *v)
{
	struct judge *j = arg;

	if (v->kind == j->kind && v->key.len == j->key.len &&
	    memcmp(v->key.data, j->key.data, v->key.len) == 0 && v->bad)
		j->holds = true;
	return 0;
}

/* Whether the indicator still makes what was contacted bad, and nothing allows it. */
static int still_bad(struct judge *j, const json_t *f)
{
	const json_t *ports = json_object_get(f, "ports"), *one;
	uint8_t *key = malloc(VALUE_KEY_MAX);
	int err = key ? 0 : -ENOMEM, bad = 0;
	size_t i;

	json_array_foreach(json_object_get(f, "contacted"), i, one) {
		int kind = indicator_kind_by_name(member(one, "kind"));
		const char *value = member(one, "value");
		size_t len = key && kind ? value_key(kind, value, strlen(value), key) : 0;
		size_t port = 0;

		if (!len || err || bad)
			continue;
		do {
			j->holds = false;
			err = intel_match(j->d->intel, kind, key, len,
					  (uint16_t)json_integer_value(json_array_get(ports, port)),
					  is_it, j);
			bad |= err == 1 && j->holds;
			err = err < 0 ? err : 0;
		} while (!err && !bad && ++port < json_array_size(ports));
	}
	free(key);
	return err ? err : bad;
}

static int judge_one(void *arg, struct slice key, json_t *f)
{
	struct judge *j = arg;
	bool was = json_is_true(json_object_get(f, "withdrawn"));
	uint8_t indicator[INTEL_KEY_MAX];
	size_t len;
	int bad, err;

	if (atomic_load(j->stop))
		return -ECANCELED;
	if (store_wanted(j->d->store))
		return -EAGAIN;
	j->kind = indicator_kind_by_name(member(f, "kind"));
	len = intel_key(j->kind, member(f, "indicator"), strlen(member(f, "indicator")), indicator);
	j->key = (struct slice){indicator, len};
	bad = len ? still_bad(j, f) : 0;
	if (bad < 0)
		return bad;
	if (!bad == was)
		return 0;
	json_object_set_new(f, "withdrawn", json_boolean(!bad));
	finding_note_change(f, "", bad ? "bad again" : "no longer known as bad, or allowed", NULL);
	j->changed++;
	err = store_batch_put_json(j->d->store, j->batch, STORE_finding, key.data, key.len, f);
	if (!err && store_batch_count(j->batch) >= 1000) {
		err = store_write(j->d->store, j->batch, true);
		store_batch_clear(j->batch);
	}
	return err;
}

int findings_judge(struct desk *d, const atomic_bool *stop, uint64_t *changed)
{
	struct judge j = {.d = d, .stop = stop, .batch = store_batch_new()};
	int err = each(d, judge_one, &j);

	if (!err && store_batch_count(j.batch))
		err = store_write(d->store, j.batch, true);
	store_batch_free(j.batch);
	*changed = j.changed;
	return err;
}

/* ---- reading ---- */

struct listing {
	const struct finding_filter *filter;
	json_t *rows;
};

static bool passes(const struct finding_filter *f, const json_t *row)
{
	if (!f->withdrawn && json_is_true(json_object_get(row, "withdrawn")))
		return false;
	if (f->state && strcmp(f->state, member(row, "state")) != 0)
		return false;
	if (f->client && strcmp(f->client, member(row, "client")) != 0 &&
	    strcasecmp(f->client, member(row, "host")) != 0)
		return false;
	if (f->indicator && strcmp(f->indicator, member(row, "indicator")) != 0)
		return false;
	return !f->since_ns || time_of(row, "found") >= f->since_ns;
}

static int list_one(void *arg, struct slice key, json_t *f)
{
	struct listing *l = arg;

	if (passes(l->filter, f) && json_array_size(l->rows) < LIST_MAX)
		json_array_append(l->rows, f);
	return 0;
}

static int by_first_text(const void *a, const void *b)
{
	const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
	int order = strcmp(member(x, "first"), member(y, "first"));

	return order ? order : (number(x, "id") > number(y, "id")) - (number(x, "id") < number(y, "id"));
}

int findings_list(struct desk *d, const struct finding_filter *f, struct text *out)
{
	struct listing l = {f, json_array()};
	int err = each(d, list_one, &l);
	size_t n = json_array_size(l.rows);
	json_t **sorted = calloc(n + 1, sizeof(*sorted));

	if (!sorted)
		err = -ENOMEM;
	for (size_t i = 0; i < n && !err; i++)
		sorted[i] = json_array_get(l.rows, i);
	if (!err)
		qsort(sorted, n, sizeof(*sorted), by_first_text);
	text_char(out, '[');
	for (size_t i = 0; i < n && i < f->limit && !err; i++) {
		char *text = json_dumps(sorted[i], JSON_COMPACT | JSON_PRESERVE_ORDER);

		if (text) {
			json_comma(out);
			text_str(out, text);
		}
		free(text);
	}
	text_char(out, ']');
	free(sorted);
	json_decref(l.rows);
	return err;
}

/* The finding's key; 1, 0, -errno. */
static int key_by_id(struct desk *d, uint64_t id, struct text *key)
{
	uint8_t id_key[9];

	return store_get(d->store, STORE_finding, id_key, finding_id_key(id_key, id), NULL, key);
}

json_t *finding_get(struct desk *d, uint64_t id, int *err)
{
	struct text key = {0}, value = {0};
	json_t *f = NULL;

	*err = key_by_id(d, id, &key);
	if (*err == 1)
		*err = store_get(d->store, STORE_finding, key.data, key.len, NULL, &value);
	if (*err == 1)
		f = json_loadb((char *)value.data, value.len, 0, NULL);
	*err = *err < 0 ? *err : f ? 0 : -ENOENT;
	text_free(&key);
	text_free(&value);
	return f;
}

int finding_set_state(struct desk *d, uint64_t id, const char *state, const char *who,
		      const char *note)
{
	static const char *const states[] = {"new", "acknowledged", "false_positive", "resolved"};
	struct store_batch *b;
	struct text key = {0};
	bool known = false;
	json_t *f;
	int err;

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		known |= strcmp(state, states[i]) == 0;
	if (!known)
		return -EINVAL;
	f = finding_get(d, id, &err);
	if (!f)
		return err;
	b = store_batch_new();
	json_object_set_new(f, "state", json_string(state));
	finding_note_change(f, who, state, note);
	err = key_by_id(d, id, &key);
	if (err == 1)
		err = store_batch_put_json(d->store, b, STORE_finding, key.data, key.len, f);
	if (!err)
		err = store_write(d->store, b, true);
	store_batch_free(b);
	text_free(&key);
	json_decref(f);
	return err;
}

struct tally {
	uint64_t all, open;
};

static int count_one(void *arg, struct slice key, json_t *f)
{
	struct tally *t = arg;

	if (json_is_true(json_object_get(f, "withdrawn")))
		return 0;
	t->all++;
	t->open += strcmp(member(f, "state"), "new") == 0;
	return 0;
}

int findings_count(struct desk *d, uint64_t *all, uint64_t *open)
{
	struct tally t = {0};
	int err = each(d, count_one, &t);

	*all = t.all;
	*open = t.open;
	return err;
}
