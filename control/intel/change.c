/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Changes: what comes is sorted by key, then compared with what the source has, both in order.
 */
#include "control/intel/change.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "control/store/bytes.h"

#define STEPS 8 /* rows passed over before seeking */

int intel_change_begin(struct intel *in, const char *source, enum intel_mode mode,
		       struct intel_change **out)
{
	struct intel_change *c;

	*out = NULL;
	if (!source[0] || strlen(source) >= INTEL_SOURCE_MAX)
		return -EINVAL;
	c = calloc(1, sizeof(*c));
	if (c)
		c->sorter = sorter_new(store_dir(in->store));
	if (!c || !c->sorter) {
		free(c);
		return -ENOMEM;
	}
	c->in = in;
	c->mode = mode;
	snprintf(c->source, sizeof(c->source), "%s", source);
	c->result.version = in->state.version;
	*out = c;
	return 0;
}

void intel_change_abort(struct intel_change *c)
{
	if (!c)
		return;
	writing_free(&c->writing);
	sorter_free(c->sorter);
	text_free(&c->body);
	text_free(&c->lines);
	free(c);
}

static void keep_line(struct intel_change *c, uint64_t where, struct slice item, const char *reason)
{
	struct text json = {0};
	uint32_t len;

	if (c->line_count == INTEL_REFUSED_MAX)
		return;
	text_char(&json, '{');
	json_key_uint(&json, "line", where);
	json_key(&json, "item");
	json_put_string(&json, item.data, item.len < INTEL_TEXT_MAX ? item.len : INTEL_TEXT_MAX);
	json_key_cstr(&json, "reason", reason);
	text_char(&json, '}');
	len = (uint32_t)json.len;
	if (!json.failed) {
		text_bytes(&c->lines, &len, sizeof(len));
		text_bytes(&c->lines, json.data, json.len);
		c->line_count++;
	}
	text_free(&json);
}

int intel_change_refused(struct intel_change *c, uint64_t where, struct slice item,
			 const char *reason)
{
	c->result.given++;
	c->result.refused++;
	keep_line(c, where, item, reason);
	return c->lines.failed ? -ENOMEM : 0;
}

int intel_change_entry(struct intel_change *c, const struct intel_entry *e)
{
	uint8_t key[INTEL_KEY_MAX];
	size_t len;
	int err;

	if (e->value.len > VALUE_BYTES_MAX)
		return intel_change_refused(c, 0, e->value, "is too long");
	len = intel_key(e->kind, e->value.data, e->value.len, key);
	if (!len) {
		char reason[64];

		snprintf(reason, sizeof(reason), "is not of kind %s", indicator_kind_name(e->kind));
		return intel_change_refused(c, 0, e->value, reason);
	}
	text_clear(&c->body);
	row_put_body(&c->body, e);
	if (c->body.failed)
		return -ENOMEM;
	err = sorter_add(c->sorter, (struct slice){key, len},
			 (struct slice){c->body.data, c->body.len});
	if (!err) {
		c->result.given++;
		c->result.loaded++;
	}
	return err;
}

/* ---- comparing ---- */

/* What comes, each key once: the last of those with the same. */
struct items {
	struct sorter *sorter;
	bool have; /* ahead is filled */
	uint8_t key[INTEL_KEY_MAX], ahead[INTEL_KEY_MAX];
	size_t key_len, ahead_len;
	struct text value, ahead_value;
	uint64_t twice;
};

static int items_ahead(struct items *i)
{
	struct slice key, value;
	int got = sorter_next(i->sorter, &key, &value);

	i->have = got == 1;
	if (got != 1)
		return got;
	memcpy(i->ahead, key.data, key.len);
	i->ahead_len = key.len;
	text_clear(&i->ahead_value);
	text_bytes(&i->ahead_value, value.data, value.len);
	return i->ahead_value.failed ? -ENOMEM : 0;
}

/* 1, 0: no more, -errno. */
static int items_next(struct items *i)
{
	struct text swap;
	bool again;
	int err;

	if (!i->have)
		return 0;
	do {
		swap = i->value;
		i->value = i->ahead_value;
		i->ahead_value = swap;
		memcpy(i->key, i->ahead, i->ahead_len);
		i->key_len = i->ahead_len;
		err = items_ahead(i);
		again = i->have && i->ahead_len == i->key_len &&
			memcmp(i->ahead, i->key, i->key_len) == 0;
		i->twice += again;
	} while (!err && again);
	return err ? err : 1;
}

