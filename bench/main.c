/* SPDX-License-Identifier: BSD-3-Clause
 *
 * metsuke-bench: replays a capture from memory through the engine's workers, in this process, and
 * says what it costs beside the bare scans. README.md has the rules of the bench. Main thread: sets
 * up, starts one runner a worker, reports. Exit: 0 good; 1 failed, or loops differ; 2 wrong usage;
 * 3 the machine is disturbed.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_rcu_qsbr.h>

#include "bench/groups.h"
#include "bench/report.h"
#include "dataplane/detect/detect.h"
#include "dataplane/engine/home.h"
#include "dataplane/engine/ruleload.h"
#include "dataplane/event/ring.h"
#include "rules/ruleset.h"

#define ROUNDS_DEFAULT 7
#define WATCH_MS 500
#define EXIT_USAGE 2
#define EXIT_DISTURBED 3

static const char usage_text[] =
	"usage: bench/run CAPTURE|made:KIND [--rules FILE]... [--set KEY=VALUE]... [--workers N] [--loops N]\n"
	"                 [--reorder PERCENT] [--json] [--anyway] [--groups | --engine-only | --idle]\n"
	"--loops: rounds that are measured, 7 unless told; in each the engine, the bare scans, the\n"
	"source alone. --anyway: measures and says so on a machine that is not quiet.\n"
	"--reorder: so many of a hundred frames come after the next one of their two hosts.\n"
	"made:KIND: no capture, traffic is made; README.md names the kinds.\n"
	"--groups: what each pattern group costs, too.\n"
	"--idle: what flows take that are idle; nothing is timed.\n"
	"--engine-only: no scans are recorded or run bare: what a profiler should see.\n";

struct options {
	const char *capture;
	unsigned workers, rounds, reorder;
	bool json, anyway, groups, engine_only, idle;
};

static int fail(const char *what)
{
	fprintf(stderr, "bench: %s\n", what);
	return EXIT_FAILURE;
}

/* ---- options ---- */

static bool set_pair(struct config *c, const char *text)
{
	const char *equals = strchr(text, '=');
	char key[256], error[512];

	if (!equals || (size_t)(equals - text) >= sizeof(key)) {
		fprintf(stderr, "bench: --set %s: write it as KEY=VALUE\n", text);
		return false;
	}
	snprintf(key, sizeof(key), "%.*s", (int)(equals - text), text);
	if (config_set(c, key, equals + 1, error, sizeof(error)) == 0)
		return true;
	fprintf(stderr, "bench: --set %s\n", error);
	return false;
}

static bool number(const char *text, unsigned most, unsigned *out)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*end || n < 1 || n > most)
		return false;
	*out = (unsigned)n;
	return true;
}

static bool options_read(int argc, char **argv, struct options *o, struct config *c)
{
	static const struct option names[] = {
		{"rules", required_argument, NULL, 'r'}, {"set", required_argument, NULL, 's'},
		{"workers", required_argument, NULL, 'w'}, {"loops", required_argument, NULL, 'l'},
		{"reorder", required_argument, NULL, 'o'},
		{"json", no_argument, NULL, 'j'}, {"anyway", no_argument, NULL, 'a'},
		{"groups", no_argument, NULL, 'g'}, {"engine-only", no_argument, NULL, 'e'}, {"idle", no_argument, NULL, 'i'},
		{NULL, 0, NULL, 0},
	};
	char error[512];
	bool good = true;
	int k;

	*o = (struct options){.workers = 1, .rounds = ROUNDS_DEFAULT};
	while (good && (k = getopt_long(argc, argv, "", names, NULL)) >= 0) {
		if (k == 'r')
			good = config_append(c, "rules", optarg, error, sizeof(error)) == 0;
		else if (k == 's')
			good = set_pair(c, optarg);
		else if (k == 'w')
			good = number(optarg, MAX_WORKERS, &o->workers);
		else if (k == 'l')
			good = number(optarg, ROUNDS_MAX, &o->rounds);
		else if (k == 'o')
			good = number(optarg, 100, &o->reorder);
		else if (k == 'j')
			o->json = true;
		else if (k == 'a')
			o->anyway = true;
		else if (k == 'g')
			o->groups = true;
		else if (k == 'e')
			o->engine_only = true;
		else if (k == 'i')
			o->idle = true;
		else
			good = false;
	}
	if (!good || optind + 1 != argc)
		return false;
	o->capture = argv[optind];
	return true;
}

/* ---- the engine ---- */

