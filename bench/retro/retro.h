/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the commands of bench-retro share. A measured store stands in DIR/store (the product's own)
 * or DIR/naive; DIR/year says of which year it is.
 */
#ifndef BENCH_RETRO_RETRO_H
#define BENCH_RETRO_RETRO_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/retro/plant.h"
#include "bench/retro/year.h"

struct store;
struct contacts;
struct config;

struct retro_bench {
	struct year_setup setup;
	const char *dir;
	const char *control; /* the control process's program */
	uint32_t threads, rounds, indicators, workers;
	bool seconds; /* build: whole seconds, as in a part of more than a million rows */
	bool scan;    /* ingest: also while scans run */
	uint32_t expired;        /* days from the start of the year that are dropped */
	uint64_t limit;          /* contacts; 0: none */
	uint64_t memory_bytes;   /* control.memory */
	uint64_t unit_ns;        /* to which the store rounds times down */
	double max_ratio;        /* of the naive one's time or bytes; 0: not judged */
	uint64_t passed, failed; /* what was judged */
	bool json;
	struct year *year;
};

/* Each returns an exit status. */
int bench_build(struct retro_bench *b);
int bench_ingest(struct retro_bench *b);
int bench_size(struct retro_bench *b);
int bench_one(struct retro_bench *b);
int bench_million(struct retro_bench *b);
int bench_naive(struct retro_bench *b);

/* DIR/year: false, with a sentence, when it cannot be read or written. */
bool bench_year_save(const struct retro_bench *b);
bool bench_year_load(struct retro_bench *b);

/* The product's store of DIR, to look things up in. */
struct opened {
	struct config *config;
	struct store *store;
	struct contacts *contacts;
};

bool bench_open(struct retro_bench *b, bool write, struct opened *o);
void bench_close(struct opened *o);

/* Seconds. */
double clock_wall(void);
double clock_cpu(void); /* of this process */
/* Bytes on disk of a folder's files. */
uint64_t folder_bytes(const char *dir);
void folder_remove(const char *dir);
/* The kernel forgets what it read of a folder's files. */
void folder_forget(const char *dir);

/* Counts; what failed is said. */
void judge(struct retro_bench *b, bool good, const char *what);
/* "name value unit" for people, or a member of the JSON object that main prints. */
void figure(struct retro_bench *b, const char *name, double value, const char *unit);
/* Median and 99th percentile of n values (sorted in place), of less than a hundred least and
 * greatest. */
void figures_of(struct retro_bench *b, const char *name, double *values, size_t n,
		const char *unit);

#endif
