/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A sealed table as three sorted files, taken into the store in one step: the clients with the
 * part's marker (c), the dictionary (d), the posting lists with their ordinal index (p). Of one
 * day they overlap nothing but the dictionary, so c and p go to the bottom level as they are.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/contact/contacts_private.h"
#include "control/store/bytes.h"

#define FILES 3

struct build {
	struct store *store;
	const struct contact_table *t;
	uint32_t *by_key;   /* values in the order of their keys: ordinal → value */
	uint32_t *ordinal;  /* value → ordinal */
	uint32_t *by_addr;  /* clients in order */
	struct contact_row *rows;
	size_t rows_cap;
	uint32_t *numbers;  /* scratch: ordinals of one client */
	size_t numbers_cap;
	struct text out;
	uint64_t bytes;
};

static int compare_values(const void *a, const void *b, void *arg)
{
	const struct contact_table *t = arg;
	const struct table_value *x = &t->values[*(const uint32_t *)a];
	const struct table_value *y = &t->values[*(const uint32_t *)b];
	size_t n = x->len < y->len ? x->len : y->len;
	int order = memcmp(t->keys.data + x->offset, t->keys.data + y->offset, n);

	return order ? order : x->len < y->len ? -1 : x->len > y->len;
}

static int compare_clients(const void *a, const void *b, void *arg)
{
	const struct contact_table *t = arg;
	const struct table_client *x = &t->clients[*(const uint32_t *)a];
	const struct table_client *y = &t->clients[*(const uint32_t *)b];

	if (x->ip_version != y->ip_version)
		return x->ip_version < y->ip_version ? -1 : 1;
	return memcmp(x->addr.b, y->addr.b, 16);
}

static int compare_rows(const void *a, const void *b)
{
	return contact_row_compare(a, b);
}