/* What the source has, in order. */
struct olds {
	enum { OLDS_NONE, OLDS_SCAN, OLDS_PROBE } how;
	struct rows rows;
	bool open, on_row;
	struct sorter *keys; /* for OLDS_PROBE of all: the keys in order */
	uint8_t last[INTEL_KEY_MAX];
	size_t last_len; /* the key before */
};

static int compare(struct slice a, const void *b, size_t b_len)
{
	int d = memcmp(a.data, b, a.len < b_len ? a.len : b_len);

	return d ? d : (a.len > b_len) - (a.len < b_len);
}

/* The source's keys from what its versions wrote: for a small source among large ones. */
static int gather_keys(struct intel_change *c, struct olds *o)
{
	uint8_t mark = INDEX_MARK, next[INDEX_HEAD] = {INDEX_MARK};
	struct slice from = {&mark, 1};
	struct store_iter *it = store_iter_new(c->in->store, STORE_intel, NULL, &from, NULL);
	int err = 0;

	o->keys = sorter_new(store_dir(c->in->store));
	if (!it || !o->keys)
		err = -ENOMEM;
	for (it ? store_iter_first(it) : (void)0; !err && store_iter_valid(it);) {
		struct slice k = store_iter_key(it);
		const uint8_t *p = k.data;
		uint64_t version = k.len > INDEX_HEAD + 4 ? read_be64(p + 1) : 0;

		if (version > c->in->state.version)
			break;
		if (k.len > INDEX_HEAD + 4 && read_be16(p + k.len - 2) == c->src->number) {
			err = sorter_add(o->keys,
					 (struct slice){p + INDEX_HEAD, k.len - INDEX_HEAD - 2},
					 (struct slice){"", 0});
			store_iter_next(it);
		} else {
			/* A version is of one source: on to the next. */
			put_be64(next + 1, version + 1);
			store_iter_seek(it, next, sizeof(next));
		}
	}
	if (!err)
		err = store_iter_status(it);
	if (it)
		store_iter_free(it);
	return err ? err : sorter_sort(o->keys);
}

static int olds_open(struct intel_change *c, struct olds *o)
{
	uint64_t all = sources_entries(c->in), n = c->src->entries;
	int err;

	if (!n)
		return 0;
	err = rows_open(&o->rows, c->in, 0, c->in->state.version);
	o->open = !err;
	o->how = c->mode == INTEL_REPLACE && n * 20 >= all ? OLDS_SCAN : OLDS_PROBE;
	if (!err && c->mode == INTEL_REPLACE && o->how == OLDS_PROBE)
		err = gather_keys(c, o);
	return err;
}

static void olds_close(struct olds *o)
{
	if (o->open)
		rows_close(&o->rows);
	sorter_free(o->keys);
}

/* Stands on the source's row of that key: 1, 0: there is none, -errno. */
static int olds_probe(struct intel_change *c, struct olds *o, const uint8_t *key, size_t len)
{
	uint8_t full[INTEL_KEY_MAX + 2];
	int steps = 0, err = 1, d;

	if (o->how == OLDS_NONE)
		return 0;
	memcpy(full, key, len);
	put_be16(full + len, c->src->number);
	for (;;) {
		if (o->on_row) {
			d = compare(o->rows.key, key, len);
			if (!d)
				d = (o->rows.source > c->src->number) -
				    (o->rows.source < c->src->number);
			if (d >= 0)
				return d == 0;
		}
		if (!o->on_row || ++steps > STEPS)
			rows_seek(&o->rows, full, len + 2);
		err = rows_next(&o->rows);
		o->on_row = err == 1;
		if (err <= 0)
			return err;
	}
}

