/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Files: names, sizes, hashes and type. The window for inspection is in file_window.c, records are in file_log.c.
 *
 * Cost is paid only for what is wanted: a file that nobody hashes, stores or inspects costs its
 * struct and its name. Hashes and types are wanted by the configuration (file_hashes, file_magic,
 * eve.types.files.force_hash and force_magic)
 * or by loaded rules (file_want). Contacts of kind CONTACT_FILE_* are made from the hashes that are
 * there; by themselves they demand none, so the default configuration hashes nothing.
 *
 * Storing (file_store.enabled): whether a file is to be kept is often known only at its end, so the bytes
 * of all that rules could want go to the bulk ring as they come, up to file_store.max_file; the record at
 * the end says whether the reader keeps them. Without a rule with filestore, file_store.force and
 * file_analysis.enabled, nothing goes there.
 *
 * Runs in a worker of the dataplane process. Memory: w->heap, but for the digest contexts and the
 * libmagic handle of OpenSSL and libmagic themselves: contexts are made on first need and kept for
 * reuse in a list of at most HASH_SPARE_MAX.
 */
#include "dataplane/app/file.h"

#include <magic.h>
#include <openssl/evp.h>

#include "dataplane/app/range.h"
#include "dataplane/engine/emit.h"
#include "dataplane/stream/stream.h"

#define HASH_SPARE_MAX 64
#define HASH_KINDS 3
#define STORE_PART_BYTES 32768u

struct file_hash {
	struct file_hash *next; /* among the spare ones */
	EVP_MD_CTX *ctx[HASH_KINDS];
};

/* Where the view of that number was: the next one is looked for behind it. */
struct file_place {
	const struct tx *tx;    /* NULL: nowhere */
	struct file *at;
	unsigned direction, instance;
};

struct file_worker {
	unsigned wants;
	unsigned config_wants;
	magic_t magic;          /* NULL until a type is wanted, or when its database cannot be read */
	bool magic_tried;
	struct file_hash *spare;
	unsigned spare_count;
	uint64_t store_count;   /* files of which something is in the bulk ring */
	uint64_t opened;
	const EVP_MD *md[HASH_KINDS];
	struct file_place places[FILE_VIEW_COUNT];
};

static const uint8_t hash_flag[HASH_KINDS] = {FILE_WANT_MD5, FILE_WANT_SHA1, FILE_WANT_SHA256};

/* ---- worker ---- */

static unsigned wants_of_config(const struct config *c)
{
	const char *forced = config_map_get(&c->eve_types, "files.force_hash");
	unsigned wants = c->file_magic ? FILE_WANT_MAGIC : 0;

	if (config_map_bool(&c->eve_types, "files.force_magic", false))
		wants |= FILE_WANT_MAGIC;
	if (c->file_analysis || (c->file_store && c->file_store_force))
		wants |= FILE_WANT_STORE | FILE_WANT_SHA256;
	if (forced && strstr(forced, "md5"))
		wants |= FILE_WANT_MD5;
	if (forced && strstr(forced, "sha1"))
		wants |= FILE_WANT_SHA1;
	if (forced && strstr(forced, "sha256"))
		wants |= FILE_WANT_SHA256;

	for (size_t i = 0; i < c->file_hashes.count; i++) {
		const char *name = c->file_hashes.items[i];

		if (strcmp(name, "md5") == 0)
			wants |= FILE_WANT_MD5;
		else if (strcmp(name, "sha1") == 0)
			wants |= FILE_WANT_SHA1;
		else if (strcmp(name, "sha256") == 0)
			wants |= FILE_WANT_SHA256;
	}
	return wants;
}

int file_worker_new(struct worker *w)
{
	struct file_worker *s = worker_memory(w, sizeof(*s), 64);

	if (!s)
		return -1;
	s->config_wants = w->config ? wants_of_config(w->config) : 0;
	s->wants = s->config_wants;
	s->md[0] = EVP_md5();
	s->md[1] = EVP_sha1();
	s->md[2] = EVP_sha256();
	w->files = s;
	return 0;
}

static void hash_free(struct file_hash *h)
{
	for (int i = 0; i < HASH_KINDS; i++)
		EVP_MD_CTX_free(h->ctx[i]);
}

void file_worker_free(struct worker *w)
{
	struct file_worker *s = w->files;

	if (!s)
		return;
	while (s->spare) {
		struct file_hash *h = s->spare;

		s->spare = h->next;
		hash_free(h);
		heap_free(&w->heap, h);
	}
	if (s->magic)
		magic_close(s->magic);
	worker_memory_free(w, s);
	w->files = NULL;
}

