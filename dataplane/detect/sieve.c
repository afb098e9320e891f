/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Searching for a group's literals without Hyperscan (rules/compile/sieve.h): where an anchor may stand
 * its literals are compared. Masks judge 64 places at a time on processors with AVX-512 VBMI, 32 on those
 * with AVX2; without them short runs are looked at place by place, by the bitmap. Runs in the workers.
 */
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "dataplane/detect/scan.h"

#define BITMAP_BYTES_MAX 128 /* without masks longer runs are Hyperscan's */
#define HALVES_PLACES 4

/* True as scan_found. */
static bool compare(struct scan *scan, uint32_t at, const struct sieve_anchor *a)
{
	const uint8_t *data;

	if (at < a->offset || at - a->offset + a->len > scan->len)
		return false;
	data = scan->data + (at - a->offset);
	for (uint32_t i = 0; i < a->len; i++)
		if (fold_byte(data[i]) != a->text[i])
			return false;
	return scan_found(scan, a->literal, at - a->offset + a->len);
}

static __attribute__((noinline)) void look(struct scan *scan, uint32_t at, uint64_t key, uint32_t bit)
{
	const struct sieve *s = scan->group->sieve;
	uint32_t k = sieve_slot_hash(key) & s->slot_mask;
	const struct sieve_slot *slot;
	int64_t check_at;

	while ((slot = &s->slots[k])->count && slot->key != key)
		k = (k + 1) & s->slot_mask;
	check_at = (int64_t)at + slot->check_at;
	if (slot->has_check && (check_at < 0 || check_at + SIEVE_CHECK_BYTES > scan->len ||
				sieve_check(scan->data + check_at) != slot->check))
		return;
	for (uint32_t i = 0; i < slot->count; i++)
		if (compare(scan, at, &s->anchors[slot->first + i]) && slot->count == 1)
			scan->settled[bit % SCAN_SETTLED] = key;
}

/* The bitmap knows an anchor that begins so. */
static inline void maybe_look(struct scan *scan, uint32_t at, uint32_t v, unsigned width, uint32_t bit)
{
	uint64_t key = sieve_key(v, width);

	if (scan->settled[bit % SCAN_SETTLED] != key)
		look(scan, at, key, bit);
}

static inline unsigned asks(const struct sieve *s, uint32_t bit)
{
	return s->bits[bit / 64] >> bit % 64 & 1;
}

/* All of the bytes are in the run. */
static inline void ask_within(struct scan *scan, uint32_t at, unsigned width)
{
	uint32_t v = sieve_load(scan->data + at, width), bit = sieve_bit(scan->group->sieve, v, width);

	if (asks(scan->group->sieve, bit))
		maybe_look(scan, at, v, width, bit);
}

static inline void ask(struct scan *scan, uint32_t at, unsigned width)
{
	if (at + width <= scan->len)
		ask_within(scan, at, width);
}

/* ---- by the bitmap ---- */

