/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Commands and their replies; counters, rates, flows.
 */
#include "control/rpc/engine.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "control/ingest/eve.h"
#include "control/ingest/ingest.h"
#include "control/ingest/stats.h"
#include "control/jobs/desk.h"
#include "control/rpc/engine_private.h"
#include "control/rpc/rpc_private.h"
#include "dataplane/event/rule_stat.h"

#define FLOW_LIMIT 50
#define RULE_LIMIT 50
#define SECOND_NS 1000000000ull

static uint64_t clock_ns(clockid_t which)
{
	struct timespec ts;

	clock_gettime(which, &ts);
	return (uint64_t)ts.tv_sec * SECOND_NS + (uint64_t)ts.tv_nsec;
}

uint64_t rpc_wall_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

bool rpc_engine_listens(const struct rpc_engine *e, uint32_t start)
{
	return e->hello_start == start || __atomic_load_n(&e->counters->status.state, __ATOMIC_ACQUIRE) == DATAPLANE_RUNNING;
}

int rpc_engine_new(struct rpc_engine **out, int channel, struct counters_shared *counters)
{
	struct rpc_engine *e = calloc(1, sizeof(*e));

	*out = e;
	if (!e)
		return -ENOMEM;
	e->channel = channel;
	e->counters = counters;
	/* Replies to an earlier control process must not look like ours. */
	e->next_id = clock_ns(CLOCK_MONOTONIC);
	for (int i = 0; i < 2 && counters; i++) {
		e->sample[i].worker = calloc(counters->worker_count + 1, sizeof(struct counters));
		if (!e->sample[i].worker) {
			rpc_engine_free(e);
			*out = NULL;
			return -ENOMEM;
		}
	}
	rpc_engine_tick(e);
	return 0;
}

void rpc_engine_free(struct rpc_engine *e)
{
	if (!e)
		return;
	for (int i = 0; i < PENDING_MAX; i++)
		text_free(&e->pending[i].request_id);
	free(e->sample[0].worker);
	free(e->sample[1].worker);
	kept_blocks_free(&e->blocks);
	rpc_orders_free(e);
	free(e);
}

int rpc_engine_channel(const struct rpc_engine *e)
{
	return e->channel;
}

static void copy_counters(struct counters *to, const struct counters *from)
{
	const uint64_t *in = (const void *)from;
	uint64_t *out = (void *)to;

	for (size_t i = 0; i < sizeof(*to) / sizeof(uint64_t); i++)
		out[i] = __atomic_load_n(&in[i], __ATOMIC_RELAXED);
}

static void take_sample(const struct rpc_engine *e, struct sample *s)
{
	s->ns = clock_ns(CLOCK_MONOTONIC);
	for (unsigned i = 0; i < e->counters->worker_count; i++)
		copy_counters(&s->worker[i], &e->counters->worker[i]);
}

void rpc_engine_tick(struct rpc_engine *e)
{
	struct sample swap = e->sample[0];

	if (!e->counters)
		return;
	e->sample[0] = e->sample[1];
	e->sample[1] = swap;
	take_sample(e, &e->sample[1]);
}

/* ---- commands ---- */

void rpc_defer(struct rpc_call *call, struct command *cmd, unsigned wait_s,
	       void (*finish)(struct rpc_call *call, const struct command *reply, int fd))
{
	rpc_defer_fd(call, cmd, -1, wait_s, finish);
}

void rpc_defer_fd(struct rpc_call *call, struct command *cmd, int along, unsigned wait_s,
		  void (*finish)(struct rpc_call *call, const struct command *reply, int fd))
{
	struct rpc_engine *e = call->ctx->engine;
	struct pending *p = NULL;
	int err;

	for (int i = 0; i < PENDING_MAX && !p; i++)
		if (!e->pending[i].used)
			p = &e->pending[i];
	if (!p || e->channel < 0) {
		rpc_fail(call, RPC_FAILED, p ? "there is no channel to the dataplane"
					     : "too many commands wait for the dataplane");
		return;
	}
	cmd->magic = COMMAND_MAGIC;
	cmd->id = ++e->next_id;
	err = command_send(e->channel, cmd, along);
	if (err) {
		rpc_fail(call, RPC_FAILED, "the dataplane cannot be asked: %s", strerror(-err));
		return;
	}
	text_clear(&p->request_id);
	rpc_put_id(&p->request_id, call->id);
	p->id = cmd->id;
	p->client = call->client;
	p->deadline_ns = clock_ns(CLOCK_MONOTONIC) + wait_s * SECOND_NS;
	p->finish = finish;
	p->cmd = *cmd;
	p->answered = call->id != NULL;
	p->used = true;
	call->deferred = true;
}