void file_want(struct worker *w, unsigned wants)
{
	if (wants & FILE_WANT_STORE) {
		if (w->config->file_store || w->config->file_analysis)
			wants |= FILE_WANT_SHA256;
		else
			wants &= ~(unsigned)FILE_WANT_STORE;
	}
	w->files->wants = w->files->config_wants | wants;
}

bool file_bodies(const struct worker *w)
{
	return w->config && w->config->file_bodies;
}

/* ---- hashes ---- */

static struct file_hash *hash_get(struct worker *w, unsigned wants)
{
	struct file_worker *s = w->files;
	struct file_hash *h = s->spare;

	if (h) {
		s->spare = h->next;
		s->spare_count--;
	} else {
		h = heap_zalloc(&w->heap, sizeof(*h));
		if (!h)
			return NULL;
	}
	for (int i = 0; i < HASH_KINDS; i++) {
		if (!(wants & hash_flag[i]))
			continue;
		if (!h->ctx[i])
			h->ctx[i] = EVP_MD_CTX_new();
		if (h->ctx[i])
			EVP_DigestInit_ex(h->ctx[i], s->md[i], NULL);
	}
	return h;
}

static void hash_put(struct worker *w, struct file_hash *h)
{
	struct file_worker *s = w->files;

	if (s->spare_count < HASH_SPARE_MAX) {
		h->next = s->spare;
		s->spare = h;
		s->spare_count++;
		return;
	}
	hash_free(h);
	heap_free(&w->heap, h);
}

static void hash_update(struct file *file, const uint8_t *data, uint32_t len)
{
	for (int i = 0; i < HASH_KINDS; i++)
		if ((file->wants & hash_flag[i]) && file->hash->ctx[i])
			EVP_DigestUpdate(file->hash->ctx[i], data, len);
}

/* A file with missing bytes has no hash, but that by which what there is of it is stored, or which
 * the configuration wants of all. */
static void hash_finish(struct worker *w, struct file *file, bool good)
{
	uint8_t *const out[HASH_KINDS] = {file->md5, file->sha1, file->sha256};
	bool of_parts = w->files->config_wants & FILE_WANT_SHA256 || file->wants & FILE_WANT_STORE;
	unsigned kinds = good ? file->wants : of_parts ? FILE_WANT_SHA256 : 0;

	for (int i = 0; i < HASH_KINDS; i++)
		if ((kinds & hash_flag[i]) && file->hash->ctx[i] &&
		    EVP_DigestFinal_ex(file->hash->ctx[i], out[i], NULL) == 1)
			file->has_hash |= hash_flag[i];
	hash_put(w, file->hash);
	file->hash = NULL;
}

/* ---- type ---- */

static void magic_tell(struct worker *w, struct file *file)
{
	struct file_worker *s = w->files;
	const char *words;

	if (file->flags & FILE_MAGIC_DONE || !file->head)
		return;
	file->flags |= FILE_MAGIC_DONE;
	if (!s->magic && !s->magic_tried) {
		s->magic_tried = true;
		s->magic = magic_open(MAGIC_NONE);
		if (s->magic && magic_load(s->magic, NULL) != 0) {
			magic_close(s->magic);
			s->magic = NULL;
		}
	}
	words = s->magic ? magic_buffer(s->magic, file->head, file->head_len) : NULL;
	if (words) {
		file->magic_len = (uint16_t)strnlen(words, FILE_MAGIC_TEXT_MAX);
		file->magic = heap_alloc(&w->heap, file->magic_len + 1u);
		if (file->magic) {
			memcpy(file->magic, words, file->magic_len);
			file->magic[file->magic_len] = 0;
		}
	}
	heap_free(&w->heap, file->head);
	file->head = NULL;
}

const char *file_magic(struct worker *w, struct file *file)
{
	if (file->head && (file->head_len == FILE_MAGIC_BYTES || file->state != FILE_OPEN))
		magic_tell(w, file);
	return file->magic;
}

static void head_append(struct worker *w, struct file *file, const uint8_t *data, uint32_t len)
{
	uint32_t n = FILE_MAGIC_BYTES - file->head_len;

	if (!file->head)
		file->head = heap_alloc(&w->heap, FILE_MAGIC_BYTES);
	if (!file->head) {
		file->flags |= FILE_MAGIC_DONE;
		return;
	}
	n = n < len ? n : len;
	memcpy(file->head + file->head_len, data, n);
	file->head_len += n;
}

/* ---- storing ---- */

static const uint32_t store_flag[] = {[TO_SERVER] = FLOW_STORE_TO_SERVER, [TO_CLIENT] = FLOW_STORE_TO_CLIENT};

