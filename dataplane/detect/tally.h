/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What thresholds and rates count, by rule and what the rule tracks: a table of fixed size a worker, in which the
 * entry that was used least lately gives way. Private to detect/.
 *
 * Packets of one source reach several workers. So that a limit holds over all of them each worker publishes what it
 * has counted: an entry's words are written by its worker alone, between tally_write and tally_written, and the others
 * read them (a seqlock: what is read while it is written is read again, a few times).
 * Nobody waits, nothing is locked. Tables are of one geometry: an entry is in the same set in each.
 */
#ifndef DETECT_TALLY_H
#define DETECT_TALLY_H

#include <stdatomic.h>

#include "dataplane/detect/program.h"

#define TALLY_WAYS 8
#define TALLY_WORDS 4

/* In words, written and read as words: a processor that reads several narrow stores as one waits until all stores
 * before them are in the cache. */
struct tally_key {
	struct addr a, b;
	uint64_t flow;
	uint64_t rule; /* gid, sid; 0: empty; a reload does not change it */
	uint64_t kind; /* track (enum bits_track), IP version or 0, which of the rule's limits */
};

static inline uint64_t tally_rule(const struct rule *rule)
{
	return (uint64_t)rule->gid << 32 | rule->sid;
}

static inline uint8_t tally_track(const struct tally_key *key)
{
	return (uint8_t)key->kind;
}

#define TALLY_KEY_WORDS (sizeof(struct tally_key) / 8)
_Static_assert(sizeof(struct tally_key) == 56, "words, no padding");

/* Entries of a set stand close together and are read from the first to the last: the processor fetches them at once. */
struct tally {
	_Atomic uint64_t key[TALLY_KEY_WORDS];
	_Atomic uint64_t words[TALLY_WORDS];
	uint64_t used_ns; /* the worker's own */
};

struct tally_set {
	struct tally entries[TALLY_WAYS];
	_Atomic uint64_t sequence; /* odd: an entry is being written */
	uint64_t reserved[7];
};
_Static_assert(sizeof(struct tally_set) % 64 == 0, "whole cache lines");

/* An entry of the worker's own table. */
struct tally_at {
	struct tally_set *set;
	struct tally *entry;
	bool fresh; /* it was not there */
};

struct tally_table {
	uint32_t sets;      /* power of two */
	_Alignas(64) struct tally_set set[];
};

/* The tables of all workers. */
enum tally_kind { TALLY_THRESHOLDS, TALLY_RATES, TALLY_KINDS };
struct detect_peers {
	unsigned count;
	_Atomic(struct tally_table *) tables[][TALLY_KINDS]; /* by worker; NULL: it has not begun */
};

/* NULL: no memory. With w->detect_peers it is those' from now on. */
struct tally_table *tally_table_new(struct worker *w, enum tally_kind kind, uint32_t sets);
void tally_table_free(struct worker *w, struct tally_table *t);
void tally_table_reset(struct tally_table *t);

/* Of the packet, for a limit that tracks by `track` (enum bits_track), the rule's `which`th. False: it has nothing of
 * the kind. */
bool tally_key_make(const struct packet *p, const struct rule *rule, uint8_t track, unsigned which,
		    struct tally_key *key);
/* Does what is tracked reach several workers? A pair of hosts has one, and so has a flow. */
bool tally_shared(const struct worker *w, uint8_t track);

struct tally_at tally_get(struct tally_table *t, const struct tally_key *key, uint64_t hash, uint64_t now_ns);

static inline uint64_t tally_word(const struct tally *e, unsigned i)
{
	return atomic_load_explicit(&e->words[i], memory_order_relaxed);
}

static inline void tally_set_word(struct tally *e, unsigned i, uint64_t v)
{
	atomic_store_explicit(&e->words[i], v, memory_order_relaxed);
}

static inline void tally_write(struct tally_set *set)
{
	atomic_store_explicit(&set->sequence, atomic_load_explicit(&set->sequence, memory_order_relaxed) + 1,
			      memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
}

static inline void tally_written(struct tally_set *set)
{
	atomic_store_explicit(&set->sequence, atomic_load_explicit(&set->sequence, memory_order_relaxed) + 1,
			      memory_order_release);
}

/* The words of worker `of`; false: it has counted nothing of the kind. */
bool tally_peek(const struct detect_peers *peers, unsigned of, enum tally_kind kind, const struct tally_key *key,
		uint64_t hash, uint64_t words[TALLY_WORDS]);

#endif
