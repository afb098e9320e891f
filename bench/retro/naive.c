/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/retro/naive.h"

#include <errno.h>
#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/retro/look.h"
#include "control/contact/kinds.h"
#include "control/store/bytes.h"
#include "control/store/days.h"
#include "dataplane/event/contact.h"

#define BATCH_ROWS 1000
#define ROW_BYTES 42
#define CONTACTS 300000u /* one by one */

struct naive {
	rocksdb_t *db;
	rocksdb_options_t *options;
	rocksdb_block_based_table_options_t *table;
	rocksdb_cache_t *cache;
	rocksdb_readoptions_t *read;
	rocksdb_writeoptions_t *write;
	rocksdb_writebatch_t *batch;
	uint16_t day;
	uint64_t rows, contacts, limit;
	uint32_t waiting;
};

struct naive_keys {
	uint8_t by_value[VALUE_KEY_MAX + 64], by_client[VALUE_KEY_MAX + 64];
	size_t by_value_len, by_client_len;
};

static void path_of(const struct retro_bench *b, char *path, size_t size)
{
	snprintf(path, size, "%.4096s/naive", b->dir);
}

static void naive_close(struct naive *n)
{
	if (n->db)
		rocksdb_close(n->db);
	rocksdb_writebatch_destroy(n->batch);
	rocksdb_writeoptions_destroy(n->write);
	rocksdb_readoptions_destroy(n->read);
	rocksdb_options_destroy(n->options);
	rocksdb_block_based_options_destroy(n->table);
	rocksdb_cache_destroy(n->cache);
}

static bool naive_open(const struct retro_bench *b, bool make, struct naive *n)
{
	char path[4200], *error = NULL;

	path_of(b, path, sizeof(path));
	*n = (struct naive){.options = rocksdb_options_create(),
			    .table = rocksdb_block_based_options_create(),
			    .cache = rocksdb_cache_create_lru(256u << 20),
			    .read = rocksdb_readoptions_create(),
			    .write = rocksdb_writeoptions_create(),
			    .batch = rocksdb_writebatch_create()};
	rocksdb_block_based_options_set_block_cache(n->table, n->cache);
	rocksdb_block_based_options_set_filter_policy(n->table,
						      rocksdb_filterpolicy_create_bloom_full(10));
	rocksdb_options_set_block_based_table_factory(n->options, n->table);
	rocksdb_options_set_compression(n->options, rocksdb_lz4_compression);
	rocksdb_options_increase_parallelism(n->options, 2);
	rocksdb_options_set_create_if_missing(n->options, make);
	n->db = make ? rocksdb_open(n->options, path, &error)
		     : rocksdb_open_for_read_only(n->options, path, 0, &error);
	if (n->db)
		return true;
	fprintf(stderr, "bench-retro: %s: %s\n", path, error);
	free(error);
	naive_close(n);
	return false;
}

bool naive_is_there(const struct retro_bench *b)
{
	char path[4200];

	path_of(b, path, sizeof(path));
	return access(path, R_OK) == 0;
}

static int naive_flush(struct naive *n)
{
	char *error = NULL;

	rocksdb_write(n->db, n->write, n->batch, &error);
	rocksdb_writebatch_clear(n->batch);
	n->waiting = 0;
	if (error)
		fprintf(stderr, "bench-retro: %s\n", error);
	free(error);
	return error ? -EIO : 0;
}

static size_t put_client(uint8_t *at, int version, const struct addr *a)
{
	size_t bytes = version == 4 ? 4 : 16;

	at[0] = (uint8_t)version;
	memcpy(at + 1, a->b, bytes);
	return 1 + bytes;
}

static void make_keys(const struct naive *n, const struct year_row *row, struct naive_keys *k)
{
	uint8_t value[1 + VALUE_KEY_MAX];
	size_t len, at;

	value[0] = row->kind;
	len = 1 + (row->kind == CONTACT_IP
			   ? value_key_addr(row->server.b, row->ip_version == 4 ? 4 : 16, value + 1)
			   : value_key(row->kind, row->name, row->name_len, value + 1));
	k->by_value[0] = 'i';
	memcpy(k->by_value + 1, value, len);
	at = 1 + len;
	at += put_client(k->by_value + at, row->ip_version, &row->client);
	put_be16(k->by_value + at, n->day);
	k->by_value_len = at + 2;
	k->by_client[0] = 'c';
	at = 1 + put_client(k->by_client + 1, row->ip_version, &row->client);
	memcpy(k->by_client + at, value, len);
	at += len;
	put_be16(k->by_client + at, n->day);
	k->by_client_len = at + 2;
}

