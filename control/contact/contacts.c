/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Journal, tables, sealing. See contacts.h.
 */
#include "control/contact/contacts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/base/say.h"
#include "control/contact/contacts_private.h"
#include "control/store/bytes.h"
#include "control/store/days.h"

#define GRACE_NS 600000000000ull /* a day is over that long after its end */

size_t part_key(uint8_t *key, uint16_t day, uint16_t part, enum part_section section)
{
	key[0] = 'p';
	put_be16(key + 1, day);
	put_be16(key + 3, part);
	key[5] = (uint8_t)section;
	return 6;
}

size_t client_key(uint8_t *key, uint16_t day, uint16_t part, int ip_version, const struct addr *a)
{
	size_t n = part_key(key, day, part, SECTION_CLIENT), ip = ip_version == 4 ? 4 : 16;

	key[n] = (uint8_t)ip_version;
	memcpy(key + n + 1, a->b, ip);
	return n + 1 + ip;
}

size_t index_key(uint8_t *key, uint16_t day, uint16_t part, uint32_t chunk)
{
	size_t n = part_key(key, day, part, SECTION_INDEX);

	put_be32(key + n, chunk);
	return n + 4;
}

size_t block_key(uint8_t *key, uint16_t day, uint16_t part, uint32_t id, uint32_t number)
{
	size_t n = part_key(key, day, part, SECTION_BLOCK);

	put_be32(key + n, id);
	put_be32(key + n + 4, number);
	return n + 8;
}

size_t dictionary_key(uint8_t *key, const uint8_t *value, size_t len)
{
	key[0] = 'd';
	memcpy(key + 1, value, len);
	return 1 + len;
}

size_t id_key(uint8_t *key, uint32_t id)
{
	key[0] = 'i';
	put_be32(key + 1, id);
	return 5;
}

size_t hashes_key(uint8_t *key, uint32_t first_id, uint32_t chunk)
{
	key[0] = 'h';
	put_be32(key + 1, first_id);
	put_be32(key + 5, chunk);
	return 9;
}

int part_is_in(struct store *s, uint16_t day, uint16_t part)
{
	uint8_t key[6];
	struct text value = {0};
	int found = store_get(s, STORE_contact, key, part_key(key, day, part, SECTION_MARKER), NULL,
			      &value);

	text_free(&value);
	return found;
}

/* ---- parts that are in files ---- */

static int add_part(struct contacts *c, uint16_t day, uint16_t part)
{
	size_t at = c->part_count;

	if (c->part_count == c->part_cap) {
		size_t cap = c->part_cap ? 2 * c->part_cap : 512;
		struct contact_part *more = realloc(c->parts, cap * sizeof(*more));

		if (!more)
			return -ENOMEM;
		c->parts = more;
		c->part_cap = cap;
	}
	while (at && (c->parts[at - 1].day > day ||
		      (c->parts[at - 1].day == day && c->parts[at - 1].part > part)))
		at--;
	memmove(c->parts + at + 1, c->parts + at, (c->part_count - at) * sizeof(*c->parts));
	c->parts[at] = (struct contact_part){day, part};
	c->part_count++;
	return 0;
}

/* A part's marker is its first key: from part to part. */
static int load_parts(struct contacts *c)
{
	static const uint8_t from = 'p', to = 'q';
	struct slice low = {&from, 1}, high = {&to, 1};
	struct store_iter *it = store_iter_new(c->store, STORE_contact, NULL, &low, &high);
	int err = it ? 0 : -ENOMEM;

	c->part_count = 0;
	if (it)
		store_iter_first(it);
	while (!err && store_iter_valid(it)) {
		struct slice k = store_iter_key(it);
		uint8_t key[8];
		uint32_t next;

		if (k.len < 6)
			break;
		memcpy(key, k.data, 6);
		if (key[5] == SECTION_MARKER)
			err = add_part(c, read_be16(key + 1), read_be16(key + 3));
		next = read_be32(key + 1) + 1;
		if (!next)
			break;
		put_be32(key + 1, next);
		store_iter_seek(it, key, 5);
	}
	if (!err)
		err = store_iter_status(it);
	store_iter_free(it);
	return err;
}

void table_get(struct contact_table *t)
{
	t->references++;
}

void table_put(struct contacts *c, struct contact_table *t)
{
	if (--t->references == 0)
		table_free(t);
}

/* One more than the highest part of the day that is in memory or in the store. */
static int next_part(struct contacts *c, uint16_t day, uint16_t *part)
{
	uint32_t next = 0;

	for (size_t i = 0; i < c->part_count; i++)
		if (c->parts[i].day == day && c->parts[i].part >= next)
			next = c->parts[i].part + 1u;
	for (unsigned i = 0; i < c->table_count; i++)
		if (c->table[i]->day == day && c->table[i]->part >= next)
			next = c->table[i]->part + 1u;
	if (next > UINT16_MAX)
		return -ENOSPC;
	*part = (uint16_t)next;
	return 0;
}

