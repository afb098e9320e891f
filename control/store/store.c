/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Opening, closing, reading and writing. See store.h.
 */
#include "control/store/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/base/folder.h"
#include "control/store/store_private.h"

static const char *const family_names[STORE_FAMILY_COUNT] = {
#define FAMILY(name, options, doc) [STORE_##name] = #name,
	STORE_FAMILIES
#undef FAMILY
};

static const char *const family_docs[STORE_FAMILY_COUNT] = {
#define FAMILY(name, options, doc) [STORE_##name] = doc,
	STORE_FAMILIES
#undef FAMILY
};

static _Thread_local char last_error[600];

const char *store_error(void)
{
	return last_error;
}

const char *store_family_name(enum store_family f)
{
	return family_names[f];
}

const char *store_family_doc(enum store_family f)
{
	return family_docs[f];
}

const char *store_dir(const struct store *s)
{
	return s->dir;
}

enum store_mode store_mode(const struct store *s)
{
	return s->mode;
}

int store_fail(const char *doing, char *message)
{
	int err = -EIO;

	if (strstr(message, "No space left") || strstr(message, "space limit"))
		err = -ENOSPC;
	else if (strstr(message, "Permission denied") || strstr(message, "Read-only file"))
		err = -EACCES;
	else if (strstr(message, "lock ") || strstr(message, "LOCK"))
		err = -EBUSY;
	snprintf(last_error, sizeof(last_error), "%s: %s", doing, message);
	rocksdb_free(message);
	return err;
}

static int refuse(int err, const char *dir, const char *why)
{
	snprintf(last_error, sizeof(last_error), "the store %s %s", dir, why);
	return err;
}

/* 1: there is a database in dir; 0: none; or an error. */
static int look_for_database(const char *dir)
{
	char path[4096];
	struct stat st;

	snprintf(path, sizeof(path), "%s/CURRENT", dir);
	if (stat(path, &st) == 0)
		return 1;
	if (errno == EACCES)
		return refuse(-EACCES, dir, "may not be read by this user");
	return 0;
}

static bool is_ours(const char *name, size_t len)
{
	if (len == 7 && memcmp(name, "default", 7) == 0)
		return true;
	for (int f = 0; f < STORE_FAMILY_COUNT; f++)
		if (strlen(family_names[f]) == len && memcmp(family_names[f], name, len) == 0)
			return true;
	return false;
}

/* Families that this program does not know are those of another format. */
static int check_families(struct store *s)
{
	char *message = NULL, **names;
	size_t count;
	int err = 0;

	names = rocksdb_list_column_families(s->db_options, s->dir, &count, &message);
	if (message)
		return store_fail("the store cannot be read", message);
	for (size_t i = 0; i < count; i++)
		if (!is_ours(names[i], strlen(names[i])))
			err = refuse(-EPROTO, s->dir,
				     "was written by another version of this program; use that "
				     "version, or name another folder");
	if (s->mode == STORE_READ && count < STORE_FAMILY_COUNT + 1 && !err)
		err = refuse(-EPROTO, s->dir, "is not complete; the program that made it did not "
					      "finish doing so");
	rocksdb_list_column_families_destroy(names, count);
	return err;
}

static int open_database(struct store *s)
{
	const char *names[STORE_FAMILY_COUNT + 1];
	const rocksdb_options_t *options[STORE_FAMILY_COUNT + 1];
	rocksdb_column_family_handle_t *handles[STORE_FAMILY_COUNT + 1];
	char *message = NULL;

	for (int f = 0; f < STORE_FAMILY_COUNT; f++) {
		names[f] = family_names[f];
		options[f] = s->family_options[f];
	}
	names[STORE_FAMILY_COUNT] = "default";
	options[STORE_FAMILY_COUNT] = s->db_options;
	if (s->mode == STORE_READ)
		s->db = rocksdb_open_for_read_only_column_families(
			s->db_options, s->dir, STORE_FAMILY_COUNT + 1, names, options, handles, 0,
			&message);
	else
		s->db = rocksdb_open_column_families(s->db_options, s->dir, STORE_FAMILY_COUNT + 1,
						     names, options, handles, &message);
	if (message) {
		s->db = NULL;
		return store_fail("the store cannot be opened", message);
	}
	rocksdb_column_family_handle_destroy(handles[STORE_FAMILY_COUNT]);
	memcpy(s->family, handles, sizeof(s->family));
	return 0;
}