/* What the supervisor would hand over and the engine's main thread make of it. */
static int engine_setup(struct engine *e, struct boot *b, struct config *c, unsigned workers)
{
	char error[256];

	b->purpose = BOOT_INSPECT;
	b->worker_count = workers;
	b->stop = 1; /* nobody is waited for */
	b->counters_fd = counters_create(workers);
	for (unsigned i = 0; i < workers; i++) {
		b->event_ring_fd[i] = ring_create("bench-events", c->event_ring, 1);
		b->bulk_ring_fd[i] = ring_create("bench-bulk", c->bulk_ring, 1);
		b->packet_ring_fd[i] = -1; /* no packet is captured */
	}
	e->boot = b;
	e->config = c;
	e->shared = counters_attach(b->counters_fd);
	e->home = home_new(c, error, sizeof(error));
	e->lane_count = workers;
	pthread_mutex_init(&e->error_lock, NULL);
	if (!e->shared || !e->home ||
	    posix_memalign((void **)&e->rcu, 64, rte_rcu_qsbr_get_memsize(MAX_WORKERS)) != 0)
		return -ENOMEM;
	rte_rcu_qsbr_init(e->rcu, MAX_WORKERS);
	for (unsigned i = 0; i < workers; i++) {
		int err;

		rte_rcu_qsbr_thread_register(e->rcu, i);
		err = lane_new(e, i);
		if (err)
			return err;
		/* As on a live port: records are not waited for, memory is on huge pages. */
		e->lanes[i]->w.offline = false;
	}
	return 0;
}

static int keep_set(struct address_map *m, const struct addr_set *set)
{
	int err = 0;

	for (uint32_t i = 0; i < set->count && !err; i++)
		err = address_map_keep(m, &set->ranges[i].low, &set->ranges[i].high,
				       set->ranges[i].ip_version);
	return err;
}

/* Every address range that anything in the rules or the configuration tells apart. */
static int keep_ranges(struct address_map *m, const struct config *c, const struct ruleset *set)
{
	int err = 0;

	for (size_t i = 0; i < set->rule_count && !err; i++) {
		const struct rule *r = set->rules[i];

		err = keep_set(m, &r->src);
		if (!err)
			err = keep_set(m, &r->dst);
		for (uint32_t k = 0; k < r->threshold_count && !err; k++)
			err = keep_set(m, &r->thresholds[k].u.threshold.addresses);
	}
	for (size_t i = 0; i < c->address_vars.count && !err; i++)
		err = address_map_keep_text(m, c->address_vars.values[i]);
	for (size_t i = 0; i < c->os_policy.count && !err; i++)
		err = address_map_keep_text(m, c->os_policy.values[i]);
	for (size_t i = 0; i < c->home_nets.count && !err; i++)
		err = address_map_keep_text(m, c->home_nets.items[i]);
	address_map_ready(m);
	return err;
}

/* ---- the run ---- */

/* The cores that this process may use, one a worker, as long as there are enough. */
static void choose_cores(struct runner *runners, unsigned workers)
{
	cpu_set_t set;
	unsigned next = 0;

	for (unsigned k = 0; k < workers; k++)
		runners[k].core = -1;
	if (sched_getaffinity(0, sizeof(set), &set) != 0 || (unsigned)CPU_COUNT(&set) < workers)
		return;
	for (int i = 0; i < CPU_SETSIZE && next < workers; i++)
		if (CPU_ISSET(i, &set))
			runners[next++].core = i;
}

static int run_workers(struct runner *runners, const struct options *o, struct engine *e,
		       const struct traffic *t)
{
	pthread_barrier_t barrier;
	unsigned started = 0;

	pthread_barrier_init(&barrier, NULL, o->workers);
	choose_cores(runners, o->workers);
	for (unsigned k = 0; k < o->workers; k++) {
		runners[k].lane = e->lanes[k];
		runners[k].traffic = t;
		runners[k].barrier = &barrier;
		runners[k].rounds = o->rounds;
		runners[k].engine_only = o->engine_only;
		runners[k].idle = o->idle;
		runners[k].groups = o->groups && !o->json && k == 0;
		if (pthread_create(&runners[k].thread, NULL, runner_main, &runners[k]) != 0) {
			/* Those that run wait for this one for ever. */
			fail("a thread cannot be started");
			exit(EXIT_FAILURE);
		}
		started++;
	}
	for (unsigned k = 0; k < started; k++)
		pthread_join(runners[k].thread, NULL);
	for (unsigned k = 0; k < o->workers; k++)
		if (runners[k].error)
			return fail(runners[k].error);
	return 0;
}