static struct contact_table *open_table(struct contacts *c, uint16_t day)
{
	for (unsigned i = 0; i < c->table_count; i++)
		if (c->table[i]->day == day && !c->table[i]->sealed)
			return c->table[i];
	return NULL;
}

static struct contact_table *find_part(struct contacts *c, uint16_t day, uint16_t part)
{
	for (unsigned i = 0; i < c->table_count; i++)
		if (c->table[i]->day == day && c->table[i]->part == part)
			return c->table[i];
	return NULL;
}

static struct contact_table *add_table(struct contacts *c, uint16_t day, uint16_t part)
{
	struct contact_table *t = c->table_count < TABLES_MAX ? table_new(day, part) : NULL;

	if (t)
		c->table[c->table_count++] = t;
	return t;
}

static uint64_t bytes_of_tables(const struct contacts *c, bool sealed)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < c->table_count; i++)
		if (c->table[i]->sealed == sealed)
			sum += table_bytes(c->table[i]);
	return sum;
}

/* A sealed table is written as it is, and its journal dropped: what is in a batch that belongs to
 * it must have been counted in before. */
static void seal(struct contact_table *t)
{
	if (!t->pending)
		t->sealed = true;
}

/* False: there is none that may be sealed. */
static bool seal_biggest(struct contacts *c)
{
	struct contact_table *best = NULL;

	for (unsigned i = 0; i < c->table_count; i++)
		if (!c->table[i]->sealed && !c->table[i]->pending &&
		    (!best || c->table[i]->entry_count > best->entry_count))
			best = c->table[i];
	if (best)
		seal(best);
	return best != NULL;
}

/* Under the lock: lets the keeper work off sealed tables until there is room. */
static void wait_for_room(struct contacts *c)
{
	while (bytes_of_tables(c, true) > c->limit_bytes + c->limit_bytes / 4 ||
	       c->table_count == TABLES_MAX) {
		if (c->table_count == TABLES_MAX && !bytes_of_tables(c, true) && !seal_biggest(c))
			return;
		if (c->has_keeper) {
			pthread_cond_wait(&c->freed, &c->lock);
			continue;
		}
		pthread_mutex_unlock(&c->lock);
		if (contacts_keep(c) < 0) {
			pthread_mutex_lock(&c->lock);
			return;
		}
		pthread_mutex_lock(&c->lock);
	}
}

int contacts_stage(struct contacts *c, const struct record_head *head)
{
	uint16_t day = day_of(head->ts_ns);
	struct staged_day *at = NULL;
	size_t before;

	if (!journal_from_record(&c->entry, head)) {
		c->refused_new++;
		return 0;
	}
	for (unsigned i = 0; i < c->staged_count && !at; i++)
		if (c->staged[i].day == day)
			at = &c->staged[i];
	if (!at && c->staged_count < STAGED_DAYS_MAX) {
		at = &c->staged[c->staged_count++];
		at->day = day;
		at->recorded = false;
		text_clear(&at->bytes);
	}
	if (!at)
		return -EAGAIN;
	before = at->bytes.len;
	journal_put(&at->bytes, &c->entry);
	c->staged_bytes += at->bytes.len - before;
	c->staged_new++;
	return 0;
}

size_t contacts_staged_bytes(const struct contacts *c)
{
	return c->staged_bytes;
}

void contacts_record(struct contacts *c, struct store_batch *b)
{
	uint8_t key[JOURNAL_KEY_BYTES];

	pthread_mutex_lock(&c->lock);
	c->figures.staged += c->staged_new;
	c->figures.refused += c->refused_new;
	c->staged_new = c->refused_new = 0;
	for (unsigned i = 0; i < c->staged_count; i++) {
		struct staged_day *at = &c->staged[i];
		struct contact_table *t;

		wait_for_room(c);
		t = open_table(c, at->day);
		if (!t && next_part(c, at->day, &at->part) == 0)
			t = add_table(c, at->day, at->part);
		if (!t) {
			say("contacts of a day cannot be kept: %s", store_error());
			continue;
		}
		t->pending = true;
		at->part = t->part;
		at->recorded = true;
		journal_key(key, at->day, at->part, ++c->journal_number);
		store_batch_put(c->store, b, STORE_contact_log, key, sizeof(key), at->bytes.data,
				at->bytes.len);
	}
	pthread_mutex_unlock(&c->lock);
}

