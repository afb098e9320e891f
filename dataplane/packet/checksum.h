/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The Internet checksum (RFC 1071) of one packet's layers. Private to packet/ but for
 * packet_checksum_ok, which packet.h declares.
 */
#ifndef PACKET_CHECKSUM_H
#define PACKET_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Sum of 16-bit words as the processor reads them, not folded; an odd last byte is followed by a zero.
 * RFC 1071, 2: the folded sum is that of the big-endian words with its bytes swapped. Up to 2^32 bytes. */
uint64_t checksum_long(const void *data, size_t len);

static inline uint64_t checksum_short(const void *data, size_t len)
{
	const uint8_t *b = data;
	uint64_t sum = 0;

	for (; len >= 8; len -= 8, b += 8) {
		uint64_t v;

		memcpy(&v, b, 8);
		sum += (v & 0xffffffff) + (v >> 32);
	}
	if (len & 4) {
		uint32_t v;

		memcpy(&v, b, 4);
		sum += v;
		b += 4;
	}
	if (len & 2) {
		uint16_t v;

		memcpy(&v, b, 2);
		sum += v;
		b += 2;
	}
	if (len & 1) {
		uint16_t v = 0;

		memcpy(&v, b, 1);
		sum += v;
	}
	return sum;
}

#define CHECKSUM_LONG 96u /* bytes from which lanes are worth their beginning and end */

static inline uint64_t checksum_sum(const void *data, size_t len)
{
	return len >= CHECKSUM_LONG ? checksum_long(data, len) : checksum_short(data, len);
}

/* Sum of big-endian 16-bit words, not folded; an odd last byte is the high half of a word. */
uint64_t checksum_add(uint64_t sum, const void *data, size_t len);
/* Sums of which only the remainder by 0xffff is of interest: 2^16 leaves 1, so does 2^64, and what is carried out comes
 * in again at the other end. */
static inline uint64_t checksum_carry(uint64_t sum, uint64_t more)
{
	sum += more;
	return sum + (sum < more);
}

/* Adds a run of at least 8 bytes. */
static inline uint64_t checksum_run(uint64_t sum, const void *data, size_t len)
{
	const uint8_t *b = data;
	size_t rest = len % 8;
	uint64_t v;

	for (const uint8_t *end = b + len - rest; b < end; b += 8) {
		memcpy(&v, b, 8);
		sum = checksum_carry(sum, v);
	}
	if (rest) {
		memcpy(&v, b + rest - 8, 8);
		sum = checksum_carry(sum, v >> (64 - 8 * rest));
	}
	return sum;
}

/* Is the sum of a run, its checksum field and something that is not zero among it, as a right checksum makes it? It
 * folds to 0xffff then: it is a multiple of that. */
static inline bool checksum_right(uint64_t sum)
{
	return sum % 0xffff == 0;
}

/* Folds to 16 bits; 0xffff where the checksum field was summed too and is right. */
static inline uint16_t checksum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

#endif
