/* SPDX-License-Identifier: BSD-3-Clause */
#include "rules/lists/list.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define UNIT 16u /* of the arena: what entries are aligned to and counted in */

/* The reference's account: a row of its hash, and what it keeps for a value; it makes so many at once. */
#define ROW_BYTES 64u
#define ENTRY_BYTES 104u
#define ENTRIES_AT_ONCE 1000u

struct list {
	uint32_t references;
	enum list_type type;
	uint64_t seed;
	uint64_t memcap;
	uint8_t *memory; /* buckets, then entries */
	uint64_t memory_bytes;
	_Atomic uint32_t *buckets;
	uint32_t bucket_mask;
	/* Written by workers. */
	_Atomic uint64_t arena_used; /* bytes of memory */
	_Atomic uint64_t accounted;
	_Atomic uint64_t entries;
	_Atomic uint64_t changes;
};

static const uint32_t value_bytes[LIST_TYPE_COUNT] = {
	[LIST_STRING] = 0, [LIST_MD5] = 16, [LIST_SHA1] = 20, [LIST_SHA256] = 32, [LIST_IPV4] = 4, [LIST_IP] = 16};

static uint32_t power_of_two(uint64_t n)
{
	uint32_t p = 64;

	while (p < n && p < LIST_HASHSIZE_MAX)
		p *= 2;
	return p;
}

struct list *list_new(enum list_type type, uint64_t memcap, uint32_t hashsize)
{
	struct list *l;
	uint64_t buckets;

