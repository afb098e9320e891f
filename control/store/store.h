/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The store: one RocksDB with a column family for each kind of thing that is remembered. The only
 * folder that knows RocksDB. What stands in which family, and how its keys are made, is said in
 * store/README.md; the keys themselves are made by those who own the family.
 *
 * Threads: store_open and store_close by the process's main thread, store_reopen by the ingest
 * thread; every other thread brackets its use by store_enter and store_leave, and finds the
 * store closed (false) while it is being reopened. Everything else may be called by any thread
 * inside that bracket.
 *
 * Errors: 0, or -ENOSPC (no room), -EIO (anything else that the disk or RocksDB refused); the
 * sentence is in store_error() of the calling thread.
 */
#ifndef CONTROL_STORE_STORE_H
#define CONTROL_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/base/text.h"

#define STORE_FORMAT "2" /* in meta under "format"; another value is another program's store */

/* FAMILY(name, options, "what it holds") */
#define STORE_FAMILIES                                                                             \
	FAMILY(alert, LOG, "alerts and drops, in the order of time")                               \
	FAMILY(event, LOG, "all other records, in the order of time")                              \
	FAMILY(contact, CONTACT, "who contacted what: daily posting lists and their dictionary")   \
	FAMILY(contact_log, JOURNAL, "contacts not yet in a daily file")                           \
	FAMILY(intel, SMALL, "indicators of compromise and their versions")                        \
	FAMILY(finding, SMALL, "clients that contacted an indicator")                              \
	FAMILY(feed, SMALL, "feeds: their state, and the lines that were refused")                  \
	FAMILY(lookup, SMALL, "log of look-ups, and sightings of other sensors")                   \
	FAMILY(run, SMALL, "retro scans: what they did")                                           \
	FAMILY(outbox, SMALL, "messages not yet sent")                                             \
	FAMILY(host, SMALL, "hosts seen")                                                          \
	FAMILY(file, SMALL, "files seen")                                                          \
	FAMILY(case, SMALL, "cases")                                                               \
	FAMILY(report, SMALL, "reports")                                                           \
	FAMILY(meta, SMALL, "format, ring positions, offsets of output files, blocks")

enum store_family {
#define FAMILY(name, options, doc) STORE_##name,
	STORE_FAMILIES
#undef FAMILY
	STORE_FAMILY_COUNT
};

enum store_mode {
	STORE_READ,  /* must exist; nothing is written to the folder; no daemon should have it open */
	STORE_WRITE, /* made if it is not there; only one process at a time */
};

struct store_options {
	uint64_t cache_bytes;        /* block cache */
	uint64_t write_buffer_bytes; /* all families together */
	bool fast_close;             /* a run over captures: no compaction worth waiting for */
};

struct store;
struct store_batch;
struct store_iter;
struct store_snapshot;

struct slice {
	const void *data;
	size_t len;
};

/* The sentence of this thread's last error; borrowed. */
const char *store_error(void);

/* 0 and *out; -ENOENT (nothing there to read), -EPROTO (another format), -EBUSY (another process
 * has it), -EACCES, -ENOSPC, -EIO. */
int store_open(struct store **out, const char *dir, enum store_mode mode,
	       const struct store_options *options);
void store_close(struct store *s);
const char *store_dir(const struct store *s);
enum store_mode store_mode(const struct store *s);
/* Ingest thread: closes and opens again, which brings the store to what is durable. On failure
 * the store stays closed; call again. */
int store_reopen(struct store *s);
/* Waits while the store is being reopened; false: it is closed. */
bool store_enter(struct store *s);
void store_leave(struct store *s);
/* Whether the ingest thread waits to reopen it: who stays inside for long leaves then, and comes
 * again with new iterators and snapshots. */
bool store_wanted(const struct store *s);

/* 1: found, *value replaced; 0: not there; or an error. */
int store_get(struct store *s, enum store_family f, const void *key, size_t key_len,
	      const struct store_snapshot *snapshot, struct text *value);
int store_put(struct store *s, enum store_family f, const void *key, size_t key_len,
	      const void *value, size_t len);

