/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A column of numbers, packed: frame of reference with patched exceptions (PFOR; Zukowski, Héman,
 * Nes, Boncz: Super-Scalar RAM-CPU Cache Compression, ICDE 2006).
 *
 * Format: least value (varint) | bits each, b (1 byte) | exceptions (varint) | values − least, their
 * low b bits, least significant first, packed | for each exception: distance of its position from
 * the one before (varint), the bits above b (varint). Any thread.
 */
#ifndef CONTROL_CONTACT_COLUMN_H
#define CONTROL_CONTACT_COLUMN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/base/text.h"

void column_put(struct text *out, const uint64_t *values, size_t count);
/* Reads count values and moves *p; false: malformed. */
bool column_get(const uint8_t **p, const uint8_t *end, uint64_t *values, size_t count);

/* Single bits, least significant first. */
struct bit_writer {
	struct text *out;
	uint64_t word;
	unsigned have;
};

struct bit_reader {
	const uint8_t *p, *end;
	uint64_t word;
	unsigned have;
	bool bad;
};

void bits_put(struct bit_writer *w, uint64_t value, unsigned bits); /* at most 32 bits */
void bits_end(struct bit_writer *w);
uint64_t bits_get(struct bit_reader *r, unsigned bits);

#endif
