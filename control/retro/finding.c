/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Writing findings: what a scan found becomes a finding, or brings one up to date.
 */
#include "control/retro/finding.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/base/when.h"
#include "control/courier/notify.h"
#include "control/ingest/ingest.h"
#include "control/retro/finding_private.h"
#include "control/store/bytes.h"
#include "control/store/json_row.h"

#define WRITE_EVERY 1000 /* findings in a batch */

struct finding_writer {
	struct desk *d;
	struct store_batch *batch;
	uint64_t run, next_id;
	struct finding_stats stats;
	json_t *fresh; /* in this batch, to be announced when it is durable */
	struct text text;
};

static const char next_id_key[] = "finding/next_id";

size_t finding_key(uint8_t *key, char prefix, struct slice indicator, const struct addr *client,
		   int ip_version)
{
	size_t ip = ip_version == 4 ? 4 : 16, at = 0;

	key[at++] = (uint8_t)prefix;
	memcpy(key + at, indicator.data, indicator.len);
	at += indicator.len;
	key[at++] = (uint8_t)ip_version;
	memcpy(key + at, client->b, ip);
	return at + ip;
}

size_t finding_id_key(uint8_t *key, uint64_t id)
{
	key[0] = 'i';
	put_be64(key + 1, id);
	return 9;
}

void finding_set_time(json_t *o, const char *key, uint64_t ns)
{
	struct text t = {0};

	text_time(&t, ns);
	json_object_set_new(o, key, json_stringn((char *)t.data, t.len));
	text_free(&t);
}

void finding_note_change(json_t *f, const char *who, const char *what, const char *note)
{
	json_t *changes = json_object_get(f, "changes"), *change = json_object();

	if (!changes)
		json_object_set_new(f, "changes", changes = json_array());
	finding_set_time(change, "time", wall_clock_ns());
	json_object_set_new(change, "by", json_string(who ? who : ""));
	json_object_set_new(change, "what", json_string(what));
	if (note && *note)
		json_object_set_new(change, "note", json_string(note));
	json_array_append_new(changes, change);
	while (json_array_size(changes) > FINDING_CHANGES_MAX)
		json_array_remove(changes, 0);
}

int finding_writer_new(struct finding_writer **out, struct desk *d, uint64_t run)
{
	struct finding_writer *w = calloc(1, sizeof(*w));
	struct text id = {0};
	int err;

	*out = NULL;
	if (!w)
		return -ENOMEM;
	w->d = d;
	w->run = run;
	w->batch = store_batch_new();
	w->fresh = json_array();
	err = store_get(d->store, STORE_meta, next_id_key, sizeof(next_id_key) - 1, NULL, &id);
	w->next_id = err == 1 && id.len == 8 ? read_be64(id.data) : 1;
	text_free(&id);
	if (err < 0) {
		finding_writer_end(w, NULL);
		return err;
	}
	*out = w;
	return 0;
}

static json_t *text_of(struct slice s)
{
	json_t *v = json_stringn(s.data ? s.data : "", s.len);

	return v ? v : json_string("");
}

static void set_text(json_t *o, const char *key, struct slice s)
{
	if (s.len)
		json_object_set_new(o, key, text_of(s));
}

static void set_intel(json_t *f, const struct intel_verdict *v)
{
	json_object_set_new(f, "below", json_boolean(v->below));
	set_text(f, "source", v->best.source);
	set_text(f, "threat", v->best.threat);
	set_text(f, "family", v->best.family);
	set_text(f, "category", v->best.category);
	set_text(f, "note", v->best.note);
	if (v->best.tlp)
		json_object_set_new(f, "tlp", json_string(tlp_name(v->best.tlp)));
	json_object_set_new(f, "score", json_integer(v->score));
	json_object_set_new(f, "severity", json_integer(v->severity));
	json_object_set_new(f, "version", json_integer((json_int_t)v->since_version));
}