static void answer(struct rpc_engine *e, struct rpc_context *ctx, struct pending *p,
		   const struct command *reply, int fd,
		   void (*send)(void *, uint64_t, struct text *), void *arg)
{
	struct text result = {0}, out = {0};
	struct rpc_call call = {.ctx = ctx, .result = &result, .client = p->client};

	if (!reply)
		rpc_fail(&call, RPC_FAILED, "the dataplane did not answer \"%s\" in time",
			 command_name(p->cmd.type));
	else if (reply->status)
		rpc_fail(&call, RPC_FAILED, "%s", reply->text[0] ? reply->text
								  : strerror(-reply->status));
	else
		p->finish(&call, reply, fd);
	p->used = false;
	if (p->answered) {
		rpc_reply(&out, (struct slice){p->request_id.data, p->request_id.len}, &call);
		send(arg, p->client, &out);
	}
	text_free(&result);
	text_free(&out);
}

void rpc_engine_receive(struct rpc_engine *e, struct rpc_context *ctx,
			void (*send)(void *arg, uint64_t client, struct text *reply), void *arg)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	struct command reply;
	int fd;

	while (e->channel >= 0 && command_receive(e->channel, &reply, &fd, 0) == 1) {
		if (reply.reply && reply.type == COMMAND_ping && !reply.id)
			e->hello_start = (uint32_t)reply.value;
		for (int i = 0; i < PENDING_MAX; i++) {
			struct pending *p = &e->pending[i];

			if (reply.reply && p->used && p->id == reply.id) {
				answer(e, ctx, p, &reply, fd, send, arg);
				break;
			}
		}
		if (fd >= 0)
			close(fd);
	}
	for (int i = 0; i < PENDING_MAX; i++)
		if (e->pending[i].used && now > e->pending[i].deadline_ns)
			answer(e, ctx, &e->pending[i], NULL, -1, send, arg);
}

/* A table that is new, or a dataplane that is: it gets the newest one. Nobody waits for the reply. */
void rpc_engine_indicators(struct rpc_engine *e, struct rpc_context *ctx)
{
	struct command cmd = {.magic = COMMAND_MAGIC, .type = COMMAND_swap_indicators};
	uint32_t start = __atomic_load_n(&ctx->boot->dataplane_starts, __ATOMIC_RELAXED);
	uint64_t generation = ctx->desk ? ctx->desk->image_generation : 0;
	int fd;

	if (e->channel < 0 || !generation ||
	    (generation == e->table_generation && start == e->table_start))
		return;
	fd = desk_image(ctx->desk, &cmd.value);
	if (fd < 0)
		return;
	cmd.id = ++e->next_id;
	if (command_send(e->channel, &cmd, fd) == 0) {
		e->table_generation = generation;
		e->table_start = start;
		e->table_version = cmd.value;
	}
	close(fd);
}

/* ---- methods ---- */

static void finish_reload(struct rpc_call *call, const struct command *reply, int fd)
{
	text_char(call->result, '{');
	json_key_uint(call->result, "version", reply->value);
	json_key_cstr(call->result, "summary", reply->text);
	text_char(call->result, '}');
}

void method_rules_reload(struct rpc_call *call)
{
	struct command cmd = {.type = COMMAND_reload_rules};

	rpc_defer(call, &cmd, 600, finish_reload);
}

static void finish_plain(struct rpc_call *call, const struct command *reply, int fd)
{
	text_char(call->result, '{');
	json_key_bool(call->result, "done", true);
	if (reply->text[0])
		json_key_cstr(call->result, "text", reply->text);
	text_char(call->result, '}');
}

void method_shutdown(struct rpc_call *call)
{
	struct command cmd = {.type = COMMAND_shutdown};

	rpc_defer(call, &cmd, 30, finish_plain);
}

void method_eve_rotate(struct rpc_call *call)
{
	ingest_ask_rotate(call->ctx->ingest);
	text_str(call->result, "{\"done\":true}");
}

