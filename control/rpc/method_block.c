/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Blocks and rate limits: asked for, ended, listed, and told again to a dataplane that does not know them.
 */
#include <string.h>

#include "control/rpc/blocks.h"
#include "control/rpc/engine.h"
#include "control/rpc/engine_private.h"
#include "control/rpc/rpc_private.h"

#define SECOND_NS 1000000000ull

/* It holds; will it after a restart? */
static void finish_block(struct rpc_call *call, const struct command *reply, int fd)
{
	struct rpc_engine *e = call->ctx->engine;
	struct kept_block b = {reply->prefix, reply->expires_ns, reply->rate_bps, reply->flow};
	char room[KEPT_BLOCK_TEXT_MAX];
	enum kept kept;

	if (strcmp(reply->text, COMMAND_ABSENT) == 0 && !kept_blocks_has(&e->blocks, call->ctx->store, &b)) {
		rpc_fail(call, RPC_FAILED, "it is not blocked; metsuke blocks lists what is");
		return;
	}
	kept = reply->type == COMMAND_block ? kept_blocks_add(&e->blocks, call->ctx->store, &b)
					    : kept_blocks_remove(&e->blocks, call->ctx->store, &b);
	text_char(call->result, '{');
	json_key_bool(call->result, "done", true);
	json_key_cstr(call->result, "address", kept_block_format(&b, room));
	if (reply->type == COMMAND_block && b.expires_ns)
		json_key_time(call->result, "until", b.expires_ns);
	if (kept == KEPT_LATER)
		json_key_cstr(call->result, "text", "the store does not answer just now; it is stored as soon as it does");
	if (kept == KEPT_NOT)
		json_key_cstr(call->result, "text", "it could not be stored and ends with the next restart");
	text_char(call->result, '}');
}

static void ask(struct rpc_call *call, struct command *cmd)
{
	struct kept_block b = {0};

	if (kept_block_parse(param_text(call, "address"), &b) != 0)
		return; /* params.c has refused it */
	cmd->prefix = b.prefix;
	cmd->flow = b.flow;
	rpc_defer(call, cmd, 10, finish_block);
}

void method_block(struct rpc_call *call)
{
	struct command cmd = {.type = COMMAND_block, .rate_bps = param_uint(call, "rate", 0)};
	uint64_t seconds = param_uint(call, "seconds", 0);

	if (call->ctx->config->mode != MODE_INLINE) {
		rpc_fail(call, RPC_FAILED, "block: this engine only listens (mode is tap)");
		return;
	}
	if (seconds)
		cmd.expires_ns = rpc_wall_ns() + seconds * SECOND_NS;
	ask(call, &cmd);
}

void method_unblock(struct rpc_call *call)
{
	struct command cmd = {.type = COMMAND_unblock};

	ask(call, &cmd);
}

void method_blocks(struct rpc_call *call)
{
	struct kept_blocks *k = &call->ctx->engine->blocks;
	char room[KEPT_BLOCK_TEXT_MAX];

	if (!kept_blocks_read(k, call->ctx->store)) {
		rpc_fail(call, RPC_FAILED, "the store cannot be read just now");
		return;
	}
	kept_blocks_expire(k, rpc_wall_ns());
	text_char(call->result, '[');
	for (size_t i = 0; i < k->count; i++) {
		const struct kept_block *b = &k->block[i];

		json_comma(call->result);
		text_char(call->result, '{');
		json_key_cstr(call->result, "address", kept_block_format(b, room));
		if (b->rate_bps)
			json_key_uint(call->result, "rate", b->rate_bps);
		if (b->expires_ns)
			json_key_time(call->result, "until", b->expires_ns);
		text_char(call->result, '}');
	}
	text_char(call->result, ']');
}

/* A dataplane that runs and was not told yet; nobody waits for its replies. */
void rpc_engine_blocks(struct rpc_engine *e, struct rpc_context *ctx)
{
	uint32_t start = __atomic_load_n(&ctx->boot->dataplane_starts, __ATOMIC_ACQUIRE);
	struct command cmd = {.magic = COMMAND_MAGIC, .type = COMMAND_block};

	if (e->channel < 0 || start == e->blocks_start || ctx->config->mode != MODE_INLINE ||
	    !rpc_engine_listens(e, start) ||
	    !kept_blocks_read(&e->blocks, ctx->store))
		return;
	kept_blocks_expire(&e->blocks, rpc_wall_ns());
	for (size_t i = 0; i < e->blocks.count; i++) {
		cmd.prefix = e->blocks.block[i].prefix;
		cmd.flow = e->blocks.block[i].flow;
		cmd.expires_ns = e->blocks.block[i].expires_ns;
		cmd.rate_bps = e->blocks.block[i].rate_bps;
		cmd.id = ++e->next_id;
		if (command_send(e->channel, &cmd, -1) != 0)
			return;
	}
	e->blocks_start = start;
}
