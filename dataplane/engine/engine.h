/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The dataplane process: what its threads share. Private to engine/.
 *
 * Threads: the main thread (housekeeping: commands, heartbeat, clock, reloads), one thread a lane
 * (a worker with its queues and rings), and, where ports cannot spread flows themselves, one
 * dispatcher (steer.h). A lane's fields are its own but for those marked with their writer.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/engine/counted.h"
#include "dataplane/engine/overload.h"
#include "dataplane/engine/sink.h"
#include "dataplane/engine/worker.h"
#include "dataplane/event/boot.h"
#include "dataplane/packet/decode.h"
#include "drivers/capture.h"

struct rte_mbuf;
struct detect_program;
struct block_table;
struct handover;
struct live;
struct flowdump_share;
struct recordings;
struct home;
struct indicator_image;
struct trace_shared;
struct offload;
struct engine;

#define BURST 32u
#define PORTS_MAX 16
#define ENGINE_ERROR_BYTES 512

/* ---- captures ---- */

/* How a lane has been told to go through captures; all of a run's names. */
struct capture_list {
	char *names;           /* as handed over: each ended by a NUL */
	char **paths;          /* into names */
	size_t count;
	uint64_t bytes;        /* of all files */
	_Atomic size_t next;   /* INSPECT_EACH: the next one that nobody has taken */
	_Atomic uint64_t done, failed;
};

/* ---- a worker thread ---- */

struct lane {
	struct worker w;       /* first: worker functions get &lane->w and find the lane */
	struct engine *engine;
	struct sink sink;
	pthread_t thread;
	bool started;
	int core;              /* pinned to; -1: anywhere */
	const struct detect_program *program; /* in use */
	uint64_t bursts;
	struct counters before; /* at the begin of the capture in hand */
	char error[CAPTURE_ERROR_BYTES]; /* of the capture in hand */

	/* the burst in hand */
	struct packet *packets[BURST * DECODE_PACKETS_MAX]; /* NULL: its frame is only counted */
	unsigned first[BURST + 1]; /* of each frame, in packets */
	uint64_t ts_ns[BURST];     /* of each frame */
	uint32_t seen[BURST];      /* bytes of it that are looked at */
	struct flow_sight sight[BURST];
	unsigned waiting;          /* of .sight, frames that wait undecoded; 0: .sight is not to be asked */
	bool sighted;              /* .sight is set */
	struct counted_sums counted;
	bool inspection;           /* no: flows are tracked, no more */
	bool anomaly_decode, anomaly_stream;
	bool log_drops, log_every_drop;
	uint16_t log_stream;      /* TCP packets of which a record is written: enum stream_note */
	uint64_t drops_second_ns; /* begin of the second in which drops are counted */
	unsigned drops_told;
	struct overload overload;
	uint16_t full_bursts[PORTS_MAX]; /* taken from each port since it last had fewer to give */

	_Alignas(64) _Atomic uint64_t input_bytes_done; /* readers: main */
	_Atomic(struct flowdump_share *) dump;          /* writers: main posts, lane takes */
	_Atomic bool ready;                             /* readers: main; its modules are there */
	_Atomic bool finished;                          /* likewise */
};

static inline struct lane *lane_of(struct worker *w)
{
	return (struct lane *)(void *)w;
}

struct engine {
	struct boot *boot;
	const struct config *config;
	struct counters_shared *shared;
	struct capture_list captures;
	unsigned lane_count;
	struct lane *lanes[MAX_WORKERS];
	struct detect_peers *detect_peers; /* NULL: limits are each lane's own */

	_Atomic(const struct detect_program *) program; /* writer: main; RCU, see ruleload.h */
	_Atomic(const struct block_table *) blocks;     /* likewise; NULL: nothing is blocked */
	_Atomic(const struct indicator_image *) indicators; /* likewise; NULL: none are known */
	_Atomic(const struct recordings *) recordings; /* likewise; NULL: no packet is captured */
	struct rte_rcu_qsbr *rcu;
	const struct home *home;       /* what is inside; immutable */
	struct trace_shared *trace;    /* writer: the lane; NULL: no rule is followed */
	struct live *live;             /* NULL: captures */
	struct offload *offload;       /* NULL: the ports forward no flows by themselves */
	struct handover *handover;     /* captures through several lanes; NULL: one, or live */
	pthread_t reader;              /* its dispatcher */
	bool reading;
	bool huge_pages;
	_Atomic bool stop;             /* writers: main, a lane that failed */
	_Atomic bool failed;           /* a lane could not start, or a capture run broke off */
	pthread_mutex_t error_lock;    /* status.error: never taken on the packet path */
};

/* Puts one sentence into the status block, which the supervisor shows; the first one of a run
 * stays. Any thread, at start, at the end, or between captures. */
void engine_error(struct engine *e, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* ---- engine.c: main thread ---- */

/* From the boot block: shared memory, configuration. 0, or -errno and what is wrong told. */
int engine_open(struct engine *e, int boot_fd);
void engine_close(struct engine *e);
void engine_state(struct engine *e, enum dataplane_state state);
int engine_lanes_new(struct engine *e);
/* One thread for each of the first `count` lanes. */
int engine_threads_start(struct engine *e, unsigned count, void *(*run)(void *));
void engine_threads_join(struct engine *e);
bool engine_finished(const struct engine *e);
/* Every worker takes packets. */
bool engine_ready(const struct engine *e);

/* ---- lane.c ---- */

/* A lane with its rings; its modules are made by its own thread (lane_modules_new). 0 or -errno and
 * a sentence in the status block. */
int lane_new(struct engine *e, unsigned id);
void lane_free(struct lane *l);
int lane_modules_new(struct lane *l);
void lane_modules_free(struct lane *l);
/* The lane's thread begins and ends to hold what RCU protects. */
void lane_online(struct lane *l);
void lane_offline(struct lane *l);
/* Uses the newest program and indicators, says that nothing older is in use. Between bursts. */
void lane_quiescent(struct lane *l);

/* ---- pipeline.c ---- */

/* Takes n ≤ BURST frames through all stages; each is sent on or freed. */
void pipeline_burst(struct lane *l, struct rte_mbuf **frames, unsigned n);
/* What is due at this time although nothing came. */
void pipeline_timers(struct lane *l, uint64_t now_ns, unsigned budget);

/* ---- inspect.c: threads that read captures ---- */

void *inspect_each_main(void *lane);
/* Starts the threads that go through all captures as one stream. */
int inspect_start(struct engine *e);
/* The list from the boot block. 0, or -errno and the status sentence. */
int inspect_list(struct engine *e);

#endif