/* A memfd of flow records, one after the other. */
static void finish_flows(struct rpc_call *call, const struct command *reply, int fd)
{
	struct eve_options *o = eve_options_new(call->ctx->config, NULL,
						call->ctx->boot->purpose == BOOT_LIVE);
	struct stat st;
	uint8_t *at = MAP_FAILED;
	uint64_t done = 0, size = 0;

	text_char(call->result, '[');
	if (fd >= 0 && o && fstat(fd, &st) == 0 && st.st_size > 0) {
		size = (uint64_t)st.st_size;
		at = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	}
	while (at != MAP_FAILED && size - done >= sizeof(struct record_head)) {
		const struct record_head *head = (const void *)(at + done);

		if (!record_valid(head, size - done))
			break;
		json_comma(call->result);
		eve_write(call->result, o, head, NULL);
		done += head->length;
	}
	text_char(call->result, ']');
	if (at != MAP_FAILED)
		munmap(at, size);
	eve_options_free(o);
}

void method_flows(struct rpc_call *call)
{
	struct command cmd = {.type = COMMAND_dump_flows,
			      .value = param_uint(call, "limit", FLOW_LIMIT)};

	rpc_defer(call, &cmd, 10, finish_flows);
}

static void put_rule_stat(struct text *out, const struct rule_stat *r, uint64_t all)
{
	json_comma(out);
	text_char(out, '{');
	json_key_uint(out, "gid", r->gid);
	json_key_uint(out, "sid", r->sid);
	json_key_uint(out, "rev", r->rev);
	json_key_cstr(out, "msg", r->msg);
	json_key_uint(out, "candidates", r->candidates);
	json_key_uint(out, "verified", r->verified);
	json_key_uint(out, "matches", r->matches);
	json_key_uint(out, "alerts", r->alerts);
	json_key_uint(out, "cycles", r->cycles);
	json_key(out, "share");
	text_format(out, "%.2f}", all ? 100.0 * (double)r->cycles / (double)all : 0.0);
}

static void finish_rule_stats(struct rpc_call *call, const struct command *reply, int fd)
{
	uint64_t limit = reply->mark, all = 0;
	struct counters *sum = aligned_alloc(64, sizeof(*sum));
	size_t count;
	struct rule_stat *rows = rule_stats_read(fd, &count);

	for (size_t i = 0; i < count; i++)
		all += rows[i].cycles;
	text_char(call->result, '{');
	json_key_uint(call->result, "cycles", all);
	if (sum && call->ctx->counters) {
		counters_sum(call->ctx->counters, sum);
		json_key_uint(call->result, "worker_cycles", sum->cycles_total);
	}
	json_key_uint(call->result, "rules", count);
	json_key(call->result, "rows");
	text_char(call->result, '[');
	for (size_t i = 0; i < count && (!limit || i < limit); i++)
		put_rule_stat(call->result, &rows[i], all);
	text_str(call->result, "]}");
	free(sum);
	free(rows);
}

void method_rules_stats(struct rpc_call *call)
{
	struct command cmd = {.type = COMMAND_rule_stats,
			      .mark = (uint32_t)param_uint(call, "limit", RULE_LIMIT)};

	rpc_defer(call, &cmd, 10, finish_rule_stats);
}

void method_counters(struct rpc_call *call)
{
	const struct stats_about about = {
		.config = call->ctx->config,
		.status = call->ctx->counters ? &call->ctx->counters->status : NULL,
	};
	struct counters *sum = aligned_alloc(64, sizeof(*sum));

	if (!sum || !call->ctx->counters) {
		free(sum);
		rpc_fail(call, RPC_FAILED, "the counters cannot be read");
		return;
	}
	counters_sum(call->ctx->counters, sum);
	text_char(call->result, '{');
	stats_members(call->result, sum, &about);
	text_char(call->result, '}');
	free(sum);
}

struct rates {
	double seconds;
	uint64_t packets, bytes, flows, alerts, records, lost, active, overloaded, dropped, passed_by;
	uint64_t latency[LATENCY_BUCKETS];
	uint64_t cycles, cycles_decode, cycles_flow, cycles_stream, cycles_detect, cycles_event;
};

static void add_rates(struct rates *r, const struct counters *now, const struct counters *before)
{
	r->packets += now->decoder_pkts - before->decoder_pkts;
	r->bytes += now->decoder_bytes - before->decoder_bytes;
	r->flows += now->flow_total - before->flow_total;
	r->alerts += now->detect_alert - before->detect_alert;
	r->records += now->record_written - before->record_written;
	r->lost += now->record_lost - before->record_lost + now->port_rx_missed -
		   before->port_rx_missed;
	r->dropped += now->ips_blocked - before->ips_blocked;
	r->passed_by += now->port_passed_by - before->port_passed_by;
	r->active += now->flow_active;
	r->overloaded += now->overload_workers;
	for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
		r->latency[i] += now->latency[i] - before->latency[i];
	r->cycles += now->cycles_total - before->cycles_total;
	r->cycles_decode += now->cycles_decode - before->cycles_decode;
	r->cycles_flow += now->cycles_flow - before->cycles_flow;
	r->cycles_stream += now->cycles_stream - before->cycles_stream;
	r->cycles_detect += now->cycles_detect - before->cycles_detect;
	r->cycles_event += now->cycles_event - before->cycles_event;
}

