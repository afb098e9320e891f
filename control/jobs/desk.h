/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What jobs work with, and what follows from what: a change of intelligence is published, the
 * workers get its table, findings are judged anew, and the memory is scanned for what is new.
 *
 * Threads: those of jobs, in their turns (offline: the only one).
 */
#ifndef CONTROL_JOBS_DESK_H
#define CONTROL_JOBS_DESK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "control/jobs/jobs.h"
#include "dataplane/event/config.h"

struct contacts;
struct fetcher;
struct hosts;
struct ingest;
struct intel;

/* All borrowed; NULL where there is none (offline: ingest, jobs, fetcher). */
struct desk {
	const struct config *config;
	struct store *store;
	struct contacts *contacts;
	struct intel *intel;
	struct hosts *hosts;
	struct ingest *ingest;
	struct jobs *jobs;
	struct fetcher *fetcher;
	uint64_t next_expiry_ns, next_full_scan_ns; /* CLOCK_REALTIME */
	uint64_t allowed; /* allow entries of the version before */
	bool began;

	pthread_mutex_t image_lock; /* the newest table for the workers, on its way to them */
	int image_fd;               /* -1: none */
	uint64_t image_version;
	_Atomic uint64_t image_generation; /* grows with each */

	int files_channel;            /* the files process has it from here; -1: there is none */
	const uint32_t *files_starts; /* how often that was started (boot.h) */
	uint32_t files_told;          /* the start whose process has the newest table */
};

void desk_init(struct desk *d);
void desk_fini(struct desk *d);
/* What is due: feeds, expiry, scans. Called when no job is queued. */
void desk_tick(struct desk *d);
/* After intelligence was published: table, findings, scan of what is new (as part of job j, whose
 * progress it shows). since: the version before. 0 or -errno. */
int desk_published(struct desk *d, struct job *j, uint64_t since);
/* Fetches that feed, or with NULL all that are due, as job j, which is one that waits for the outside;
 * with all that follows from what is published. 0 or -errno. */
int desk_fetch(struct desk *d, struct job *j, const char *name);
/* The newest table: a descriptor of its own for the caller, or -1; *version. Any thread. */
int desk_image(struct desk *d, uint64_t *version);

#endif
