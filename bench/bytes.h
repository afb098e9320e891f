/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Numbers as frames have them, most significant byte first.
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

#endif
