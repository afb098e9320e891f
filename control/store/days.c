/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/store/days.h"

size_t days_unite(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len, uint8_t *out)
{
	size_t i = 0, j = 0, n = 0;

	a_len &= ~(size_t)1;
	b_len &= ~(size_t)1;
	while (i < a_len || j < b_len) {
		uint32_t x = i < a_len ? day_get(a + i) : DAYS_MAX;
		uint32_t y = j < b_len ? day_get(b + j) : DAYS_MAX;
		uint32_t least = x < y ? x : y;

		day_put(out + n, (uint16_t)least);
		n += 2;
		i += x == least ? 2 : 0;
		j += y == least ? 2 : 0;
	}
	return n;
}
