/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A synthetic year of contacts: who of an organisation's clients contacted what on which day.
 *
 * Every number comes from splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number
 * Generators, 2014) as a function of (seed, stream, client, day, i), so any client's day can be
 * made again alone, in any order, by any thread, and nothing of the year is kept.
 *
 * What it is like (README.md says where each figure comes from):
 *   clients   three sites (UTC+9, +1, -5); 92 % at work on a weekday, 25 % on other days
 *   names     2 million registrable domains, Zipf-Mandelbrot; hosts below them; four fifths of a
 *             client's names from a pool of its own of which 1 % is renewed a day; 0.15 % live a
 * day servers   35 % of the domains on 5,000 shared addresses, the others on 1 to 8 of their own; 2
 * % move a day; 8 % IPv6; 5 % through four proxies planted   control channels (plant.h), each with
 * its truth
 *
 * No row of a client's day has the kind and value of another. A struct year does not change: any
 * thread.
 */
#ifndef BENCH_RETRO_YEAR_H
#define BENCH_RETRO_YEAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "dataplane/base/addr.h"

#define YEAR_CLIENTS 20000u /* at full scale */
#define YEAR_DOMAINS 2000000u
#define YEAR_FIRST_DAY 19723u /* 2024-01-01, in days since 1970 */
#define YEAR_NAME_MAX 96

struct year_setup {
	uint64_t seed;
	uint32_t clients; /* YEAR_CLIENTS: full scale */
	uint32_t days;    /* from YEAR_FIRST_DAY */
};

struct year;

/* All that one client had with one name or server on one day. Borrowed until the callback ends. */
struct year_row {
	uint8_t kind;       /* CONTACT_DOMAIN, CONTACT_SNI, CONTACT_IP */
	uint8_t ip_version; /* of the client, and of the server */
	uint16_t port;      /* CONTACT_IP */
	struct addr client;
	struct addr server; /* CONTACT_IP */
	const char *name;   /* the others */
	uint32_t name_len;
	uint64_t first_us, last_us; /* since the start of the day, UTC */
	uint64_t count, bytes_out, bytes_in;
	uint16_t campaign;     /* number + 1; 0: not planted */
	const char *indicator; /* of the campaign's truth: a name or address; NULL: not in it */
};

/* NULL: out of memory. */
struct year *year_new(const struct year_setup *setup);
void year_free(struct year *y);
const struct year_setup *year_setup(const struct year *y);

/* Calls back for each row of one client's day (day: since the start of the year). A callback that
 * returns nonzero ends it, and is returned. */
int year_client_day(const struct year *y, uint32_t client, uint32_t day,
		    int (*call)(void *arg, const struct year_row *row), void *arg);
bool year_weekend(uint32_t day);
struct addr year_client_addr(const struct year *y, uint32_t client, int ip_version);

/* The name of a registrable domain by its rank, 0 the most frequent. Returns its length. */
uint32_t year_domain(const struct year *y, uint32_t rank, char *out);
/* Names and addresses that are in no year, but sort among those that are: number i of them. */
uint32_t year_absent_name(const struct year *y, uint64_t i, char *out);
struct addr year_absent_addr(const struct year *y, uint64_t i);
/* A network (IPv4) without any contact; *bits: 24 to 28. */
struct addr year_absent_network(const struct year *y, uint64_t i, uint8_t *bits);

#endif
