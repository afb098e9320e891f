/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the supervisor hands to a process that it starts: one memfd (its number is the value of
 * --boot) that names all other descriptors, which are inherited under the same numbers. Immutable
 * after start but for the flags marked volatile.
 */
#ifndef EVENT_BOOT_H
#define EVENT_BOOT_H

#include <stdint.h>

#include "dataplane/event/counters.h"

#define BOOT_MAGIC 0x31746f6f62736d4dull

enum boot_purpose {
	BOOT_LIVE,         /* run on ports until told to stop */
	BOOT_INSPECT,      /* captures, read in the order of time as one stream, then end */
	BOOT_INSPECT_EACH, /* captures, each alone from fresh state, one worker per capture */
	BOOT_CHECK,        /* what a live start would refuse of the configuration and the files it names; then end */
};

struct boot {
	uint64_t magic;
	uint64_t boot_id;        /* random; same for all processes until the supervisor ends */
	uint32_t purpose;        /* enum boot_purpose */
	uint32_t worker_count;
	int32_t config_fd;       /* flat configuration (config.h) */
	int32_t captures_fd;     /* offline: paths, each ended by a NUL; -1 live */
	int32_t counters_fd;     /* counters.h */
	int32_t indicators_fd;   /* indicator.h: the table to start with; -1 none */
	int32_t dataplane_channel, control_channel; /* ends of the command channel */
	int32_t courier_channel, control_courier; /* ends of the courier's channel; -1 none */
	int32_t event_ring_fd[MAX_WORKERS];
	int32_t bulk_ring_fd[MAX_WORKERS];
	int32_t files_channel, control_files; /* ends of a channel: tables of indicators on their way to the files process; -1 none */
	int32_t file_ring_fd;    /* records of the files process; -1: files are not analysed */
	int32_t packet_ring_fd[MAX_WORKERS]; /* captured packets */
	uint32_t dataplane_starts; /* volatile: writer supervisor: how often it was started */
	uint32_t control_starts;   /* volatile: likewise */
	uint32_t courier_starts;   /* volatile: likewise */
	uint32_t files_starts;     /* volatile: likewise */
	uint32_t capture_starts;   /* volatile: likewise */
	int32_t courier_pid;       /* volatile: likewise: 0: it is not running */
	int32_t trace_fd;          /* captures: trace.h; -1 none */
	int32_t rule_stats_fd;     /* captures: rule_stat.h, written at the end; -1 none */
	uint32_t files_here;       /* volatile: 1: the files process may still write records */
	uint32_t dataplane_gone;   /* volatile: 1: it ended and will not be started again */
	uint32_t stop;             /* volatile: 1: drain and end */
};

/* Maps the boot block behind fd; NULL and errno. */
struct boot *boot_attach(int fd);

#endif
