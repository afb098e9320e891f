/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The running engine as methods see it: commands to the dataplane, whose replies come later, and
 * rates from samples taken every second. Thread: rpc.
 */
#ifndef CONTROL_RPC_ENGINE_H
#define CONTROL_RPC_ENGINE_H

#include "control/rpc/rpc.h"
#include "dataplane/event/command.h"

struct rpc_engine;

/* 0 and *out; counters may be NULL. channel is borrowed; -1: none. */
int rpc_engine_new(struct rpc_engine **out, int channel, struct counters_shared *counters);
void rpc_engine_free(struct rpc_engine *e);
/* Replies that have come, and requests that waited too long: each is answered through send. */
void rpc_engine_receive(struct rpc_engine *e, struct rpc_context *ctx,
			void (*send)(void *arg, uint64_t client, struct text *reply), void *arg);
/* Sends the newest table of indicators to a dataplane that does not have it. Any time. */
void rpc_engine_indicators(struct rpc_engine *e, struct rpc_context *ctx);
/* Tells the blocks to a dataplane that was started since. Any time. */
void rpc_engine_blocks(struct rpc_engine *e, struct rpc_context *ctx);
/* Starts captures anew that ran in a dataplane before. Any time. */
void rpc_engine_captures(struct rpc_engine *e, struct rpc_context *ctx);
/* About once a second. */
void rpc_engine_tick(struct rpc_engine *e);
int rpc_engine_channel(const struct rpc_engine *e);

#endif
