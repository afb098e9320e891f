/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the process is made of, from the boot block on. Main thread.
 */
#include "dataplane/engine/engine.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_rcu_qsbr.h>

#include "dataplane/detect/detect.h"
#include "dataplane/engine/handover.h"
#include "dataplane/engine/home.h"
#include "dataplane/engine/image.h"
#include "dataplane/event/cores.h"
#include "dataplane/event/trace.h"

void engine_error(struct engine *e, const char *format, ...)
{
	struct dataplane_status *st = &e->shared->status;
	char text[ENGINE_ERROR_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	pthread_mutex_lock(&e->error_lock);
	if (!st->error[0])
		memcpy(st->error, text, sizeof(text));
	pthread_mutex_unlock(&e->error_lock);
}

static int home_open(struct engine *e)
{
	char error[ENGINE_ERROR_BYTES - 64];

	e->home = home_new(e->config, error, sizeof(error));
	if (!e->home)
		engine_error(e, "the home networks cannot be read: %s", error);
	return e->home ? 0 : -EINVAL;
}

/* The table that the run begins with. Live, packets go on without it; a capture is not judged by
 * less than was asked for. */
static int indicators_open(struct engine *e)
{
	const struct indicator_image *image;
	char error[ENGINE_ERROR_BYTES];

	if (e->boot->indicators_fd < 0)
		return 0;
	image = image_open(e->boot->indicators_fd, error, sizeof(error));
	atomic_store(&e->indicators, image);
	e->shared->status.indicator_version = image ? image->version : 0;
	if (image)
		return 0;
	if (e->boot->purpose == BOOT_LIVE) {
		fprintf(stderr, "metsuke: %s\n", error);
		return 0;
	}
	engine_error(e, "%s", error);
	return -EINVAL;
}

/* What is set and does nothing is said once. */
static void say_useless(const struct config *c)
{
	if (c->file_store_stream_depth && c->file_store_stream_depth <= c->stream_depth)
		fprintf(stderr, "metsuke: file_store.stream_depth (%" PRIu64 ") changes nothing: stream.reassembly.depth "
			"is %" PRIu64 " already; set it higher\n", c->file_store_stream_depth, c->stream_depth);
}

int engine_open(struct engine *e, int boot_fd)
{
	size_t bytes;

	memset(e, 0, sizeof(*e));
	pthread_mutex_init(&e->error_lock, NULL);
	e->boot = boot_attach(boot_fd);
	if (!e->boot) {
		fprintf(stderr, "metsuke: the boot block behind descriptor %d cannot be used: %s; "
			"this program is started by metsuked\n", boot_fd, strerror(errno));
		return -EPROTO;
	}
	e->shared = counters_attach(e->boot->counters_fd);
	if (!e->shared) {
		fprintf(stderr, "metsuke: the counters cannot be mapped: %s; are all programs of "
			"one build?\n", strerror(errno));
		return -EPROTO;
	}
	e->shared->status.error[0] = '\0';
	memset(e->shared->status.beat_ns, 0, sizeof(e->shared->status.beat_ns));
	e->config = config_read(e->boot->config_fd);
	if (!e->config) {
		engine_error(e, "the configuration cannot be read: %s", strerror(errno));
		return -EPROTO;
	}
	say_useless(e->config);
	e->lane_count = e->boot->worker_count;
	if (e->lane_count == 0 || e->lane_count > e->shared->worker_count) {
		engine_error(e, "%u workers were asked for, there is room for 1 to %u",
			     e->lane_count, e->shared->worker_count);
		return -EINVAL;
	}
	if (e->boot->trace_fd >= 0)
		e->trace = trace_attach(e->boot->trace_fd);
	if (home_open(e) != 0 || indicators_open(e) != 0)
		return -EINVAL;
	bytes = rte_rcu_qsbr_get_memsize(MAX_WORKERS);
	if (posix_memalign((void **)&e->rcu, RTE_CACHE_LINE_SIZE, bytes) != 0)
		return -ENOMEM;
	return rte_rcu_qsbr_init(e->rcu, MAX_WORKERS) == 0 ? 0 : -EINVAL;
}

void engine_close(struct engine *e)
{
	for (unsigned i = 0; i < e->lane_count && i < MAX_WORKERS; i++)
		lane_free(e->lanes[i]);
	detect_peers_free(e->detect_peers);
	handover_free(e->handover);
	free(e->captures.paths);
	free(e->captures.names);
	free(e->rcu);
	image_close(atomic_exchange(&e->indicators, NULL));
	trace_detach(e->trace);
	home_free((struct home *)(uintptr_t)e->home);
	config_free((struct config *)(uintptr_t)e->config);
	pthread_mutex_destroy(&e->error_lock);
}

void engine_state(struct engine *e, enum dataplane_state state)
{
	__atomic_store_n(&e->shared->status.state, state, __ATOMIC_RELEASE);
}

/* The cores named are the workers' in order; captures run on any. */
static int cores_assign(struct engine *e)
{
	uint16_t cores[CORES_MAX];
	char error[200];
	int count = cores_parse(e->config->cores, cores, error, sizeof(error));

	if (count <= 0 || e->boot->purpose != BOOT_LIVE)
		return 0;
	if ((unsigned)count < e->lane_count) {
		engine_error(e, "cores names %d for %u workers; name one for each, or lower workers",
			     count, e->lane_count);
		return -EINVAL;
	}
	for (unsigned i = 0; i < e->lane_count; i++)
		e->lanes[i]->core = cores[i];
	return 0;
}

int engine_lanes_new(struct engine *e)
{
	int err = 0;

	/* Of captures the lanes are at different times, and what they find must not depend on which is ahead. */
	if (e->boot->purpose == BOOT_LIVE && e->lane_count > 1) {
		e->detect_peers = detect_peers_new(e->lane_count);
		err = e->detect_peers ? 0 : -ENOMEM;
	}
	for (unsigned i = 0; i < e->lane_count && !err; i++)
		err = lane_new(e, i);
	e->shared->status.workers = e->lane_count;
	return err ? err : cores_assign(e);
}

static int thread_start(struct lane *l, void *(*run)(void *))
{
	pthread_attr_t attr;
	cpu_set_t set;
	int err;

	pthread_attr_init(&attr);
	if (l->core >= 0) {
		CPU_ZERO(&set);
		CPU_SET((unsigned)l->core, &set);
		pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
	}
	err = pthread_create(&l->thread, &attr, run, l);
	pthread_attr_destroy(&attr);
	if (err && l->core >= 0)
		engine_error(l->engine, "worker %u cannot be started on core %d: %s; name cores "
			     "that are online and allowed to this service", l->w.id, l->core,
			     strerror(err));
	else if (err)
		engine_error(l->engine, "worker %u cannot be started: %s", l->w.id, strerror(err));
	return err;
}

int engine_threads_start(struct engine *e, unsigned count, void *(*run)(void *))
{
	for (unsigned i = 0; i < count; i++) {
		int err;

		rte_rcu_qsbr_thread_register(e->rcu, i);
		err = thread_start(e->lanes[i], run);
		if (err)
			return -err;
		e->lanes[i]->started = true;
	}
	return 0;
}

void engine_threads_join(struct engine *e)
{
	for (unsigned i = 0; i < e->lane_count; i++)
		if (e->lanes[i] && e->lanes[i]->started) {
			pthread_join(e->lanes[i]->thread, NULL);
			e->lanes[i]->started = false;
		}
	if (e->reading)
		pthread_join(e->reader, NULL);
	e->reading = false;
}

bool engine_finished(const struct engine *e)
{
	for (unsigned i = 0; i < e->lane_count; i++)
		if (e->lanes[i] && e->lanes[i]->started && !atomic_load(&e->lanes[i]->finished))
			return false;
	return true;
}

bool engine_ready(const struct engine *e)
{
	for (unsigned i = 0; i < e->lane_count; i++)
		if (!atomic_load(&e->lanes[i]->ready))
			return false;
	return true;
}
