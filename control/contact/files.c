/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A sealed table as sorted files, taken into the store in one step: the part (marker, blocks, index,
 * clients), the dictionary, the numbers that are new and their hashes. Keeper thread, or, where there is
 * none, ingest: one at a time.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/contact/column.h"
#include "control/contact/contacts_private.h"
#include "control/contact/order.h"
#include "control/store/bytes.h"

#define FILES 4
#define DIR_BYTES 4128
#define EXACT_ROWS 1000000 /* a part of more keeps whole seconds (contacts.precision: auto) */
#define MARKER_NUMBER UINT32_MAX

struct numbered {
	uint32_t id, value;
};

struct build {
	struct store *store;
	const struct contact_table *t;
	enum block_unit unit;
	bool round;
	uint32_t *by_key;       /* values in the order of their keys */
	struct numbered *by_id; /* values in the order of their numbers */
	uint32_t *id;           /* value → number */
	uint32_t first_new_id, new_count;
	struct id_cache *ids;
	struct text hashes;     /* of what is new in the dictionary, 8 bytes each */
	uint32_t *by_addr;      /* clients in order */
	uint32_t *client_first; /* client → its first place in client_block; client_count + 1 */
	uint32_t *client_used;
	uint32_t *client_block; /* numbers of blocks, ascending for each client */
	uint32_t *block_first;  /* first number in each block */
	uint32_t block_count, block_cap;
	struct block_row block[BLOCK_ROWS];
	uint32_t block_client[BLOCK_ROWS];
	size_t block_rows;
	struct text out;
	uint64_t bytes;
};

/* ---- orders ---- */

static int compare_clients(const void *a, const void *b, void *arg)
{
	const struct contact_table *t = arg;
	const struct table_client *x = &t->clients[*(const uint32_t *)a];
	const struct table_client *y = &t->clients[*(const uint32_t *)b];

	if (x->ip_version != y->ip_version)
		return x->ip_version < y->ip_version ? -1 : 1;
	return memcmp(x->addr.b, y->addr.b, 16);
}

static int compare_ids(const void *a, const void *b)
{
	uint32_t x = ((const struct numbered *)a)->id, y = ((const struct numbered *)b)->id;

	return x < y ? -1 : x > y;
}

static int build_orders(struct build *b)
{
	const struct contact_table *t = b->t;

	b->by_key = order_values(t, t->value_count);
	b->by_id = calloc(t->value_count + 1u, sizeof(*b->by_id));
	b->id = calloc(t->value_count + 1u, sizeof(*b->id));
	b->by_addr = calloc(t->client_count + 1u, sizeof(*b->by_addr));
	b->client_first = calloc(t->client_count + 1u, sizeof(*b->client_first));
	b->client_used = calloc(t->client_count + 1u, sizeof(*b->client_used));
	b->client_block = calloc(t->entry_count + 1u, sizeof(*b->client_block));
	if (!b->by_key || !b->by_id || !b->id || !b->by_addr || !b->client_first ||
	    !b->client_used || !b->client_block)
		return -ENOMEM;
	for (uint32_t i = 0; i < t->client_count; i++) {
		b->by_addr[i] = i;
		b->client_first[i + 1] = b->client_first[i] + t->clients[i].entries;
	}
	qsort_r(b->by_addr, t->client_count, sizeof(*b->by_addr), compare_clients,
		(void *)(uintptr_t)t);
	return 0;
}

static void build_free(struct build *b)
{
	free(b->by_key);
	free(b->by_id);
	free(b->id);
	free(b->by_addr);
	free(b->client_first);
	free(b->client_used);
	free(b->client_block);
	free(b->block_first);
	text_free(&b->out);
	text_free(&b->hashes);
	free(b);
}

/* ---- numbers ---- */

/* One more than the highest that was ever given. */
static int next_id(struct store *s, uint32_t *next)
{
	static const uint8_t from = 'i', to = 'j';
	struct slice low = {&from, 1}, high = {&to, 1};
	struct store_iter *it = store_iter_new(s, STORE_contact, NULL, &low, &high);
	int err;

	if (!it)
		return -ENOMEM;
	store_iter_last(it);
	*next = 0;
	if (store_iter_valid(it) && store_iter_key(it).len == 5)
		*next = read_be32((const uint8_t *)store_iter_key(it).data + 1) + 1;
	err = store_iter_status(it);
	store_iter_free(it);
	/* A table has at most as many values as entries: there is room for a thousand years of them. */
	return err ? err : *next >= MARKER_NUMBER / 2 ? -ENOSPC : 0;
}

