/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Numbers in as few bytes as they need (LEB128, seven bits a byte, the lowest first), for state that is put away and
 * read back by this process alone. Nothing is checked: whoever writes has room, whoever reads what was written.
 */
#ifndef BASE_PACK_H
#define BASE_PACK_H

#include <stdint.h>
#include <string.h>

#define PACK_NUMBER_MAX 10 /* bytes of a number at most */

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

#endif