/* What is kept of the finding that was there. True: it is to be announced. */
static bool carry_over(json_t *f, const json_t *old)
{
	static const char *const kept[] = {"id", "found", "state", "changes", "run"};
	const char *state = json_string_value(json_object_get(old, "state"));
	const char *last = json_string_value(json_object_get(f, "last"));
	const char *last_then = json_string_value(json_object_get(old, "last"));
	bool resolved = state && strcmp(state, "resolved") == 0;

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		json_t *v = json_object_get(old, kept[i]);

		if (v)
			json_object_set(f, kept[i], v);
	}
	if (json_is_true(json_object_get(old, "withdrawn")))
		finding_note_change(f, "", "bad again", NULL);
	/* It was said to be over, and was not. Times as EVE writes them sort as texts. */
	if (!resolved || !last || !last_then || strcmp(last, last_then) <= 0)
		return false;
	json_object_set_new(f, "state", json_string("new"));
	finding_note_change(f, "", "contacted again", NULL);
	return true;
}

static void put_fresh(struct finding_writer *w, json_t *f, const uint8_t *key, size_t len)
{
	struct store *s = w->d->store;
	uint8_t id_key[9], id[8];

	json_object_set_new(f, "id", json_integer((json_int_t)w->next_id));
	finding_set_time(f, "found", wall_clock_ns());
	json_object_set_new(f, "run", json_integer((json_int_t)w->run));
	json_object_set_new(f, "state", json_string("new"));
	json_object_set_new(f, "changes", json_array());
	store_batch_put(s, w->batch, STORE_finding, id_key, finding_id_key(id_key, w->next_id), key,
			len);
	put_be64(id, ++w->next_id);
	store_batch_put(s, w->batch, STORE_meta, next_id_key, sizeof(next_id_key) - 1, id, 8);
}

/* Marks it for EVE and for those who are to be told. Offline nobody is. */
static int put_announcement(struct finding_writer *w, json_t *f, const uint8_t *key, size_t len)
{
	uint8_t marker[FINDING_KEY_MAX];

	if (!w->d->ingest)
		return 0;
	memcpy(marker, key, len);
	marker[0] = 'm';
	store_batch_put(w->d->store, w->batch, STORE_finding, marker, len, "", 0);
	json_array_append(w->fresh, f);
	return notify_enqueue(w->d->store, w->batch, w->d->config, f);
}

static int flush(struct finding_writer *w)
{
	json_t *f;
	size_t i;
	int err = 0;

	if (store_batch_count(w->batch))
		err = store_write(w->d->store, w->batch, true);
	store_batch_clear(w->batch);
	if (!err)
		json_array_foreach(w->fresh, i, f)
			finding_announce(w->d, f);
	json_array_clear(w->fresh);
	return err;
}

int finding_put(struct finding_writer *w, const struct intel_verdict *v,
		const struct contact_result *r, const struct retro_rows *rows, size_t i)
{
	const struct retro_row *row = &rows->row[i];
	uint8_t key[FINDING_KEY_MAX];
	size_t len = finding_key(key, 'f', v->key, &row->client, row->ip_version);
	struct text old_text = {0};
	json_t *f, *old = NULL;
	bool announce = true;
	int err;

	text_clear(&w->text);
	text_char(&w->text, '{');
	retro_row_put(&w->text, w->d, r, row, rows->hits, v->kind, v->best.value);
	text_char(&w->text, '}');
	f = json_loadb((char *)w->text.data, w->text.len, 0, NULL);
	if (!f)
		return -ENOMEM;
	set_intel(f, v);
	err = store_get(w->d->store, STORE_finding, key, len, NULL, &old_text);
	if (err == 1)
		old = json_loadb((char *)old_text.data, old_text.len, 0, NULL);
	text_free(&old_text);
	if (err >= 0) {
		err = 0;
		w->stats.found++;
		if (old) {
			announce = carry_over(f, old);
		} else {
			w->stats.fresh++;
			put_fresh(w, f, key, len);
		}
		if (announce)
			err = put_announcement(w, f, key, len);
		if (!err)
			err = store_batch_put_json(w->d->store, w->batch, STORE_finding, key, len, f);
	}
	json_decref(old);
	json_decref(f);
	if (!err && store_batch_count(w->batch) >= WRITE_EVERY)
		err = flush(w);
	return err;
}

int finding_writer_end(struct finding_writer *w, struct finding_stats *out)
{
	int err = out ? flush(w) : 0;

	if (out)
		*out = w->stats;
	store_batch_free(w->batch);
	json_decref(w->fresh);
	text_free(&w->text);
	free(w);
	return err;
}
