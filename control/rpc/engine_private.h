/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What is known of the dataplane: requests that wait for it, what it was told. Nobody outside this folder
 * includes it.
 */
#ifndef CONTROL_RPC_ENGINE_PRIVATE_H
#define CONTROL_RPC_ENGINE_PRIVATE_H

#include "control/rpc/blocks.h"
#include "control/rpc/rpc_private.h"
#include "dataplane/event/command.h"
#include "dataplane/event/counters.h"
#include "dataplane/event/recording.h"

#define PENDING_MAX 64

struct pending {
	uint64_t id;
	uint64_t client;
	uint64_t deadline_ns;
	struct text request_id; /* as JSON */
	void (*finish)(struct rpc_call *call, const struct command *reply, int fd);
	struct command cmd;
	bool used, answered;
};

/* What top compares. */
struct sample {
	uint64_t ns;
	struct counters *worker; /* one each */
};

/* A capture that was started by command: its order, for a dataplane that is started anew. */
struct kept_order {
	char name[RECORDING_NAME_MAX]; /* empty: none */
	int fd;                        /* owner */
	bool started;                  /* the dataplane has said so */
	uint64_t expires_ns;           /* wall clock; 0: until it is stopped */
};

struct rpc_engine {
	int channel;
	struct counters_shared *counters;
	uint64_t next_id;
	struct pending pending[PENDING_MAX];
	struct sample sample[2]; /* the one before, the last */
	struct kept_blocks blocks;
	uint32_t hello_start;  /* of the dataplane process that has said that it reads commands */
	uint32_t blocks_start; /* of the dataplane process that was told them */
	struct kept_order orders[RECORDINGS_MAX];
	uint32_t orders_start; /* likewise */
	/* the table of indicators that the dataplane was given */
	uint64_t table_generation, table_version;
	uint32_t table_start; /* of the dataplane process that got it */
};

uint64_t rpc_wall_ns(void);
/* Does the dataplane process of this number read commands? It has said so, or runs. */
bool rpc_engine_listens(const struct rpc_engine *e, uint32_t start);
void rpc_orders_free(struct rpc_engine *e);

#endif
