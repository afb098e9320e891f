/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Writing a change. A small one is gathered in memory and becomes part of the write that publishes
 * it, and so do the rows that it supersedes. A large one goes to sorted files, which are taken in
 * whole before it is published: nobody sees them until then, and what they supersede stays until
 * after (intel_sweep).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "control/intel/change.h"
#include "control/store/bytes.h"

#define SWEEP_BYTES (4u << 20)

/* An operation in memory: key and value come behind it. */
struct op {
	uint32_t key_len, value_len; /* no value: taken out */
	uint64_t old_version;        /* of the row superseded; 0: none */
};

static size_t row_key(uint8_t *out, struct slice key, uint16_t source, uint64_t version)
{
	memcpy(out, key.data, key.len);
	put_be64(put_be16(out + key.len, source), ~version);
	return key.len + ROW_TAIL;
}

static size_t index_key(uint8_t *out, struct slice key, uint16_t source, uint64_t version)
{
	out[0] = INDEX_MARK;
	memcpy(put_be64(out + 1, version), key.data, key.len);
	put_be16(out + INDEX_HEAD + key.len, source);
	return INDEX_HEAD + key.len + 2;
}

static int open_output(struct writing *w, struct output *o)
{
	char path[4096];

	if (w->path_count == FILES_MAX)
		return -ENOSPC;
	snprintf(path, sizeof(path), "%s/intel-%c%zu.tmp", store_dir(w->in->store), o->tag,
		 w->path_count);
	w->paths[w->path_count] = strdup(path);
	if (!w->paths[w->path_count])
		return -ENOMEM;
	w->path_count++;
	unlink(path);
	o->bytes = 0;
	return store_file_new(w->in->store, STORE_intel, path, &o->file);
}

static int close_output(struct output *o)
{
	int err = o->file ? store_file_finish(o->file, NULL) : 0;

	o->file = NULL;
	return err;
}

static int output_put(struct writing *w, struct output *o, const uint8_t *key, size_t key_len,
		      struct slice value)
{
	int err = 0;

	if (o->file && o->bytes > FILE_BYTES)
		err = close_output(o);
	if (!err && !o->file)
		err = open_output(w, o);
	if (!err)
		err = store_file_put(o->file, key, key_len, value.len ? value.data : "", value.len);
	o->bytes += key_len + value.len;
	return err;
}

static int file_op(struct writing *w, struct slice key, struct slice value)
{
	uint8_t room[INDEX_KEY_MAX + ROW_KEY_MAX];
	size_t n = row_key(room, key, w->source, w->version);
	int err = output_put(w, &w->rows, room, n, value);

	if (err)
		return err;
	n = index_key(room, key, w->source, w->version);
	return output_put(w, &w->index, room, n, (struct slice){"", 0});
}

static void batch_op(struct writing *w, struct store_batch *b, const struct op *op,
		     struct slice key, struct slice value)
{
	uint8_t room[INDEX_KEY_MAX + ROW_KEY_MAX];
	size_t n;

	if (value.len) {
		n = row_key(room, key, w->source, w->version);
		store_batch_put(w->in->store, b, STORE_intel, room, n, value.data, value.len);
		n = index_key(room, key, w->source, w->version);
		store_batch_put(w->in->store, b, STORE_intel, room, n, "", 0);
	}
	if (op->old_version) {
		n = row_key(room, key, w->source, op->old_version);
		store_batch_delete(w->in->store, b, STORE_intel, room, n);
		n = index_key(room, key, w->source, op->old_version);
		store_batch_delete(w->in->store, b, STORE_intel, room, n);
	}
}

/* What is in memory goes to the batch, or (NULL) to files. */
static int drain(struct writing *w, struct store_batch *b)
{
	const uint8_t *p = w->ops.data, *end = w->ops.len ? p + w->ops.len : p;
	struct op op;
	int err = 0;

	while (p < end && !err) {
		struct slice key, value;

		memcpy(&op, p, sizeof(op));
		key = (struct slice){p + sizeof(op), op.key_len};
		value = (struct slice){p + sizeof(op) + op.key_len, op.value_len};
		if (b)
			batch_op(w, b, &op, key, value);
		else
			err = file_op(w, key, value);
		p += sizeof(op) + op.key_len + op.value_len;
	}
	text_clear(&w->ops);
	return err;
}

static int put_op(struct writing *w, struct slice key, struct slice value, uint64_t old_version)
{
	struct op op = {(uint32_t)key.len, (uint32_t)value.len, old_version};
	int err;

	w->superseded += old_version != 0;
	if (w->as_files)
		return file_op(w, key, value);
	text_bytes(&w->ops, &op, sizeof(op));
	text_bytes(&w->ops, key.data, key.len);
	text_bytes(&w->ops, value.data, value.len);
	if (w->ops.failed)
		return -ENOMEM;
	if (w->ops.len <= OPS_BYTES)
		return 0;
	w->as_files = true;
	w->rows.tag = 'r';
	w->index.tag = 'i';
	err = drain(w, NULL);
	text_free(&w->ops);
	return err;
}

int writing_put(struct writing *w, struct slice key, struct slice value, uint64_t old_version)
{
	return put_op(w, key, value, old_version);
}

int writing_delete(struct writing *w, struct slice key, uint64_t old_version)
{
	return put_op(w, key, (struct slice){"", 0}, old_version);
}

