/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Numbers in as few bytes as they need (LEB128, seven bits a byte, the lowest first), for state that is put away and
 * read back by this process alone. Nothing is checked: whoever writes has room, whoever reads what was written.
 */
#ifndef BASE_PACK_H
#define BASE_PACK_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define PACK_NUMBER_MAX 10 /* bytes of a number at most */
#define PACK_POINTER_BYTES 6u /* of an address of a process: no more differ from one to another */

static inline uint8_t *pack_number(uint8_t *at, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		*at++ = (uint8_t)(v | 0x80);
	*at++ = (uint8_t)v;
	return at;
}

static inline uint64_t unpack_number(const uint8_t **at)
{
	uint64_t v = 0;
	uint8_t byte;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		byte = *(*at)++;
		v |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			break;
	}
	return v;
}

/* Small ones of either sign are short. */
static inline uint8_t *pack_signed(uint8_t *at, int64_t v)
{
	return pack_number(at, (uint64_t)v << 1 ^ (uint64_t)(v >> 63));
}

static inline int64_t unpack_signed(const uint8_t **at)
{
	uint64_t v = unpack_number(at);

	return (int64_t)(v >> 1 ^ (0 - (v & 1)));
}

/* Room that pack_words needs for so many words at most. */
#define PACK_WORDS_MAX(words) (((words) + 7) / 8 + 9 * (words))

/* A struct of whole words most of which is zero: a bit for each word that is not, and of those a bit for each byte that
 * is not. All of it, padding too, is the same again. */
static inline uint8_t *pack_words(uint8_t *at, const void *from, unsigned words)
{
	const uint8_t *byte = from;
	uint8_t *there = at;

	memset(there, 0, (words + 7) / 8);
	at += (words + 7) / 8;
	for (unsigned i = 0; i < words; i++, byte += 8) {
		uint8_t *mask = at;
		uint64_t word;

		memcpy(&word, byte, 8);
		if (!word)
			continue;
		there[i / 8] |= (uint8_t)(1u << i % 8);
		*at++ = 0;
		for (unsigned k = 0; k < 8; k++) {
			if (byte[k]) {
				*mask |= (uint8_t)(1u << k);
				*at++ = byte[k];
			}
		}
	}
	return at;
}

static inline void unpack_words(const uint8_t **at, void *to, unsigned words)
{
	const uint8_t *there = *at;
	uint8_t *byte = to;

	memset(to, 0, 8 * (size_t)words);
	*at += (words + 7) / 8;
	for (unsigned i = 0; i < words; i++, byte += 8) {
		unsigned mask = there[i / 8] >> i % 8 & 1 ? *(*at)++ : 0;

		for (; mask; mask &= mask - 1)
			byte[__builtin_ctz(mask)] = *(*at)++;
	}
}

/* As they are, in so many bytes. */
static inline uint8_t *pack_bytes(uint8_t *at, const void *from, size_t len)
{
	memcpy(at, from, len);
	return at + len;
}

static inline void unpack_bytes(const uint8_t **at, void *to, size_t len)
{
	memcpy(to, *at, len);
	*at += len;
}

static inline bool pointer_short(const void *p)
{
	return !((uintptr_t)p >> (8 * PACK_POINTER_BYTES));
}

/* Of one that is short. */
static inline uint8_t *pack_pointer(uint8_t *at, const void *p)
{
	uintptr_t v = (uintptr_t)p;

	return pack_bytes(at, &v, PACK_POINTER_BYTES);
}

static inline void *unpack_pointer(const uint8_t **at)
{
	uintptr_t v = 0;

	unpack_bytes(at, &v, PACK_POINTER_BYTES);
	return (void *)v;
}

#endif