static void note_new(struct build *b, uint64_t hash)
{
	text_bytes(&b->hashes, &hash, sizeof(hash));
}

/* Asks the dictionary. 1 and *id; 0: it does not have the value; -EPROTO: its entry is damaged. */
static int find_id(struct build *b, const uint8_t *value, size_t len, struct text *entry, uint32_t *id)
{
	uint8_t key[CONTACT_KEY_MAX];
	int found = store_get(b->store, STORE_contact, key, dictionary_key(key, value, len), NULL,
			      entry);

	if (found == 1 && entry->len < 4)
		return -EPROTO;
	if (found == 1)
		*id = read_be32(entry->data);
	return found;
}

/* The number of each value, old or new, in the order of keys. */
static int build_ids(struct build *b)
{
	struct text entry = {0};
	int err = next_id(b->store, &b->first_new_id);

	for (uint32_t i = 0; i < b->t->value_count && !err; i++) {
		const struct table_value *v = &b->t->values[b->by_key[i]];
		const uint8_t *value = b->t->keys.data + v->offset;
		uint32_t id = 0;
		int found = id_cache_get(b->ids, value, v->len, &id)
				    ? 1 : find_id(b, value, v->len, &entry, &id);

		err = found < 0 ? found : 0;
		if (found == 0) {
			id = b->first_new_id + b->new_count++;
			note_new(b, filter_hash(value, v->len));
		}
		b->id[b->by_key[i]] = id;
		b->by_id[i] = (struct numbered){id, b->by_key[i]};
	}
	text_free(&entry);
	qsort(b->by_id, b->t->value_count, sizeof(*b->by_id), compare_ids);
	return err;
}

/* Once the files are in: numbers of values that were never written must not be remembered. */
static void remember_ids(struct build *b)
{
	for (uint32_t i = 0; i < b->t->value_count; i++) {
		const struct table_value *v = &b->t->values[i];

		id_cache_put(b->ids, b->t->keys.data + v->offset, v->len, b->id[i]);
	}
}

/* Only new ones: they are the highest. */
static int put_ids(struct build *b, struct store_file *file)
{
	uint8_t key[8];
	int err = 0;

	for (uint32_t i = b->t->value_count - b->new_count; i < b->t->value_count && !err; i++) {
		const struct table_value *v = &b->t->values[b->by_id[i].value];

		err = store_file_put(file, key, id_key(key, b->by_id[i].id),
				     b->t->keys.data + v->offset, v->len);
	}
	return err;
}

/* Of new values, and of the markers written with the dictionary: so that comes first. */
static int put_hashes(struct build *b, struct store_file *file)
{
	const size_t row = HASHES_IN_ROW * sizeof(uint64_t);
	uint8_t key[16];
	int err = b->hashes.failed ? -ENOMEM : 0;

	for (size_t at = 0; at < b->hashes.len && !err; at += row) {
		size_t n = b->hashes.len - at < row ? b->hashes.len - at : row;

		err = store_file_put(file, key, hashes_key(key, b->first_new_id, (uint32_t)(at / row)),
				     b->hashes.data + at, n);
	}
	return err;
}

/* ---- dictionary ---- */

static bool is_name(const uint8_t *value)
{
	return value[0] == CONTACT_DOMAIN || value[0] == CONTACT_SNI;
}

/* That there are names below: for each name above this one that the value before did not have. A
 * marker sorts behind that value and before this one, because it is where they part. */
static int put_markers(struct build *b, struct store_file *file, const uint8_t *value, size_t len,
		       const uint8_t *before, size_t before_len, bool new)
{
	uint8_t key[CONTACT_KEY_MAX], none[4];
	size_t shared = 0;
	int err = 0;

	put_be32(none, MARKER_NUMBER);
	while (shared < len && shared < before_len && value[shared] == before[shared])
		shared++;
	for (size_t i = 1; i < len && !err; i++) {
		if (value[i] != 1 || i < shared)
			continue;
		err = store_file_merge(file, key, dictionary_key(key, value, i + 1), none,
				       sizeof(none));
		/* Of a value that is not new it was noted when that was. */
		if (new)
			note_new(b, filter_hash(value, i + 1));
	}
	return err;
}

static int put_dictionary(struct build *b, struct store_file *file)
{
	uint8_t key[CONTACT_KEY_MAX], entry[6];
	const uint8_t *before = NULL;
	size_t before_len = 0;
	int err = 0;

	put_be16(entry + 4, b->t->day);
	for (uint32_t i = 0; i < b->t->value_count && !err; i++) {
		const struct table_value *v = &b->t->values[b->by_key[i]];
		const uint8_t *value = b->t->keys.data + v->offset;

		if (is_name(value))
			err = put_markers(b, file, value, v->len, before, before_len,
					  b->id[b->by_key[i]] >= b->first_new_id);
		put_be32(entry, b->id[b->by_key[i]]);
		if (!err)
			err = store_file_merge(file, key, dictionary_key(key, value, v->len), entry,
					       sizeof(entry));
		before = value;
		before_len = v->len;
	}
	return err;
}

