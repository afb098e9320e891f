/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How the intelligence stands in the store (keys: intel.h), and what the files of this folder
 * share. Nobody else includes it.
 *
 * An entry's value: version in which it was new, when that was (seconds), then what is compared to
 * see whether it changed: flags (1), confidence (1), severity (1), tlp (1), first seen and valid
 * until (milliseconds), then threat, family, category, note, each as length and bytes. Numbers of
 * which no width is given are varints.
 */
#ifndef CONTROL_INTEL_ROW_H
#define CONTROL_INTEL_ROW_H

#include <pthread.h>
#include <stdatomic.h>

#include "control/base/when.h"
#include "control/intel/intel.h"
#include "control/intel/sorter.h"

#define ROW_TAIL 10 /* source and version, behind the indicator's key */
#define ROW_KEY_MAX (INTEL_KEY_MAX + ROW_TAIL)
#define INDEX_MARK 0xf0
#define INDEX_HEAD 9 /* mark and version, before the indicator's key */
#define INDEX_KEY_MAX (INDEX_HEAD + INTEL_KEY_MAX + 2)

enum row_flags { ROW_BELOW = 1, ROW_ALLOW = 2 };

struct row {
	uint64_t version, added_s;
	uint8_t flags, confidence, severity, tlp;
	uint64_t first_ms, until_ms;
	struct slice threat, family, category, note; /* borrowed from the value */
};

uint8_t entry_score(uint8_t confidence, uint8_t severity);
/* Appends what is compared. Cuts texts. */
void row_put_body(struct text *out, const struct intel_entry *e);
/* The body in a value; length 0: malformed. */
struct slice row_body(struct slice value);
bool row_read(struct slice value, struct row *out);
/* Length of the indicator's key at the start of key; 0: malformed. */
size_t intel_key_length(const uint8_t *key, size_t avail);

/* A source as it is known in memory; never freed before intel_close. */
struct source {
	struct source *next;
	char name[INTEL_SOURCE_MAX];
	uint16_t number;
	/* What changes, under the lock. */
	bool gone;
	uint64_t entries, allowed;
	uint64_t updated_ns, version; /* of the last change; its result: */
	uint64_t given, loaded, refused, fresh, changed, same, removed;
	uint64_t refused_next; /* number of the next refused line */
	struct intel_fetch fetch;
};

/* What meta "intel/version" holds: version (8), version to be swept or 0 (8), the earliest valid
 * until (8, milliseconds; UINT64_MAX: none), then a bit for each prefix length of IPv4 and IPv6. */
struct intel_state {
	uint64_t version, sweep, expiry_ms;
	uint8_t nets[2][17];
};
#define STATE_BYTES (24 + 34)

struct intel {
	struct store *store;
	const struct config *config;
	_Atomic uint64_t version;
	struct intel_state state; /* of the changing thread */
	uint64_t next_lookup;
	pthread_mutex_t lock; /* sources, counts, next_lookup */
	struct source *sources;
	struct intel_counts counts;
	uint64_t counts_version;     /* of counts; UINT64_MAX: not counted */
};

bool state_read(struct store *s, const struct store_snapshot *snapshot, struct intel_state *out,
		int *err);
void state_put(struct store *s, struct store_batch *b, const struct intel_state *state);

/* Source by name, or NULL. The list is changed by the changing thread alone, under the lock. */
struct source *source_find(struct intel *in, const char *name);
/* Makes it in memory if it is not there. NULL: too many, or no memory. */
struct source *source_get(struct intel *in, const char *name);
struct source *source_by_number(struct intel *in, uint16_t number);
int sources_load(struct intel *in);
void source_put(struct intel *in, struct store_batch *b, const struct source *src);
void source_delete(struct intel *in, struct store_batch *b, struct source *src);
uint64_t sources_entries(struct intel *in);
void source_line_put(struct intel *in, struct store_batch *b, const struct source *src, uint64_t n,
		     struct slice value);
void source_lines_drop(struct intel *in, struct store_batch *b, const struct source *src,
		       uint64_t from, uint64_t to);

/* The rows that count, in the order of indicator and source. */
struct rows {
	struct store *store;
	struct store_iter *it;
	struct store_snapshot *snapshot;
	uint64_t version;
	/* The row: borrowed from the iterator until it moves. */
	struct slice key; /* the indicator's */
	uint16_t source;
	uint64_t written;
	struct slice value;
	uint8_t last[ROW_KEY_MAX]; /* indicator and source of the row before */
	size_t last_len;
};

/* Of one kind, or of all (0). version 0: the published. */
int rows_open(struct rows *r, struct intel *in, int kind, uint64_t version);
void rows_close(struct rows *r);
/* 1: a row, 0: no more, -errno. */
int rows_next(struct rows *r);
/* The next row is the first at or after the key (an indicator's, perhaps with source). */
void rows_seek(struct rows *r, const void *key, size_t len);

/* All the rows of an indicator. */
#define GROUP_MAX 1024 /* sources that are told apart */
struct group {
	uint8_t key[INTEL_KEY_MAX];
	size_t key_len, count;
	struct group_row {
		struct row row;
		const struct source *source;
		uint8_t score;
		bool expired;
	} rows[GROUP_MAX];
	size_t value_at[GROUP_MAX + 1];
	struct text values, printed, json;
};

struct walk {
	struct intel *in;
	struct rows rows;
	struct group group;
	const struct source *last; /* of the row before */
	bool pending;              /* rows stands on the first row of the next group */
	uint64_t now_ms;
	uint64_t version;
};

int walk_new(struct walk **out, struct intel *in, int kind);
void walk_free(struct walk *w);
/* 1: w->group filled, 0: no more, -errno. */
int walk_next(struct walk *w);
/* The group with exactly that key: 1, 0, -errno. */
int walk_at(struct walk *w, const void *key, size_t len);
/* The verdict on the group; only_below: by entries that hold for subdomains alone. False: there is
 * no such entry. Texts borrowed from the group. */
bool walk_verdict(struct walk *w, bool only_below, bool with_sources, struct intel_verdict *out);


#endif
