/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The shared-memory page of figures: a block for each worker (single writer: that worker), a
 * status block (writer: the dataplane's main thread), one of the files process. Readers: supervisor and control, relaxed
 * loads, no locks. Counters only grow while the dataplane lives; flow_active is a level.
 */
#ifndef EVENT_COUNTERS_H
#define EVENT_COUNTERS_H

#include <stdint.h>

#include "dataplane/event/anomaly.h"
#include "dataplane/event/app_proto.h"
#include "dataplane/event/latency.h"

#define MAX_WORKERS 64

enum drop_reason {
#define DROP(id, name, doc) DROP_##id,
#include "dataplane/event/drops.def"
#undef DROP
	DROP_COUNT
};

struct counters {
#define COUNTER(member, path, doc) uint64_t member;
#include "dataplane/event/counters.def"
#undef COUNTER
	uint64_t drop[DROP_COUNT];
	uint64_t anomaly[ANOMALY_COUNT];    /* decoder and stream events, by id */
	uint64_t app_flow[APP_PROTO_COUNT]; /* flows by application protocol */
	uint64_t app_tx[APP_PROTO_COUNT];   /* transactions by application protocol */
	uint64_t latency[LATENCY_BUCKETS];  /* live: packets by the time from the port until they were done with */
} __attribute__((aligned(64)));

enum dataplane_state {
	DATAPLANE_STARTING,
	DATAPLANE_LOADING_RULES,
	DATAPLANE_RUNNING,
	DATAPLANE_FINISHED, /* offline: all captures read, all records in the rings */
	DATAPLANE_FAILED,   /* .error says why */
};

struct dataplane_status {
	uint32_t state;          /* enum dataplane_state */
	uint32_t workers;
	uint64_t heartbeat_ns;   /* CLOCK_MONOTONIC */
	uint64_t ruleset_version; /* 0: none; grows with every reload */
	uint64_t rules_loaded, rules_refused, rules_active;
	uint64_t indicator_version;
	uint64_t input_bytes, input_bytes_done; /* offline: for a progress bar */
	uint64_t captures, captures_done;
	uint64_t captures_failed;
	int64_t clock_skew_ns;   /* packet clock minus wall clock at the last anchoring */
	char error[512];         /* one sentence for a person; empty: none */
} __attribute__((aligned(64)));

/* Writer: the files process. */
struct files_figures {
#define FIGURE(name, doc) uint64_t name;
#include "dataplane/event/files.def"
#undef FIGURE
} __attribute__((aligned(64)));

struct counters_shared {
	uint64_t magic;
	uint32_t worker_count;
	uint32_t counters_bytes; /* sizeof(struct counters): both ends must be of one build */
	struct dataplane_status status;
	struct files_figures files;
	struct counters worker[]; /* worker_count */
};

struct counter_row {
	const char *path;
	const char *doc;
	uint32_t offset; /* in struct counters */
};

struct drop_row {
	const char *name;
	const char *doc;
};

extern const struct counter_row counter_rows[]; /* ends with path == NULL */
extern const struct drop_row drop_rows[DROP_COUNT];

/* A new memfd for that many workers: fd (owned by the caller), or -errno. */
int counters_create(unsigned workers);
/* Maps it; NULL and errno (EPROTO: of another build). Does not take the fd. */
struct counters_shared *counters_attach(int fd);
/* Sum over the workers into *out. */
void counters_sum(const struct counters_shared *c, struct counters *out);

#endif