static void close_database(struct store *s)
{
	if (!s->db)
		return;
	for (int f = 0; f < STORE_FAMILY_COUNT; f++)
		rocksdb_column_family_handle_destroy(s->family[f]);
	if (s->options.fast_close)
		rocksdb_cancel_all_background_work(s->db, 0);
	rocksdb_close(s->db);
	s->db = NULL;
}

/* Nothing was ever stored: it is new, or its making was cut short. */
static bool is_empty(struct store *s)
{
	bool empty = true;

	for (int f = 0; f < STORE_FAMILY_COUNT && empty; f++) {
		struct store_iter *it = store_iter_new(s, (enum store_family)f, NULL, NULL, NULL);

		if (it)
			store_iter_first(it);
		empty = it && !store_iter_valid(it) && store_iter_status(it) == 0;
		store_iter_free(it);
	}
	return empty;
}

/* The format of a store that was there before must be ours; a new one is given it. */
static int check_format(struct store *s)
{
	struct text value = {0};
	int err = store_get(s, STORE_meta, "format", 6, NULL, &value);

	if (err == 0 && s->mode == STORE_WRITE && is_empty(s)) {
		err = store_put(s, STORE_meta, "format", 6, STORE_FORMAT, strlen(STORE_FORMAT));
	} else if (err >= 0) {
		const char *has = err == 0 ? "none" : text_cstr(&value);

		err = 0;
		if (strcmp(has, STORE_FORMAT) != 0) {
			snprintf(last_error, sizeof(last_error),
				 "the store %s has format %.20s, this program reads and writes "
				 "format " STORE_FORMAT "; use the version that wrote it, or name "
				 "another folder",
				 s->dir, has);
			err = -EPROTO;
		}
	}
	text_free(&value);
	return err;
}

static int open_checked(struct store *s)
{
	int there = look_for_database(s->dir), err;

	if (there < 0)
		return there;
	if (!there && s->mode == STORE_READ)
		return refuse(-ENOENT, s->dir, "does not exist");
	if (!there) {
		err = folder_make(s->dir, 0750);
		if (err) {
			snprintf(last_error, sizeof(last_error), "the store %s cannot be made: %s",
				 s->dir, strerror(-err));
			return err;
		}
	} else {
		err = check_families(s);
		if (err)
			return err;
	}
	err = open_database(s);
	if (!err)
		err = check_format(s);
	if (err)
		close_database(s);
	if (err == -EBUSY)
		refuse(-EBUSY, s->dir, "is in use by another process");
	return err;
}

int store_open(struct store **out, const char *dir, enum store_mode mode,
	       const struct store_options *options)
{
	struct store *s = calloc(1, sizeof(*s));
	int err;

	*out = NULL;
	if (!s)
		return -ENOMEM;
	s->mode = mode;
	s->options = options ? *options : (struct store_options){0};
	if (!s->options.cache_bytes)
		s->options.cache_bytes = 32u << 20;
	if (!s->options.write_buffer_bytes)
		s->options.write_buffer_bytes = 64u << 20;
	s->dir = strdup(dir);
	pthread_rwlock_init(&s->open_lock, NULL);
	store_options_make(s);
	err = s->dir ? open_checked(s) : -ENOMEM;
	if (err) {
		store_close(s);
		return err;
	}
	*out = s;
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	close_database(s);
	store_options_free(s);
	pthread_rwlock_destroy(&s->open_lock);
	free(s->dir);
	free(s);
}

int store_reopen(struct store *s)
{
	int err;

	atomic_store(&s->wanted, true);
	pthread_rwlock_wrlock(&s->open_lock);
	atomic_store(&s->wanted, false);
	close_database(s);
	err = open_checked(s);
	pthread_rwlock_unlock(&s->open_lock);
	return err;
}

bool store_enter(struct store *s)
{
	pthread_rwlock_rdlock(&s->open_lock);
	if (s->db)
		return true;
	pthread_rwlock_unlock(&s->open_lock);
	snprintf(last_error, sizeof(last_error), "the store %s is closed after an error; it is "
						 "being opened again",
		 s->dir);
	return false;
}

