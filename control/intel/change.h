/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A change while it is made: gathered in order of key (gather), compared with what the source has
 * (change.c), written (write.c). For this folder alone.
 */
#ifndef CONTROL_INTEL_CHANGE_H
#define CONTROL_INTEL_CHANGE_H

#include "control/intel/row.h"

#define OPS_BYTES (8u << 20)   /* more than that is written as files */
#define FILE_BYTES (64u << 20) /* of rows in one file */
#define FILES_MAX 4096

/* What is written: rows in the order of their keys. Held in memory until OPS_BYTES. */
struct writing {
	struct intel *in;
	uint16_t source;
	uint64_t version;    /* being made */
	struct text ops;     /* see write.c */
	uint64_t superseded; /* rows that others replace or take out */
	bool as_files;
	struct output {
		struct store_file *file;
		char tag; /* of its files' names */
		uint64_t bytes;
		bool any;
	} rows, index;
	char *paths[FILES_MAX];
	size_t path_count;
};

int writing_put(struct writing *w, struct slice key, struct slice value, uint64_t old_version);
int writing_delete(struct writing *w, struct slice key, uint64_t old_version);
/* Before the publication: takes files in; or fills the batch with all of it. */
int writing_finish(struct writing *w, struct store_batch *b);
void writing_free(struct writing *w);
/* After it: takes out what the version superseded, and its own marks of what was taken out. */
int intel_sweep(struct intel *in, uint64_t version);
/* Takes out what was written for versions that were never published. */
int intel_discard(struct intel *in);

struct intel_change {
	struct intel *in;
	enum intel_mode mode;
	bool drop; /* the source goes, too */
	char source[INTEL_SOURCE_MAX];
	struct sorter *sorter;
	struct text body;
	struct intel_result result;
	struct text lines; /* refused: length (4), JSON */
	uint64_t line_count;
	struct writing writing;
	struct source *src;
	struct intel_state state; /* to be published */
	uint64_t entries, allowed;
};

/* The parts of intel_change_publish: everything written but not published; published. */
int change_write(struct intel_change *c, struct store_batch *b);
int change_commit(struct intel_change *c, struct store_batch *b);

#endif
