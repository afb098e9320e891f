/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Captures. Merged: all as one stream in the order of time, through one lane. Each: every lane
 * takes whole captures from the list, one after the other, each from fresh state. Lane threads.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "dataplane/app/host.h"
#include "dataplane/app/range.h"
#include "dataplane/detect/detect.h"
#include "dataplane/engine/emit.h"
#include "dataplane/engine/engine.h"
#include "dataplane/engine/handover.h"
#include "dataplane/flow/flow.h"
#include "drivers/frame.h"

/* Descriptors beside those of captures read at once. */
#define SPARE_DESCRIPTORS 256

static void begin_capture(struct lane *l, size_t index, const char *path)
{
	struct recorder *r;

	l->before = *l->w.counters;
	r = emit_bare(&l->w, RECORD_capture_begin);
	rec_uint(r, F_capture_begin_index, index);
	rec_text(r, F_capture_begin_path, path);
	emit_end(&l->w);
}

/* Ends the flows, tells the counters of this capture alone, forgets what was learnt from it. */
static void end_capture(struct lane *l, size_t index)
{
	struct worker *w = &l->w;
	struct counters delta;
	uint64_t *d = (uint64_t *)(void *)&delta;
	const uint64_t *before = (const uint64_t *)(const void *)&l->before;
	struct recorder *r;

	flow_end_all(w);
	range_worker_reset(w);
	delta = *w->counters;
	for (size_t i = 0; i < sizeof(delta) / sizeof(*d); i++)
		d[i] -= before[i];
	r = emit_bare(w, RECORD_capture_end);
	rec_uint(r, F_capture_end_index, index);
	rec_text(r, F_capture_end_error, l->error);
	l->error[0] = '\0';
	rec_bytes(r, F_capture_end_counters, &delta, sizeof(delta));
	emit_end(w);
	decode_worker_reset(w);
	detect_worker_reset(w);
	host_worker_reset(w);
	w->now_ns = 0;
}

/* The reason goes into the end record; several captures as one stream may have several. */
static void capture_failed(struct lane *l, const char *error)
{
	size_t n = strlen(l->error);

	snprintf(l->error + n, sizeof(l->error) - n, "%s%s", n ? "; " : "", error);
	atomic_fetch_add(&l->engine->captures.failed, 1);
	engine_error(l->engine, "%s", error);
}

/* A capture whose frames we can decode, or NULL and the failure told. */
static struct capture *open_capture(struct lane *l, const char *path)
{
	char error[CAPTURE_ERROR_BYTES];
	struct capture *c = capture_open(path, error);

	if (c && !decode_link_supported(capture_link_type(c))) {
		snprintf(error, sizeof(error),
			 "capture %s holds frames of link type %s (%u), which cannot be decoded; "
			 "Ethernet, raw IP, PPP, Linux cooked and BSD loopback can",
			 path, capture_link_name(capture_link_type(c)), capture_link_type(c));
		capture_close(c);
		c = NULL;
	}
	if (!c)
		capture_failed(l, error);
	return c;
}

static bool told_to_stop(const struct lane *l)
{
	return atomic_load_explicit(&l->engine->stop, memory_order_relaxed);
}

static void run_capture(struct lane *l, const char *path, uint64_t bytes_before)
{
	struct rte_mbuf *frames[BURST];
	char error[CAPTURE_ERROR_BYTES];
	enum capture_status status = CAPTURE_FRAME;
	struct capture *c = open_capture(l, path);

	while (c && status == CAPTURE_FRAME && !told_to_stop(l)) {
		unsigned n = 0;

		while (n < BURST &&
		       (status = capture_next(c, &frames[n], error)) == CAPTURE_FRAME)
			n++;
		pipeline_burst(l, frames, n);
		lane_quiescent(l);
		atomic_store_explicit(&l->input_bytes_done, bytes_before + capture_bytes_done(c),
				      memory_order_relaxed);
	}
	if (status == CAPTURE_CUT)
		capture_failed(l, error);
	capture_close(c);
}

static void *lane_over(struct lane *l)
{
	atomic_store_explicit(&l->finished, true, memory_order_release);
	return NULL;
}

void *inspect_each_main(void *lane)
{
	struct lane *l = lane;
	struct capture_list *list = &l->engine->captures;
	uint64_t bytes = 0;
	size_t i;

	if (lane_modules_new(l) != 0) {
		atomic_store(&l->engine->failed, true);
		return lane_over(l);
	}
	while ((i = atomic_fetch_add(&list->next, 1)) < list->count && !told_to_stop(l)) {
		begin_capture(l, i, list->paths[i]);
		run_capture(l, list->paths[i], bytes);
		end_capture(l, i);
		bytes += capture_file_bytes(list->paths[i]);
		atomic_store_explicit(&l->input_bytes_done, bytes, memory_order_relaxed);
		atomic_fetch_add(&list->done, 1);
	}
	lane_modules_free(l);
	return lane_over(l);
}

static struct capture_merge *open_all(struct lane *l)
{
	struct capture_list *list = &l->engine->captures;
	struct capture **captures = calloc(list->count + 1, sizeof(*captures));
	struct capture_merge *m = NULL;
	size_t n = 0;

