/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_rcu_qsbr.h>

#include "dataplane/app/app.h"
#include "dataplane/detect/detect.h"
#include "dataplane/engine/engine.h"
#include "dataplane/engine/flowdump.h"
#include "dataplane/engine/offload.h"
#include "dataplane/flow/flow.h"
#include "dataplane/stream/stream.h"
#include "drivers/frame.h"

/* A burst's packets, and some that are made at the end of flows meanwhile. */
#define LANE_PACKETS (BURST * DECODE_PACKETS_MAX + 64)

static void mbuf_hold(void *frame)
{
	frame_hold(frame);
}

static void mbuf_release(void *frame)
{
	frame_free(frame);
}

/* Which TCP packets the record stream_tcp is of: options of the output "stream". */
static uint16_t stream_notes_wanted(const struct config_map *m)
{
	static const struct {
		const char *option;
		uint16_t notes;
	} rows[] = {
		{"stream.all", STREAM_NOTES_ALL},
		{"stream.event", STREAM_EVENT},
		{"stream.state", STREAM_STATE_UPDATE},
		{"stream.spurious", STREAM_SPURIOUS},
	};
	uint16_t notes = 0;

	for (size_t i = 0; i < m->count; i++) {
		const char *key = strstr(m->keys[i], "stream.");

		if (!key || (key > m->keys[i] && key[-1] != '.') || !config_map_bool(m, m->keys[i], false))
			continue;
		for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++)
			if (strncmp(key, rows[k].option, strlen(rows[k].option)) == 0)
				notes |= rows[k].notes;
	}
	return notes;
}

/* What the engine itself writes: as EVE is asked for, here and in any further file of it. */
static void lane_settings(struct lane *l)
{
	const struct config_map *types = &l->w.config->eve_types;
	const char *flows = config_map_get(types, "drop.flows");
	bool anomaly = config_map_bool(types, "anomaly.enabled", true);

	l->inspection = l->w.config->inspection;
	l->anomaly_decode = anomaly && config_map_bool(types, "anomaly.types.decode", false);
	l->anomaly_stream = anomaly && config_map_bool(types, "anomaly.types.stream", false);
	l->log_drops = config_map_bool(types, "drop.enabled", true);
	l->log_every_drop = flows && strcmp(flows, "all") == 0;
	if (l->inspection) { /* without it no stream is followed */
		l->log_stream = config_map_bool(types, "stream.enabled", true) ? stream_notes_wanted(types) : 0;
		l->log_stream |= stream_notes_wanted(&l->w.config->eve_files);
	}
	for (size_t i = 0; i < l->w.config->eve_files.count; i++) {
		const char *key = l->w.config->eve_files.keys[i];
		bool yes = config_map_bool(&l->w.config->eve_files, key, false);

		l->anomaly_decode |= yes && strstr(key, ".anomaly.types.decode");
		l->anomaly_stream |= yes && strstr(key, ".anomaly.types.stream");
		l->log_drops |= yes && strstr(key, ".drop.enabled");
		l->log_every_drop |= strstr(key, ".drop.flows") &&
				     strcmp(l->w.config->eve_files.values[i], "all") == 0;
	}
}

int lane_new(struct engine *e, unsigned id)
{
	const struct boot *b = e->boot;
	struct lane *l;
	int err;

	if (posix_memalign((void **)&l, 64, sizeof(*l)) != 0)
		return -ENOMEM;
	memset(l, 0, sizeof(*l));
	e->lanes[id] = l;
	l->engine = e;
	l->core = -1;
	l->w.id = id;
	l->w.config = e->config;
	l->w.home = e->home;
	l->w.detect_peers = e->detect_peers;
	l->w.counters = &e->shared->worker[id];
	memset(l->w.counters, 0, sizeof(*l->w.counters));
	l->w.offline = b->purpose != BOOT_LIVE;
	l->w.in_the_wire = e->config->mode == MODE_INLINE;
	l->w.first_file_id = ((uint64_t)(b->dataplane_starts - 1) << 32) + id + 1;
	l->w.file_id_step = b->worker_count;
	l->w.huge_pages = e->huge_pages;
	l->w.frame_hold = mbuf_hold;
	l->w.frame_release = mbuf_release;
	l->w.flow_ended = e->offload ? offload_ended : NULL;
	lane_settings(l);
	err = sink_open(&l->w, &l->sink,
			&(struct sink_rings){b->event_ring_fd[id], b->bulk_ring_fd[id], b->packet_ring_fd[id]},
			&b->stop);
	if (err)
		engine_error(e, "the event ring of worker %u cannot be mapped: %s", id,
			     strerror(-err));
	return err;
}

