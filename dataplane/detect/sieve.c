/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Searching for a group's literals without Hyperscan: of each literal a few telling bytes are its
 * anchor; where an anchor may stand its literals are compared. Where they may stand is said by the
 * masks of the sieve (rules/compile/masks.c), 64 places at a time, on processors that look up 64 bytes
 * in a table of 256 at once (AVX-512 VBMI); on others, in short runs, by a bitmap, place by place.
 * Runs in the workers.
 */
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "dataplane/detect/scan.h"

#define BITMAP_BYTES_MAX 128 /* longer runs are Hyperscan's */

static void compare(struct scan *scan, uint32_t at, const struct sieve_anchor *a)
{
	const uint8_t *data;

	if (at < a->offset || at - a->offset + a->len > scan->len)
		return;
	data = scan->data + (at - a->offset);
	for (uint32_t i = 0; i < a->len; i++)
		if (fold_byte(data[i]) != a->text[i])
			return;
	scan_on_literal(a->literal, 0, at - a->offset + a->len, 0, scan);
}

static __attribute__((noinline)) void look(struct scan *scan, uint32_t at, uint64_t key)
{
	const struct sieve *s = scan->group->sieve;
	uint32_t k = sieve_slot_hash(key) & s->slot_mask;

	while (s->slots[k].count && s->slots[k].key != key)
		k = (k + 1) & s->slot_mask;
	for (uint32_t i = 0; i < s->slots[k].count; i++)
		compare(scan, at, &s->anchors[s->slots[k].first + i]);
}

static inline unsigned asks(const struct sieve *s, uint32_t v, unsigned width)
{
	uint32_t bit = sieve_bit(s, v, width);

	return s->bits[bit / 64] >> bit % 64 & 1;
}

static inline void ask(struct scan *scan, uint32_t at, unsigned width)
{
	uint32_t v;

	if (at + width > scan->len)
		return;
	v = sieve_load(scan->data + at, width);
	if (asks(scan->group->sieve, v, width))
		look(scan, at, sieve_key(v, width));
}

/* ---- by the bitmap ---- */

/* All places, for anchors of one width. */
static inline __attribute__((always_inline)) void width_run(struct scan *scan, unsigned width)
{
	const struct sieve *s = scan->group->sieve;
	uint32_t at = 0, count = scan->len >= width ? scan->len - width + 1 : 0;

	for (; at + 4 <= count; at += 4) {
		const uint8_t *data = scan->data + at;
		uint32_t a = sieve_load(data, width), b = sieve_load(data + 1, width);
		uint32_t c = sieve_load(data + 2, width), d = sieve_load(data + 3, width);
		unsigned hits = asks(s, a, width) | asks(s, b, width) << 1 |
				asks(s, c, width) << 2 | asks(s, d, width) << 3;

		if (__builtin_expect(hits == 0, 1))
			continue;
		if (hits & 1)
			look(scan, at, sieve_key(a, width));
		if (hits & 2)
			look(scan, at + 1, sieve_key(b, width));
		if (hits & 4)
			look(scan, at + 2, sieve_key(c, width));
		if (hits & 8)
			look(scan, at + 3, sieve_key(d, width));
	}
	for (; at < count; at++)
		ask(scan, at, width);
}

static void bitmap_run(struct scan *scan)
{
	uint8_t widths = scan->group->sieve->widths;

	if (widths & 4)
		width_run(scan, 4);
	if (widths & 2)
		width_run(scan, 2);
	if (widths & 1)
		width_run(scan, 1);
}

/* ---- by masks ---- */

#if defined(__x86_64__)
#define VBMI __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi,bmi,bmi2,popcnt")))

bool sieve_masks_possible(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	       __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi") &&
	       __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
}

/* A table's byte for each of 64: the upper bit of an index does not count. */
static inline VBMI __m512i table_of(const uint8_t *table, __m512i bytes)
{
	return _mm512_permutex2var_epi8(_mm512_load_si512(table), bytes, _mm512_load_si512(table + 64));
}

/* Bytes behind the end are zero: no anchor begins so near to it that they would matter. */
static inline VBMI __m512i bytes_at(const struct scan *scan, uint32_t at)
{
	uint32_t left = at < scan->len ? scan->len - at : 0;

	if (left >= 64)
		return _mm512_loadu_si512(scan->data + at);
	return _mm512_maskz_loadu_epi8(_bzhi_u64(UINT64_MAX, left), scan->data + at);
}

static VBMI void places_ask(struct scan *scan, uint32_t at, __m512i buckets, uint64_t hits,
			    const uint8_t *of_width)
{
	_Alignas(64) uint8_t bucket[64];

	_mm512_store_si512(bucket, buckets);
	for (; hits; hits &= hits - 1) {
		unsigned i = (unsigned)__builtin_ctzll(hits);

		if (bucket[i] & of_width[2])
			ask(scan, at + i, 4);
		if (bucket[i] & of_width[1])
			ask(scan, at + i, 2);
		if (bucket[i] & of_width[0])
			ask(scan, at + i, 1);
	}
}

static inline __attribute__((always_inline)) VBMI void masks_run(struct scan *scan, unsigned places)
{
	const struct sieve_masks *m = scan->group->sieve->masks;

	for (uint32_t at = 0; at < scan->len; at += 64) {
		__m512i bytes[SIEVE_PLACES_MAX];

		for (unsigned i = 0; i < places; i++)
			bytes[i] = bytes_at(scan, at + i);
		for (unsigned set = 0; set < m->sets; set++) {
			const uint8_t(*tables)[SIEVE_TABLE_BYTES] = &m->tables[set * places];
			__m512i buckets = table_of(tables[0], bytes[0]);
			uint64_t hits;

			for (unsigned i = 1; i < places; i++)
				buckets = _mm512_and_si512(buckets, table_of(tables[i], bytes[i]));
			hits = _mm512_test_epi8_mask(buckets, buckets);
			if (hits)
				places_ask(scan, at, buckets, hits, m->of_width[set]);
		}
	}
}

static VBMI void masks_run_4(struct scan *scan)
{
	masks_run(scan, 4);
}

static VBMI void masks_run_6(struct scan *scan)
{
	masks_run(scan, 6);
}
#else
bool sieve_masks_possible(void)
{
	return false;
}
#endif

bool sieve_run(struct scan *scan)
{
#if defined(__x86_64__)
	const struct sieve_masks *m = scan->group->sieve->masks;

	if (m && scan->s->masks) {
		if (m->places == 4)
			masks_run_4(scan);
		else
			masks_run_6(scan);
		return true;
	}
#endif
	if (scan->len > BITMAP_BYTES_MAX)
		return false;
	bitmap_run(scan);
	return true;
}