struct store_batch *store_batch_new(void);
void store_batch_free(struct store_batch *b);
void store_batch_clear(struct store_batch *b);
size_t store_batch_count(const struct store_batch *b);
size_t store_batch_bytes(const struct store_batch *b);
/* The family's handle is looked up in s, so a batch must be refilled after store_reopen. */
void store_batch_put(struct store *s, struct store_batch *b, enum store_family f, const void *key,
		     size_t key_len, const void *value, size_t len);
void store_batch_delete(struct store *s, struct store_batch *b, enum store_family f,
			const void *key, size_t key_len);
/* [from, to) */
void store_batch_delete_range(struct store *s, struct store_batch *b, enum store_family f,
			      const void *from, size_t from_len, const void *to, size_t to_len);
/* All of the batch or nothing. Synced: on the disk when it returns. */
int store_write(struct store *s, struct store_batch *b, bool sync);

struct store_snapshot *store_snapshot_new(struct store *s);
void store_snapshot_free(struct store *s, struct store_snapshot *snapshot);

/* from and to (NULL: open) bound the keys seen: [from, to). They are copied. */
struct store_iter *store_iter_new(struct store *s, enum store_family f,
				  const struct store_snapshot *snapshot, const struct slice *from,
				  const struct slice *to);
void store_iter_free(struct store_iter *it);
void store_iter_seek(struct store_iter *it, const void *key, size_t len);
/* The last key that is not above this one. */
void store_iter_seek_back(struct store_iter *it, const void *key, size_t len);
void store_iter_first(struct store_iter *it);
void store_iter_last(struct store_iter *it);
bool store_iter_valid(const struct store_iter *it);
void store_iter_next(struct store_iter *it);
void store_iter_prev(struct store_iter *it);
struct slice store_iter_key(const struct store_iter *it);   /* borrowed until it moves */
struct slice store_iter_value(const struct store_iter *it); /* likewise */
/* 0, or why it ended early. */
int store_iter_status(const struct store_iter *it);

/* Many look-ups at one snapshot (NULL: now): cheaper than store_get with it. */
struct store_reader;
struct store_reader *store_reader_new(struct store *s, const struct store_snapshot *snapshot);
void store_reader_free(struct store_reader *r);
/* As store_get. */
int store_reader_get(struct store_reader *r, enum store_family f, const void *key, size_t key_len,
		     struct text *value);
/* The dictionary of contacts forgets days before that one, as files are compacted. */
void store_days_from(struct store *s, uint16_t day);

/* A sorted file to be taken in whole. Keys must be added in ascending order. */
struct store_file;
int store_file_new(struct store *s, enum store_family f, const char *path,
		   struct store_file **out);
int store_file_put(struct store_file *file, const void *key, size_t key_len, const void *value,
		   size_t len);
/* A day set to be united with what the key has (see days.h). */
int store_file_merge(struct store_file *file, const void *key, size_t key_len, const void *value,
		     size_t len);
/* Ends the file: 0 and its size; the struct is freed in any case. */
int store_file_finish(struct store_file *file, uint64_t *bytes);
void store_file_discard(struct store_file *file);
/* Takes all files in at once or none; they are moved. They must not overlap. */
int store_ingest_files(struct store *s, enum store_family f, const char *const *paths,
		       size_t count);
/* Drops [from, to): whole files at once, what is left by tombstones. */
int store_drop_range(struct store *s, enum store_family f, const void *from, size_t from_len,
		     const void *to, size_t to_len);
/* Bytes in files of [from, to), roughly; what was dropped but not yet compacted counts. */
uint64_t store_range_bytes(struct store *s, enum store_family f, const void *from,
			   size_t from_len, const void *to, size_t to_len);

/* Writes all memtables to files. */
int store_flush(struct store *s);
/* Bytes on disk of a family. */
uint64_t store_family_bytes(struct store *s, enum store_family f);
/* Entries, roughly. */
uint64_t store_family_keys(struct store *s, enum store_family f);
const char *store_family_name(enum store_family f);
const char *store_family_doc(enum store_family f);

#endif
