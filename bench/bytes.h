/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Numbers as frames have them, most significant byte first, and their checksums.
 */
#ifndef BENCH_BYTES_H
#define BENCH_BYTES_H

#include <stdint.h>

static inline void put16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static inline void put32(uint8_t *at, uint32_t v)
{
	put16(at, v >> 16);
	put16(at + 2, v & 0xffff);
}

/* RFC 1071, of a sum of 16-bit words. */
static inline uint32_t checksum_of(uint32_t sum)
{
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return ~sum & 0xffff;
}

#endif