/* For REPLACE: on to the source's next row. */
static int olds_next(struct intel_change *c, struct olds *o)
{
	struct slice key, none;
	int err;

	if (o->how == OLDS_NONE)
		return 0;
	if (o->how == OLDS_SCAN) {
		while ((err = rows_next(&o->rows)) == 1 && o->rows.source != c->src->number)
			;
		return err;
	}
	/* A key may stand there twice (of two versions), or be gone by now. */
	for (;;) {
		err = sorter_next(o->keys, &key, &none);
		if (err <= 0)
			return err;
		if (o->last_len == key.len && memcmp(o->last, key.data, key.len) == 0)
			continue;
		memcpy(o->last, key.data, key.len);
		o->last_len = key.len;
		err = olds_probe(c, o, key.data, key.len);
		if (err)
			return err;
	}
}

static bool value_allows(struct slice value)
{
	struct slice body = row_body(value);

	return body.len && ((const uint8_t *)body.data)[0] & ROW_ALLOW;
}

static int take_out(struct intel_change *c, const struct rows *old)
{
	c->result.removed++;
	c->entries--;
	c->allowed -= value_allows(old->value);
	return writing_delete(&c->writing, old->key, old->written);
}

/* Limits of networks, the earliest end. */
static void note_state(struct intel_change *c, const struct items *i, const struct row *row)
{
	if (i->key[0] == INDICATOR_CIDR) {
		uint8_t bits = i->key[i->key_len - 1];

		c->state.nets[i->key[1] == 6][bits / 8] |= (uint8_t)(1 << bits % 8);
	}
	if (row->until_ms && row->until_ms < c->state.expiry_ms)
		c->state.expiry_ms = row->until_ms;
}

/* Puts an item; old: the row that it replaces, or NULL. */
static int put_item(struct intel_change *c, struct items *i, const struct rows *old)
{
	struct row was = {.version = c->state.version, .added_s = wall_clock_ns() / 1000000000u},
		   row;
	struct text *value = &c->body;
	uint8_t head[2 * VARINT_MAX];
	struct slice body = {i->value.data, i->value.len}, had;

	if (old) {
		had = row_body(old->value);
		if (had.len == body.len && memcmp(had.data, body.data, had.len) == 0) {
			c->result.same++;
			return 0;
		}
		if (!row_read(old->value, &was))
			was.version = c->state.version;
		c->result.changed++;
		c->allowed -= value_allows(old->value);
	} else {
		c->result.fresh++;
		c->entries++;
	}
	text_clear(value);
	text_bytes(value, head,
		   (size_t)(put_varint(put_varint(head, was.version), was.added_s) - head));
	text_bytes(value, body.data, body.len);
	if (value->failed)
		return -ENOMEM;
	c->allowed += value_allows((struct slice){value->data, value->len});
	if (row_read((struct slice){value->data, value->len}, &row))
		note_state(c, i, &row);
	return writing_put(&c->writing, (struct slice){i->key, i->key_len},
			   (struct slice){value->data, value->len}, old ? old->written : 0);
}

static void refuse_beyond(struct intel_change *c, const struct items *i)
{
	struct text value = {0};
	char reason[96];

	snprintf(reason, sizeof(reason), "is beyond the most that are kept (intel.max is %llu)",
		 (unsigned long long)c->in->config->intel_max);
	intel_print(&value, (struct slice){i->key, i->key_len});
	c->result.loaded--;
	c->result.refused++;
	keep_line(c, 0, (struct slice){value.data, value.len}, reason);
	text_free(&value);
}

static int add_or_remove(struct intel_change *c, struct items *i, struct olds *o)
{
	uint64_t others = sources_entries(c->in) - c->src->entries;
	uint64_t most = c->in->config ? c->in->config->intel_max : UINT64_MAX;
	int got, found = 0;

	while ((got = items_next(i)) == 1) {
		found = olds_probe(c, o, i->key, i->key_len);
		if (found < 0)
			return found;
		if (c->mode == INTEL_REMOVE) {
			got = found ? take_out(c, &o->rows) : 0;
			c->result.same += !found;
		} else if (!found && others + c->entries >= most) {
			refuse_beyond(c, i);
			got = 0;
		} else {
			got = put_item(c, i, found ? &o->rows : NULL);
		}
		if (got)
			return got;
	}
	return got;
}