static void put_rate(struct text *out, const char *key, uint64_t n, double seconds)
{
	json_key_uint(out, key, (uint64_t)((double)n / seconds + 0.5));
}

/* Of what the stages took together: they are timed in few bursts, the whole in all of them. */
static void put_shares(struct text *out, const struct rates *r)
{
	const struct {
		const char *name;
		uint64_t cycles;
	} stages[] = {{"decode", r->cycles_decode}, {"flow", r->cycles_flow}, {"stream", r->cycles_stream},
		      {"detect", r->cycles_detect}, {"event", r->cycles_event}};
	uint64_t sum = 0;

	for (unsigned i = 0; i < sizeof(stages) / sizeof(stages[0]); i++)
		sum += stages[i].cycles;
	if (sum < r->cycles)
		sum = r->cycles;
	for (unsigned i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
		json_key(out, stages[i].name);
		text_float(out, sum ? (double)(stages[i].cycles * 1000 / sum) / 10 : 0);
	}
}

static void put_rates(struct text *out, const struct rates *r)
{
	static const struct {
		const char *name;
		uint64_t of_million;
	} quantiles[] = {{"p50", 500000}, {"p99", 990000}, {"p99.9", 999000}, {"max", 1000000}};

	put_rate(out, "packets", r->packets, r->seconds);
	put_rate(out, "bits", r->bytes * 8, r->seconds);
	put_rate(out, "flows", r->flows, r->seconds);
	put_rate(out, "alerts", r->alerts, r->seconds);
	put_rate(out, "records", r->records, r->seconds);
	put_rate(out, "dropped", r->dropped, r->seconds);
	put_rate(out, "passed_by", r->passed_by, r->seconds); /* uninspected: capture.passed_by */
	put_rate(out, "lost", r->lost, r->seconds);
	json_key_uint(out, "flows_active", r->active);
	json_key_uint(out, "overloaded", r->overloaded); /* workers whose queue is deep now */
	json_key(out, "latency_us"); /* from port to port */
	text_char(out, '{');
	for (unsigned i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++) {
		json_key(out, quantiles[i].name);
		text_float(out, (double)latency_quantile(r->latency, quantiles[i].of_million) / 1000);
	}
	text_char(out, '}');
	json_key(out, "share");
	text_char(out, '{');
	put_shares(out, r);
	text_char(out, '}');
}

/* A dataplane that was started anew counts from nothing. */
static const struct counters *since(const struct counters *now, const struct counters *before)
{
	static const struct counters nothing;
	bool anew = now->cycles_total < before->cycles_total || now->decoder_pkts < before->decoder_pkts ||
		    now->flow_total < before->flow_total;

	return anew ? &nothing : before;
}

void method_top(struct rpc_call *call)
{
	struct rpc_engine *e = call->ctx->engine;
	struct counters *now = aligned_alloc(64, sizeof(*now));
	struct text *out = call->result, workers = {0};
	const struct sample *before = &e->sample[0];
	struct rates all = {0};

	if (!now || !e->counters) {
		free(now);
		rpc_fail(call, RPC_FAILED, "the counters cannot be read");
		return;
	}
	if (!before->ns)
		before = &e->sample[1];
	all.seconds = (double)(clock_ns(CLOCK_MONOTONIC) - before->ns) / 1e9 + 1e-9;
	for (unsigned i = 0; i < e->counters->worker_count; i++) {
		struct rates one = {.seconds = all.seconds};
		const struct counters *last;

		copy_counters(now, &e->counters->worker[i]);
		last = since(now, &before->worker[i]);
		add_rates(&one, now, last);
		add_rates(&all, now, last);
		text_str(&workers, i ? ",{" : "{");
		json_key_uint(&workers, "worker", i);
		put_rates(&workers, &one);
		text_char(&workers, '}');
	}
	text_char(out, '{');
	json_key(out, "seconds");
	text_float(out, all.seconds);
	put_rates(out, &all);
	json_key(out, "workers");
	text_char(out, '[');
	text_bytes(out, workers.data, workers.len);
	text_str(out, "]}");
	text_free(&workers);
	free(now);
}
