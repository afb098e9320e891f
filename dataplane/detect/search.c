/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Looking for one pattern in a buffer, in its case or whatever the case of ASCII letters. Candidates
 * are places where its two rarest bytes agree, sixteen or 32 places at a time. Runs in the workers.
 */
#include <stddef.h>
#include <string.h>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#include "dataplane/base/commonness.h"
#include "dataplane/detect/chain.h"

/* The two rarest; of equal ones those that stand first. */
struct needle needle_make(const uint8_t *pattern, uint32_t len, bool nocase)
{
	struct needle n = {.pattern = pattern, .len = len, .nocase = nocase};
	uint32_t end = len < 256 ? len : 256;

	for (uint32_t i = 1; i < end; i++)
		if (byte_commonness[pattern[i]] < byte_commonness[pattern[n.rare[0]]])
			n.rare[0] = (uint8_t)i;
	n.rare[1] = n.rare[0] == 0 && end > 1;
	for (uint32_t i = 0; i < end; i++)
		if (i != n.rare[0] && pattern[i] != pattern[n.rare[0]] &&
		    (byte_commonness[pattern[i]] < byte_commonness[pattern[n.rare[1]]] ||
		     pattern[n.rare[1]] == pattern[n.rare[0]]))
			n.rare[1] = (uint8_t)i;
	return n;
}

static inline bool same(const uint8_t *data, const struct needle *n)
{
	if (!n->nocase)
		return memcmp(data, n->pattern, n->len) == 0;
	for (uint32_t i = 0; i < n->len; i++)
		if (fold_byte(data[i]) != n->pattern[i])
			return false;
	return true;
}

static const uint8_t *among(const uint8_t *data, uint32_t mask, const struct needle *n)
{
	for (; mask; mask &= mask - 1) {
		const uint8_t *at = data + __builtin_ctz(mask);

		if (same(at, n))
			return at;
	}
	return NULL;
}

/* Bit i of a look's answer: at data[i] both rare bytes agree. Of letters case is left out; a few others
 * are then alike. */
#if defined(__SSE2__)
static const uint8_t *search_16(const uint8_t *data, const uint8_t *last, const struct needle *n)
{
	uint8_t bit = n->nocase ? 0x20 : 0;
	__m128i fold = _mm_set1_epi8((char)bit);
	__m128i first = _mm_set1_epi8((char)(n->pattern[n->rare[0]] | bit));
	__m128i second = _mm_set1_epi8((char)(n->pattern[n->rare[1]] | bit));

	for (;; data = last - data >= 31 ? data + 16 : last - 15) {
		__m128i a = _mm_loadu_si128((const __m128i *)(data + n->rare[0]));
		__m128i b = _mm_loadu_si128((const __m128i *)(data + n->rare[1]));
		uint32_t mask;
		const uint8_t *at;

		a = _mm_cmpeq_epi8(_mm_or_si128(a, fold), first);
		b = _mm_cmpeq_epi8(_mm_or_si128(b, fold), second);
		mask = (uint32_t)_mm_movemask_epi8(_mm_and_si128(a, b));
		if (__builtin_expect(mask != 0, 0) && (at = among(data, mask, n)) != NULL)
			return at;
		if (data == last - 15)
			return NULL;
	}
}

/* The same, 32 places at a time. */
static __attribute__((target("avx2"))) const uint8_t *search_32(const uint8_t *data, const uint8_t *last,
								 const struct needle *n)
{
	uint8_t bit = n->nocase ? 0x20 : 0;
	__m256i fold = _mm256_set1_epi8((char)bit);
	__m256i first = _mm256_set1_epi8((char)(n->pattern[n->rare[0]] | bit));
	__m256i second = _mm256_set1_epi8((char)(n->pattern[n->rare[1]] | bit));

	for (;; data = last - data >= 63 ? data + 32 : last - 31) {
		__m256i a = _mm256_loadu_si256((const __m256i *)(data + n->rare[0]));
		__m256i b = _mm256_loadu_si256((const __m256i *)(data + n->rare[1]));
		uint32_t mask;
		const uint8_t *at;

		a = _mm256_cmpeq_epi8(_mm256_or_si256(a, fold), first);
		b = _mm256_cmpeq_epi8(_mm256_or_si256(b, fold), second);
		mask = (uint32_t)_mm256_movemask_epi8(_mm256_and_si256(a, b));
		if (__builtin_expect(mask != 0, 0) && (at = among(data, mask, n)) != NULL)
			return at;
		if (data == last - 31)
			return NULL;
	}
}
#endif

const uint8_t *needle_find(const struct needle *n, const uint8_t *data, size_t len)
{
	const uint8_t *last;
	uint8_t key, bit = n->nocase ? 0x20 : 0;

	if (n->len == 0 || len < n->len)
		return NULL;
	if (n->len == 1 && !n->nocase)
		return memchr(data, n->pattern[0], len);
	last = data + (len - n->len);
#if defined(__SSE2__)
	if (last - data >= 31 && __builtin_cpu_supports("avx2"))
		return search_32(data, last, n);
	if (last - data >= 15)
		return search_16(data, last, n);
#endif
	key = n->pattern[n->rare[0]] | bit;
	for (; data <= last; data++)
		if ((data[n->rare[0]] | bit) == key && same(data, n))
			return data;
	return NULL;
}
