/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Numbers in keys and values of the store. Any thread.
 */
#ifndef CONTROL_STORE_BYTES_H
#define CONTROL_STORE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline uint8_t *put_be16(uint8_t *at, uint16_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
	return at + 2;
}

static inline uint8_t *put_be32(uint8_t *at, uint32_t v)
{
	put_be16(at, (uint16_t)(v >> 16));
	return put_be16(at + 2, (uint16_t)v);
}

static inline uint8_t *put_be64(uint8_t *at, uint64_t v)
{
	put_be32(at, (uint32_t)(v >> 32));
	return put_be32(at + 4, (uint32_t)v);
}

static inline uint16_t read_be16(const uint8_t *b)
{
	return (uint16_t)(b[0] << 8 | b[1]);
}

static inline uint32_t read_be32(const uint8_t *b)
{
	return (uint32_t)read_be16(b) << 16 | read_be16(b + 2);
}

static inline uint64_t read_be64(const uint8_t *b)
{
	return (uint64_t)read_be32(b) << 32 | read_be32(b + 4);
}

#define VARINT_MAX 10

/* Seven bits a byte, least first, the top bit says that more follow. Returns past it. */
static inline uint8_t *put_varint(uint8_t *at, uint64_t v)
{
	while (v >= 0x80) {
		*at++ = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	*at++ = (uint8_t)v;
	return at;
}

/* Reads one and moves *p; false when it does not end before end or is too long. */
static inline bool get_varint(const uint8_t **p, const uint8_t *end, uint64_t *v)
{
	unsigned shift = 0;

	*v = 0;
	while (*p < end && shift < 64) {
		uint8_t b = *(*p)++;

		*v |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80))
			return true;
		shift += 7;
	}
	return false;
}

#endif
