/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What one would write first: a row for each client, indicator and day, twice, once for each way
 * of looking, in a RocksDB with the usual settings (LZ4, Bloom filters of ten bits).
 *   'i' kind value 0 client day → first, last, count, bytes out, bytes in, port
 *   'c' client kind value 0 day → the same
 * Values of names are reversed labels too, so that a name and those below it lie together.
 */
#ifndef BENCH_RETRO_NAIVE_H
#define BENCH_RETRO_NAIVE_H

#include "bench/retro/asked.h"
#include "bench/retro/retro.h"

bool naive_is_there(const struct retro_bench *b);
/* Looks all up by seeking; compares. Returns how many rows differ, or -errno; *cpu: seconds. */
long naive_million(struct retro_bench *b, const struct asked_list *l, double *cpu);
/* Contacts a second of processor time, one by one, into a store in dir. 0: failed. */
double naive_ingest(struct retro_bench *b, const char *dir);
/* Bytes on disk for each contact row. 0: failed. */
double naive_row_bytes(struct retro_bench *b);

#endif