bool store_wanted(const struct store *s)
{
	return atomic_load_explicit(&s->wanted, memory_order_relaxed);
}

void store_leave(struct store *s)
{
	pthread_rwlock_unlock(&s->open_lock);
}

int store_get(struct store *s, enum store_family f, const void *key, size_t key_len,
	      const struct store_snapshot *snapshot, struct text *value)
{
	rocksdb_readoptions_t *read = s->read;
	rocksdb_pinnableslice_t *slice;
	char *message = NULL;
	const char *data;
	size_t len;
	int found = 0;

	if (snapshot) {
		read = rocksdb_readoptions_create();
		rocksdb_readoptions_set_snapshot(read, (const rocksdb_snapshot_t *)snapshot);
	}
	slice = rocksdb_get_pinned_cf(s->db, read, s->family[f], key, key_len, &message);
	if (snapshot)
		rocksdb_readoptions_destroy(read);
	if (message)
		return store_fail("the store cannot be read", message);
	text_clear(value);
	if (slice) {
		data = rocksdb_pinnableslice_value(slice, &len);
		text_bytes(value, data, len);
		rocksdb_pinnableslice_destroy(slice);
		found = 1;
	}
	return found;
}

int store_put(struct store *s, enum store_family f, const void *key, size_t key_len,
	      const void *value, size_t len)
{
	char *message = NULL;

	rocksdb_put_cf(s->db, s->write_sync, s->family[f], key, key_len, value, len, &message);
	return message ? store_fail("the store cannot be written", message) : 0;
}

struct store_batch *store_batch_new(void)
{
	return (struct store_batch *)rocksdb_writebatch_create();
}

static rocksdb_writebatch_t *inner(const struct store_batch *b)
{
	return (rocksdb_writebatch_t *)(uintptr_t)b;
}

void store_batch_free(struct store_batch *b)
{
	if (b)
		rocksdb_writebatch_destroy(inner(b));
}

void store_batch_clear(struct store_batch *b)
{
	rocksdb_writebatch_clear(inner(b));
}

size_t store_batch_count(const struct store_batch *b)
{
	return (size_t)rocksdb_writebatch_count(inner(b));
}

size_t store_batch_bytes(const struct store_batch *b)
{
	size_t size;

	rocksdb_writebatch_data(inner(b), &size);
	return size;
}

void store_batch_put(struct store *s, struct store_batch *b, enum store_family f, const void *key,
		     size_t key_len, const void *value, size_t len)
{
	rocksdb_writebatch_put_cf(inner(b), s->family[f], key, key_len, value, len);
}

void store_batch_delete(struct store *s, struct store_batch *b, enum store_family f,
			const void *key, size_t key_len)
{
	rocksdb_writebatch_delete_cf(inner(b), s->family[f], key, key_len);
}

void store_batch_delete_range(struct store *s, struct store_batch *b, enum store_family f,
			      const void *from, size_t from_len, const void *to, size_t to_len)
{
	rocksdb_writebatch_delete_range_cf(inner(b), s->family[f], from, from_len, to, to_len);
}

int store_write(struct store *s, struct store_batch *b, bool sync)
{
	char *message = NULL;

	rocksdb_write(s->db, sync ? s->write_sync : s->write_lazy, inner(b), &message);
	return message ? store_fail("the store cannot be written", message) : 0;
}

int store_flush(struct store *s)
{
	rocksdb_flushoptions_t *o = rocksdb_flushoptions_create();
	char *message = NULL;

	rocksdb_flushoptions_set_wait(o, 1);
	for (int f = 0; f < STORE_FAMILY_COUNT && !message; f++)
		rocksdb_flush_cf(s->db, o, s->family[f], &message);
	rocksdb_flushoptions_destroy(o);
	return message ? store_fail("the store cannot be written", message) : 0;
}

uint64_t store_family_bytes(struct store *s, enum store_family f)
{
	uint64_t v = 0;

	rocksdb_property_int_cf(s->db, s->family[f], "rocksdb.total-sst-files-size", &v);
	return v;
}

uint64_t store_family_keys(struct store *s, enum store_family f)
{
	uint64_t v = 0;

	rocksdb_property_int_cf(s->db, s->family[f], "rocksdb.estimate-num-keys", &v);
	return v;
}
