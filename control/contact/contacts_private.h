/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the files of this folder share. Nobody else includes it.
 */
#ifndef CONTROL_CONTACT_PRIVATE_H
#define CONTROL_CONTACT_PRIVATE_H

#include <pthread.h>

#include "control/contact/contacts.h"
#include "control/contact/filter.h"
#include "control/contact/journal.h"
#include "control/contact/table.h"

#define STAGED_DAYS_MAX 64  /* in one batch; more make it commit */
#define TABLES_MAX 512      /* days in memory at once */

/* A part of a day whose files are in. */
struct contact_part {
	uint16_t day, part;
};

struct staged_day {
	uint16_t day;
	uint16_t part;
	bool recorded;     /* part is set, it stands in the batch */
	struct text bytes;
};

struct contacts {
	struct store *store;
	pthread_mutex_t lock;   /* tables and what is in them */
	pthread_cond_t freed;   /* a sealed table is gone */
	struct contact_table *table[TABLES_MAX];
	unsigned table_count;
	struct contact_part *parts; /* ascending */
	size_t part_count, part_cap;
	enum config_precision precision;
	struct id_cache *ids;   /* keeper; may be NULL */
	uint64_t limit_bytes;   /* of open tables; as much again of sealed ones */
	struct staged_day staged[STAGED_DAYS_MAX]; /* ingest thread only */
	unsigned staged_count;
	size_t staged_bytes;
	uint64_t staged_new, refused_new; /* not yet in figures */
	struct journal_entry entry; /* scratch, ingest thread only */
	uint64_t journal_number;
	bool has_keeper;        /* someone calls contacts_keep */
	struct contacts_figures figures;
};

/* Keys of the family contact (contacts.h). Each returns the length. */
#define CONTACT_KEY_MAX (1 + 1 + VALUE_KEY_MAX)
enum part_section { SECTION_MARKER, SECTION_BLOCK, SECTION_INDEX, SECTION_CLIENT };
#define INDEX_BLOCKS 256 /* blocks in a row of the index */
size_t part_key(uint8_t *key, uint16_t day, uint16_t part, enum part_section section);
size_t client_key(uint8_t *key, uint16_t day, uint16_t part, int ip_version, const struct addr *a);
size_t index_key(uint8_t *key, uint16_t day, uint16_t part, uint32_t chunk);
size_t block_key(uint8_t *key, uint16_t day, uint16_t part, uint32_t id, uint32_t number);
size_t dictionary_key(uint8_t *key, const uint8_t *value, size_t len);
size_t id_key(uint8_t *key, uint32_t id);
#define HASHES_IN_ROW 4096
size_t hashes_key(uint8_t *key, uint32_t first_id, uint32_t chunk);
/* Whether the part's files are in. 1, 0, -errno. */
int part_is_in(struct store *s, uint16_t day, uint16_t part);

/* Under the lock: a reference, so that the table stays while the lock is let go. */
void table_get(struct contact_table *t);
void table_put(struct contacts *c, struct contact_table *t);

/* kinds: the ranges of keys that a want stands for, and the port that it asks for (0: any). 0: it
 * stands for nothing. */
struct contact_want;
unsigned contact_want_ranges(const struct contact_want *w, struct value_range *out, uint16_t *port);

/* files.c: writes a sealed table's files and takes them in. */
int table_write_files(struct store *s, const struct contact_table *t, enum config_precision precision,
		      struct id_cache *ids, uint64_t *bytes);

/* Removes what a process that was killed left of files: none is in use. */
void table_clean_files(struct store *s);

#endif
