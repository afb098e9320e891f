/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/contact/filter.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <xxhash.h>

#include "control/contact/hash.h"

#define LINE_BITS 512
#define BITS_PER_VALUE 12
#define PROBES 6
#define PREFETCH 16 /* values ahead */
#define CACHE_SLOTS (1u << 20)

struct filter {
	uint64_t lines; /* a power of two */
	uint64_t (*line)[LINE_BITS / 64];
};

struct id_cache {
	uint64_t hash[CACHE_SLOTS];
	uint32_t id[CACHE_SLOTS];
};

uint64_t filter_hash(const void *key, size_t len)
{
	return XXH3_64bits(key, len);
}

struct filter *filter_new(uint64_t values)
{
	struct filter *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->lines = 1;
	while (f->lines * LINE_BITS < values * BITS_PER_VALUE)
		f->lines *= 2;
	/* Zeroed; in huge pages where there are some, as each look-up is on another page. */
	f->line = mmap(NULL, f->lines * sizeof(*f->line), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (f->line == MAP_FAILED) {
		free(f);
		return NULL;
	}
	madvise(f->line, f->lines * sizeof(*f->line), MADV_HUGEPAGE);
	return f;
}

void filter_free(struct filter *f)
{
	if (f)
		munmap(f->line, f->lines * sizeof(*f->line));
	free(f);
}

/* The upper bits choose the line, the lower ones the bits in it. */
static uint64_t *line_of(const struct filter *f, uint64_t hash)
{
	return f->line[(hash >> 32) * 0x9e3779b1u & (f->lines - 1)];
}

static void add(struct filter *f, uint64_t hash)
{
	uint64_t *line = line_of(f, hash), bits = hash * 0x9e3779b97f4a7c15ull;

	for (unsigned i = 0; i < PROBES; i++, bits >>= 9)
		line[bits >> 6 & 7] |= 1ull << (bits & 63);
}

static uint64_t hash_at(const void *hashes, size_t i)
{
	uint64_t hash;

	memcpy(&hash, (const uint8_t *)hashes + i * sizeof(hash), sizeof(hash));
	return hash;
}

void filter_add(struct filter *f, const void *hashes, size_t count)
{
	/* Lines are far apart, and the filter is larger than the caches. */
	for (size_t i = 0; i < count; i++) {
		if (i + PREFETCH < count)
			__builtin_prefetch(line_of(f, hash_at(hashes, i + PREFETCH)), 1);
		add(f, hash_at(hashes, i));
	}
}

bool filter_may_have(const struct filter *f, uint64_t hash)
{
	const uint64_t *line = line_of(f, hash);
	uint64_t bits = hash * 0x9e3779b97f4a7c15ull;

	for (unsigned i = 0; i < PROBES; i++, bits >>= 9)
		if (!(line[bits >> 6 & 7] >> (bits & 63) & 1))
			return false;
	return true;
}

struct id_cache *id_cache_new(void)
{
	return calloc(1, sizeof(struct id_cache));
}

void id_cache_free(struct id_cache *c)
{
	free(c);
}

bool id_cache_get(const struct id_cache *c, const void *value, size_t len, uint32_t *id)
{
	uint64_t hash = secret_hash(value, len);
	uint32_t at = (uint32_t)hash & (CACHE_SLOTS - 1);

	if (!c || !hash || c->hash[at] != hash)
		return false;
	*id = c->id[at];
	return true;
}

void id_cache_put(struct id_cache *c, const void *value, size_t len, uint32_t id)
{
	uint64_t hash = secret_hash(value, len);
	uint32_t at = (uint32_t)hash & (CACHE_SLOTS - 1);

	if (!c)
		return;
	c->hash[at] = hash;
	c->id[at] = id;
}
