/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Captures of packets: started, stopped, listed. The filter is compiled here, where no name service can be
 * asked, so that the dataplane gets steps and no text to parse.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "control/rpc/engine.h"
#include "control/rpc/engine_private.h"
#include "control/rpc/rpc_private.h"
#include "dataplane/event/command.h"
#include "dataplane/event/recording.h"

#define NAME_OTHERWISE "capture"
#define SECOND_NS 1000000000ull

/* ---- orders that are kept ---- */

static void order_drop(struct kept_order *o)
{
	if (*o->name)
		close(o->fd);
	memset(o, 0, sizeof(*o));
}

void rpc_orders_free(struct rpc_engine *e)
{
	for (unsigned i = 0; i < RECORDINGS_MAX; i++)
		order_drop(&e->orders[i]);
}

static struct kept_order *order_find(struct rpc_engine *e, const char *name)
{
	for (unsigned i = 0; i < RECORDINGS_MAX; i++)
		if (strcmp(e->orders[i].name, name) == 0)
			return &e->orders[i];
	return NULL;
}

/* Takes a copy of fd. What was never said to have started gives its place. */
static void order_keep(struct rpc_engine *e, const struct recording_order *o, int fd)
{
	struct kept_order *k = order_find(e, o->name);

	if (k && k->started)
		return; /* the dataplane will refuse this one */
	for (unsigned i = 0; !k && i < RECORDINGS_MAX; i++)
		if (!*e->orders[i].name || !e->orders[i].started ||
		    (e->orders[i].expires_ns && e->orders[i].expires_ns < rpc_wall_ns()))
			k = &e->orders[i];
	if (!k)
		return;
	order_drop(k);
	k->fd = dup(fd);
	if (k->fd < 0)
		return;
	memcpy(k->name, o->name, sizeof(k->name));
	k->expires_ns = o->expires_ns;
}

/* Their files are new ones: a worker that was started anew begins to number them anew. */
void rpc_engine_captures(struct rpc_engine *e, struct rpc_context *ctx)
{
	uint32_t start = __atomic_load_n(&ctx->boot->dataplane_starts, __ATOMIC_ACQUIRE);
	struct command cmd = {.magic = COMMAND_MAGIC, .type = COMMAND_recording_start};
	uint64_t now = rpc_wall_ns(), started_s = now / SECOND_NS;

	if (e->channel < 0 || start == e->orders_start || !rpc_engine_listens(e, start))
		return;
	for (unsigned i = 0; e->orders_start && i < RECORDINGS_MAX; i++) {
		struct kept_order *k = &e->orders[i];

		if (!k->started || (k->expires_ns && k->expires_ns <= now) ||
		    pwrite(k->fd, &started_s, sizeof(started_s), offsetof(struct recording_order, started_s)) < 0)
			continue;
		memcpy(cmd.text, k->name, sizeof(k->name));
		cmd.id = ++e->next_id;
		if (command_send(e->channel, &cmd, k->fd) != 0)
			return;
	}
	e->orders_start = start;
}

/* ---- methods ---- */

static void finish_started(struct rpc_call *call, const struct command *reply, int fd)
{
	struct kept_order *k = order_find(call->ctx->engine, reply->text);

	if (k)
		k->started = true;
	text_char(call->result, '{');
	json_key_bool(call->result, "started", true);
	json_key_cstr(call->result, "name", reply->text);
	text_char(call->result, '}');
}

static void order_limits(struct recording_order *o, const struct rpc_call *call)
{
	uint64_t seconds = param_uint(call, "seconds", 0);

	o->alerts_only = param_bool(call, "alerts");
	o->cut_off_bytes = param_uint(call, "cut_off", o->cut_off_bytes);
	o->snaplen = (uint32_t)param_uint(call, "snaplen", o->snaplen);
	o->file_bytes = param_uint(call, "file_size", o->file_bytes);
	if (seconds)
		o->expires_ns = (o->started_s + seconds) * SECOND_NS;
}

void method_capture_start(struct rpc_call *call)
{
	struct command cmd = {.type = COMMAND_recording_start};
	struct recording_order *o = malloc(sizeof(*o));
	const char *name = param_text(call, "name"), *filter = param_text(call, "filter");
	char error[512] = "";
	int fd = -1, err;

	name = name ? name : NAME_OTHERWISE;
	err = o ? recording_order_make(o, call->ctx->config, name, filter ? filter : "", error, sizeof(error)) : -1;
	if (!err) {
		order_limits(o, call);
		fd = recording_order_write(o);
	}
	if (fd < 0) {
		rpc_fail(call, RPC_FAILED, "%s", *error ? error : "there is no memory for the order");
	} else {
		memcpy(cmd.text, o->name, sizeof(o->name));
		rpc_defer_fd(call, &cmd, fd, 10, finish_started);
		if (call->deferred)
			order_keep(call->ctx->engine, o, fd);
		close(fd);
	}
	free(o);
}

static void finish_stopped(struct rpc_call *call, const struct command *reply, int fd)
{
	text_char(call->result, '{');
	json_key_bool(call->result, "stopped", true);
	text_char(call->result, '}');
}

void method_capture_stop(struct rpc_call *call)
{
	struct command cmd = {.type = COMMAND_recording_stop};
	const char *name = param_text(call, "name");
	struct kept_order *k;

	name = name ? name : NAME_OTHERWISE;
	if (!recording_name_good(name)) {
		rpc_fail(call, RPC_FAILED, "no capture of this name runs");
		return;
	}
	memcpy(cmd.text, name, strlen(name) + 1);
	k = order_find(call->ctx->engine, name);
	if (k)
		order_drop(k);
	rpc_defer(call, &cmd, 10, finish_stopped);
}

static void put_row(struct text *out, const struct recording_row *row)
{
	json_comma(out);
	text_char(out, '{');
	json_key_cstr(out, "name", row->name);
	json_key_time(out, "since", row->started_s * SECOND_NS);
	if (row->expires_ns)
		json_key_time(out, "until", row->expires_ns);
	json_key_cstr(out, "what", row->alerts_only ? "alerts" : "all");
	json_key_cstr(out, "filter", row->filter);
	json_key_uint(out, "cut_off", row->cut_off_bytes);
	json_key_uint(out, "snaplen", row->snaplen);
	json_key_uint(out, "packets", row->packets);
	json_key_uint(out, "before_alert", row->before);
	json_key_uint(out, "bytes", row->bytes);
	json_key_uint(out, "lost", row->lost);
	text_char(out, '}');
}

static void finish_captures(struct rpc_call *call, const struct command *reply, int fd)
{
	size_t count;
	struct recording_row *rows = recording_rows_read(fd, &count);

	text_char(call->result, '[');
	for (size_t i = 0; i < count; i++)
		put_row(call->result, &rows[i]);
	text_char(call->result, ']');
	free(rows);
}

void method_captures(struct rpc_call *call)
{
	struct command cmd = {.type = COMMAND_recordings};

	rpc_defer(call, &cmd, 10, finish_captures);
}
