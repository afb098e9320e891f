/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which values the dictionary has, as a blocked Bloom filter in memory (Putze, Sanders, Singler:
 * Cache-, Hash- and Space-Efficient Bloom Filters, 2007): a look-up for what is not there touches one
 * cache line, where RocksDB would look into each of its levels. Made by a session that looks many
 * values up, from the hashes that each part wrote beside its new numbers ('h' rows, contacts.h).
 */
#ifndef CONTROL_CONTACT_FILTER_H
#define CONTROL_CONTACT_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct filter;

/* For about so many values. NULL: out of memory. */
struct filter *filter_new(uint64_t values);
void filter_free(struct filter *f);
/* hashes: of count values, 8 bytes each in this machine's order, anywhere in memory. */
void filter_add(struct filter *f, const void *hashes, size_t count);
bool filter_may_have(const struct filter *f, uint64_t hash);
/* Of a value (kind byte and key) or of a marker of names below. It is in the store, so it has no secret
 * and senders can choose values that share one: it only says what may be there, never which it is. */
uint64_t filter_hash(const void *key, size_t len);

/* Numbers of values (kind byte and key) that were looked up lately: where a value is in it, the
 * dictionary needs not be asked. By 64 bits of hash under a secret (hash.h); one of 2^64 pairs of
 * values would be mixed up, and nobody can say which. */
struct id_cache;
struct id_cache *id_cache_new(void);
void id_cache_free(struct id_cache *c);
/* False: it is not in it. */
bool id_cache_get(const struct id_cache *c, const void *value, size_t len, uint32_t *id);
void id_cache_put(struct id_cache *c, const void *value, size_t len, uint32_t id);

#endif
