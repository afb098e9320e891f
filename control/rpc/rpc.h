/* SPDX-License-Identifier: BSD-3-Clause
 *
 * JSON-RPC 2.0 on the store and the engine. The same code answers on the control socket and,
 * without any engine, on a store that no daemon has open.
 *
 * Thread: rpc (or the only one, offline). It reads the store through its own snapshots and the
 * memory of contacts in short slices, so it never holds up ingestion.
 */
#ifndef CONTROL_RPC_RPC_H
#define CONTROL_RPC_RPC_H

#include <stdbool.h>

#include "control/base/text.h"
#include "control/store/store.h"
#include "dataplane/event/boot.h"
#include "dataplane/event/config.h"

struct contacts;
struct intel;
struct ingest;
struct rpc_engine;

/* What methods work with; all borrowed. Without an engine only the store is there. */
struct rpc_context {
	struct store *store;
	struct contacts *contacts;
	struct intel *intel;
	const struct config *config;
	struct boot *boot;                /* NULL: no engine */
	struct counters_shared *counters; /* NULL: no engine */
	struct ingest *ingest;            /* NULL: no engine */
	struct rpc_engine *engine;        /* command channel, rates; NULL: no engine */
};

/* Answers one message (without its line feed): appends the reply to out, without a line feed;
 * nothing for a notification, nor for what is answered later (engine.h), to `client`. */
void rpc_line(struct rpc_context *ctx, uint64_t client, const char *line, size_t len,
	      struct text *out);

/* One message on a store alone: opens it (for writing if the method needs it), answers, closes.
 * 0, or -errno after a sentence in out as a JSON-RPC error. */
int rpc_call_store(const char *dir, const char *line, struct text *out);

/* The table of methods as Markdown, for README.md. */
void rpc_document(struct text *out);

#endif