static void store_append(struct worker *w, struct file *file, const uint8_t *data, uint32_t len)
{
	uint64_t most = w->config->file_store_max;

	if (!file->store_id)
		file->store_id = w->first_file_id + w->file_id_step * w->files->store_count++;
	while (len && !(file->flags & FILE_STORE_LOST)) {
		uint32_t n = len < STORE_PART_BYTES ? len : STORE_PART_BYTES;
		struct recorder *r;

		if (most && file->stored_bytes + n > most)
			n = (uint32_t)(most - file->stored_bytes);
		if (!n)
			return;
		r = emit_bare(w, RECORD_file_part);
		rec_uint(r, F_file_part_id, file->store_id);
		rec_uint(r, F_file_part_offset, file->stored_bytes);
		rec_bytes(r, F_file_part_data, data, n);
		if (!emit_end_bulk(w))
			file->flags |= FILE_STORE_LOST;
		file->stored_bytes += n;
		data += n;
		len -= n;
	}
}

void file_store_inherit(struct worker *w, struct flow *f, const struct tx *tx, struct file *file)
{
	unsigned d = file->direction;

	if (!(file->wants & FILE_WANT_STORE) ||
	    !(w->config->file_store_force || f->flags & store_flag[d] || tx->store_files & 1u << d))
		return;
	file->flags |= FILE_STORE;
	stream_stored(w, f);
}

void file_store_want(struct worker *w, struct flow *f, struct file *file, uint32_t sid)
{
	unsigned i;

	if (file->flags & FILE_HIDDEN)
		return;
	file->flags |= FILE_STORE;
	stream_stored(w, f);
	for (i = 0; i < file->sid_count && file->sids[i] != sid; i++)
		;
	if (i == file->sid_count && i < FILE_SIDS_MAX)
		file->sids[file->sid_count++] = sid;
}

/* A file that has no record of its own is not kept. */
static void store_forget(struct worker *w, const struct file *file)
{
	rec_uint(emit_bare(w, RECORD_fileinfo), F_fileinfo_file_id, file->store_id);
	emit_end_bulk(w);
}

/* ---- life ---- */

static const struct file_limits limits_default = {32768, 4096, 100000};

static struct file *file_new(struct worker *w, struct tx *tx, enum direction d)
{
	struct file **at = &tx->files[d], *file;
	unsigned count = 0;

	while (*at) {
		at = &(*at)->next;
		count++;
	}
	if (count >= FILES_PER_TX_MAX)
		return NULL;
	file = heap_zalloc(&w->heap, sizeof(*file));
	if (!file)
		return NULL;
	file->direction = d;
	file->number = ++w->files->opened;
	file->limits = limits_default;
	*at = file;
	return file;
}

void file_name_set(struct worker *w, struct file *file, const uint8_t *name, uint32_t name_len)
{
	uint32_t len = name_len < FILE_NAME_MAX ? name_len : FILE_NAME_MAX;
	uint8_t *copy = heap_dup(&w->heap, name, len);

	if (!copy)
		return;
	heap_free(&w->heap, file->name);
	file->name = copy;
	file->name_len = len;
}

struct file *file_open(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
		       const uint8_t *name, uint32_t name_len)
{
	struct file *file = file_new(w, tx, d);

	if (!file)
		return NULL;
	file_name_set(w, file, name, name_len);
	file->wants = (uint8_t)w->files->wants;
	if (file->wants & (FILE_WANT_MD5 | FILE_WANT_SHA1 | FILE_WANT_SHA256))
		file->hash = hash_get(w, file->wants);
	file_store_inherit(w, f, tx, file);
	return file;
}

struct file *file_open_mail(struct worker *w, struct flow *f, struct tx *tx, enum direction d)
{
	return file_bodies(w) ? file_open(w, f, tx, d, (const uint8_t *)FILE_NAME_OF_MAIL, strlen(FILE_NAME_OF_MAIL)) : NULL;
}

struct file *file_open_hidden(struct worker *w, struct flow *f, struct tx *tx, enum direction d)
{
	struct file *file = file_new(w, tx, d);

	if (file)
		file->flags |= FILE_HIDDEN;
	return file;
}

void file_set_limits(struct file *file, const struct file_limits *limits)
{
	file->limits = *limits;
}

void file_window_append(struct worker *w, struct file *file, const uint8_t *data, uint32_t len);

void file_append(struct worker *w, struct file *file, const uint8_t *data, uint32_t len)
{
	if (file->state != FILE_OPEN || len == 0)
		return;
	if (file->hash)
		hash_update(file, data, len);
	if ((file->wants & FILE_WANT_MAGIC) && !(file->flags & FILE_MAGIC_DONE) &&
	    file->head_len < FILE_MAGIC_BYTES)
		head_append(w, file, data, len);
	file_window_append(w, file, data, len);
	if (file->wants & FILE_WANT_STORE)
		store_append(w, file, data, len);
	file->size += len;
}

