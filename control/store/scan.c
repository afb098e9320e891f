/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Iterators, snapshots, sorted files, dropping of ranges. See store.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/store/store_private.h"

struct store_iter {
	rocksdb_iterator_t *it;
	rocksdb_readoptions_t *read;
	void *from, *to; /* RocksDB keeps pointers to the bounds */
};

struct store_reader {
	struct store *s;
	rocksdb_readoptions_t *read;
};

struct store_file {
	rocksdb_sstfilewriter_t *writer;
	rocksdb_envoptions_t *env;
};

struct store_snapshot *store_snapshot_new(struct store *s)
{
	return (struct store_snapshot *)(uintptr_t)rocksdb_create_snapshot(s->db);
}

void store_snapshot_free(struct store *s, struct store_snapshot *snapshot)
{
	if (snapshot)
		rocksdb_release_snapshot(s->db, (const rocksdb_snapshot_t *)snapshot);
}

static void *copy_of(const struct slice *b)
{
	void *copy = malloc(b->len ? b->len : 1);

	if (copy && b->len)
		memcpy(copy, b->data, b->len);
	return copy;
}

struct store_iter *store_iter_new(struct store *s, enum store_family f,
				  const struct store_snapshot *snapshot, const struct slice *from,
				  const struct slice *to)
{
	struct store_iter *it = calloc(1, sizeof(*it));

	if (!it)
		return NULL;
	it->read = rocksdb_readoptions_create();
	if (snapshot)
		rocksdb_readoptions_set_snapshot(it->read, (const rocksdb_snapshot_t *)snapshot);
	if (from && (it->from = copy_of(from)))
		rocksdb_readoptions_set_iterate_lower_bound(it->read, it->from, from->len);
	if (to && (it->to = copy_of(to)))
		rocksdb_readoptions_set_iterate_upper_bound(it->read, it->to, to->len);
	it->it = rocksdb_create_iterator_cf(s->db, it->read, s->family[f]);
	return it;
}

void store_iter_free(struct store_iter *it)
{
	if (!it)
		return;
	rocksdb_iter_destroy(it->it);
	rocksdb_readoptions_destroy(it->read);
	free(it->from);
	free(it->to);
	free(it);
}

void store_iter_seek(struct store_iter *it, const void *key, size_t len)
{
	rocksdb_iter_seek(it->it, key, len);
}

void store_iter_seek_back(struct store_iter *it, const void *key, size_t len)
{
	rocksdb_iter_seek_for_prev(it->it, key, len);
}

void store_iter_first(struct store_iter *it)
{
	rocksdb_iter_seek_to_first(it->it);
}

void store_iter_last(struct store_iter *it)
{
	rocksdb_iter_seek_to_last(it->it);
}

bool store_iter_valid(const struct store_iter *it)
{
	return rocksdb_iter_valid(it->it);
}

void store_iter_next(struct store_iter *it)
{
	rocksdb_iter_next(it->it);
}

void store_iter_prev(struct store_iter *it)
{
	rocksdb_iter_prev(it->it);
}

struct slice store_iter_key(const struct store_iter *it)
{
	struct slice out;

	out.data = rocksdb_iter_key(it->it, &out.len);
	return out;
}

struct slice store_iter_value(const struct store_iter *it)
{
	struct slice out;

	out.data = rocksdb_iter_value(it->it, &out.len);
	return out;
}

int store_iter_status(const struct store_iter *it)
{
	char *message = NULL;

	rocksdb_iter_get_error(it->it, &message);
	return message ? store_fail("the store cannot be read", message) : 0;
}

struct store_reader *store_reader_new(struct store *s, const struct store_snapshot *snapshot)
{
	struct store_reader *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->s = s;
	r->read = rocksdb_readoptions_create();
	if (snapshot)
		rocksdb_readoptions_set_snapshot(r->read, (const rocksdb_snapshot_t *)snapshot);
	return r;
}

void store_reader_free(struct store_reader *r)
{
	if (!r)
		return;
	rocksdb_readoptions_destroy(r->read);
	free(r);
}

