/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The files that EVE lines go to. Lines are gathered in memory and written before the commit of
 * the batch they belong to; the offset that a file then has is stored in that batch. What a file
 * holds beyond its stored offset was never committed and is cut off before ingestion goes on, so
 * that a file holds each record once. Ingest thread.
 */
#ifndef CONTROL_INGEST_EVE_FILE_H
#define CONTROL_INGEST_EVE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "control/base/text.h"
#include "control/ingest/eve.h"
#include "control/store/store.h"
#include "dataplane/event/config.h"

#define EVE_OUTPUTS_MAX 16

/* What the configuration says of one file name. Immutable. */
struct eve_output {
	struct eve_options *options;
	char *name;      /* of the file, below the sink's folder or absolute */
	bool fast;       /* lines of fast.log, of alerts alone */
	unsigned same;   /* index of an earlier output whose lines are the same; or its own */
};

struct eve_outputs {
	struct eve_output item[EVE_OUTPUTS_MAX];
	unsigned count;
	bool live;
};

/* An open file. */
struct eve_file {
	char *path;
	int fd;
	uint64_t inode;
	uint64_t offset;    /* its length, written but perhaps not committed */
	uint64_t committed; /* its length after the last commit */
	struct text pending;
	bool touched;       /* since the last commit */
};

/* One file for each output: of the whole run, or of one capture. */
struct eve_sink {
	char *folder;
	struct eve_file file[EVE_OUTPUTS_MAX];
	unsigned count;
};

/* 0; -ENOMEM; -EINVAL when there are more files than EVE_OUTPUTS_MAX. */
int eve_outputs_init(struct eve_outputs *o, const struct config *c, bool live);
void eve_outputs_fini(struct eve_outputs *o);

/* Makes the folder and opens the files. fresh: a run of its own, what was there is cut off. Else
 * what the store says of (boot_id, path) is kept, or all of it when the store says nothing.
 * NULL and errno; the sentence has been said. */
struct eve_sink *eve_sink_open(const struct eve_outputs *o, const char *folder, struct store *s,
			       uint64_t boot_id, bool fresh);
void eve_sink_close(struct eve_sink *sink);
/* Writes what is gathered. 0 or -errno. */
int eve_sink_write(struct eve_sink *sink);
/* Puts the new offsets into the batch. */
void eve_sink_record(struct eve_sink *sink, struct store *s, struct store_batch *b,
		     uint64_t boot_id);
/* The batch is committed. */
void eve_sink_committed(struct eve_sink *sink);
/* Back to what the store says; gathered lines are forgotten. 0 or -errno. */
int eve_sink_rollback(struct eve_sink *sink, struct store *s, uint64_t boot_id);
/* Opens the files anew by their names (after they were moved away). Call after a commit. */
int eve_sink_rotate(struct eve_sink *sink, struct store *s, uint64_t boot_id);
/* Forgets the offsets of other boots. */
void eve_offsets_forget(struct store *s, struct store_batch *b, uint64_t boot_id);

#endif
