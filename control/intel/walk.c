/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reading: the rows that count, by indicator, and the verdict on each. A walk sees one published
 * version, whatever is published while it goes on: it has a snapshot, and reads the version in it.
 */
#include <errno.h>
#include <stdlib.h>

#include "control/intel/row.h"
#include "control/store/bytes.h"

int rows_open(struct rows *r, struct intel *in, int kind, uint64_t version)
{
	uint8_t from = (uint8_t)kind, to = kind ? (uint8_t)(kind + 1) : INDEX_MARK;
	struct slice low = {&from, 1}, high = {&to, 1};
	struct intel_state state;
	int err;

	memset(r, 0, sizeof(*r));
	r->store = in->store;
	r->snapshot = store_snapshot_new(in->store);
	state_read(in->store, r->snapshot, &state, &err);
	r->version = version ? version : state.version;
	if (!err) {
		r->it = store_iter_new(in->store, STORE_intel, r->snapshot, kind ? &low : NULL,
				       &high);
		err = r->it ? 0 : -ENOMEM;
	}
	if (!err)
		store_iter_first(r->it);
	else
		rows_close(r);
	return err;
}

void rows_close(struct rows *r)
{
	if (r->it)
		store_iter_free(r->it);
	if (r->snapshot)
		store_snapshot_free(r->store, r->snapshot);
	r->it = NULL;
	r->snapshot = NULL;
}

void rows_seek(struct rows *r, const void *key, size_t len)
{
	store_iter_seek(r->it, key, len);
	r->last_len = 0;
	r->key.len = 0;
}

/* Whether the row the iterator stands on counts. */
static bool row_counts(struct rows *r)
{
	struct slice k = store_iter_key(r->it);
	const uint8_t *p = k.data;
	size_t n = k.len > ROW_TAIL ? k.len - ROW_TAIL : 0;

	if (!n || n > INTEL_KEY_MAX || intel_key_length(p, n) != n)
		return false;
	r->written = ~read_be64(p + n + 2);
	if (r->written > r->version)
		return false;
	/* Behind the newest of a source stand those that it superseded. */
	if (r->last_len == n + 2 && memcmp(r->last, p, n + 2) == 0)
		return false;
	memcpy(r->last, p, n + 2);
	r->last_len = n + 2;
	r->value = store_iter_value(r->it);
	if (!r->value.len)
		return false;
	r->key = (struct slice){p, n};
	r->source = read_be16(p + n);
	return true;
}

int rows_next(struct rows *r)
{
	if (r->key.len)
		store_iter_next(r->it);
	r->key.len = 0;
	for (; store_iter_valid(r->it); store_iter_next(r->it))
		if (row_counts(r))
			return 1;
	return store_iter_status(r->it);
}

int walk_new(struct walk **out, struct intel *in, int kind)
{
	struct walk *w = calloc(1, sizeof(*w));
	int err = w ? rows_open(&w->rows, in, kind, 0) : -ENOMEM;

	*out = NULL;
	if (err) {
		free(w);
		return err;
	}
	w->in = in;
	w->version = w->rows.version;
	w->now_ms = wall_clock_ns() / 1000000;
	*out = w;
	return 0;
}

void walk_free(struct walk *w)
{
	if (!w)
		return;
	rows_close(&w->rows);
	text_free(&w->group.values);
	text_free(&w->group.printed);
	text_free(&w->group.json);
	free(w);
}

/* A row that cannot be read, or whose source is gone since, does not count. */
static void group_add(struct walk *w)
{
	struct group *g = &w->group;
	struct row row;
	const struct source *src = w->last;

	if (!src || src->number != w->rows.source)
		w->last = src = source_by_number(w->in, w->rows.source);
	if (!src || g->count == GROUP_MAX || !row_read(w->rows.value, &row))
		return;
	g->rows[g->count].source = src;
	g->rows[g->count].score = entry_score(row.confidence, row.severity);
	g->rows[g->count].expired = row.until_ms && row.until_ms <= w->now_ms;
	g->value_at[g->count++] = g->values.len;
	text_bytes(&g->values, w->rows.value.data, w->rows.value.len);
	g->value_at[g->count] = g->values.len;
}

/* The texts are read from the copy once it does not move any more. */
static int group_finish(struct walk *w)
{
	struct group *g = &w->group;

	if (g->values.failed)
		return -ENOMEM;
	for (size_t i = 0; i < g->count; i++)
		row_read((struct slice){g->values.data + g->value_at[i],
					g->value_at[i + 1] - g->value_at[i]},
			 &g->rows[i].row);
	return 1;
}

