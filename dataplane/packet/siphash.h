/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SipHash-1-3 over 64-bit words (Aumasson and Bernstein, 2012), for tables whose keys an attacker
 * chooses. The key is drawn at start; nothing outside the process learns it. Any thread.
 */
#ifndef PACKET_SIPHASH_H
#define PACKET_SIPHASH_H

#include <stdint.h>
#include <string.h>

struct siphash_key {
	uint64_t k0, k1;
};

struct siphash {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t siphash_rotate(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static inline void siphash_round(struct siphash *s)
{
	s->v0 += s->v1;
	s->v1 = siphash_rotate(s->v1, 13) ^ s->v0;
	s->v0 = siphash_rotate(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = siphash_rotate(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = siphash_rotate(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = siphash_rotate(s->v1, 17) ^ s->v2;
	s->v2 = siphash_rotate(s->v2, 32);
}

static inline void siphash_start(struct siphash *s, const struct siphash_key *key)
{
	s->v0 = key->k0 ^ 0x736f6d6570736575ull;
	s->v1 = key->k1 ^ 0x646f72616e646f6dull;
	s->v2 = key->k0 ^ 0x6c7967656e657261ull;
	s->v3 = key->k1 ^ 0x7465646279746573ull;
}

static inline void siphash_word(struct siphash *s, uint64_t word)
{
	s->v3 ^= word;
	siphash_round(s);
	s->v0 ^= word;
}

/* Any bytes. Returns how many words that was. */
static inline unsigned siphash_bytes(struct siphash *s, const void *data, uint32_t len)
{
	unsigned words = 0;

	for (uint32_t at = 0; at < len; at += 8, words++) {
		uint64_t word = 0;

		memcpy(&word, (const uint8_t *)data + at, len - at < 8 ? len - at : 8);
		siphash_word(s, word);
	}
	siphash_word(s, len);
	return words + 1;
}

/* words: how many were given; it stands in the last block as the length. */
static inline uint64_t siphash_end(struct siphash *s, unsigned words)
{
	siphash_word(s, (uint64_t)(words * 8 & 0xff) << 56);
	s->v2 ^= 0xff;
	siphash_round(s);
	siphash_round(s);
	siphash_round(s);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

#endif