/* Counts the contacts of a run of journal entries in. */
static int apply(struct contact_table *t, const uint8_t *p, size_t len, struct journal_entry *e)
{
	const uint8_t *end = p + len;
	int err = 0;

	while (!err && journal_get(&p, end, e))
		err = table_add(t, e->value, e->len, &e->row);
	return err ? err : p == end ? 0 : -EPROTO;
}

void contacts_committed(struct contacts *c)
{
	pthread_mutex_lock(&c->lock);
	for (unsigned i = 0; i < c->staged_count; i++) {
		struct staged_day *at = &c->staged[i];
		struct contact_table *t = at->recorded ? find_part(c, at->day, at->part) : NULL;

		if (t && apply(t, at->bytes.data, at->bytes.len, &c->entry) != 0)
			say("out of memory: contacts stay in the journal until the next start");
		if (t)
			t->pending = false;
	}
	while (bytes_of_tables(c, false) > c->limit_bytes && seal_biggest(c))
		;
	wait_for_room(c);
	pthread_mutex_unlock(&c->lock);
	contacts_forget(c);
}

void contacts_forget(struct contacts *c)
{
	pthread_mutex_lock(&c->lock);
	for (unsigned i = 0; i < c->table_count; i++)
		c->table[i]->pending = false;
	pthread_mutex_unlock(&c->lock);
	c->staged_count = 0;
	c->staged_bytes = 0;
}

/* The part's files are in: its journal is not needed. */
static int drop_journal(struct contacts *c, uint16_t day, uint16_t part)
{
	uint8_t from[JOURNAL_KEY_BYTES], to[JOURNAL_KEY_BYTES];
	struct store_batch *b = store_batch_new();
	int err;

	journal_key(from, day, part, 0);
	journal_key(to, day, part, UINT64_MAX);
	store_batch_delete_range(c->store, b, STORE_contact_log, from, sizeof(from), to, sizeof(to));
	err = store_write(c->store, b, true);
	store_batch_free(b);
	return err;
}

/* One row of the journal, read back. */
static int load_row(struct contacts *c, uint16_t day, uint16_t part, struct slice value)
{
	struct contact_table *t = find_part(c, day, part);

	if (!t)
		t = add_table(c, day, part);
	if (!t)
		return -ENOMEM;
	if (t->sealed)
		return 0; /* complete already, the keeper has it */
	if (apply(t, value.data, value.len, &c->entry) == -EPROTO)
		say("contacts of day %u: a damaged row of the journal is left out", day);
	return 0;
}

/* Reads the journal: tables for parts that are not in files, nothing else kept. */
static int load_journal(struct contacts *c)
{
	struct store_iter *it = store_iter_new(c->store, STORE_contact_log, NULL, NULL, NULL);
	uint32_t last = UINT32_MAX;
	bool skip = false;
	int err = 0;

	if (!it)
		return -ENOMEM;
	for (store_iter_first(it); store_iter_valid(it) && !err; store_iter_next(it)) {
		struct slice key = store_iter_key(it);
		const uint8_t *k = key.data;
		uint16_t day, part;

		if (key.len != JOURNAL_KEY_BYTES)
			continue;
		day = read_be16(k);
		part = read_be16(k + 2);
		if (read_be64(k + 4) > c->journal_number)
			c->journal_number = read_be64(k + 4);
		if (last != read_be32(k)) {
			int in = part_is_in(c->store, day, part);

			last = read_be32(k);
			skip = in == 1;
			err = in < 0 ? in : 0;
			if (skip && store_mode(c->store) == STORE_WRITE)
				err = drop_journal(c, day, part);
		}
		if (!skip && !err)
			err = load_row(c, day, part, store_iter_value(it));
	}
	if (!err)
		err = store_iter_status(it);
	store_iter_free(it);
	return err;
}

/* Open tables of a day with more than one part in the journal: only the newest takes more. */
static void seal_older_parts(struct contacts *c)
{
	for (unsigned i = 0; i < c->table_count; i++)
		for (unsigned k = 0; k < c->table_count; k++)
			if (c->table[i]->day == c->table[k]->day &&
			    c->table[i]->part < c->table[k]->part)
				c->table[i]->sealed = true;
}

int contacts_reload(struct contacts *c)
{
	unsigned kept = 0;
	int err;

	pthread_mutex_lock(&c->lock);
	for (unsigned i = 0; i < c->table_count; i++) {
		if (c->table[i]->sealed)
			c->table[kept++] = c->table[i];
		else
			table_put(c, c->table[i]);
	}
	c->table_count = kept;
	err = load_parts(c);
	if (!err)
		err = load_journal(c);
	seal_older_parts(c);
	pthread_mutex_unlock(&c->lock);
	contacts_forget(c);
	return err;
}