int store_reader_get(struct store_reader *r, enum store_family f, const void *key, size_t key_len,
		     struct text *value)
{
	char *message = NULL;
	rocksdb_pinnableslice_t *slice = rocksdb_get_pinned_cf(r->s->db, r->read, r->s->family[f],
							       key, key_len, &message);
	const char *data;
	size_t len;

	if (message)
		return store_fail("the store cannot be read", message);
	text_clear(value);
	if (!slice)
		return 0;
	data = rocksdb_pinnableslice_value(slice, &len);
	text_bytes(value, data, len);
	rocksdb_pinnableslice_destroy(slice);
	return 1;
}

void store_days_from(struct store *s, uint16_t day)
{
	atomic_store(&s->days_from, day);
}

int store_file_new(struct store *s, enum store_family f, const char *path, struct store_file **out)
{
	struct store_file *file = calloc(1, sizeof(*file));
	char *message = NULL;

	*out = NULL;
	if (!file)
		return -ENOMEM;
	file->env = rocksdb_envoptions_create();
	file->writer = rocksdb_sstfilewriter_create(file->env, s->family_options[f]);
	rocksdb_sstfilewriter_open(file->writer, path, &message);
	if (message) {
		store_file_discard(file);
		return store_fail("a file of the store cannot be made", message);
	}
	*out = file;
	return 0;
}

int store_file_put(struct store_file *file, const void *key, size_t key_len, const void *value,
		   size_t len)
{
	char *message = NULL;

	rocksdb_sstfilewriter_put(file->writer, key, key_len, value, len, &message);
	return message ? store_fail("a file of the store cannot be written", message) : 0;
}

int store_file_merge(struct store_file *file, const void *key, size_t key_len, const void *value,
		     size_t len)
{
	char *message = NULL;

	rocksdb_sstfilewriter_merge(file->writer, key, key_len, value, len, &message);
	return message ? store_fail("a file of the store cannot be written", message) : 0;
}

void store_file_discard(struct store_file *file)
{
	if (!file)
		return;
	rocksdb_sstfilewriter_destroy(file->writer);
	rocksdb_envoptions_destroy(file->env);
	free(file);
}

int store_file_finish(struct store_file *file, uint64_t *bytes)
{
	char *message = NULL;

	rocksdb_sstfilewriter_finish(file->writer, &message);
	if (!message && bytes)
		rocksdb_sstfilewriter_file_size(file->writer, bytes);
	store_file_discard(file);
	return message ? store_fail("a file of the store cannot be written", message) : 0;
}

int store_ingest_files(struct store *s, enum store_family f, const char *const *paths,
		       size_t count)
{
	rocksdb_ingestexternalfileoptions_t *o = rocksdb_ingestexternalfileoptions_create();
	char *message = NULL;

	rocksdb_ingestexternalfileoptions_set_move_files(o, 1);
	rocksdb_ingest_external_file_cf(s->db, s->family[f], paths, count, o, &message);
	rocksdb_ingestexternalfileoptions_destroy(o);
	return message ? store_fail("a file cannot be taken into the store", message) : 0;
}

int store_drop_range(struct store *s, enum store_family f, const void *from, size_t from_len,
		     const void *to, size_t to_len)
{
	char *message = NULL;

	rocksdb_delete_file_in_range_cf(s->db, s->family[f], from, from_len, to, to_len, &message);
	if (message)
		return store_fail("the store cannot be written", message);
	rocksdb_delete_range_cf(s->db, s->write_sync, s->family[f], from, from_len, to, to_len,
				&message);
	return message ? store_fail("the store cannot be written", message) : 0;
}

uint64_t store_range_bytes(struct store *s, enum store_family f, const void *from, size_t from_len,
			   const void *to, size_t to_len)
{
	const char *start = from, *limit = to;
	char *message = NULL;
	uint64_t bytes = 0;

	rocksdb_approximate_sizes_cf(s->db, s->family[f], 1, &start, &from_len, &limit, &to_len,
				     &bytes, &message);
	if (message) {
		store_fail("the store cannot be read", message);
		return 0;
	}
	return bytes;
}