/* ---- the part ---- */

static int add_block(struct build *b, struct store_file *file)
{
	uint8_t key[32];
	uint32_t number = b->block_count;

	if (!b->block_rows)
		return 0;
	if (number == b->block_cap) {
		uint32_t cap = b->block_cap ? 2 * b->block_cap : 1024;
		uint32_t *more = realloc(b->block_first, cap * sizeof(*more));

		if (!more)
			return -ENOMEM;
		b->block_first = more;
		b->block_cap = cap;
	}
	b->block_first[number] = b->block[0].id;
	b->block_count++;
	for (size_t i = 0; i < b->block_rows; i++) {
		uint32_t c = b->block_client[i], used = b->client_used[c];
		uint32_t *list = b->client_block + b->client_first[c];

		if (!used || list[used - 1] != number)
			list[b->client_used[c]++] = number;
	}
	text_clear(&b->out);
	block_encode(&b->out, b->block, b->block_rows, b->unit, b->round);
	if (b->out.failed)
		return -ENOMEM;
	b->block_rows = 0;
	return store_file_put(file, key,
			      block_key(key, b->t->day, b->t->part, b->block[0].id, number),
			      b->out.data, b->out.len);
}

struct ordered_row {
	struct contact_row row;
	uint32_t client;
};

static int compare_ordered(const void *a, const void *b)
{
	return contact_row_compare(&((const struct ordered_row *)a)->row,
				   &((const struct ordered_row *)b)->row);
}

/* The rows of one value, by client, into blocks. */
static int put_list(struct build *b, struct store_file *file, struct ordered_row **scratch,
		    size_t *cap, const struct numbered *n)
{
	const struct table_value *v = &b->t->values[n->value];
	size_t count = 0;
	int err = 0;

	if (*cap < v->entries) {
		struct ordered_row *more = realloc(*scratch, v->entries * sizeof(*more));

		if (!more)
			return -ENOMEM;
		*scratch = more;
		*cap = v->entries;
	}
	for (uint32_t e = v->first_entry; e != TABLE_NONE; e = b->t->entries[e].next_of_value) {
		table_row(b->t, e, &(*scratch)[count].row);
		(*scratch)[count++].client = b->t->entries[e].client;
	}
	qsort(*scratch, count, sizeof(**scratch), compare_ordered);
	for (size_t i = 0; i < count && !err; i++) {
		b->block[b->block_rows].id = n->id;
		b->block[b->block_rows].row = (*scratch)[i].row;
		b->block_client[b->block_rows++] = (*scratch)[i].client;
		if (b->block_rows == BLOCK_ROWS)
			err = add_block(b, file);
	}
	return err;
}

static int put_blocks(struct build *b, struct store_file *file)
{
	struct ordered_row *scratch = NULL;
	size_t cap = 0;
	int err = 0;

	for (uint32_t i = 0; i < b->t->value_count && !err; i++)
		err = put_list(b, file, &scratch, &cap, &b->by_id[i]);
	if (!err)
		err = add_block(b, file);
	free(scratch);
	return err;
}

static void put_count(struct text *out, uint64_t count)
{
	uint8_t *at = text_room(out, VARINT_MAX);

	if (at)
		out->len += (size_t)(put_varint(at, count) - at);
}

static int put_index(struct build *b, struct store_file *file)
{
	uint64_t firsts[INDEX_BLOCKS];
	uint8_t key[16];
	int err = 0;

	for (uint32_t at = 0; at < b->block_count && !err; at += INDEX_BLOCKS) {
		uint32_t n = b->block_count - at < INDEX_BLOCKS ? b->block_count - at : INDEX_BLOCKS;

		for (uint32_t i = 0; i < n; i++)
			firsts[i] = b->block_first[at + i];
		text_clear(&b->out);
		put_count(&b->out, n);
		column_put(&b->out, firsts, n);
		err = b->out.failed ? -ENOMEM
				    : store_file_put(file, key,
						     index_key(key, b->t->day, b->t->part,
							       at / INDEX_BLOCKS),
						     b->out.data, b->out.len);
	}
	return err;
}

