/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Work that takes long (imports, fetches, publishing, scans): one job at a time, in the order in
 * which they were asked for, by one thread. Whoever asked is told when it is done; meanwhile
 * anybody may look at its progress, or stop it. Without the thread (offline) a job runs at once.
 *
 * What waits for the outside (fetches) has a thread of its own, so that a silent server holds up no
 * other work. It is not at the store while it waits: it takes its turn (job_enter, job_leave) among
 * the others when it has something for it.
 *
 * Threads: the jobs threads run; rpc submits, lists, cancels and takes what is finished.
 */
#ifndef CONTROL_JOBS_JOBS_H
#define CONTROL_JOBS_JOBS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "control/base/text.h"
#include "control/store/store.h"

#define JOBS_QUEUED_MAX 256
#define JOBS_REMEMBERED 64 /* finished ones that are still listed */

struct job;
struct jobs;
struct desk;

enum job_state { JOB_QUEUED, JOB_RUNNING, JOB_DONE, JOB_FAILED, JOB_CANCELLED };

struct job {
	/* set before it is submitted */
	char what[40];                 /* "retro scan", "intel import" */
	/* Appends one JSON value to result. 0; -EAGAIN: the store has to be opened anew, run me
	 * again from the start; -ECANCELED: stop was set; -errno: error says why. */
	int (*run)(struct job *j, struct desk *d);
	bool outside; /* waits for the outside: run is called outside the store */
	void (*release)(struct job *j); /* frees arg; or NULL */
	void *arg;                      /* owned */
	int fd;                         /* input, owned; -1: none */
	uint64_t client;                /* of the control socket, that waits for it; 0: nobody */
	struct text request_id;         /* as JSON */
	uint64_t objects;               /* that another sensor posted; 0: that is not what it is about */
	/* written by run */
	struct text result;
	char error[600];
	_Atomic uint64_t done, total;   /* progress, in units of its own; total 0: not known */
	/* kept by jobs.c */
	struct jobs *jobs; /* NULL: offline */
	atomic_bool stop;
	uint64_t number, queued_ns;
	_Atomic uint64_t started_ns, ended_ns; /* CLOCK_REALTIME */
	_Atomic int state;
	struct job *next;
};

/* New, zeroed, with what it does; NULL: out of memory. */
struct job *job_new(const char *what, int (*run)(struct job *, struct desk *));
/* Only for a job that was not submitted, or was taken back. */
void job_free(struct job *j);
/* Runs it here and now (offline). Its status. */
int job_run(struct job *j, struct desk *d);

/* For a job with outside set: its turn at the store, alone among the jobs. 0; -ECANCELED: it was
 * stopped before its turn came. */
int job_enter(struct job *j);
void job_leave(struct job *j);

/* tick: called by the thread when nothing is queued, at most every half second; may submit. */
int jobs_start(struct jobs **out, struct store *s, struct desk *d, void (*tick)(struct desk *d));
/* Cancels what is running, drops what is queued, joins. */
void jobs_stop(struct jobs *js);
/* Takes j. Its number; 0: too much is queued, j is freed. */
uint64_t jobs_submit(struct jobs *js, struct job *j);
/* False: there is no such job, or it is over. */
bool jobs_cancel(struct jobs *js, uint64_t number);
/* Whether a job that waits for the outside is queued or runs. */
bool jobs_outside(struct jobs *js);
/* JSON array, the newest first: job, what, state, queued, started, ended, done, total, objects, error. */
void jobs_list(struct jobs *js, struct text *out);
/* Readable when something is finished. */
int jobs_fd(const struct jobs *js);
/* The next finished job that a client waits for: client, request_id, state, result and error may
 * be read until the next call. NULL: none. */
const struct job *jobs_take_finished(struct jobs *js);
/* Wakes whoever watches jobs_fd. Any thread. */
void jobs_ring(struct jobs *js);

#endif
