/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The supervisor: makes the shared memory (boot block, rings, counters, command channel), starts
 * the dataplane and the control process, starts them again when they die, and ends them in the
 * right order. It parses no traffic and holds no store. metsuked is this and nothing else;
 * `metsuke inspect` is this with captures.
 */
#ifndef DAEMON_SUPERVISOR_H
#define DAEMON_SUPERVISOR_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include "dataplane/event/boot.h"
#include "dataplane/event/config.h"

struct supervisor_child {
	const char *name;    /* "dataplane", "control" */
	char program[512];
	pid_t pid;           /* 0: not running */
	uint32_t *starts;    /* in the boot block */
	int32_t *told_pid;   /* likewise; NULL: nobody asks */
	uint64_t started_ns;
	uint64_t restart_at_ns; /* 0: now */
	unsigned quick_deaths; /* deaths within seconds of a start, in a row */
	int status;          /* of the last one, as waitpid gives it */
	bool finished;       /* ended and is not to be started again */
};

struct supervisor {
	const struct config *config;
	struct boot *boot;
	int boot_fd;
	struct counters_shared *counters;
	struct supervisor_child dataplane, control, courier, files, capture;
	bool no_files;   /* no files are kept: that process is not wanted */
	bool no_capture; /* likewise: no packets are captured, nor can be */
	bool stopping;
	uint64_t stop_deadline_ns;
	/* Called about ten times a second from supervisor_run; NULL: not. */
	void (*tick)(struct supervisor *s, void *arg);
	void *tick_arg;
};

/* workers: how many there will be. captures: paths (offline), NULL live. 0; or -errno and one
 * sentence in error. */
int supervisor_init(struct supervisor *s, const struct config *c, enum boot_purpose purpose,
		    unsigned workers, char *const *captures, size_t capture_count, char *error,
		    size_t error_size);
/* Runs until both have ended (offline: all captures read and stored) or a signal asks to stop.
 * Returns the exit status for the program: 0 good, 1 failed; a sentence on stderr says why. */
int supervisor_run(struct supervisor *s);
/* Of one made for BOOT_CHECK: dataplane and control process say what they would refuse. Returns as above. */
int supervisor_check(struct supervisor *s);
void supervisor_free(struct supervisor *s);

/* Worker count from the configuration and the machine. */
unsigned supervisor_workers(const struct config *c, bool offline);

#endif
