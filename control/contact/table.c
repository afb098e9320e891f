/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/contact/table.h"

#include <errno.h>
#include <stdlib.h>

#include "control/contact/hash.h"

#define INDEX_FIRST 256u

struct contact_table *table_new(uint16_t day, uint16_t part)
{
	struct contact_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->day = day;
	t->part = part;
	t->references = 1;
	return t;
}

void table_free(struct contact_table *t)
{
	if (!t)
		return;
	text_free(&t->keys);
	free(t->values);
	free(t->clients);
	free(t->entries);
	free(t->extras);
	free(t->value_index.slot);
	free(t->client_index.slot);
	free(t->entry_index.slot);
	free(t);
}

static uint32_t entry_hash(uint32_t value, uint32_t client)
{
	const uint32_t pair[2] = {value, client};

	return (uint32_t)secret_hash(pair, sizeof(pair));
}

/* Room for one more number; rehash() puts number i back by its hash. */
static int index_grow(struct table_index *x, uint32_t count, uint32_t (*hash)(const void *, uint32_t),
		      const void *arg)
{
	uint32_t size = x->size ? x->size * 2 : INDEX_FIRST;
	uint32_t *slot;

	if (x->size && (uint64_t)(count + 1) * 4 < (uint64_t)x->size * 3)
		return 0;
	slot = calloc(size, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = hash(arg, i) & (size - 1);

		while (slot[at])
			at = (at + 1) & (size - 1);
		slot[at] = i + 1;
	}
	free(x->slot);
	x->slot = slot;
	x->size = size;
	return 0;
}

static void index_put(struct table_index *x, uint32_t hash, uint32_t number)
{
	uint32_t at = hash & (x->size - 1);

	while (x->slot[at])
		at = (at + 1) & (x->size - 1);
	x->slot[at] = number + 1;
}

static uint32_t hash_of_value(const void *arg, uint32_t i)
{
	return ((const struct contact_table *)arg)->values[i].hash;
}

static uint32_t hash_of_client(const void *arg, uint32_t i)
{
	return ((const struct contact_table *)arg)->clients[i].hash;
}

static uint32_t hash_of_entry(const void *arg, uint32_t i)
{
	const struct table_entry *e = &((const struct contact_table *)arg)->entries[i];

	return entry_hash(e->value, e->client);
}

static int array_grow(void *array, uint32_t *cap, uint32_t count, size_t size)
{
	void **at = array, *more;
	uint32_t want = *cap ? *cap + *cap / 2 : 64;

	if (count < *cap)
		return 0;
	if (want >= TABLE_NONE || !(more = realloc(*at, (size_t)want * size)))
		return -ENOMEM;
	*at = more;
	*cap = want;
	return 0;
}

static uint32_t find_value(const struct contact_table *t, const uint8_t *value, size_t len,
			   uint32_t hash)
{
	const struct table_index *x = &t->value_index;

	if (!x->size)
		return TABLE_NONE;
	for (uint32_t at = hash & (x->size - 1); x->slot[at]; at = (at + 1) & (x->size - 1)) {
		const struct table_value *v = &t->values[x->slot[at] - 1];

		if (v->hash == hash && v->len == len &&
		    memcmp(t->keys.data + v->offset, value, len) == 0)
			return x->slot[at] - 1;
	}
	return TABLE_NONE;
}

uint32_t table_find_value(const struct contact_table *t, const uint8_t *value, size_t len)
{
	return find_value(t, value, len, (uint32_t)secret_hash(value, len));
}

static uint32_t client_hash(const struct addr *a, int ip_version)
{
	uint8_t key[sizeof(a->b) + 1];

	memcpy(key, a->b, sizeof(a->b));
	key[sizeof(a->b)] = (uint8_t)ip_version;
	return (uint32_t)secret_hash(key, sizeof(key));
}

static uint32_t find_client(const struct contact_table *t, const struct addr *a, int ip_version,
			    uint32_t hash)
{
	const struct table_index *x = &t->client_index;

	if (!x->size)
		return TABLE_NONE;
	for (uint32_t at = hash & (x->size - 1); x->slot[at]; at = (at + 1) & (x->size - 1)) {
		const struct table_client *c = &t->clients[x->slot[at] - 1];

		if (c->hash == hash && c->ip_version == (uint32_t)ip_version &&
		    addr_equal(&c->addr, a))
			return x->slot[at] - 1;
	}
	return TABLE_NONE;
}

uint32_t table_find_client(const struct contact_table *t, const struct addr *a, int ip_version)
{
	return find_client(t, a, ip_version, client_hash(a, ip_version));
}

static uint32_t find_entry(const struct contact_table *t, uint32_t value, uint32_t client)
{
	const struct table_index *x = &t->entry_index;

	if (!x->size)
		return TABLE_NONE;
	for (uint32_t at = entry_hash(value, client) & (x->size - 1); x->slot[at];
	     at = (at + 1) & (x->size - 1)) {
		const struct table_entry *e = &t->entries[x->slot[at] - 1];

		if (e->value == value && e->client == client)
			return x->slot[at] - 1;
	}
	return TABLE_NONE;
}