/* All places, for anchors of one width. */
static inline __attribute__((always_inline)) void width_run(struct scan *scan, unsigned width)
{
	const struct sieve *s = scan->group->sieve;
	uint32_t at = 0, count = scan->len >= width ? scan->len - width + 1 : 0;

	for (; at + 4 <= count; at += 4) {
		uint32_t v[4], bit[4];
		unsigned hits = 0;

		for (unsigned i = 0; i < 4; i++) {
			v[i] = sieve_load(scan->data + at + i, width);
			bit[i] = sieve_bit(s, v[i], width);
			hits |= asks(s, bit[i]) << i;
		}
		for (; __builtin_expect(hits != 0, 0); hits &= hits - 1) {
			unsigned i = (unsigned)__builtin_ctz(hits);

			maybe_look(scan, at + i, v[i], width, bit[i]);
		}
	}
	for (; at < count; at++)
		ask_within(scan, at, width);
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
#define VBMI __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi,gfni,bmi,bmi2,popcnt")))
#define AVX2 __attribute__((target("avx2,bmi,bmi2,popcnt")))
#define INLINE inline __attribute__((always_inline))

/* The classes (sieve_class) of 64 bytes: bits 0 to 4, then 6, as rows of a matrix, the first bit's last. */
static INLINE VBMI __m512i classes_of(__m512i bytes)
{
	return _mm512_gf2p8affine_epi64_epi8(bytes, _mm512_set1_epi64(0x0102040810400000), 0);
}

/* Bytes behind the end are zero. */
static INLINE VBMI __m512i bytes_at(const struct scan *scan, uint32_t at, bool whole)
{
	uint32_t left = at < scan->len ? scan->len - at : 0;

	if (whole || left >= 64)
		return _mm512_loadu_si512(scan->data + at);
	return _mm512_maskz_loadu_epi8(_bzhi_u64(UINT64_MAX, left), scan->data + at);
}

/* Each place at + i of the hits, if it is in the run, may be where an anchor of the width begins. */
static INLINE VBMI void hits_ask(struct scan *scan, uint32_t at, uint64_t hits, unsigned width)
{
	uint32_t left = scan->len - at, possible = left >= width ? left - width + 1 : 0;

	if (possible < 64)
		hits = _bzhi_u64(hits, possible);
	for (; hits; hits &= hits - 1)
		ask_within(scan, at + (uint32_t)_tzcnt_u64(hits), width);
}

/* known: of each set the buckets of the places from `at` on that know all of its bytes. */
static INLINE VBMI void known_ask(struct scan *scan, const struct sieve_masks *m, uint32_t at, const __m512i *known,
				  unsigned sets)
{
	uint64_t hits[3] = {0};

	for (unsigned set = 0; set < sets; set++)
		for (unsigned k = 0; k < 3; k++)
			hits[k] |= _mm512_test_epi8_mask(known[set], _mm512_set1_epi8((char)m->of_width[set][k]));
	hits_ask(scan, at, hits[2], 4);
	hits_ask(scan, at, hits[1], 2);
	hits_ask(scan, at, hits[0], 1);
}

/* 64 places; whole: all of their bytes and those behind them are in the run. */
static INLINE VBMI void bytes_block(struct scan *scan, const struct sieve_masks *m, uint32_t at, unsigned sets,
				    unsigned places, bool whole)
{
	const __m512i *tables = (const __m512i *)m->tables;
	__m512i classes[SIEVE_PLACES_MAX], known[SIEVE_SETS_MAX], any;

	for (unsigned i = 0; i < places; i++)
		classes[i] = classes_of(bytes_at(scan, at + i, whole));
	for (unsigned set = 0; set < sets; set++) {
		known[set] = _mm512_permutexvar_epi8(classes[0], tables[set * places]);
		for (unsigned i = 1; i < places; i++)
			known[set] = _mm512_and_si512(known[set],
						      _mm512_permutexvar_epi8(classes[i], tables[set * places + i]));
	}
	any = known[0];
	for (unsigned set = 1; set < sets; set++)
		any = _mm512_or_si512(any, known[set]);
	if (_mm512_test_epi8_mask(any, any))
		known_ask(scan, m, at, known, sets);
}

static INLINE VBMI void bytes_run(struct scan *scan, const struct sieve_masks *m, unsigned sets, unsigned places)
{
	uint32_t at = 0;

	for (; at + 64 + SIEVE_PLACES_MAX <= scan->len; at += 64)
		bytes_block(scan, m, at, sets, places, true);
	for (; at < scan->len; at += 64)
		bytes_block(scan, m, at, sets, places, false);
}

#define BYTES_RUN(sets, places)                                                                       \
	static VBMI void bytes_run_##sets##_##places(struct scan *scan, const struct sieve_masks *m) \
	{                                                                                             \
		bytes_run(scan, m, sets, places);                                                     \
	}
BYTES_RUN(1, 4)
BYTES_RUN(1, 6)
BYTES_RUN(2, 4)
BYTES_RUN(2, 6)
BYTES_RUN(3, 4)
BYTES_RUN(3, 6)
BYTES_RUN(4, 6)
BYTES_RUN(6, 6)
BYTES_RUN(8, 6)

/* By sets, then places / 2: those of the shapes in rules/compile/masks.c. */
static void (*const bytes_runs[SIEVE_SETS_MAX + 1][SIEVE_PLACES_MAX / 2 + 1])(struct scan *,
									     const struct sieve_masks *) = {
	[1] = {[2] = bytes_run_1_4, [3] = bytes_run_1_6}, [2] = {[2] = bytes_run_2_4, [3] = bytes_run_2_6},
	[3] = {[2] = bytes_run_3_4, [3] = bytes_run_3_6}, [4] = {[3] = bytes_run_4_6},
	[6] = {[3] = bytes_run_6_6}, [8] = {[3] = bytes_run_8_6},
};

/* A place's buckets for each of 32 bytes. */
static inline AVX2 __m256i halves_of(const uint8_t *table, __m256i lower, __m256i upper)
{
	const __m128i *halves = (const __m128i *)table;

	return _mm256_and_si256(_mm256_shuffle_epi8(_mm256_broadcastsi128_si256(halves[0]), lower),
				_mm256_shuffle_epi8(_mm256_broadcastsi128_si256(halves[1]), upper));
}

static AVX2 void halves_ask(struct scan *scan, uint32_t at, __m256i buckets, uint32_t hits, const uint8_t *of_width)
{
	_Alignas(32) uint8_t bucket[32];

	_mm256_store_si256((__m256i *)bucket, buckets);
	for (; hits; hits &= hits - 1) {
		unsigned i = (unsigned)__builtin_ctz(hits);

		if (bucket[i] & of_width[2])
			ask(scan, at + i, 4);
		if (bucket[i] & of_width[1])
			ask(scan, at + i, 2);
		if (bucket[i] & of_width[0])
			ask(scan, at + i, 1);
	}
}

/* Of each byte the one that stands `by` places before it, of the block or of that before. */
#define BEHIND(block, before, by) \
	_mm256_alignr_epi8(block, _mm256_permute2x128_si256(before, block, 0x21), 16 - (by))

/* What the bytes of the block before were known as, for each of the first places. */
struct halves_before {
	__m256i known[HALVES_PLACES - 1];
};

/* 32 bytes at `at`: of anchors whose fourth byte is among them. */
static inline __attribute__((always_inline)) AVX2 void halves_block(struct scan *scan, const struct sieve_masks *m,
								    __m256i bytes, uint32_t at, unsigned sets,
								    struct halves_before *before)
{
	const __m256i half = _mm256_set1_epi8(15);
	__m256i lower = _mm256_and_si256(bytes, half), upper = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), half);

	for (unsigned set = 0; set < sets; set++) {
		const uint8_t *tables = &m->tables[(size_t)set * HALVES_PLACES * 2 * SIEVE_HALF_BYTES];
		__m256i first = halves_of(tables, lower, upper);
		__m256i second = halves_of(tables + 2 * SIEVE_HALF_BYTES, lower, upper);
		__m256i third = halves_of(tables + 4 * SIEVE_HALF_BYTES, lower, upper);
		__m256i buckets = halves_of(tables + 6 * SIEVE_HALF_BYTES, lower, upper);
		__m256i *was = before[set].known;
		uint32_t hits;

		buckets = _mm256_and_si256(buckets, BEHIND(third, was[2], 1));
		buckets = _mm256_and_si256(buckets, BEHIND(second, was[1], 2));
		buckets = _mm256_and_si256(buckets, BEHIND(first, was[0], 3));
		was[0] = first;
		was[1] = second;
		was[2] = third;
		hits = ~(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(buckets, _mm256_setzero_si256()));
		if (hits)
			halves_ask(scan, at - (HALVES_PLACES - 1), buckets, hits, m->of_width[set]);
	}
}

