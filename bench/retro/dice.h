/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Random numbers by number: a stream is named by what it is about, and each of its numbers can be
 * had without those before it. Any thread.
 */
#ifndef BENCH_RETRO_DICE_H
#define BENCH_RETRO_DICE_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#define GOLDEN 0x9e3779b97f4a7c15ull

enum dice_stream {
	DICE_DAY = 1,  /* a client's day */
	DICE_POOL,     /* a client's own names */
	DICE_DOMAIN,   /* what is so of a domain: its text, hosts, addresses */
	DICE_CAMPAIGN, /* a planted campaign */
	DICE_VICTIM,   /* a victim's day */
	DICE_ABSENT,   /* what is not in the year */
	DICE_PICK,     /* which indicators are asked for */
};

/* The finaliser of splitmix64. */
static inline uint64_t mix(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

struct dice {
	uint64_t state;
};

static inline struct dice dice_new(uint64_t seed, enum dice_stream stream, uint64_t a, uint64_t b)
{
	uint64_t s = mix(seed + stream * GOLDEN);

	s = mix(s + (a + 1) * GOLDEN);
	return (struct dice){mix(s + (b + 1) * GOLDEN)};
}

static inline uint64_t dice_next(struct dice *d)
{
	d->state += GOLDEN;
	return mix(d->state);
}

/* [0, 1) */
static inline double dice_unit(struct dice *d)
{
	return (double)(dice_next(d) >> 11) * 0x1p-53;
}

/* [0, n); n below 2^32. */
static inline uint32_t dice_below(struct dice *d, uint32_t n)
{
	return (uint32_t)((dice_next(d) >> 32) * n >> 32);
}

static inline bool dice_hit(struct dice *d, double p)
{
	return dice_unit(d) < p;
}

/* 1, 2, …: geometric, with that mean. */
static inline uint32_t dice_geometric(struct dice *d, double mean)
{
	double n = mean <= 1 ? 1 : 1 + floor(log1p(-dice_unit(d)) / log1p(-1 / mean));

	return n > 1e9 ? 1000000000u : (uint32_t)n;
}

/* About normal: the sum of twelve uniform sixteen-bit numbers. */
static inline double dice_normal(struct dice *d)
{
	uint64_t sum = 0;

	for (int i = 0; i < 3; i++) {
		uint64_t v = dice_next(d);

		sum += (v & 0xffff) + (v >> 16 & 0xffff) + (v >> 32 & 0xffff) + (v >> 48);
	}
	return (double)sum / 65536.0 - 6;
}

#endif