uint32_t table_intern_value(struct contact_table *t, const uint8_t *value, size_t len)
{
	uint32_t hash = (uint32_t)secret_hash(value, len);
	uint32_t number = find_value(t, value, len, hash);

	if (number != TABLE_NONE)
		return number;
	if (array_grow(&t->values, &t->value_cap, t->value_count, sizeof(*t->values)) != 0 ||
	    index_grow(&t->value_index, t->value_count, hash_of_value, t) != 0 ||
	    !text_room(&t->keys, len))
		return TABLE_NONE;
	number = t->value_count++;
	t->values[number] = (struct table_value){.offset = t->keys.len,
						 .len = (uint32_t)len,
						 .first_entry = TABLE_NONE,
						 .hash = hash};
	text_bytes(&t->keys, value, len);
	index_put(&t->value_index, hash, number);
	return number;
}

static uint32_t intern_client(struct contact_table *t, const struct addr *a, int ip_version)
{
	uint32_t hash = client_hash(a, ip_version);
	uint32_t number = find_client(t, a, ip_version, hash);

	if (number != TABLE_NONE)
		return number;
	if (array_grow(&t->clients, &t->client_cap, t->client_count, sizeof(*t->clients)) != 0 ||
	    index_grow(&t->client_index, t->client_count, hash_of_client, t) != 0)
		return TABLE_NONE;
	number = t->client_count++;
	t->clients[number] = (struct table_client){.addr = *a,
						   .ip_version = (uint32_t)ip_version,
						   .hash = hash};
	index_put(&t->client_index, hash, number);
	return number;
}

/* Bytes and ports of an entry, as far as they do not fit into it. */
static int put_extra(struct contact_table *t, struct table_entry *e, const struct contact_row *row)
{
	struct table_extra *x;

	e->has_port = row->port_count != 0;
	e->port = row->port_count ? row->port[0] : 0;
	if (e->extra == TABLE_NONE) {
		if (!row->bytes_out && !row->bytes_in && row->port_count <= 1)
			return 0;
		if (array_grow(&t->extras, &t->extra_cap, t->extra_count, sizeof(*t->extras)) != 0)
			return -ENOMEM;
		e->extra = t->extra_count++;
	}
	x = &t->extras[e->extra];
	x->bytes_out = row->bytes_out;
	x->bytes_in = row->bytes_in;
	x->port_count = row->port_count;
	memcpy(x->port, row->port, sizeof(x->port));
	return 0;
}

static void put_row(struct table_entry *e, const struct contact_row *row)
{
	e->first_us = row->first_us;
	e->last_us = row->last_us;
	e->hours = row->hours;
	e->count = row->count < TABLE_COUNT_MAX ? row->count : TABLE_COUNT_MAX;
}

static int add_entry(struct contact_table *t, uint32_t value, uint32_t client,
		     const struct contact_row *row)
{
	struct table_entry *e;
	uint32_t number;

	if (array_grow(&t->entries, &t->entry_cap, t->entry_count, sizeof(*t->entries)) != 0 ||
	    index_grow(&t->entry_index, t->entry_count, hash_of_entry, t) != 0)
		return -ENOMEM;
	number = t->entry_count;
	e = &t->entries[number];
	memset(e, 0, sizeof(*e));
	e->value = value;
	e->client = client;
	e->next_of_value = t->values[value].first_entry;
	e->extra = TABLE_NONE;
	if (put_extra(t, e, row) != 0)
		return -ENOMEM;
	put_row(e, row);
	t->entry_count++;
	t->values[value].first_entry = number;
	t->values[value].entries++;
	t->clients[client].entries++;
	index_put(&t->entry_index, entry_hash(value, client), number);
	return 0;
}

void table_row(const struct contact_table *t, uint32_t entry, struct contact_row *row)
{
	const struct table_entry *e = &t->entries[entry];
	const struct table_client *c = &t->clients[e->client];

	*row = (struct contact_row){
		.client = c->addr,
		.ip_version = (uint8_t)c->ip_version,
		.port_count = e->has_port,
		.hours = (uint32_t)e->hours,
		.first_us = e->first_us,
		.last_us = e->last_us,
		.count = e->count,
	};
	row->port[0] = e->port;
	if (e->extra != TABLE_NONE) {
		const struct table_extra *x = &t->extras[e->extra];

		row->bytes_out = x->bytes_out;
		row->bytes_in = x->bytes_in;
		row->port_count = x->port_count;
		memcpy(row->port, x->port, sizeof(row->port));
	}
}

int table_add(struct contact_table *t, const uint8_t *value, size_t len,
	      const struct contact_row *row)
{
	uint32_t v = table_intern_value(t, value, len), c, number;
	struct contact_row sum;

	if (v == TABLE_NONE)
		return -ENOMEM;
	c = intern_client(t, &row->client, row->ip_version);
	if (c == TABLE_NONE)
		return -ENOMEM;
	number = find_entry(t, v, c);
	if (number == TABLE_NONE)
		return add_entry(t, v, c, row);
	table_row(t, number, &sum);
	contact_row_add(&sum, row);
	put_row(&t->entries[number], &sum);
	return put_extra(t, &t->entries[number], &sum);
}

uint64_t table_bytes(const struct contact_table *t)
{
	return sizeof(*t) + t->keys.cap + t->value_cap * sizeof(*t->values) +
	       t->client_cap * sizeof(*t->clients) + t->entry_cap * sizeof(*t->entries) +
	       t->extra_cap * sizeof(*t->extras) +
	       4ull * (t->value_index.size + t->client_index.size + t->entry_index.size);
}