static void put_both(struct naive *n, const struct naive_keys *k, const uint8_t data[ROW_BYTES])
{
	rocksdb_writebatch_put(n->batch, (const char *)k->by_value, k->by_value_len,
			       (const char *)data, ROW_BYTES);
	rocksdb_writebatch_put(n->batch, (const char *)k->by_client, k->by_client_len,
			       (const char *)data, ROW_BYTES);
}

static void make_data(const struct year_row *row, uint64_t count, uint8_t data[ROW_BYTES])
{
	put_be64(data, row->first_us);
	put_be64(data + 8, row->last_us);
	put_be64(data + 16, count);
	put_be64(data + 24, row->bytes_out);
	put_be64(data + 32, row->bytes_in);
	put_be16(data + 40, row->port);
}

static int naive_row(void *arg, const struct year_row *row)
{
	struct naive *n = arg;
	uint8_t data[ROW_BYTES];
	struct naive_keys k;

	make_keys(n, row, &k);
	make_data(row, row->count, data);
	put_both(n, &k, data);
	n->rows++;
	return ++n->waiting < BATCH_ROWS ? 0 : naive_flush(n);
}

/* Each contact by itself, as it comes: read, count one more, write. That those of one row come in
 * a run is in this way's favour. */
static int naive_contact(void *arg, const struct year_row *row)
{
	struct naive *n = arg;
	struct naive_keys k;
	int err = 0;

	make_keys(n, row, &k);
	for (uint64_t i = 0; i < row->count && !err && n->contacts < n->limit; i++) {
		uint8_t data[ROW_BYTES];
		char *error = NULL, *old;
		uint64_t count = 0;
		size_t len = 0;

		old = rocksdb_get(n->db, n->read, (char *)k.by_value, k.by_value_len, &len, &error);
		if (old && len == ROW_BYTES)
			count = read_be64((uint8_t *)old + 16);
		free(old);
		free(error);
		make_data(row, count + 1, data);
		put_both(n, &k, data);
		err = naive_flush(n);
		n->contacts++;
	}
	return err ? err : n->contacts >= n->limit;
}

double naive_ingest(struct retro_bench *b, const char *dir)
{
	struct retro_bench other = *b;
	char path[4200], *error = NULL;
	struct naive n;
	double cpu;
	int err = 0;

	other.dir = dir;
	path_of(&other, path, sizeof(path));
	if (!bench_year_save(&other) || !naive_open(&other, true, &n))
		return 0;
	n.limit = CONTACTS;
	n.day = YEAR_FIRST_DAY;
	cpu = clock_cpu();
	for (uint32_t client = 0; client < b->setup.clients && !err; client++)
		err = year_client_day(b->year, client, 0, naive_contact, &n);
	cpu = clock_cpu() - cpu;
	rocksdb_close(n.db);
	n.db = NULL;
	rocksdb_destroy_db(n.options, path, &error);
	free(error);
	naive_close(&n);
	return err < 0 ? 0 : (double)n.contacts / cpu;
}

double naive_row_bytes(struct retro_bench *b)
{
	char path[4200];
	rocksdb_iterator_t *it;
	struct naive n;
	uint64_t rows = 0;

	if (!naive_open(b, false, &n))
		return 0;
	it = rocksdb_create_iterator(n.db, n.read);
	for (rocksdb_iter_seek(it, "i", 1); rocksdb_iter_valid(it); rocksdb_iter_next(it))
		rows++;
	rocksdb_iter_destroy(it);
	naive_close(&n);
	path_of(b, path, sizeof(path));
	return (double)folder_bytes(path) / (double)(rows ? rows : 1);
}

