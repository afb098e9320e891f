/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One worker of the bench: a lane of the engine in a thread of its own, its copy of the capture, its
 * recorded scans. Loop 0 is the capture as it was and warms up; one more loop records the scans;
 * then come the rounds, in each of them in turns: the engine (A), the bare scans (B), the source
 * alone. All workers begin each turn together.
 *
 * Time is the thread's own processor time, so that what others take from it is not counted; wall
 * time stands beside it to show how much that was.
 */
#ifndef BENCH_RUNNER_H
#define BENCH_RUNNER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "bench/idle.h"
#include "bench/scans.h"
#include "bench/traffic.h"
#include "dataplane/engine/engine.h"

#define ROUNDS_MAX 999

struct span {
	double cpu_s, wall_s;
};

/* What came of one loop. */
struct outcome {
	uint64_t alerts, flows, records, records_lost, scan_bytes, scan_calls;
	uint64_t alert_mix;  /* over generator and signature of every alert, in any order */
	uint64_t held;       /* frames not given back */
};

struct round {
	struct span engine;  /* source and engine, without reading the records */
	struct span end;     /* ending all flows; part of the engine's where the traffic is a capture */
	uint64_t begun, ended, open; /* flows: in the measured part; at its end */
	struct span bare, source;
};

struct runner {
	struct lane *lane;
	const struct traffic *traffic;
	pthread_barrier_t *barrier;
	unsigned rounds;
	bool engine_only;                    /* no scans recorded or run bare */
	bool idle;                           /* what idle flows take is wanted, and nothing else */
	struct idle memory;
	bool groups;               /* what each group costs is wanted, too */
	struct scan_tally *tallies; /* owner; NULL: not wanted, or no memory */
	pthread_t thread;
	int core;                            /* pinned to; -1: anywhere */
	struct traffic_copy copy;
	struct scans *scans;
	bool scans_whole;
	uint64_t bare_matches;
	struct round round[ROUNDS_MAX];
	struct outcome outcome[ROUNDS_MAX + 2];
	unsigned outcome_count;
	struct counters cycles;              /* over the measured loops */
	const char *error;                   /* NULL: none */
	/* the loop in hand */
	uint64_t alert_mix;
	double drain_cpu_s, drain_wall_s;
};

/* The thread's function; takes a struct runner. */
void *runner_main(void *runner);

#endif