static int compare_numbers(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static int build_orders(struct build *b)
{
	const struct contact_table *t = b->t;

	b->by_key = calloc(t->value_count + 1u, sizeof(*b->by_key));
	b->ordinal = calloc(t->value_count + 1u, sizeof(*b->ordinal));
	b->by_addr = calloc(t->client_count + 1u, sizeof(*b->by_addr));
	if (!b->by_key || !b->ordinal || !b->by_addr)
		return -ENOMEM;
	for (uint32_t i = 0; i < t->value_count; i++)
		b->by_key[i] = i;
	for (uint32_t i = 0; i < t->client_count; i++)
		b->by_addr[i] = i;
	qsort_r(b->by_key, t->value_count, sizeof(*b->by_key), compare_values, (void *)(uintptr_t)t);
	qsort_r(b->by_addr, t->client_count, sizeof(*b->by_addr), compare_clients,
		(void *)(uintptr_t)t);
	for (uint32_t i = 0; i < t->value_count; i++)
		b->ordinal[b->by_key[i]] = i;
	return 0;
}

static int rows_of_value(struct build *b, const struct table_value *v)
{
	size_t n = 0;

	if (b->rows_cap < v->entries) {
		struct contact_row *more = realloc(b->rows, v->entries * sizeof(*more));

		if (!more)
			return -ENOMEM;
		b->rows = more;
		b->rows_cap = v->entries;
	}
	for (uint32_t e = v->first_entry; e != TABLE_NONE; e = b->t->entries[e].next_of_value)
		table_row(b->t, e, &b->rows[n++]);
	qsort(b->rows, n, sizeof(*b->rows), compare_rows);
	return 0;
}

static int put_ordinals(struct build *b, struct store_file *file)
{
	uint8_t key[16];
	int err = 0;

	for (uint32_t i = 0; i < b->t->value_count && !err; i += ORDINAL_STEP) {
		const struct table_value *v = &b->t->values[b->by_key[i]];

		err = store_file_put(file, key, ordinal_key(key, b->t->day, b->t->part, i),
				     b->t->keys.data + v->offset, v->len);
	}
	return err;
}

static int put_postings(struct build *b, struct store_file *file)
{
	uint8_t key[CONTACT_KEY_MAX];
	int err = put_ordinals(b, file);

	for (uint32_t i = 0; i < b->t->value_count && !err; i++) {
		const struct table_value *v = &b->t->values[b->by_key[i]];

		err = rows_of_value(b, v);
		if (err)
			break;
		text_clear(&b->out);
		posting_encode(&b->out, b->rows, v->entries);
		if (b->out.failed)
			return -ENOMEM;
		err = store_file_put(file, key,
				     posting_key(key, b->t->day, b->t->keys.data + v->offset, v->len,
						 b->t->part),
				     b->out.data, b->out.len);
	}
	return err;
}

static int put_dictionary(struct build *b, struct store_file *file)
{
	uint8_t key[CONTACT_KEY_MAX], day[2];
	int err = 0;

	put_be16(day, b->t->day);
	for (uint32_t i = 0; i < b->t->value_count && !err; i++) {
		const struct table_value *v = &b->t->values[b->by_key[i]];

		err = store_file_merge(file, key,
				       dictionary_key(key, b->t->keys.data + v->offset, v->len), day,
				       sizeof(day));
	}
	return err;
}

static int numbers_of_client(struct build *b, const struct table_client *c, size_t *count)
{
	size_t n = 0;

	for (uint32_t e = c->first_entry; e != TABLE_NONE; e = b->t->entries[e].next_of_client) {
		if (n == b->numbers_cap) {
			size_t cap = b->numbers_cap ? 2 * b->numbers_cap : 256;
			uint32_t *more = realloc(b->numbers, cap * sizeof(*more));

			if (!more)
				return -ENOMEM;
			b->numbers = more;
			b->numbers_cap = cap;
		}
		b->numbers[n++] = b->ordinal[b->t->entries[e].value];
	}
	qsort(b->numbers, n, sizeof(*b->numbers), compare_numbers);
	*count = n;
	return 0;
}

/* Value of a marker: version, counts of values, clients, entries. */
static int put_marker(struct build *b, struct store_file *file)
{
	uint8_t key[8], value[13] = {1};

	put_be32(value + 1, b->t->value_count);
	put_be32(value + 5, b->t->client_count);
	put_be32(value + 9, b->t->entry_count);
	return store_file_put(file, key, marker_key(key, b->t->day, b->t->part), value,
			      sizeof(value));
}

static int put_clients(struct build *b, struct store_file *file)
{
	uint8_t key[32];
	int err = put_marker(b, file);

	for (uint32_t i = 0; i < b->t->client_count && !err; i++) {
		const struct table_client *c = &b->t->clients[b->by_addr[i]];
		uint32_t last = 0;
		size_t n;

		err = numbers_of_client(b, c, &n);
		if (err)
			break;
		text_clear(&b->out);
		for (size_t k = 0; k < n; k++) {
			uint8_t *at = text_room(&b->out, VARINT_MAX);

			if (!at)
				return -ENOMEM;
			b->out.len += (size_t)(put_varint(at, b->numbers[k] - last) - at);
			last = b->numbers[k];
		}
		err = store_file_put(file, key,
				     client_key(key, b->t->day, (int)c->ip_version, &c->addr,
						b->t->part),
				     b->out.data, b->out.len);
	}
	return err;
}

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

int table_write_files(struct store *s, const struct contact_table *t, uint64_t *bytes)
{
	static int (*const fill[FILES])(struct build *, struct store_file *) = {
		put_clients, put_dictionary, put_postings};
	struct build b = {.store = s, .t = t};
	char path[FILES][4200], dir[4128];
	const char *paths[FILES];
	int err = 0;

	if (t->value_count) {
		snprintf(dir, sizeof(dir), "%.4096s/incoming", store_dir(s));
		if (mkdir(dir, 0750) != 0 && errno != EEXIST)
			return -errno;
		err = build_orders(&b);
		for (int i = 0; i < FILES && !err; i++) {
			snprintf(path[i], sizeof(path[i]), "%s/%u-%u-%d.sst", dir, t->day, t->part,
				 i);
			paths[i] = path[i];
			err = write_file(&b, path[i], fill[i]);
		}
		if (!err)
			err = store_ingest_files(s, STORE_contact, paths, FILES);
		for (int i = 0; i < FILES && err; i++)
			unlink(path[i]);
	}
	free(b.by_key);
	free(b.ordinal);
	free(b.by_addr);
	free(b.rows);
	free(b.numbers);
	text_free(&b.out);
	*bytes = b.bytes;
	return err;
}
