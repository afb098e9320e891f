/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How long packets were with the engine, as a histogram: four buckets to a power of two, so that what is
 * read from it is at most a quarter too much (the log-linear buckets of HdrHistogram, Tene 2012). Times
 * from 64 ns to 137 s; a worker adds one to a bucket, readers take quantiles of sums and differences.
 */
#ifndef EVENT_LATENCY_H
#define EVENT_LATENCY_H

#include <stdint.h>

#define LATENCY_BUCKETS 128
#define LATENCY_FIRST_OCTAVE 6 /* 64 ns; what is shorter is in bucket 0 */

static inline unsigned latency_bucket(uint64_t ns)
{
	unsigned octave, bucket;

	if (ns < 1u << LATENCY_FIRST_OCTAVE)
		return 0;
	octave = 63 - (unsigned)__builtin_clzll(ns);
	bucket = (octave - LATENCY_FIRST_OCTAVE) * 4 + (unsigned)(ns >> (octave - 2) & 3) + 1;
	return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

/* The first time that is too long for the bucket, in ns. */
static inline uint64_t latency_bound(unsigned bucket)
{
	unsigned octave;

	if (!bucket)
		return 1u << LATENCY_FIRST_OCTAVE;
	octave = (bucket - 1) / 4 + LATENCY_FIRST_OCTAVE;
	return (uint64_t)(5 + (bucket - 1) % 4) << (octave - 2);
}

/* A time that so many of a million packets were not longer than; 0 of no packets. 1000000: the greatest. */
static inline uint64_t latency_quantile(const uint64_t buckets[LATENCY_BUCKETS], uint64_t of_million)
{
	uint64_t all = 0, seen = 0;
	unsigned i;

	for (i = 0; i < LATENCY_BUCKETS; i++)
		all += buckets[i];
	if (!all)
		return 0;
	for (i = 0; i < LATENCY_BUCKETS - 1; i++) {
		seen += buckets[i];
		if (seen && (double)seen >= (double)all * (double)of_million / 1e6)
			break;
	}
	return latency_bound(i);
}

#endif