/* What idle flows take: memory only, on any machine. */
static int measure_idle(const struct options *o, struct engine *e, struct traffic *t)
{
	struct runner *runners = calloc(o->workers, sizeof(*runners));
	int status = EXIT_SUCCESS;

	if (!runners)
		return fail("no memory");
	if (run_workers(runners, o, e, t) != 0)
		status = EXIT_FAILURE;
	printf("%s: %" PRIu64 " rules\n", o->capture, e->shared->status.rules_loaded);
	for (unsigned k = 0; status == EXIT_SUCCESS && k < o->workers; k++)
		idle_text(&runners[k].memory);
	free(runners);
	return status;
}

static int measure(const struct options *o, struct engine *e, struct traffic *t)
{
	struct runner *runners = calloc(o->workers, sizeof(*runners));
	struct machine_ticks before;
	struct report report = {.runners = runners, .workers = o->workers, .rounds = o->rounds,
				.traffic = t, .capture = o->capture,
				.rules_loaded = e->shared->status.rules_loaded,
				.rules_refused = e->shared->status.rules_refused};
	bool disturbed;

	if (!runners)
		return fail("no memory");
	machine_read(&report.machine);
	report.others = machine_others(WATCH_MS, &report.tsc_hz);
	if (report.others > MACHINE_OTHERS_MAX && !o->anyway) {
		fprintf(stderr, "bench: others use %.0f %% of this machine (load %.2f); figures taken "
			"now would mean nothing. Wait until it is quiet, or say --anyway\n",
			report.others * 100, report.machine.load1);
		return EXIT_DISTURBED;
	}
	before = machine_ticks();
	if (run_workers(runners, o, e, t) != 0)
		return EXIT_FAILURE;
	report.steal = machine_steal(before, machine_ticks());
	report_make(&report);
	if (!report_loops_agree(&report))
		return fail("the loops differ: what was measured is not the same work each time");
	disturbed = report_disturbed(&report);
	disturbed |= report.others > MACHINE_OTHERS_MAX;
	if (disturbed && !o->anyway)
		return EXIT_DISTURBED;
	(o->json ? report_json : report_text)(&report, disturbed);
	if (runners[0].tallies)
		groups_text(runners[0].tallies, scans_databases(runners[0].scans), detect_program_ruleset(atomic_load(&e->program)));
	for (unsigned k = 0; k < o->workers; k++) {
		scans_free(runners[k].scans);
		free(runners[k].tallies);
	}
	free(runners);
	return EXIT_SUCCESS;
}

static int prepare(const struct options *o, struct engine *e, struct ruleload *rules,
		   struct traffic *t)
{
	struct address_map *map = address_map_new();
	char error[CAPTURE_ERROR_BYTES];
	int err = 0;

	if (!map || !rules)
		return fail("no memory");
	if (traffic_load(t, o->capture, error) != 0)
		err = fail(error);
	traffic_reorder(t, o->reorder);
	if (!err && ruleload_first(rules) != 0)
		err = fail(e->shared->status.error);
	if (!err && (keep_ranges(map, e->config, detect_program_ruleset(atomic_load(&e->program))) != 0 ||
		     !traffic_plan(t, map)))
		err = fail("no memory");
	address_map_free(map);
	return err;
}

int main(int argc, char **argv)
{
	static struct engine engine;
	static struct boot boot;
	struct config *c = config_new();
	struct traffic traffic = {0};
	struct ruleload *rules;
	struct options o;
	char error[256];
	int status;

	/* Room for the records of all flows that end at the end of a loop. */
	if (!c || config_set(c, "rings.event", "256m", error, sizeof(error)) != 0)
		return fail("no memory");
	if (!options_read(argc, argv, &o, c)) {
		fputs(usage_text, stderr);
		return EXIT_USAGE;
	}
	c->rules_databases = c->rules_databases || !o.engine_only;
	if (engine_setup(&engine, &boot, c, o.workers) != 0)
		return fail(engine.shared ? engine.shared->status.error : "no memory");
	rules = ruleload_new(&engine);
	status = prepare(&o, &engine, rules, &traffic);
	if (status == 0)
		status = (o.idle ? measure_idle : measure)(&o, &engine, &traffic);
	traffic_free(&traffic);
	ruleload_free(rules);
	engine_close(&engine);
	return status;
}
