/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The shared-memory page of figures: a block for each worker (single writer: that worker), a
 * status block (writer: the dataplane's main thread), one of the files process. Readers: supervisor and control, relaxed
 * loads, no locks. Counters only grow while the dataplane lives; flow_active, offload_active and overload_workers are levels.
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

enum app_transport { APP_OVER_TCP, APP_OVER_UDP, APP_TRANSPORTS };

/* What lets an exception policy decide, and how many policies there are (enum config_exception). */
enum exception_target {
	EXCEPTION_FLOW_MEMCAP, EXCEPTION_REASSEMBLY_MEMCAP, EXCEPTION_MIDSTREAM, EXCEPTION_APP_ERROR, EXCEPTION_TARGETS
};
#define EXCEPTION_POLICIES 7

#define FLOW_STATES 4      /* new, established, closed, bypassed */
#define FLOW_TCP_STATES 11 /* enum tcp_state */

struct counters {
#define COUNTER(member, path, doc) uint64_t member;
#include "dataplane/event/counters.def"
#undef COUNTER
	uint64_t drop[DROP_COUNT];
	uint64_t anomaly[ANOMALY_COUNT];    /* decoder and stream events, by id */
	/* by transport (enum app_transport) and application protocol: */
	uint64_t app_flow[APP_TRANSPORTS][APP_PROTO_COUNT];         /* flows */
	uint64_t app_tx[APP_TRANSPORTS][APP_PROTO_COUNT];           /* transactions */
	uint64_t app_error_gap[APP_TRANSPORTS][APP_PROTO_COUNT];    /* parsers that gave up at a hole */
	uint64_t app_error_parser[APP_TRANSPORTS][APP_PROTO_COUNT]; /* … on bad input */
	uint64_t exception[EXCEPTION_TARGETS][EXCEPTION_POLICIES];  /* packets that a policy was applied to */
	uint64_t flow_end_state[FLOW_STATES];                       /* flows ended, by state */
	uint64_t flow_end_tcp_state[FLOW_TCP_STATES];               /* TCP sessions ended, by state */
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
	uint64_t heartbeat_ns;   /* CLOCK_MONOTONIC: of the main thread */
	uint64_t beat_ns[MAX_WORKERS + 1]; /* live: of each worker, then the dispatcher; 0: not begun, or ended. Writers: they */
	uint64_t ruleset_version; /* 0: none; grows with every reload */
	uint64_t rules_loaded, rules_refused, rules_active, rules_skipped;
	uint8_t app_over[APP_PROTO_COUNT]; /* transports on which a protocol is looked for, bits by enum app_transport */
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
/* Paths below "flow.end.state." and "flow.end.tcp_state.", below "exception_policy.". */
extern const char *const flow_state_names[FLOW_STATES];
extern const char *const flow_tcp_state_names[FLOW_TCP_STATES];
extern const char *const exception_target_names[EXCEPTION_TARGETS];
extern const char *const exception_policy_names[EXCEPTION_POLICIES];

/* A new memfd for that many workers: fd (owned by the caller), or -errno. */
int counters_create(unsigned workers);
/* Maps it; NULL and errno (EPROTO: of another build). Does not take the fd. */
struct counters_shared *counters_attach(int fd);
/* Sum over the workers into *out. */
void counters_sum(const struct counters_shared *c, struct counters *out);

#endif
