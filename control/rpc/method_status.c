/* SPDX-License-Identifier: BSD-3-Clause
 *
 * status: one look at everything.
 */
#include <time.h>
#include <unistd.h>

#include "control/contact/contacts.h"
#include "control/ingest/ingest.h"
#include "control/intel/intel.h"
#include "control/process/budget.h"
#include "control/rpc/rpc_private.h"

static const char *const state_names[] = {"starting", "loading rules", "running", "finished",
					  "failed"};

static uint64_t monotonic(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint64_t age_ms(uint64_t since_ns)
{
	uint64_t now = monotonic();

	return since_ns && now > since_ns ? (now - since_ns) / 1000000 : 0;
}

static void put_dataplane(struct text *out, const struct rpc_context *ctx)
{
	const struct dataplane_status *st = &ctx->counters->status;
	uint32_t state = __atomic_load_n(&st->state, __ATOMIC_RELAXED);
	char error[sizeof(st->error)];

	memcpy(error, st->error, sizeof(error));
	error[sizeof(error) - 1] = '\0';
	json_key(out, "dataplane");
	text_char(out, '{');
	json_key_cstr(out, "state", state <= DATAPLANE_FAILED ? state_names[state] : "unknown");
	json_key_uint(out, "workers", st->workers);
	json_key_uint(out, "heartbeat_ms", age_ms(st->heartbeat_ns));
	json_key_uint(out, "starts", ctx->boot->dataplane_starts);
	json_key_uint(out, "hangs", ctx->boot->dataplane_hangs);
	json_key_bool(out, "gone", ctx->boot->dataplane_gone);
	json_key(out, "clock_skew_ns");
	text_int(out, st->clock_skew_ns);
	if (error[0])
		json_key_cstr(out, "error", error);
	text_char(out, '}');
	json_key(out, "rules");
	text_char(out, '{');
	json_key_uint(out, "version", st->ruleset_version);
	json_key_uint(out, "loaded", st->rules_loaded);
	json_key_uint(out, "refused", st->rules_refused);
	json_key_uint(out, "active", st->rules_active);
	text_char(out, '}');
}

static void put_traffic(struct text *out, const struct rpc_context *ctx)
{
	struct counters sum;

	counters_sum(ctx->counters, &sum);
	json_key(out, "traffic");
	text_char(out, '{');
	json_key_uint(out, "packets", sum.decoder_pkts);
	json_key_uint(out, "bytes", sum.decoder_bytes);
	json_key_uint(out, "flows", sum.flow_total);
	json_key_uint(out, "flows_active", sum.flow_active);
	json_key_uint(out, "alerts", sum.detect_alert);
	json_key_uint(out, "dropped", sum.ips_blocked);
	json_key_uint(out, "missed", sum.port_rx_missed);
	text_char(out, '}');
}

/* The table that the workers compare contacts with. */
static void put_indicators(struct text *out, const struct rpc_context *ctx)
{
	struct counters sum;

	counters_sum(ctx->counters, &sum);
	json_key(out, "indicators");
	text_char(out, '{');
	json_key_uint(out, "version", ctx->counters->status.indicator_version);
	json_key_uint(out, "lookups", sum.detect_indicator_lookups);
	json_key_uint(out, "hits", sum.detect_indicator_hits);
	json_key_uint(out, "dropped", sum.detect_indicator_dropped);
	json_key_uint(out, "rejected", sum.detect_indicator_rejected);
	text_char(out, '}');
}

/* What became of files (dataplane/event/files.def). */
static void put_files(struct text *out, const struct rpc_context *ctx)
{
	json_key(out, "files");
	text_char(out, '{');
#define FIGURE(name, doc) json_key_uint(out, #name, __atomic_load_n(&ctx->counters->files.name, __ATOMIC_RELAXED));
#include "dataplane/event/files.def"
#undef FIGURE
	text_char(out, '}');
}

static void put_lost(struct text *out, const struct ingest *in)
{
	json_key(out, "lost");
	text_char(out, '{');
	for (int t = 0; t < RECORD_COUNT; t++) {
		uint64_t lost = ingest_lost(in, (enum record_type)t);

		if (lost)
			json_key_uint(out, record_rows[t].name, lost);
	}
	text_char(out, '}');
}

static void put_ingest(struct text *out, const struct rpc_context *ctx)
{
	const struct ingest_figures *f = ingest_figures(ctx->ingest);

	json_key(out, "ingest");
	text_char(out, '{');
	json_key_uint(out, "records", f->records);
	json_key_uint(out, "alerts", f->alerts);
	json_key_uint(out, "contacts", f->contacts);
	json_key_uint(out, "commits", f->commits);
	json_key_uint(out, "last_commit_ms", age_ms(f->last_commit_ns));
	json_key_uint(out, "backlog_bytes", ingest_backlog(ctx->ingest));
	json_key_uint(out, "malformed", f->malformed);
	json_key_uint(out, "failures", f->failures);
	json_key_bool(out, "waiting", f->waiting);
	put_lost(out, ctx->ingest);
	text_char(out, '}');
}

static void put_store(struct text *out, const struct rpc_context *ctx)
{
	json_key(out, "store");
	text_char(out, '{');
	json_key_cstr(out, "dir", store_dir(ctx->store));
	json_key_cstr(out, "format", STORE_FORMAT);
	json_key(out, "families");
	text_char(out, '{');
	for (int f = 0; f < STORE_FAMILY_COUNT; f++) {
		json_key(out, store_family_name((enum store_family)f));
		text_char(out, '{');
		json_key_uint(out, "bytes", store_family_bytes(ctx->store, (enum store_family)f));
		json_key_uint(out, "keys", store_family_keys(ctx->store, (enum store_family)f));
		text_char(out, '}');
	}
	text_char(out, '}');
	/* The configuration is that of the engine: a store alone has none. */
	if (ctx->engine) {
		struct budget b;

		budget_init(&b, ctx->store, ctx->contacts, ctx->config);
		json_key(out, "budget");
		budget_put(&b, out);
	}
	text_char(out, '}');
}

static void put_contacts(struct text *out, const struct rpc_context *ctx)
{
	struct contacts_figures f;

	if (!ctx->contacts)
		return;
	contacts_figures(ctx->contacts, &f);
	json_key(out, "contacts");
	text_char(out, '{');
	json_key_uint(out, "entries_in_memory", f.entries);
	json_key_uint(out, "memory_bytes", f.memory_bytes);
	json_key_uint(out, "tables", f.tables);
	json_key_uint(out, "sealed", f.sealed);
	json_key_uint(out, "refused", f.refused);
	json_key_uint(out, "files_written", f.files_written);
	json_key_uint(out, "file_errors", f.file_errors);
	text_char(out, '}');
}

void method_status(struct rpc_call *call)
{
	const struct rpc_context *ctx = call->ctx;
	struct intel_counts counts = {0};
	struct text *out = call->result;

	text_char(out, '{');
	json_key_cstr(out, "version", METSUKE_VERSION);
	json_key_bool(out, "running", ctx->engine != NULL);
	if (ctx->engine && ctx->counters) {
		json_key_uint(out, "pid", (uint64_t)getpid());
		json_key_cstr(out, "mode", ctx->config->mode == MODE_INLINE ? "inline" : "tap");
		json_key_uint(out, "control_starts", ctx->boot->control_starts);
		put_dataplane(out, ctx);
		put_traffic(out, ctx);
		put_indicators(out, ctx);
		if (ctx->config->file_store || ctx->config->file_analysis)
			put_files(out, ctx);
		put_ingest(out, ctx);
	}
	put_contacts(out, ctx);
	json_key(out, "intel");
	text_char(out, '{');
	if (ctx->intel && intel_counts(ctx->intel, &counts) == 0) {
		json_key_uint(out, "version", intel_version(ctx->intel));
		json_key_uint(out, "entries", counts.entries);
		json_key_uint(out, "indicators", counts.indicators);
		json_key_uint(out, "allowed", counts.allowed);
		json_key_uint(out, "sources", counts.sources);
	}
	text_char(out, '}');
	put_store(out, ctx);
	text_char(out, '}');
}