void file_gap(struct worker *w, struct file *file, uint64_t len)
{
	if (file->state != FILE_OPEN || len == 0)
		return;
	file->flags |= FILE_HAS_GAPS;
	if (file->head)
		magic_tell(w, file);
	file->flags |= FILE_MAGIC_DONE;
	file->size += len;
}

void file_range(struct file *file, uint64_t start, uint64_t end, uint64_t total)
{
	file->flags |= FILE_HAS_RANGE;
	file->range_start = start;
	file->range_end = end;
	file->range_total = total;
}

void file_close(struct worker *w, struct file *file, enum file_state state)
{
	if (!file || file->state != FILE_OPEN)
		return;
	/* With bytes missing it is not whole, however it ended. */
	if (state == FILE_CLOSED && file->flags & FILE_HAS_GAPS)
		state = FILE_TRUNCATED;
	file->state = (uint8_t)state;
	if (file->hash)
		hash_finish(w, file, state == FILE_CLOSED);
	if (file->head)
		magic_tell(w, file);
}

void file_close_all(struct worker *w, struct tx *tx, enum direction d, enum file_state state)
{
	for (struct file *file = tx->files[d]; file; file = file->next)
		if (!file->joins)
			file_close(w, file, state);
}

void file_move(struct file *file, struct tx *from, struct tx *to)
{
	struct file **at;

	if (from) {
		for (at = &from->files[file->direction]; *at != file; at = &(*at)->next)
			;
		*at = file->next;
		file->next = NULL;
	}
	if (to) {
		for (at = &to->files[file->direction]; *at; at = &(*at)->next)
			;
		*at = file;
	}
}

void file_free(struct worker *w, struct file *file)
{
	if (file->hash)
		hash_put(w, file->hash);
	if (file->store_id && !(file->flags & FILE_LOGGED)) /* nor is its end in the ring */
		store_forget(w, file);
	for (unsigned i = 0; i < FILE_VIEW_COUNT; i++)
		if (w->files->places[i].at == file)
			w->files->places[i] = (struct file_place){0};
	heap_free(&w->heap, file->head);
	heap_free(&w->heap, file->magic);
	heap_free(&w->heap, file->name);
	heap_free(&w->heap, file->window.data);
	heap_free(&w->heap, file);
}

void file_free_all(struct worker *w, struct tx *tx)
{
	for (int d = 0; d < 2; d++) {
		while (tx->files[d]) {
			struct file *file = tx->files[d];

			tx->files[d] = file->next;
			file->next = NULL;
			if (file->joins)
				range_file_left(file->joins);
			else
				file_free(w, file);
		}
	}
}

/* ---- buffers ---- */

struct file *file_view_from(const struct worker *w, enum file_view_kind kind, const struct tx *tx, enum direction d,
			    unsigned *instance)
{
	const struct file_place *place = &w->files->places[kind];

	if (!*instance || place->tx != tx || place->direction != d || place->instance + 1 != *instance)
		return tx->files[d];
	*instance = 0;
	return place->at->next;
}

bool file_view_found(struct worker *w, enum file_view_kind kind, const struct tx *tx, struct file *file, unsigned instance)
{
	w->files->places[kind] = (struct file_place){tx, file, file->direction, instance};
	return true;
}

bool file_name_view(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
		    unsigned instance, struct buffer_view *out)
{
	unsigned left = instance;

	for (struct file *file = file_view_from(w, FILE_VIEW_NAME, tx, d, &left); file; file = file->next) {
		if (file->flags & FILE_HIDDEN || !file->name_len || left-- != 0)
			continue;
		*out = (struct buffer_view){.data = file->name, .len = file->name_len,
					    .complete = true};
		return file_view_found(w, FILE_VIEW_NAME, tx, file, instance);
	}
	return false;
}

bool file_magic_view(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
		     unsigned instance, struct buffer_view *out)
{
	unsigned left = instance;

	for (struct file *file = file_view_from(w, FILE_VIEW_MAGIC, tx, d, &left); file; file = file->next) {
		const char *words = file->flags & FILE_HIDDEN ? NULL : file_magic(w, file);

		if (!words || left-- != 0)
			continue;
		*out = (struct buffer_view){.data = (const uint8_t *)words, .len = file->magic_len,
					    .complete = true};
		return file_view_found(w, FILE_VIEW_MAGIC, tx, file, instance);
	}
	return false;
}