	for (size_t i = 0; captures && i < list->count; i++) {
		captures[n] = open_capture(l, list->paths[i]);
		n += captures[n] != NULL;
	}
	if (captures)
		m = capture_merge_new(captures, n);
	if (!m)
		capture_failed(l, "no memory to read the captures");
	free(captures);
	return m;
}

/* Reads all captures; each burst goes to take. */
static void read_merged(struct lane *l,
			void (*take)(struct lane *l, struct rte_mbuf **frames, unsigned n))
{
	struct capture_list *list = &l->engine->captures;
	struct rte_mbuf *frames[BURST];
	char error[CAPTURE_ERROR_BYTES];
	enum capture_status status = CAPTURE_FRAME;
	struct capture_merge *m = open_all(l);

	while (m && status != CAPTURE_END && !told_to_stop(l)) {
		unsigned n = 0;

		while (n < BURST &&
		       (status = capture_merge_next(m, &frames[n], error)) == CAPTURE_FRAME)
			n++;
		take(l, frames, n);
		atomic_store_explicit(&l->input_bytes_done, capture_merge_bytes_done(m),
				      memory_order_relaxed);
		if (status == CAPTURE_CUT)
			capture_failed(l, error);
	}
	capture_merge_free(m);
	atomic_store(&list->done, list->count);
}

static void inspect_burst(struct lane *l, struct rte_mbuf **frames, unsigned n)
{
	pipeline_burst(l, frames, n);
	lane_quiescent(l);
}

/* One lane: it reads for itself. */
static void *merged_main(void *lane)
{
	struct lane *l = lane;

	if (lane_modules_new(l) != 0) {
		atomic_store(&l->engine->failed, true);
		return lane_over(l);
	}
	begin_capture(l, 0, l->engine->captures.paths[0]);
	read_merged(l, inspect_burst);
	end_capture(l, 0);
	lane_modules_free(l);
	return lane_over(l);
}

/* Several lanes: one more thread reads for all. It writes no records; what it has to say of the
 * captures stands in lane 0's place for errors, which lane 0 reads when the handover is over. */
static void give_burst(struct lane *l, struct rte_mbuf **frames, unsigned n)
{
	handover_give(l->engine->handover, frames, n, true, &l->engine->stop);
}

static void *reader_main(void *engine)
{
	struct engine *e = engine;

	read_merged(e->lanes[0], give_burst);
	atomic_store_explicit(&e->handover->over, true, memory_order_release);
	return NULL;
}

static void *shared_main(void *lane)
{
	static const struct timespec pause = {.tv_nsec = 50000};
	struct lane *l = lane;
	struct handover *h = l->engine->handover;
	struct rte_mbuf *frames[BURST];

	if (lane_modules_new(l) != 0) {
		atomic_store(&l->engine->failed, true);
		atomic_store(&l->engine->stop, true);
		return lane_over(l);
	}
	begin_capture(l, 0, l->engine->captures.paths[0]);
	for (;;) {
		bool over = atomic_load_explicit(&h->over, memory_order_acquire);
		unsigned n = handover_take(h, l->w.id, frames, BURST);

		if (n)
			pipeline_burst(l, frames, n);
		lane_quiescent(l);
		if (!n && over)
			break;
		if (!n)
			nanosleep(&pause, NULL);
	}
	end_capture(l, 0);
	lane_modules_free(l);
	return lane_over(l);
}

int inspect_start(struct engine *e)
{
	int err;

	if (e->lane_count == 1)
		return engine_threads_start(e, 1, merged_main);
	e->handover = handover_new(e->lane_count, 0);
	if (!e->handover)
		return -ENOMEM;
	err = engine_threads_start(e, e->lane_count, shared_main);
	if (!err)
		err = -pthread_create(&e->reader, NULL, reader_main, e);
	e->reading = !err;
	if (err)
		atomic_store(&e->handover->over, true);
	return err;
}

/* Merging holds all files open at once. */
static void allow_descriptors(size_t wanted)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 ||
	    limit.rlim_cur >= wanted + SPARE_DESCRIPTORS)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int inspect_list(struct engine *e)
{
	struct capture_list *list = &e->captures;
	struct stat st;
	size_t bytes, n = 0;

	if (fstat(e->boot->captures_fd, &st) != 0) {
		engine_error(e, "the list of captures cannot be read: %s", strerror(errno));
		return -errno;
	}
	bytes = (size_t)st.st_size;
	list->names = calloc(bytes + 1, 1);
	if (!list->names)
		return -ENOMEM;
	if (pread(e->boot->captures_fd, list->names, bytes, 0) != (ssize_t)bytes) {
		engine_error(e, "the list of captures cannot be read: %s", strerror(errno));
		return -EIO;
	}
	for (size_t i = 0; i < bytes; i++)
		n += list->names[i] == '\0';
	list->paths = calloc(n + 1, sizeof(*list->paths));
	if (!list->paths)
		return -ENOMEM;
	for (char *at = list->names; list->count < n; at += strlen(at) + 1) {
		list->bytes += capture_file_bytes(at);
		list->paths[list->count++] = at;
	}
	if (n == 0) {
		engine_error(e, "no capture was named");
		return -EINVAL;
	}
	allow_descriptors(n);
	return 0;
}