void lane_free(struct lane *l)
{
	if (!l)
		return;
	sink_close(&l->sink);
	free(l);
}

struct module {
	const char *what;
	int (*start)(struct worker *w);
	void (*end)(struct worker *w);
};

static int packets_new(struct worker *w)
{
	return packet_pool_new(w, LANE_PACKETS);
}

static int heap_new(struct worker *w)
{
	return heap_init(&w->heap, w->config->app_heap);
}

static void heap_end(struct worker *w)
{
	heap_fini(&w->heap);
}

static int record_memory_new(struct worker *w)
{
	w->record_memory = worker_memory(w, RECORD_MAX_BYTES, 64);
	return w->record_memory ? 0 : -ENOMEM;
}

static void record_memory_free(struct worker *w)
{
	worker_memory_free(w, w->record_memory);
}

/* In the order in which each needs those before it. */
static const struct module modules[] = {
	{"records", record_memory_new, record_memory_free},
	{"parser memory", heap_new, heap_end},
	{"packets", packets_new, packet_pool_free},
	{"the decoder", decode_worker_new, decode_worker_free},
	{"the flow table", flow_worker_new, flow_worker_free},
	{"TCP sessions", stream_worker_new, stream_worker_free},
	{"application parsers", app_worker_new, app_worker_free},
	{"detection", detect_worker_new, detect_worker_free},
};

#define MODULE_COUNT (sizeof(modules) / sizeof(modules[0]))

int lane_modules_new(struct lane *l)
{
	for (size_t i = 0; i < MODULE_COUNT; i++) {
		int err = modules[i].start(&l->w);

		if (err == 0)
			continue;
		engine_error(l->engine, "worker %u has no memory for %s: %s; lower flow.max, "
			     "app_heap or the number of workers", l->w.id, modules[i].what,
			     strerror(err < 0 ? -err : err));
		while (i-- > 0)
			modules[i].end(&l->w);
		return err;
	}
	if (l->engine->trace && l->engine->lane_count == 1)
		detect_worker_trace(&l->w, l->engine->trace);
	lane_online(l);
	for (unsigned i = 0; i < APP_PROTO_COUNT && l->w.id == 0; i++)
		l->engine->shared->status.app_over[i] = app_transports(&l->w, (enum app_proto)i);
	atomic_store(&l->ready, true);
	return 0;
}

void lane_modules_free(struct lane *l)
{
	lane_offline(l);
	for (size_t i = MODULE_COUNT; i-- > 0;)
		modules[i].end(&l->w);
}

void lane_online(struct lane *l)
{
	rte_rcu_qsbr_thread_online(l->engine->rcu, l->w.id);
	lane_quiescent(l);
}

void lane_offline(struct lane *l)
{
	rte_rcu_qsbr_thread_offline(l->engine->rcu, l->w.id);
	rte_rcu_qsbr_thread_unregister(l->engine->rcu, l->w.id);
}

void lane_quiescent(struct lane *l)
{
	const struct detect_program *newest =
		atomic_load_explicit(&l->engine->program, memory_order_acquire);

	if (newest != l->program) {
		detect_worker_use(&l->w, newest);
		l->program = newest;
	}
	l->w.recordings = atomic_load_explicit(&l->engine->recordings, memory_order_acquire);
	l->w.indicators = atomic_load_explicit(&l->engine->indicators, memory_order_acquire);
	rte_rcu_qsbr_quiescent(l->engine->rcu, l->w.id);
	flowdump_lane(l);
}