int bench_naive(struct retro_bench *b)
{
	double cpu = clock_cpu(), wall = clock_wall();
	char path[4200];
	struct naive n;
	int err = 0;

	if (access(b->dir, R_OK) == 0) {
		year_free(b->year);
		if (!bench_year_load(b))
			return 1;
	} else if (!bench_year_save(b)) {
		return 1;
	}
	if (!naive_open(b, true, &n))
		return 1;
	for (uint32_t day = 0; day < b->setup.days && !err; day++) {
		n.day = (uint16_t)(YEAR_FIRST_DAY + day);
		for (uint32_t client = 0; client < b->setup.clients && !err; client++)
			err = year_client_day(b->year, client, day, naive_row, &n);
	}
	if (err >= 0)
		err = naive_flush(&n);
	rocksdb_compact_range(n.db, NULL, 0, NULL, 0);
	naive_close(&n);
	path_of(b, path, sizeof(path));
	figure(b, "naive: rows", (double)n.rows, "");
	figure(b, "naive: processor time", clock_cpu() - cpu, "s");
	figure(b, "naive: rows a second", (double)n.rows / (clock_wall() - wall), "1/s");
	figure(b, "naive: bytes a contact row", (double)folder_bytes(path) / (double)n.rows,
	       "bytes");
	return err != 0;
}

/* The row under the iterator, if its client part begins at `at`. */
static int take_row(rocksdb_iterator_t *it, const uint8_t *key, size_t len, size_t at,
		    uint16_t port, uint32_t number, struct answers *out)
{
	struct answer a = {.asked = number};
	size_t bytes, size;
	const uint8_t *v = (const uint8_t *)rocksdb_iter_value(it, &size);
	uint64_t midnight;

	if (size != ROW_BYTES || at >= len || (port && read_be16(v + 40) != port))
		return 0;
	a.ip_version = key[at];
	bytes = a.ip_version == 4 ? 4 : 16;
	if (at + 1 + bytes + 2 != len)
		return -EPROTO;
	memcpy(a.client.b, key + at + 1, bytes);
	midnight = read_be16(key + len - 2) * DAY_NS;
	a.first_ns = midnight + read_be64(v) * 1000;
	a.last_ns = midnight + read_be64(v + 8) * 1000;
	a.count = read_be64(v + 16);
	return answers_add(out, &a);
}

static int naive_one(rocksdb_iterator_t *it, const struct asked *one, uint32_t number,
		     struct answers *out)
{
	struct value_range range[VALUE_RANGES_MAX];
	uint8_t key[VALUE_KEY_MAX + 8];
	uint16_t port;
	unsigned n = look_up_ranges(one, range, &port);
	int err = n ? 0 : -EINVAL;

	for (unsigned i = 0; i < n && !err; i++) {
		key[0] = 'i';
		key[1] = (uint8_t)range[i].kind;
		memcpy(key + 2, range[i].from, range[i].from_len);
		for (rocksdb_iter_seek(it, (char *)key, 2 + range[i].from_len);
		     rocksdb_iter_valid(it) && !err; rocksdb_iter_next(it)) {
			size_t len, value;
			const uint8_t *k = (const uint8_t *)rocksdb_iter_key(it, &len);
			size_t least;

			if (len < 3 || k[0] != 'i' || k[1] != range[i].kind)
				break;
			value = value_key_length(range[i].kind, k + 2, len - 2);
			least = value < range[i].to_len ? value : range[i].to_len;
			if (range[i].to_len &&
			    (memcmp(k + 2, range[i].to, least) > 0 ||
			     (memcmp(k + 2, range[i].to, least) == 0 && value >= range[i].to_len)))
				break;
			err = take_row(it, k, len, 2 + value, port, number, out);
		}
	}
	return err;
}

long naive_million(struct retro_bench *b, const struct asked_list *l, double *cpu)
{
	struct answers found = {0};
	rocksdb_iterator_t *it;
	struct naive n;
	size_t bad;
	int err = 0;

	if (!naive_open(b, false, &n))
		return -EIO;
	it = rocksdb_create_iterator(n.db, n.read);
	*cpu = clock_cpu();
	for (size_t i = 0; i < l->count && !err; i++)
		err = naive_one(it, &l->asked[i], (uint32_t)i, &found);
	found.count = answers_sum(found.rows, found.count);
	*cpu = clock_cpu() - *cpu;
	rocksdb_iter_destroy(it);
	naive_close(&n);
	bad = err ? 0 : answers_differ(l, found.rows, found.count, 1000);
	answers_free(&found);
	return err ? err : (long)bad;
}
