/* SPDX-License-Identifier: BSD-3-Clause
 *
 * metsuke-dataplane: started by the supervisor with the number of the boot block's descriptor. The
 * main thread sets everything up, starts the workers, and then keeps house: commands, heartbeat,
 * reloads, progress. It touches no packet.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dataplane/engine/command_serve.h"
#include "dataplane/engine/engine.h"
#include "dataplane/engine/clock.h"
#include "dataplane/engine/live.h"
#include "dataplane/engine/recording_serve.h"
#include "dataplane/engine/ruleload.h"
#include "dataplane/engine/rulestats.h"

#define TICK_MS 100
#define TICK_OFFLINE_MS 5

/* Set by the handler of SIGTERM and SIGINT; the only thing a signal does. */
static volatile sig_atomic_t signalled;

static void on_signal(int number)
{
	signalled = 1;
}

static void catch_signals(void)
{
	struct sigaction act = {.sa_handler = on_signal};

	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGINT, &act, NULL);
	act.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &act, NULL);
	sigaction(SIGHUP, &act, NULL);
}

static void show_progress(struct engine *e)
{
	struct dataplane_status *st = &e->shared->status;
	uint64_t done = 0;

	__atomic_store_n(&st->heartbeat_ns, monotonic_ns(), __ATOMIC_RELAXED);
	if (e->boot->purpose == BOOT_LIVE)
		return;
	for (unsigned i = 0; i < e->lane_count; i++)
		done += atomic_load_explicit(&e->lanes[i]->input_bytes_done, memory_order_relaxed);
	st->input_bytes = e->captures.bytes;
	st->input_bytes_done = done;
	st->captures = e->captures.count;
	st->captures_done = atomic_load(&e->captures.done);
	st->captures_failed = atomic_load(&e->captures.failed);
}

/* Until the workers have ended, or are told to. */
static void keep_house(struct engine *e, struct serve *serve, struct live *live)
{
	bool running = false;

	while (!engine_finished(e)) {
		if (!running && engine_ready(e)) {
			engine_state(e, DATAPLANE_RUNNING);
			running = true;
		}
		if (signalled || e->boot->stop)
			atomic_store(&e->stop, true);
		serve_step(serve, live && running ? TICK_MS : TICK_OFFLINE_MS);
		show_progress(e);
		if (live)
			live_tick(live);
	}
}

static int run_workers(struct engine *e, struct ruleload *rules, struct live *live)
{
	struct serve *serve = serve_new(e, rules);
	int err;

	if (!serve)
		return -ENOMEM;
	if (live) {
		serve_hello(serve);
		err = live_start(live);
	} else if (e->boot->purpose == BOOT_INSPECT_EACH) {
		err = engine_threads_start(e, e->lane_count, inspect_each_main);
	} else {
		err = inspect_start(e);
	}
	if (err)
		atomic_store(&e->stop, true);
	keep_house(e, serve, live);
	engine_threads_join(e);
	show_progress(e);
	serve_free(serve);
	return err ? err : atomic_load(&e->failed) ? -EIO : 0;
}

/* As far as it goes without ports and workers. */
static int check(struct engine *e)
{
	struct ruleload *rules = NULL;
	int err = live_check(e);

	if (!err) {
		rules = ruleload_new(e);
		err = rules ? ruleload_first(rules) : -ENOMEM;
	}
	ruleload_free(rules);
	return err;
}

static int inspect(struct engine *e)
{
	struct ruleload *rules = NULL;
	struct live *live = NULL;
	int err;

	err = e->boot->purpose == BOOT_LIVE ? live_open(e, &live) : inspect_list(e);
	if (!err)
		err = engine_lanes_new(e);
	if (!err) {
		engine_state(e, DATAPLANE_LOADING_RULES);
		rules = ruleload_new(e);
		err = rules ? ruleload_first(rules) : -ENOMEM;
	}
	if (!err)
		err = recording_serve_first(e);
	if (!err)
		err = run_workers(e, rules, live);
	if (!err && e->boot->rule_stats_fd >= 0)
		(void)rulestats_write(e, e->boot->rule_stats_fd, &(uint64_t){0});
	live_close(live);
	ruleload_free(rules);
	return err;
}

static int run(struct engine *e)
{
	int err;

	engine_state(e, DATAPLANE_STARTING);
	err = e->boot->purpose == BOOT_CHECK ? check(e) : inspect(e);
	if (err && !e->shared->status.error[0])
		engine_error(e, "the dataplane cannot run: %s", strerror(-err));
	engine_state(e, err ? DATAPLANE_FAILED : DATAPLANE_FINISHED);
	return err;
}

int main(int argc, char **argv)
{
	static struct engine engine;
	char *end = NULL;
	long fd;

	if (argc != 3 || strcmp(argv[1], "--boot") != 0 ||
	    ((void)(fd = strtol(argv[2], &end, 10)), *end != '\0' || fd < 0)) {
		fprintf(stderr, "usage: metsuke-dataplane --boot FD\n"
				"Started by metsuked, never by hand.\n");
		return 2;
	}
	catch_signals();
	if (engine_open(&engine, (int)fd) != 0) {
		if (engine.shared)
			engine_state(&engine, DATAPLANE_FAILED);
		return 1;
	}
	if (run(&engine) != 0)
		return 1;
	engine_close(&engine);
	return 0;
}
