/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the files of this folder share about the ingest thread. Nobody else includes it.
 */
#ifndef CONTROL_INGEST_PRIVATE_H
#define CONTROL_INGEST_PRIVATE_H

#include <pthread.h>

#include "control/ingest/eve_file.h"
#include "control/ingest/ingest.h"
#include "dataplane/event/record.h"
#include "dataplane/event/ring.h"

/* Where a worker's ring was read to, as it stands in meta under "ring/" boot id, worker. */
struct ring_place {
	uint64_t pos;
	uint64_t last_seq;
	bool in_capture;       /* offline, each capture alone: sink is that capture's */
	uint32_t capture;      /* its number */
	char *path;            /* as given; NULL when not in a capture. Owned */
};

struct ingest_worker {
	struct ring ring;
	struct ring_place at;      /* read up to here */
	struct ring_place stored;  /* committed up to here */
	struct eve_sink *sink;     /* of the current capture, else NULL; owned */
	struct eve_sink *finished; /* of a capture that ended since the last commit; owned */
	bool said_malformed;
};

#define OWN_WORKER (MAX_WORKERS + 1) /* behind the workers and the files process */

/* A record of our own; owned by the list it is in. */
struct ingest_posted {
	struct ingest_posted *next;
	size_t marker_len;
	uint8_t marker[INGEST_MARKER_MAX];
	struct record_head *record;
};

struct ingest {
	struct ingest_setup setup;
	uint64_t boot_id;
	enum boot_purpose purpose;
	struct ingest_worker worker[OWN_WORKER + 1]; /* the last: what the control process writes */
	unsigned worker_count; /* rings: of the workers, then that of the files process */
	struct eve_outputs outputs;
	struct eve_sink *sink;     /* of the whole run; NULL for BOOT_INSPECT_EACH. Owned */
	char *capture;             /* the only one, as given; NULL: there are more, or none */
	struct store_batch *batch;
	struct text line[EVE_OUTPUTS_MAX], row; /* scratch */
	uint64_t uncommitted;      /* records since the last commit */
	uint64_t first_uncommitted_ns, started_ns, next_stats_ns; /* CLOCK_MONOTONIC */
	uint64_t stats_seq;
	pthread_mutex_t posted_lock;
	struct ingest_posted *posted;   /* waiting; under the lock */
	struct ingest_posted *in_batch; /* read, not yet committed; ingest thread */
	bool store_failed;         /* since it was last opened */
	atomic_bool rotate;
	struct ingest_figures figures;
};

uint64_t monotonic_ns(void);

/* posted.c: records of our own */
void posted_read(struct ingest *in);      /* into the batch; true work of a turn */
void posted_committed(struct ingest *in);
void posted_forget(struct ingest *in);    /* the batch failed: they wait again */
void posted_free(struct ingest *in);

/* place.c: ring positions in the store */
int place_load(struct store *s, uint64_t boot_id, unsigned worker, struct ring_place *out);
void place_record(struct store *s, struct store_batch *b, uint64_t boot_id, unsigned worker,
		  const struct ring_place *p);
int place_copy(struct ring_place *to, const struct ring_place *from);
void place_free(struct ring_place *p);
void places_forget(struct store *s, struct store_batch *b, uint64_t boot_id);

/* record.c: one record */
/* 0; or -errno: stop here and roll back (a file could not be opened). */
int ingest_record(struct ingest *in, unsigned worker, const struct record_head *head);
void ingest_stats(struct ingest *in, struct eve_sink *sink, const struct counters *c,
		  uint64_t ts_ns);
/* The folder of a capture's files: below eve.dir, under its path as given. */
char *capture_folder(const char *eve_dir, const char *path);

#endif