/* Both in order: what came against what there was. */
static int replace(struct intel_change *c, struct items *i, struct olds *o)
{
	uint64_t others = sources_entries(c->in) - c->src->entries, kept = 0;
	uint64_t most = c->in->config ? c->in->config->intel_max : UINT64_MAX;
	int item = items_next(i), old = olds_next(c, o), err = 0;

	while (!err && item >= 0 && old >= 0 && (item || old)) {
		int d = !item ? 1 : !old ? -1 : -compare(o->rows.key, i->key, i->key_len);

		if (d <= 0 && others + kept >= most) {
			refuse_beyond(c, i);
			if (d == 0)
				err = take_out(c, &o->rows);
		} else if (d <= 0) {
			err = put_item(c, i, d == 0 ? &o->rows : NULL);
			kept++;
		} else {
			err = take_out(c, &o->rows);
		}
		if (!err && d <= 0)
			item = items_next(i);
		if (!err && d >= 0)
			old = olds_next(c, o);
	}
	return err ? err : item < 0 ? item : old;
}

/* ---- publishing ---- */

int change_write(struct intel_change *c, struct store_batch *b)
{
	struct items items = {.sorter = c->sorter};
	struct olds olds = {0};
	int err = c->in->state.sweep ? intel_sweep(c->in, c->in->state.sweep) : 0;

	if (err)
		return err;
	c->src = source_get(c->in, c->source);
	if (!c->src)
		return -ENOMEM;
	c->state = c->in->state;
	c->state.version++;
	c->entries = c->src->entries;
	c->allowed = c->src->allowed;
	c->writing.in = c->in;
	c->writing.source = c->src->number;
	c->writing.version = c->state.version;
	err = sorter_sort(c->sorter);
	if (!err)
		err = items_ahead(&items);
	if (!err)
		err = olds_open(c, &olds);
	if (!err)
		err = c->mode == INTEL_REPLACE ? replace(c, &items, &olds)
					       : add_or_remove(c, &items, &olds);
	c->result.same += items.twice;
	olds_close(&olds);
	text_free(&items.value);
	text_free(&items.ahead_value);
	return err ? err : writing_finish(&c->writing, b);
}

static void put_lines(struct intel_change *c, struct store_batch *b, struct source *src)
{
	const uint8_t *p = c->lines.data;
	uint64_t n = src->refused_next;

	if (c->mode == INTEL_REPLACE)
		source_lines_drop(c->in, b, src, 0, n);
	for (uint64_t i = 0; i < c->line_count; i++) {
		uint32_t len;

		memcpy(&len, p, sizeof(len));
		source_line_put(c->in, b, src, n++, (struct slice){p + sizeof(len), len});
		p += sizeof(len) + len;
	}
	if (n > INTEL_REFUSED_MAX)
		source_lines_drop(c->in, b, src, 0, n - INTEL_REFUSED_MAX);
	src->refused_next = n;
}

static void note_result(struct intel_change *c, struct source *src)
{
	const struct intel_result *r = &c->result;

	src->entries = c->entries;
	src->allowed = c->allowed;
	src->updated_ns = wall_clock_ns();
	src->version = r->version;
	src->given = r->given;
	src->loaded = r->loaded;
	src->refused = r->refused;
	src->fresh = r->fresh;
	src->changed = r->changed;
	src->same = r->same;
	src->removed = r->removed;
}

int change_commit(struct intel_change *c, struct store_batch *b)
{
	bool changed = c->result.fresh || c->result.changed || c->result.removed;
	struct source after = *c->src;
	bool forget = c->drop;
	int err;

	if (changed) {
		if (c->writing.as_files && c->writing.superseded)
			c->state.sweep = c->state.version;
		state_put(c->in->store, b, &c->state);
		c->result.version = c->state.version;
	}
	note_result(c, &after);
	put_lines(c, b, &after);
	if (forget)
		source_delete(c->in, b, &after);
	else
		source_put(c->in, b, &after);
	err = store_write(c->in->store, b, true);
	if (err)
		return err;
	pthread_mutex_lock(&c->in->lock);
	after.gone = forget;
	/* Name and number stay: readers have them without the lock. */
	memcpy((char *)c->src + offsetof(struct source, gone),
	       (char *)&after + offsetof(struct source, gone),
	       sizeof(after) - offsetof(struct source, gone));
	pthread_mutex_unlock(&c->in->lock);
	if (!changed)
		return 0;
	c->in->state = c->state;
	c->in->version = c->state.version;
	/* It is published: what fails now is swept when the store is opened again. */
	if (c->state.sweep)
		intel_sweep(c->in, c->state.sweep);
	return 0;
}