int writing_finish(struct writing *w, struct store_batch *b)
{
	int err;

	if (!w->as_files)
		return drain(w, b);
	err = close_output(&w->rows);
	if (!err)
		err = close_output(&w->index);
	if (!err)
		err = store_ingest_files(w->in->store, STORE_intel, (const char *const *)w->paths,
					 w->path_count);
	return err;
}

void writing_free(struct writing *w)
{
	store_file_discard(w->rows.file);
	store_file_discard(w->index.file);
	for (size_t i = 0; i < w->path_count; i++) {
		unlink(w->paths[i]);
		free(w->paths[i]);
	}
	text_free(&w->ops);
}

/* A batch that is written whenever it is large. */
struct slow {
	struct intel *in;
	struct store_batch *b;
	int err;
};

static void slow_delete(struct slow *s, const void *key, size_t len)
{
	store_batch_delete(s->in->store, s->b, STORE_intel, key, len);
	if (!s->err && store_batch_bytes(s->b) > SWEEP_BYTES) {
		s->err = store_write(s->in->store, s->b, false);
		store_batch_clear(s->b);
	}
}

/* Parts of a key of the index; false: malformed. */
static bool index_read(struct slice k, uint64_t *version, struct slice *key, uint16_t *source)
{
	const uint8_t *p = k.data;

	if (k.len < INDEX_HEAD + 4 || k.len > INDEX_KEY_MAX)
		return false;
	*version = read_be64(p + 1);
	*key = (struct slice){p + INDEX_HEAD, k.len - INDEX_HEAD - 2};
	*source = read_be16(p + k.len - 2);
	return true;
}

/* All rows of an indicator and source but the newest of that version. */
static void sweep_key(struct slow *s, struct store_iter *rows, struct slice key, uint16_t source,
		      uint64_t version)
{
	uint8_t room[ROW_KEY_MAX], other[INDEX_KEY_MAX + ROW_KEY_MAX];
	size_t n = row_key(room, key, source, version);

	store_iter_seek(rows, room, n);
	for (; store_iter_valid(rows); store_iter_next(rows)) {
		struct slice k = store_iter_key(rows);
		uint64_t written;

		if (k.len != n || memcmp(k.data, room, n - 8) != 0)
			return;
		written = ~read_be64((const uint8_t *)k.data + n - 8);
		if (written == version && store_iter_value(rows).len)
			continue;
		slow_delete(s, k.data, k.len);
		slow_delete(s, other, index_key(other, key, source, written));
	}
}

static int each_written(struct intel *in, uint64_t from, uint64_t to,
			void (*call)(struct slow *s, struct store_iter *rows, struct slice key,
				     uint16_t source, uint64_t version))
{
	struct slow s = {.in = in, .b = store_batch_new()};
	uint8_t low[INDEX_HEAD] = {INDEX_MARK}, high[INDEX_HEAD] = {INDEX_MARK};
	struct slice low_key = {low, INDEX_HEAD}, high_key = {high, INDEX_HEAD};
	struct store_iter *index, *rows;

	put_be64(low + 1, from);
	put_be64(high + 1, to);
	index = store_iter_new(in->store, STORE_intel, NULL, &low_key, &high_key);
	rows = store_iter_new(in->store, STORE_intel, NULL, NULL, NULL);
	if (!index || !rows)
		s.err = -ENOMEM;
	for (index ? store_iter_first(index) : (void)0; !s.err && store_iter_valid(index);
	     store_iter_next(index)) {
		struct slice key;
		uint64_t version;
		uint16_t source;

		if (index_read(store_iter_key(index), &version, &key, &source))
			call(&s, rows, key, source, version);
	}
	if (!s.err)
		s.err = store_iter_status(index);
	if (!s.err && store_batch_count(s.b))
		s.err = store_write(in->store, s.b, false);
	if (index)
		store_iter_free(index);
	if (rows)
		store_iter_free(rows);
	store_batch_free(s.b);
	return s.err;
}

static int write_state(struct intel *in)
{
	struct store_batch *b = store_batch_new();
	int err;

	state_put(in->store, b, &in->state);
	err = store_write(in->store, b, true);
	store_batch_free(b);
	return err;
}

int intel_sweep(struct intel *in, uint64_t version)
{
	int err = each_written(in, version, version + 1, sweep_key);

	if (err)
		return err;
	in->state.sweep = 0;
	return write_state(in);
}

static void discard_row(struct slow *s, struct store_iter *rows, struct slice key, uint16_t source,
			uint64_t version)
{
	uint8_t room[INDEX_KEY_MAX + ROW_KEY_MAX];

	slow_delete(s, room, row_key(room, key, source, version));
	slow_delete(s, room, index_key(room, key, source, version));
}

int intel_discard(struct intel *in)
{
	char path[4096];

	/* Files that were not yet taken in; they are numbered without a gap. */
	for (size_t i = 0; i < FILES_MAX; i++) {
		bool gone = true;

		for (const char *tag = "ri"; *tag; tag++) {
			snprintf(path, sizeof(path), "%s/intel-%c%zu.tmp", store_dir(in->store),
				 *tag, i);
			gone &= unlink(path) != 0;
		}
		if (gone && i > 1)
			break;
	}
	return each_written(in, in->state.version + 1, UINT64_MAX, discard_row);
}
