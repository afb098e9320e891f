/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A set of days as it stands in the dictionary of indicators, behind a value's number: two bytes each, big endian,
 * ascending, counted from 1970-01-01. Two sets are united by the store itself (merge operator).
 */
#ifndef CONTROL_STORE_DAYS_H
#define CONTROL_STORE_DAYS_H

#include <stddef.h>
#include <stdint.h>

#define DAY_NS 86400000000000ull
#define DAYS_MAX 65536u

static inline uint16_t day_of(uint64_t ns)
{
	uint64_t day = ns / DAY_NS;

	return day > UINT16_MAX ? UINT16_MAX : (uint16_t)day;
}

static inline void day_put(uint8_t *at, uint16_t day)
{
	at[0] = (uint8_t)(day >> 8);
	at[1] = (uint8_t)day;
}

static inline uint16_t day_get(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

/* Unites a and b into out, which has room for a_len + b_len bytes. Returns the length. Odd last
 * bytes are ignored. */
size_t days_unite(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len, uint8_t *out);

#endif