int walk_next(struct walk *w)
{
	struct group *g = &w->group;
	int err;

	do {
		if (!w->pending) {
			err = rows_next(&w->rows);
			if (err <= 0)
				return err;
		}
		g->count = 0;
		text_clear(&g->values);
		g->key_len = w->rows.key.len;
		memcpy(g->key, w->rows.key.data, g->key_len);
		do {
			group_add(w);
			err = rows_next(&w->rows);
		} while (err == 1 && w->rows.key.len == g->key_len &&
			 memcmp(w->rows.key.data, g->key, g->key_len) == 0);
		if (err < 0)
			return err;
		w->pending = err == 1;
	} while (!g->count && w->pending);
	return g->count ? group_finish(w) : 0;
}

int walk_at(struct walk *w, const void *key, size_t len)
{
	struct group *g = &w->group;
	int err;

	rows_seek(&w->rows, key, len);
	w->pending = false;
	g->count = 0;
	text_clear(&g->values);
	while ((err = rows_next(&w->rows)) == 1 && w->rows.key.len == len &&
	       memcmp(w->rows.key.data, key, len) == 0)
		group_add(w);
	if (err < 0 || !g->count)
		return err < 0 ? err : 0;
	memcpy(g->key, key, len);
	g->key_len = len;
	return group_finish(w);
}

static void put_text(struct text *out, const char *key, struct slice s)
{
	if (s.len) {
		json_key(out, key);
		json_put_string(out, s.data, s.len);
	}
}

static void put_source(struct text *out, const struct group_row *r)
{
	json_comma(out);
	text_char(out, '{');
	json_key_cstr(out, "source", r->source->name);
	json_key_cstr(out, "verdict", r->row.flags & ROW_ALLOW ? "allow" : "deny");
	json_key_uint(out, "score", r->score);
	json_key_uint(out, "confidence", r->row.confidence);
	json_key_uint(out, "severity", r->row.severity);
	if (r->row.flags & ROW_BELOW)
		json_key_bool(out, "below", true);
	if (r->row.tlp)
		json_key_cstr(out, "tlp", tlp_name(r->row.tlp));
	put_text(out, "threat", r->row.threat);
	put_text(out, "family", r->row.family);
	put_text(out, "category", r->row.category);
	put_text(out, "note", r->row.note);
	json_key_time(out, "added", r->row.added_s * 1000000000u);
	if (r->row.first_ms)
		json_key_time(out, "first_seen", r->row.first_ms * 1000000u);
	if (r->row.until_ms)
		json_key_time(out, "valid_until", r->row.until_ms * 1000000u);
	if (r->expired)
		json_key_bool(out, "expired", true);
	json_key_uint(out, "version", r->row.version);
	text_char(out, '}');
}

static void put_best(const struct group *g, const struct group_row *best, struct intel_entry *e)
{
	*e = (struct intel_entry){
		.kind = g->key[0],
		.value = {g->printed.data, g->printed.len},
		.below = best->row.flags & ROW_BELOW,
		.allow = best->row.flags & ROW_ALLOW,
		.confidence = best->row.confidence,
		.severity = best->row.severity,
		.tlp = best->row.tlp,
		.first_seen_ns = best->row.first_ms * 1000000u,
		.valid_until_ns = best->row.until_ms * 1000000u,
		.source = {best->source->name, strlen(best->source->name)},
		.threat = best->row.threat,
		.family = best->row.family,
		.category = best->row.category,
		.note = best->row.note,
	};
}

bool walk_verdict(struct walk *w, bool only_below, bool with_sources, struct intel_verdict *out)
{
	struct group *g = &w->group;
	const struct group_row *best = NULL;
	bool denied = false, allowed = false;

	*out = (struct intel_verdict){.kind = g->key[0], .key = {g->key, g->key_len}};
	for (size_t i = 0; i < g->count; i++) {
		const struct group_row *r = &g->rows[i];
		bool allow = r->row.flags & ROW_ALLOW, live_deny = !allow && !r->expired;

		if (only_below && !(r->row.flags & ROW_BELOW))
			continue;
		allowed |= allow && !r->expired;
		out->below |= (r->row.flags & ROW_BELOW) != 0;
		if (live_deny && r->row.version > out->since_version)
			out->since_version = r->row.version;
		/* What denies goes before what does not; then the score. */
		if (!best || (live_deny && !denied) ||
		    (live_deny == denied && r->score > best->score))
			best = r;
		denied |= live_deny;
	}
	if (!best)
		return false;
	text_clear(&g->printed);
	intel_print(&g->printed, out->key);
	out->bad = denied && !allowed;
	out->allowed = allowed;
	out->score = denied ? best->score : 0;
	out->severity = best->row.severity;
	put_best(g, best, &out->best);
	text_clear(&g->json);
	if (with_sources) {
		text_char(&g->json, '[');
		for (size_t i = 0; i < g->count; i++)
			put_source(&g->json, &g->rows[i]);
		text_char(&g->json, ']');
		out->sources = (struct slice){g->json.data, g->json.len};
	}
	return true;
}