	memcap = memcap ? memcap : LIST_MEMCAP_DEFAULT;
	hashsize = hashsize ? hashsize : LIST_HASHSIZE_DEFAULT;
	if (memcap > LIST_MEMCAP_MAX || hashsize > LIST_HASHSIZE_MAX ||
	    memcap < (uint64_t)hashsize * ROW_BYTES + ENTRY_BYTES * ENTRIES_AT_ONCE) {
		errno = EINVAL;
		return NULL;
	}
	l = calloc(1, sizeof(*l));
	if (!l)
		return NULL;
	buckets = power_of_two(memcap / 1024 > hashsize ? memcap / 1024 : hashsize);
	l->references = 1;
	l->type = type;
	l->memcap = memcap;
	l->bucket_mask = (uint32_t)buckets - 1;
	l->accounted = (uint64_t)hashsize * ROW_BYTES + ENTRY_BYTES * ENTRIES_AT_ONCE;
	/* An entry takes less than what is accounted for it, its first thousand aside. */
	l->memory_bytes = buckets * sizeof(uint32_t) + memcap + ENTRY_BYTES * ENTRIES_AT_ONCE + LIST_VALUE_MAX;
	l->arena_used = (buckets * sizeof(uint32_t) + UNIT - 1) / UNIT * UNIT;
	if (getrandom(&l->seed, sizeof(l->seed), 0) != sizeof(l->seed))
		l->seed = (uintptr_t)l;
	l->memory = mmap(NULL, l->memory_bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (l->memory == MAP_FAILED) {
		free(l);
		errno = ENOMEM;
		return NULL;
	}
	l->buckets = (_Atomic uint32_t *)(void *)l->memory;
	return l;
}

struct list *list_get(struct list *l)
{
	l->references++;
	return l;
}

void list_put(struct list *l)
{
	if (!l || --l->references)
		return;
	munmap(l->memory, l->memory_bytes);
	free(l);
}

enum list_type list_type_of(const struct list *l)
{
	return l->type;
}

static struct list_entry *entry_at(const struct list *l, uint32_t unit)
{
	return unit ? (struct list_entry *)(void *)(l->memory + (uint64_t)unit * UNIT) : NULL;
}

/* The value as it is kept: addresses of 16 bytes. False: none of this type. */
static bool value_form(const struct list *l, const uint8_t **value, uint32_t *len, uint8_t room[16])
{
	uint32_t wanted = value_bytes[l->type];

	if (l->type == LIST_IP && *len == 4) {
		memset(room, 0, 10);
		memset(room + 10, 0xff, 2);
		memcpy(room + 12, *value, 4);
		*value = room;
		*len = 16;
	}
	return wanted ? *len == wanted : *len > 0 && *len <= LIST_VALUE_MAX;
}

/* In the chain from unit on, up to the entry at which an earlier look began. */
static struct list_entry *chain_find(const struct list *l, uint32_t unit, uint32_t end, uint32_t hash,
				     const uint8_t *value, uint32_t len)
{
	for (; unit != end; unit = entry_at(l, unit)->next) {
		struct list_entry *e = entry_at(l, unit);

		if (e->hash == hash && e->len == len && memcmp(e->bytes, value, len) == 0)
			return e;
	}
	return NULL;
}

static _Atomic uint32_t *bucket_of(const struct list *l, const uint8_t *value, uint32_t len, uint32_t *hash)
{
	uint64_t h = XXH3_64bits_withSeed(value, len, l->seed);

	*hash = (uint32_t)(h >> 32);
	return &l->buckets[h & l->bucket_mask];
}

const struct list_entry *list_find(const struct list *l, const uint8_t *value, uint32_t len)
{
	uint8_t room[16];
	const struct list_entry *e;
	_Atomic uint32_t *bucket;
	uint32_t hash;

	if (!value_form(l, &value, &len, room))
		return NULL;
	bucket = bucket_of(l, value, len, &hash);
	e = chain_find(l, atomic_load_explicit(bucket, memory_order_acquire), 0, hash, value, len);
	return e && atomic_load_explicit(&e->there, memory_order_acquire) ? e : NULL;
}

/* Room for an entry; 0: the list is full. */
static uint32_t entry_room(struct list *l, uint32_t len, uint32_t context_len)
{
	uint64_t size = (sizeof(struct list_entry) + len + context_len + UNIT - 1) / UNIT * UNIT, at;
	uint64_t account = len + context_len;

	if (atomic_fetch_add(&l->entries, 1) >= ENTRIES_AT_ONCE)
		account += ENTRY_BYTES;
	if (atomic_fetch_add(&l->accounted, account) + account > l->memcap) {
		atomic_fetch_sub(&l->accounted, account);
		atomic_fetch_sub(&l->entries, 1);
		return 0;
	}
	at = atomic_fetch_add(&l->arena_used, size);
	return at + size <= l->memory_bytes && at / UNIT <= UINT32_MAX ? (uint32_t)(at / UNIT) : 0;
}

/* True: this call has put it (back) in. */
static bool entry_revive(struct list *l, struct list_entry *e)
{
	uint8_t before = 0;

	if (!atomic_compare_exchange_strong(&e->there, &before, 1))
		return false;
	atomic_fetch_add(&l->changes, 1);
	return true;
}

enum list_answer list_add(struct list *l, const uint8_t *value, uint32_t len, uint16_t reputation,
			  const char *context, uint32_t context_len)
{
	uint8_t room[16];
	struct list_entry *e, *known;
	uint32_t hash, head, seen, unit;
	_Atomic uint32_t *bucket;

	if (!value_form(l, &value, &len, room))
		return LIST_BAD;
	bucket = bucket_of(l, value, len, &hash);
	head = atomic_load_explicit(bucket, memory_order_acquire);
	known = chain_find(l, head, 0, hash, value, len);
	if (known)
		return entry_revive(l, known) ? LIST_NEW : LIST_KNOWN;
	unit = entry_room(l, len, context_len);
	if (!unit)
		return LIST_FULL;
	seen = head;
	e = entry_at(l, unit);
	e->hash = hash;
	e->len = len;
	e->context_len = context_len;
	e->reputation = reputation;
	atomic_store_explicit(&e->there, 1, memory_order_relaxed);
	memcpy(e->bytes, value, len);
	if (context_len)
		memcpy(e->bytes + len, context, context_len);
	do {
		/* Another worker may have been faster with the same value; then our room is lost. */
		known = chain_find(l, head, seen, hash, value, len);
		if (known)
			return entry_revive(l, known) ? LIST_NEW : LIST_KNOWN;
		seen = head;
		e->next = head;
	} while (!atomic_compare_exchange_weak_explicit(bucket, &head, unit, memory_order_release,
							memory_order_acquire));
	atomic_fetch_add(&l->changes, 1);
	return LIST_NEW;
}

bool list_remove(struct list *l, const uint8_t *value, uint32_t len)
{
	uint8_t room[16], before = 1;
	struct list_entry *e;
	_Atomic uint32_t *bucket;
	uint32_t hash;

	if (!value_form(l, &value, &len, room))
		return false;
	bucket = bucket_of(l, value, len, &hash);
	e = chain_find(l, atomic_load_explicit(bucket, memory_order_acquire), 0, hash, value, len);
	if (!e || !atomic_compare_exchange_strong(&e->there, &before, 0))
		return false;
	atomic_fetch_add(&l->changes, 1);
	return true;
}

static void count_one(const struct list_entry *e, void *with)
{
	(void)e;
	(*(uint64_t *)with)++;
}

uint64_t list_count(const struct list *l)
{
	uint64_t n = 0;

	list_each(l, count_one, &n);
	return n;
}

uint64_t list_changes(const struct list *l)
{
	return atomic_load(&l->changes);
}

void list_each(const struct list *l, void (*tell)(const struct list_entry *e, void *with), void *with)
{
	for (uint32_t b = 0; b <= l->bucket_mask; b++) {
		uint32_t unit = atomic_load_explicit(&l->buckets[b], memory_order_acquire);

		for (; unit; unit = entry_at(l, unit)->next)
			if (atomic_load_explicit(&entry_at(l, unit)->there, memory_order_acquire))
				tell(entry_at(l, unit), with);
	}
}
