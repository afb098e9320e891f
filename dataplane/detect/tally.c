/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See tally.h. Runs in the workers; the tables of all are made known and freed by the main thread.
 */
#include "dataplane/detect/tally.h"

#include <stdlib.h>
#include <string.h>

#include "dataplane/detect/detect.h"
#include "dataplane/detect/track.h"

#define READ_TRIES 8

struct detect_peers *detect_peers_new(unsigned workers)
{
	struct detect_peers *peers = calloc(1, sizeof(*peers) + workers * sizeof(peers->tables[0]));

	if (peers)
		peers->count = workers;
	return peers;
}

void detect_peers_free(struct detect_peers *peers)
{
	for (unsigned i = 0; peers && i < peers->count; i++)
		for (unsigned k = 0; k < TALLY_KINDS; k++)
			worker_memory_free(NULL, atomic_load_explicit(&peers->tables[i][k], memory_order_relaxed));
	free(peers);
}

struct tally_table *tally_table_new(struct worker *w, enum tally_kind kind, uint32_t sets)
{
	struct tally_table *t = worker_memory(w, sizeof(*t) + sets * sizeof(t->set[0]), 64);

	if (!t)
		return NULL;
	t->sets = sets;
	if (w->detect_peers)
		atomic_store_explicit(&w->detect_peers->tables[w->id][kind], t, memory_order_release);
	return t;
}

/* One that others may be reading lives as long as they do. */
void tally_table_free(struct worker *w, struct tally_table *t)
{
	if (!w->detect_peers)
		worker_memory_free(w, t);
}

void tally_table_reset(struct tally_table *t)
{
	memset(t->set, 0, t->sets * sizeof(t->set[0]));
}

bool tally_key_make(const struct packet *p, const struct rule *rule, uint8_t track, unsigned which,
		    struct tally_key *key)
{
	uint64_t version = p->ip_version;

	key->a = key->b = (struct addr){0};
	key->flow = 0;
	switch ((enum bits_track)track) {
	case TRACK_SRC:
	case TRACK_DST:
		key->a = track == TRACK_SRC ? p->src : p->dst;
		break;
	case TRACK_BOTH:
	case TRACK_PAIR:
		track_pair(p, &key->a, &key->b);
		break;
	case TRACK_FLOW:
		if (!p->flow)
			return false;
		key->flow = flow_cold(p->flow)->id;
		break;
	default:
		version = 0;
	}
	key->rule = tally_rule(rule);
	key->kind = track | version << 8 | (uint64_t)which << 16;
	return true;
}

bool tally_shared(const struct worker *w, uint8_t track)
{
	return w->detect_peers && track != TRACK_FLOW && track != TRACK_PAIR && track != TRACK_BOTH;
}

static bool key_is(const struct tally *e, const struct tally_key *of)
{
	const uint64_t *key = (const uint64_t *)(const void *)of;

	for (unsigned i = 0; i < TALLY_KEY_WORDS; i++)
		if (atomic_load_explicit(&e->key[i], memory_order_relaxed) != key[i])
			return false;
	return true;
}

static void entry_begin(struct tally_set *set, struct tally *e, const struct tally_key *of)
{
	const uint64_t *key = (const uint64_t *)(const void *)of;

	tally_write(set);
	for (unsigned i = 0; i < TALLY_WORDS; i++)
		tally_set_word(e, i, 0);
	for (unsigned i = 0; i < TALLY_KEY_WORDS; i++)
		atomic_store_explicit(&e->key[i], key[i], memory_order_relaxed);
	tally_written(set);
}

struct tally_at tally_get(struct tally_table *t, const struct tally_key *key, uint64_t hash, uint64_t now_ns)
{
	struct tally_set *set = &t->set[hash & (t->sets - 1)];
	struct tally *oldest = &set->entries[0];
	bool fresh = true;

	for (unsigned i = 0; i < TALLY_WAYS; i++) {
		struct tally *e = &set->entries[i];

		if (key_is(e, key)) {
			oldest = e;
			fresh = false;
			break;
		}
		if (e->used_ns < oldest->used_ns)
			oldest = e;
	}
	if (fresh)
		entry_begin(set, oldest, key);
	oldest->used_ns = now_ns;
	return (struct tally_at){set, oldest, fresh};
}

/* All of one moment; where the worker was interrupted while it wrote, of before and after. False: it is not this
 * key's. */
static bool entry_read(const struct tally_set *set, const struct tally *e, const struct tally_key *key, uint64_t words[TALLY_WORDS])
{
	bool ours = false;

	for (unsigned i = 0; i < READ_TRIES; i++) {
		uint64_t before = atomic_load_explicit(&set->sequence, memory_order_acquire);

		ours = key_is(e, key);
		for (unsigned k = 0; k < TALLY_WORDS; k++)
			words[k] = tally_word(e, k);
		atomic_thread_fence(memory_order_acquire);
		if (!(before & 1) && atomic_load_explicit(&set->sequence, memory_order_relaxed) == before)
			break;
	}
	return ours;
}

bool tally_peek(const struct detect_peers *peers, unsigned of, enum tally_kind kind, const struct tally_key *key,
		uint64_t hash, uint64_t words[TALLY_WORDS])
{
	const struct tally_table *t = atomic_load_explicit(&peers->tables[of][kind], memory_order_acquire);
	const struct tally_set *set = t ? &t->set[hash & (t->sets - 1)] : NULL;

	for (unsigned i = 0; set && i < TALLY_WAYS; i++)
		if (key_is(&set->entries[i], key))
			return entry_read(set, &set->entries[i], key, words);
	return false;
}
