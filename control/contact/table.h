/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The contacts of one day in memory: client × indicator → first, last, hours, count, bytes, ports.
 * Only grows; values, clients and entries keep their numbers for life, so that a reader who lets
 * go of the lock between slices finds its place again. The owner (contacts.c) locks.
 *
 * An entry takes 36 bytes, and 40 more when it has bytes or several ports: a day of seven million
 * is in memory as a whole.
 */
#ifndef CONTROL_CONTACT_TABLE_H
#define CONTROL_CONTACT_TABLE_H

#include "control/contact/block.h"

#define TABLE_NONE UINT32_MAX
#define TABLE_COUNT_MAX ((1u << 27) - 1) /* contacts of an entry: counted up to here */

struct table_value {
	uint64_t offset;      /* of the kind (1 byte) and the key in table.keys */
	uint32_t len;         /* of both */
	uint32_t first_entry; /* newest entry of this value; TABLE_NONE */
	uint32_t entries;
	uint32_t hash;
};

struct table_client {
	struct addr addr;
	uint32_t ip_version;
	uint32_t hash;
	uint32_t entries;
};

struct table_entry {
	uint32_t value, client, next_of_value;
	uint32_t extra; /* bytes and further ports; TABLE_NONE */
	uint64_t first_us : 37, hours : 24, has_port : 1, unused : 2;
	uint64_t last_us : 37, count : 27;
	uint16_t port;
} __attribute__((packed, aligned(4)));
_Static_assert(sizeof(struct table_entry) == 36, "size of an entry");

struct table_extra {
	uint64_t bytes_out, bytes_in;
	uint16_t port[CONTACT_PORTS_MAX];
	uint8_t port_count;
};

struct table_index {
	uint32_t *slot; /* numbers + 1; 0: free */
	uint32_t size;  /* a power of two */
};

struct contact_table {
	uint16_t day, part;
	struct text keys;
	struct table_value *values;
	struct table_client *clients;
	struct table_entry *entries;
	struct table_extra *extras;
	uint32_t value_count, value_cap, client_count, client_cap, entry_count, entry_cap;
	uint32_t extra_count, extra_cap;
	struct table_index value_index, client_index, entry_index;
	unsigned references;
	bool pending;      /* contacts for it stand in a batch that is not committed: not to be sealed */
	bool sealed;       /* takes nothing more; waits to be written as a file */
};

struct contact_table *table_new(uint16_t day, uint16_t part);
void table_free(struct contact_table *t);
/* Counts row in (its kind and key as kind byte + key). 0 or -ENOMEM. */
int table_add(struct contact_table *t, const uint8_t *value, size_t len,
	      const struct contact_row *row);
/* The value's number, new or old; TABLE_NONE: out of memory. */
uint32_t table_intern_value(struct contact_table *t, const uint8_t *value, size_t len);
/* TABLE_NONE: not there. */
uint32_t table_find_value(const struct contact_table *t, const uint8_t *value, size_t len);
uint32_t table_find_client(const struct contact_table *t, const struct addr *a, int ip_version);
void table_row(const struct contact_table *t, uint32_t entry, struct contact_row *row);
uint64_t table_bytes(const struct contact_table *t);

static inline const uint8_t *table_value_key(const struct contact_table *t, uint32_t value)
{
	return t->keys.data + t->values[value].offset;
}

#endif
