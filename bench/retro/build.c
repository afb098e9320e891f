/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A store of a whole year, made as the keeper makes it: a table of each day, written as sorted
 * files and taken in. The way there (ring, journal, commits) is left out: `ingest` measures that.
 * Each thread makes days of its own.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "bench/retro/retro.h"
#include "control/contact/contacts_private.h"
#include "dataplane/event/contact.h"

#define PART_BYTES (384ull << 20) /* a table that is bigger becomes a part */

#define HOUR_US 3600000000ull

struct builder {
	struct retro_bench *bench;
	struct opened *opened;
	_Atomic uint32_t next_day;
	_Atomic uint64_t rows, names, bytes;
	_Atomic int err;
	struct id_cache *ids;
	enum config_precision precision;
	pthread_mutex_t writing; /* values get their numbers one part after the other */
};

struct day_build {
	struct builder *builder;
	struct contact_table *table;
	uint16_t day, part;
	uint64_t rows, names;
};

static int write_part(struct day_build *d)
{
	uint64_t bytes = 0;
	int err;

	pthread_mutex_lock(&d->builder->writing);
	err = table_write_files(d->builder->opened->store, d->table, d->builder->precision, d->builder->ids,
				&bytes);
	pthread_mutex_unlock(&d->builder->writing);
	d->builder->bytes += bytes;
	table_free(d->table);
	d->table = NULL;
	return err;
}

/* In most of the hours between the first and the last contact there was another. */
static uint32_t hours_of(const struct year_row *row)
{
	uint32_t from = (uint32_t)(row->first_us / HOUR_US), to = (uint32_t)(row->last_us / HOUR_US);
	uint64_t bits = row->count * 0x9e3779b97f4a7c15ull ^ row->first_us;
	uint32_t hours = 1u << from | 1u << to;

	for (uint32_t h = from + 1; h < to && row->count > 2; h++, bits = bits >> 2 | bits << 62)
		hours |= (bits & 3) != 0 ? 1u << h : 0;
	return hours;
}

static int add_row(void *arg, const struct year_row *row)
{
	struct day_build *d = arg;
	uint8_t value[1 + VALUE_KEY_MAX];
	struct contact_row into = {
		.client = row->client,
		.ip_version = row->ip_version,
		.port_count = row->port != 0,
		.port = {row->port},
		.first_us = row->first_us,
		.last_us = row->last_us,
		.hours = hours_of(row),
		.count = row->count,
		.bytes_out = row->bytes_out,
		.bytes_in = row->bytes_in,
	};
	size_t len;

	value[0] = row->kind;
	len = row->kind == CONTACT_IP
		      ? value_key_addr(row->server.b, row->ip_version == 4 ? 4 : 16, value + 1)
		      : value_key(row->kind, row->name, row->name_len, value + 1);
	if (!len)
		return -EINVAL;
	d->rows++;
	d->names += row->kind != CONTACT_IP;
	return table_add(d->table, value, 1 + len, &into);
}

static int build_day(struct builder *b, uint32_t day)
{
	struct day_build d = {.builder = b, .day = (uint16_t)(YEAR_FIRST_DAY + day)};
	int err = 0;

	for (uint32_t client = 0; client < b->bench->setup.clients && !err; client++) {
		if (!d.table && !(d.table = table_new(d.day, d.part++)))
			return -ENOMEM;
		err = year_client_day(b->bench->year, client, day, add_row, &d);
		if (!err && client % 64 == 63 && table_bytes(d.table) > PART_BYTES)
			err = write_part(&d);
	}
	if (!err && d.table && d.table->entry_count)
		err = write_part(&d);
	table_free(d.table);
	b->rows += d.rows;
	b->names += d.names;
	return err;
}

static void *work(void *arg)
{
	struct builder *b = arg;

	for (;;) {
		uint32_t day = b->next_day++;
		int err = day < b->bench->setup.days && !b->err ? build_day(b, day) : 1;

		if (err < 0)
			b->err = err;
		if (err)
			return NULL;
	}
}

int bench_build(struct retro_bench *bench)
{
	struct opened opened;
	struct builder b = {.bench = bench, .opened = &opened, .writing = PTHREAD_MUTEX_INITIALIZER};
	double wall = clock_wall(), cpu = clock_cpu();
	pthread_t thread[16];
	uint32_t threads = 0;

	b.ids = id_cache_new();
	b.precision = bench->seconds ? PRECISION_S : PRECISION_AUTO;
	if (!bench_year_save(bench) || !bench_open(bench, true, &opened))
		return 1;
	while (threads < bench->threads && threads < 16 &&
	       pthread_create(&thread[threads], NULL, work, &b) == 0)
		threads++;
	while (threads)
		pthread_join(thread[--threads], NULL);
	if (!b.err)
		b.err = store_flush(opened.store);
	if (b.err)
		fprintf(stderr, "bench-retro: the store could not be built: %s (%s)\n",
			strerror(-b.err), store_error());
	bench_close(&opened);
	id_cache_free(b.ids);
	figure(bench, "build: rows", (double)b.rows, "");
	figure(bench, "build: of which names", (double)b.names, "");
	figure(bench, "build: processor time", clock_cpu() - cpu, "s");
	figure(bench, "build: rows a second", (double)b.rows / (clock_wall() - wall), "1/s");
	return b.err != 0;
}
