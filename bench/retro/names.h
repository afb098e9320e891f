/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The names and addresses of the synthetic year. A domain is three syllables and a suffix, both
 * from its scrambled rank, so that frequent and rare names lie mixed in the order of the store.
 * Only letters stand in it: what is planted has a digit, what lives one day a hyphen, what is in
 * no year a "q", so none of them can be another. Any thread.
 */
#ifndef BENCH_RETRO_NAMES_H
#define BENCH_RETRO_NAMES_H

#include "bench/retro/dice.h"
#include "bench/retro/year.h"

/* Zipf-Mandelbrot by rejection-inversion (Hörmann, Derflinger 1996): P(rank k) ~ (k + q)^-s, k
 * from 1. */
struct zipf {
	double s, q, n;
	double h_first, h_last, squeeze;
};

void zipf_init(struct zipf *z, double s, double q, uint32_t n);
/* 0 to n - 1. */
uint32_t zipf_draw(const struct zipf *z, struct dice *d);

struct names {
	uint64_t seed;
	struct zipf domain;
	uint8_t hosts[1024]; /* how many hosts a domain has, by a hash */
};

void names_init(struct names *n, uint64_t seed);
/* Each appends to out (YEAR_NAME_MAX), terminates, and returns the length. */
uint32_t name_of_domain(const struct names *n, uint32_t rank, char *out);
uint32_t name_of_host(const struct names *n, uint32_t rank, uint64_t which, char *out);
uint32_t name_of_day(const struct names *n, uint32_t day, uint32_t which, char *out);
/* Three syllables from 21 bits. */
uint32_t syllables(uint32_t bits, char *out);
const char *suffix(uint64_t hash);
/* One of the addresses of a domain on that day. Returns 4 or 6. */
int server_of_domain(const struct names *n, uint32_t rank, uint32_t day, uint64_t which,
		     struct addr *out);
struct addr cdn_addr(uint32_t which);

#endif
