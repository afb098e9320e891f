/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From literals to Hyperscan databases: the cache on disk first, then a child process that compiles
 * what is missing. Runs in the thread that loads a rule set.
 *
 * A cached database is a file DIR/HASH.hsdb, HASH being XXH128 over the literals, Hyperscan's
 * version, the CPU features and the format's version. It holds struct cache_head and the serialized
 * database; one that does not fit its head is ignored and written anew. Files are written beside and
 * renamed, so that readers see whole ones only.
 */
#ifndef COMPILE_DATABASE_H
#define COMPILE_DATABASE_H

#include <hs/hs.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct database_literal {
	const uint8_t *data;
	uint32_t len; /* at least 1 */
};

/* One database to make: out is set when it is there. */
struct database_job {
	const struct database_literal *literals;
	uint32_t literal_count;
	hs_database_t *out;
	bool from_cache;
	uint64_t hash[2]; /* private */
};

/* All of it, however often it takes. False: errno says why, or nothing more can be written. */
bool file_write_all(int fd, const void *data, size_t len);

/* Makes them all, at most `children` processes at a time. cache_dir: NULL or "" for none. 0; or -1
 * and a sentence in error; then no database is left. */
int database_make(struct database_job *jobs, size_t count, const char *cache_dir, unsigned children,
		  char *error, size_t error_size);

/* The part of the child: jobs are read from fd in, serialized databases written to fd out. Both are
 * plain files (memfd). Exit status. */
int database_child(int in, int out);

/* For tests, and when the helper program is missing: in this process. */
int database_compile(struct database_job *job, char *error, size_t error_size);

#endif