/* Distances of block numbers: count, then a column. */
static int put_clients(struct build *b, struct store_file *file)
{
	uint64_t *steps = calloc(b->block_count + 1u, sizeof(*steps));
	uint8_t key[32];
	int err = steps ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < b->t->client_count && !err; i++) {
		uint32_t c = b->by_addr[i], n = b->client_used[c];
		const uint32_t *list = b->client_block + b->client_first[c];
		const struct table_client *client = &b->t->clients[c];

		for (uint32_t k = 0; k < n; k++)
			steps[k] = k ? list[k] - list[k - 1] - 1 : list[k];
		text_clear(&b->out);
		put_count(&b->out, n);
		column_put(&b->out, steps, n);
		err = b->out.failed ? -ENOMEM
				    : store_file_put(file, key,
						     client_key(key, b->t->day, b->t->part,
								(int)client->ip_version,
								&client->addr),
						     b->out.data, b->out.len);
	}
	free(steps);
	return err;
}

/* Value of a marker: version, counts of values, clients, entries, unit. */
static int put_part(struct build *b, struct store_file *file)
{
	uint8_t key[8], value[14] = {2};
	int err;

	put_be32(value + 1, b->t->value_count);
	put_be32(value + 5, b->t->client_count);
	put_be32(value + 9, b->t->entry_count);
	value[13] = (uint8_t)b->unit;
	err = store_file_put(file, key, part_key(key, b->t->day, b->t->part, SECTION_MARKER), value,
			     sizeof(value));
	if (!err)
		err = put_blocks(b, file);
	if (!err)
		err = put_index(b, file);
	return err ? err : put_clients(b, file);
}

/* ---- files ---- */

static int write_file(struct build *b, const char *path,
		      int (*fill)(struct build *, struct store_file *))
{
	struct store_file *file;
	uint64_t bytes = 0;
	int err;

	unlink(path);
	err = store_file_new(b->store, STORE_contact, path, &file);
	if (err)
		return err;
	err = fill(b, file);
	if (err) {
		store_file_discard(file);
		return err;
	}
	err = store_file_finish(file, &bytes);
	b->bytes += bytes;
	return err;
}

static void set_precision(struct build *b, enum config_precision precision)
{
	bool many = b->t->entry_count > EXACT_ROWS;

	b->unit = precision == PRECISION_S || (precision == PRECISION_AUTO && many) ? UNIT_S
		: precision == PRECISION_MS					     ? UNIT_MS
										     : UNIT_US;
	b->round = b->unit == UNIT_S;
}

static void incoming_dir(struct store *s, char *dir)
{
	snprintf(dir, DIR_BYTES, "%.4096s/incoming", store_dir(s));
}

void table_clean_files(struct store *s)
{
	char dir[DIR_BYTES], path[DIR_BYTES + sizeof(((struct dirent *)0)->d_name) + 1];
	const struct dirent *e;
	DIR *d;

	incoming_dir(s, dir);
	d = opendir(dir);
	while (d && (e = readdir(d)) != NULL) {
		/* The store has linked those that it took, so their disk would never be free. */
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		if (e->d_name[0] != '.')
			unlink(path);
	}
	if (d)
		closedir(d);
}

static int write_files(struct build *b)
{
	static int (*const fill[FILES])(struct build *, struct store_file *) = {
		put_dictionary, put_part, put_ids, put_hashes};
	char path[FILES][4200], dir[DIR_BYTES];
	const char *paths[FILES];
	size_t files = b->new_count ? FILES : FILES - 2; /* a file must not be empty */
	int err = 0;

	incoming_dir(b->store, dir);
	if (mkdir(dir, 0750) != 0 && errno != EEXIST)
		return -errno;
	for (size_t i = 0; i < files && !err; i++) {
		snprintf(path[i], sizeof(path[i]), "%s/%u-%u-%zu.sst", dir, b->t->day, b->t->part, i);
		paths[i] = path[i];
		err = write_file(b, path[i], fill[i]);
	}
	if (!err)
		err = store_ingest_files(b->store, STORE_contact, paths, files);
	for (size_t i = 0; i < files && err; i++)
		unlink(path[i]);
	return err;
}

int table_write_files(struct store *s, const struct contact_table *t, enum config_precision precision,
		      struct id_cache *ids, uint64_t *bytes)
{
	struct build *b;
	int err;

	*bytes = 0;
	if (!t->value_count)
		return 0;
	b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	b->store = s;
	b->t = t;
	b->ids = ids;
	set_precision(b, precision);
	err = build_orders(b);
	if (!err)
		err = build_ids(b);
	if (!err)
		err = write_files(b);
	if (!err)
		remember_ids(b);
	*bytes = b->bytes;
	build_free(b);
	return err;
}