int contacts_new(struct contacts **out, struct store *s, const struct config *config)
{
	struct contacts *c = calloc(1, sizeof(*c));
	int err;

	*out = NULL;
	if (!c)
		return -ENOMEM;
	c->store = s;
	c->limit_bytes = config->control_memory / 10 * 4;
	c->precision = config->contacts_precision;
	if (store_mode(s) == STORE_WRITE)
		c->ids = id_cache_new();
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->freed, NULL);
	if (store_mode(s) == STORE_WRITE)
		table_clean_files(s);
	err = contacts_reload(c);
	if (err) {
		contacts_free(c);
		return err;
	}
	*out = c;
	return 0;
}

void contacts_free(struct contacts *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < c->table_count; i++)
		table_put(c, c->table[i]);
	for (unsigned i = 0; i < STAGED_DAYS_MAX; i++)
		text_free(&c->staged[i].bytes);
	id_cache_free(c->ids);
	free(c->parts);
	pthread_mutex_destroy(&c->lock);
	pthread_cond_destroy(&c->freed);
	free(c);
}

static void remove_table(struct contacts *c, struct contact_table *t)
{
	for (unsigned i = 0; i < c->table_count; i++) {
		if (c->table[i] != t)
			continue;
		c->table[i] = c->table[--c->table_count];
		table_put(c, t);
		return;
	}
}

int contacts_keep(struct contacts *c)
{
	struct contact_table *t = NULL;
	uint64_t bytes = 0;
	int err;

	pthread_mutex_lock(&c->lock);
	for (unsigned i = 0; i < c->table_count && !t; i++)
		if (c->table[i]->sealed)
			t = c->table[i];
	if (t)
		table_get(t);
	pthread_mutex_unlock(&c->lock);
	if (!t)
		return 0;
	/* Sealed: nobody changes it, so it is read without the lock. */
	err = part_is_in(c->store, t->day, t->part);
	if (err == 0)
		err = table_write_files(c->store, t, c->precision, c->ids, &bytes);
	if (err >= 0)
		err = drop_journal(c, t->day, t->part);
	pthread_mutex_lock(&c->lock);
	if (!err && t->value_count)
		err = add_part(c, t->day, t->part);
	if (err)
		c->figures.file_errors++;
	else
		c->figures.files_written++;
	/* Readers take tables and parts together, under the lock: they see it once. */
	if (!err)
		remove_table(c, t);
	table_put(c, t);
	pthread_cond_broadcast(&c->freed);
	pthread_mutex_unlock(&c->lock);
	return err ? err : 1;
}

void contacts_has_keeper(struct contacts *c, bool has)
{
	pthread_mutex_lock(&c->lock);
	c->has_keeper = has;
	pthread_cond_broadcast(&c->freed);
	pthread_mutex_unlock(&c->lock);
}

void contacts_seal_old(struct contacts *c, uint64_t newest_ns)
{
	pthread_mutex_lock(&c->lock);
	for (unsigned i = 0; i < c->table_count; i++) {
		uint64_t end_ns = ((uint64_t)c->table[i]->day + 1) * DAY_NS;

		if (newest_ns > end_ns + GRACE_NS)
			seal(c->table[i]);
	}
	pthread_mutex_unlock(&c->lock);
}

void contacts_seal_all(struct contacts *c, uint32_t entries_min)
{
	pthread_mutex_lock(&c->lock);
	for (unsigned i = 0; i < c->table_count; i++)
		if (c->table[i]->entry_count >= entries_min)
			seal(c->table[i]);
	pthread_mutex_unlock(&c->lock);
}

int contacts_expire(struct contacts *c, uint16_t day)
{
	uint8_t from[3] = {'p'}, to[3] = {'p'};
	size_t gone = 0;

	put_be16(to + 1, day);
	pthread_mutex_lock(&c->lock);
	while (gone < c->part_count && c->parts[gone].day < day)
		gone++;
	if (gone)
		memmove(c->parts, c->parts + gone, (c->part_count - gone) * sizeof(*c->parts));
	c->part_count -= gone;
	pthread_mutex_unlock(&c->lock);
	/* Names that nobody contacted since are forgotten when their files are compacted. */
	store_days_from(c->store, day);
	return store_drop_range(c->store, STORE_contact, from, sizeof(from), to, sizeof(to));
}

void contacts_figures(struct contacts *c, struct contacts_figures *out)
{
	pthread_mutex_lock(&c->lock);
	*out = c->figures;
	out->tables = c->table_count;
	for (unsigned i = 0; i < c->table_count; i++) {
		out->entries += c->table[i]->entry_count;
		out->sealed += c->table[i]->sealed;
		out->memory_bytes += table_bytes(c->table[i]);
	}
	pthread_mutex_unlock(&c->lock);
}