int intel_change_publish(struct intel_change *c, struct intel_result *out)
{
	struct store_batch *b = store_batch_new();
	int err = b ? change_write(c, b) : -ENOMEM;

	if (!err)
		err = change_commit(c, b);
	if (err && b && c->writing.as_files)
		intel_discard(c->in);
	if (!err)
		*out = c->result;
	store_batch_free(b);
	intel_change_abort(c);
	return err;
}

int intel_source_drop(struct intel *in, const char *source, struct intel_result *out)
{
	struct intel_change *c;
	struct source *src;
	int err;

	*out = (struct intel_result){.version = in->state.version};
	pthread_mutex_lock(&in->lock);
	src = source_find(in, source);
	pthread_mutex_unlock(&in->lock);
	if (!src)
		return 0;
	err = intel_change_begin(in, source, INTEL_REPLACE, &c);
	if (err)
		return err;
	c->drop = true;
	err = intel_change_publish(c, out);
	return err ? err : out->removed != 0;
}

/* ---- expiry ---- */

struct expiry {
	struct intel *in;
	struct store_batch *b;
	struct intel_state state;
	uint64_t removed; /* in the batch */
};

static int publish_expired(struct expiry *x, struct intel_result *out)
{
	int err;

	if (x->removed)
		x->state.version++;
	for (struct source *src = x->in->sources; src; src = src->next)
		if (!src->gone)
			source_put(x->in, x->b, src);
	state_put(x->in->store, x->b, &x->state);
	err = store_write(x->in->store, x->b, true);
	if (err)
		return err;
	store_batch_clear(x->b);
	x->in->state = x->state;
	x->in->version = x->state.version;
	out->removed += x->removed;
	out->version = x->state.version;
	x->removed = 0;
	return 0;
}

static void expire_row(struct expiry *x, const struct rows *r, struct source *src,
		       const struct row *row)
{
	uint8_t key[INDEX_KEY_MAX + ROW_KEY_MAX];
	size_t n = r->key.len;

	memcpy(key, r->key.data, n);
	put_be64(put_be16(key + n, r->source), ~r->written);
	store_batch_delete(x->in->store, x->b, STORE_intel, key, n + ROW_TAIL);
	key[0] = INDEX_MARK;
	memcpy(put_be64(key + 1, r->written), r->key.data, n);
	put_be16(key + INDEX_HEAD + n, r->source);
	store_batch_delete(x->in->store, x->b, STORE_intel, key, INDEX_HEAD + n + 2);
	pthread_mutex_lock(&x->in->lock);
	src->entries--;
	src->allowed -= (row->flags & ROW_ALLOW) != 0;
	pthread_mutex_unlock(&x->in->lock);
	x->removed++;
}

int intel_expire(struct intel *in, uint64_t now_ns, struct intel_result *out)
{
	struct expiry x = {.in = in, .state = in->state};
	struct rows rows;
	int err;

	*out = (struct intel_result){.version = in->state.version};
	if (now_ns / 1000000 < in->state.expiry_ms)
		return 0;
	x.state.expiry_ms = UINT64_MAX;
	x.b = store_batch_new();
	err = rows_open(&rows, in, 0, 0);
	while (!err && (err = rows_next(&rows)) == 1) {
		struct source *src = source_by_number(in, rows.source);
		struct row row;

		err = 0;
		if (!src || !row_read(rows.value, &row) || !row.until_ms)
			continue;
		if (row.until_ms <= now_ns / 1000000)
			expire_row(&x, &rows, src, &row);
		else if (row.until_ms < x.state.expiry_ms)
			x.state.expiry_ms = row.until_ms;
		if (store_batch_bytes(x.b) > OPS_BYTES) {
			/* Until all is read the next end is not known: it stays due. */
			uint64_t soonest = x.state.expiry_ms;

			x.state.expiry_ms = 0;
			err = publish_expired(&x, out);
			x.state.expiry_ms = soonest;
		}
	}
	if (!err)
		err = publish_expired(&x, out);
	rows_close(&rows);
	store_batch_free(x.b);
	return err;
}
