/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Looking for one pattern in a buffer whatever the case of ASCII letters. Candidates are places
 * where first and last byte agree, sixteen places at a time. Runs in the workers.
 */
#include <stddef.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "dataplane/detect/chain.h"

uint8_t fold_byte(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static bool same_folded(const uint8_t *data, const uint8_t *pattern, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (fold_byte(data[i]) != pattern[i])
			return false;
	return true;
}

static uint8_t other_case(uint8_t c)
{
	return c >= 'a' && c <= 'z' ? (uint8_t)(c - 32) : c;
}

const uint8_t *search_nocase(const uint8_t *data, size_t len, const uint8_t *pattern, size_t n)
{
	const uint8_t *last;
	uint8_t first, tail;

	if (n == 0 || len < n)
		return NULL;
	last = data + (len - n);
	first = pattern[0];
	tail = pattern[n - 1];
#if defined(__SSE2__)
	__m128i f1 = _mm_set1_epi8((char)first), f2 = _mm_set1_epi8((char)other_case(first));
	__m128i t1 = _mm_set1_epi8((char)tail), t2 = _mm_set1_epi8((char)other_case(tail));

	while (last - data >= 15) {
		__m128i a = _mm_loadu_si128((const __m128i *)data);
		__m128i b = _mm_loadu_si128((const __m128i *)(data + n - 1));
		__m128i hit = _mm_and_si128(
			_mm_or_si128(_mm_cmpeq_epi8(a, f1), _mm_cmpeq_epi8(a, f2)),
			_mm_or_si128(_mm_cmpeq_epi8(b, t1), _mm_cmpeq_epi8(b, t2)));
		unsigned mask = (unsigned)_mm_movemask_epi8(hit);

		while (mask) {
			unsigned at = (unsigned)__builtin_ctz(mask);

			if (same_folded(data + at, pattern, n))
				return data + at;
			mask &= mask - 1;
		}
		data += 16;
	}
#endif
	for (; data <= last; data++)
		if ((data[0] == first || data[0] == other_case(first)) &&
		    same_folded(data, pattern, n))
			return data;
	return NULL;
}
