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
	t->kind = kind;
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

bool tally_key_make(const struct packet *p, const struct rule *rule, uint8_t track, struct tally_key *key)
{
	memset(key, 0, sizeof(*key));
	key->sid = rule->sid;
	key->gid = rule->gid;
	key->track = track;
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
		key->flow = p->flow ? p->flow->id : 0;
		return p->flow != NULL;
	default:
		return true;
	}
	key->ip_version = p->ip_version;
	return true;
}

bool tally_shared(const struct worker *w, uint8_t track)
{
	return w->detect_peers && track != TRACK_FLOW && track != TRACK_PAIR && track != TRACK_BOTH;
}

static bool key_is(const struct tally *e, const uint64_t key[TALLY_KEY_WORDS])
{
	for (unsigned i = 0; i < TALLY_KEY_WORDS; i++)
		if (atomic_load_explicit(&e->key[i], memory_order_relaxed) != key[i])
			return false;
	return true;
}

static void entry_begin(struct tally_set *set, unsigned way, const struct tally_key *of, uint64_t hash)
{
	struct tally *e = &set->entries[way];
	uint64_t key[TALLY_KEY_WORDS];

	memcpy(key, of, sizeof(key));
	tally_write(e);
	for (unsigned i = 0; i < TALLY_WORDS; i++)
		tally_set_word(e, i, 0);
	for (unsigned i = 0; i < TALLY_KEY_WORDS; i++)
		atomic_store_explicit(&e->key[i], key[i], memory_order_relaxed);
	atomic_store_explicit(&set->tags[way], hash, memory_order_relaxed);
	tally_written(e);
	memset(e->own, 0, sizeof(e->own));
}

struct tally *tally_get(struct tally_table *t, const struct tally_key *key, uint64_t hash, uint64_t now_ns, bool *fresh)
{
	struct tally_set *set = &t->set[hash & (t->sets - 1)];
	unsigned way = 0;

	for (unsigned i = 0; i < TALLY_WAYS; i++)
		/* The worker's own keys: nobody writes them meanwhile. */
		if (atomic_load_explicit(&set->tags[i], memory_order_relaxed) == hash &&
		    memcmp((const void *)set->entries[i].key, key, sizeof(*key)) == 0) {
			*fresh = false;
			set->used_ns[i] = now_ns;
			return &set->entries[i];
		}
	for (unsigned i = 1; i < TALLY_WAYS; i++)
		if (set->used_ns[i] < set->used_ns[way])
			way = i;
	*fresh = true;
	set->used_ns[way] = now_ns;
	entry_begin(set, way, key, hash);
	return &set->entries[way];
}

/* All of one moment; where the worker was interrupted while it wrote, of before and after. False: it is not this
 * key's. */
static bool entry_read(const struct tally *e, const uint64_t key[TALLY_KEY_WORDS], uint64_t words[TALLY_WORDS])
{
	bool ours = false;

	for (unsigned i = 0; i < READ_TRIES; i++) {
		uint64_t before = atomic_load_explicit(&e->sequence, memory_order_acquire);

		ours = key_is(e, key);
		for (unsigned k = 0; k < TALLY_WORDS; k++)
			words[k] = tally_word(e, k);
		atomic_thread_fence(memory_order_acquire);
		if (!(before & 1) && atomic_load_explicit(&e->sequence, memory_order_relaxed) == before)
			break;
	}
	return ours;
}

bool tally_peek(const struct detect_peers *peers, unsigned of, enum tally_kind kind, const struct tally_key *key,
		uint64_t hash, uint64_t words[TALLY_WORDS])
{
	const struct tally_table *t = atomic_load_explicit(&peers->tables[of][kind], memory_order_acquire);
	const struct tally_set *set = t ? &t->set[hash & (t->sets - 1)] : NULL;
	uint64_t wanted[TALLY_KEY_WORDS];

	memcpy(wanted, key, sizeof(wanted));
	for (unsigned i = 0; set && i < TALLY_WAYS; i++)
		if (atomic_load_explicit(&set->tags[i], memory_order_relaxed) == hash &&
		    entry_read(&set->entries[i], wanted, words))
			return true;
	return false;
}