static inline __attribute__((always_inline)) AVX2 void halves_run(struct scan *scan, const struct sieve_masks *m,
								  unsigned sets)
{
	struct halves_before before[2] = {0}; /* nothing is known before the first byte */
	uint8_t end[32]; /* behind the end are zeros: no anchor begins so near to it that they would matter */
	uint32_t at = 0;

	for (; at + 32 <= scan->len; at += 32)
		halves_block(scan, m, _mm256_loadu_si256((const __m256i *)(scan->data + at)), at, sets, before);
	memset(end, 0, sizeof(end));
	memcpy(end, scan->data + at, scan->len - at);
	halves_block(scan, m, _mm256_loadu_si256((const __m256i *)end), at, sets, before);
	if (scan->len - at > 32 - HALVES_PLACES)
		halves_block(scan, m, _mm256_setzero_si256(), at + 32, sets, before);
}

/* Tables of one set stay in registers. */
static AVX2 void halves_run_1(struct scan *scan, const struct sieve_masks *m)
{
	halves_run(scan, m, 1);
}

static AVX2 void halves_run_2(struct scan *scan, const struct sieve_masks *m)
{
	halves_run(scan, m, 2);
}

static void masks_run(struct scan *scan, const struct sieve_masks *m, enum sieve_kind kind)
{
	if (kind == SIEVE_HALVES)
		(m->sets == 1 ? halves_run_1 : halves_run_2)(scan, m);
	else
		bytes_runs[m->sets][m->places / 2](scan, m);
}
#else
static void masks_run(struct scan *scan, const struct sieve_masks *m, enum sieve_kind kind)
{
}
#endif

bool sieve_run(struct scan *scan)
{
	enum sieve_kind kind = scan->s->sieve;
	const struct sieve_masks *m = kind < SIEVE_KINDS ? scan->group->sieve->masks[kind] : NULL;

	if (m && (!m->short_only || scan->len <= SIEVE_SHORT_BYTES)) {
		masks_run(scan, m, kind);
		return true;
	}
	if (scan->len > BITMAP_BYTES_MAX)
		return false;
	bitmap_run(scan);
	return true;
}
