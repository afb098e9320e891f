/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What loading rules costs: metsuke-bench-load [--cache FOLDER] [--rounds N] FILE… reads the
 * files as the engine does, binds them to what it has, frees all of it, and says for each step how
 * long it took, by the clock and on the processor (all threads and children), round by round. In the
 * first the process has no memory yet: that is what a start costs. Then what it costs a worker to go
 * from one program to the next. One thread.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "dataplane/event/config.h"
#include "dataplane/detect/detect.h"
#include "rules/ruleset.h"

#define ROUNDS_DEFAULT 3
#define HAND_OVERS 40u

struct moment {
	double wall, cpu;
};

struct round {
	struct moment load, bind, freed;
	struct ruleset_report report;
};

static double seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct moment now(void)
{
	struct rusage children;
	struct moment m = {.wall = seconds(CLOCK_MONOTONIC), .cpu = seconds(CLOCK_PROCESS_CPUTIME_ID)};

	getrusage(RUSAGE_CHILDREN, &children);
	m.cpu += (double)(children.ru_utime.tv_sec + children.ru_stime.tv_sec) +
		 (double)(children.ru_utime.tv_usec + children.ru_stime.tv_usec) / 1e6;
	return m;
}

static struct moment since(struct moment start)
{
	struct moment end = now();

	return (struct moment){end.wall - start.wall, end.cpu - start.cpu};
}

static struct detect_program *load(const struct config *c, const struct ruleset_options *o, struct round *r)
{
	struct moment start = now();
	char error[1024] = "";
	struct ruleset *set = ruleset_load(o, &r->report, error, sizeof(error));
	struct detect_program *program;

	r->load = since(start);
	start = now();
	program = set ? detect_program_new(c, set, 1, error, sizeof(error)) : NULL;
	r->bind = since(start);
	if (!program) {
		fprintf(stderr, "metsuke-bench-load: %s\n", error);
		ruleset_free(set);
	}
	return program;
}

static bool load_once(const struct config *c, const struct ruleset_options *o, struct round *r)
{
	struct detect_program *program = load(c, o, r);
	struct moment start = now();

	if (!program)
		return false;
	detect_program_free(program);
	r->freed = since(start);
	return true;
}

static void print_round(const struct round *r, unsigned number)
{
	struct rusage self;

	getrusage(RUSAGE_SELF, &self);
	printf("%u: load %.3f s (%.3f CPU; read %.3f, group %.3f, databases %.3f, image %.3f%s), bind %.3f (%.3f), "
	       "free %.3f; %zu rules, %llu databases, %llu from the cache, %ld MB at most\n",
	       number, r->load.wall, r->load.cpu, r->report.parse_seconds, r->report.group_seconds,
	       r->report.compile_seconds, r->report.image_seconds,
	       r->report.from_image ? " used" : "", r->bind.wall, r->bind.cpu, r->freed.wall, r->report.loaded,
	       (unsigned long long)r->report.databases, (unsigned long long)r->report.databases_from_cache,
	       self.ru_maxrss / 1024);
	if (*r->report.image_note)
		printf("%s\n", r->report.image_note);
}

static int time_order(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* A worker changes from one program to the other between two packets: the packet behind waits so long. */
static bool hand_over(const struct config *c, const struct ruleset_options *o)
{
	static struct worker w;
	static struct counters counters;
	struct detect_program *programs[2] = {NULL, NULL};
	double took[HAND_OVERS];
	struct round r;

	w.config = c;
	w.counters = &counters;
	for (unsigned i = 0; i < 2; i++) {
		programs[i] = load(c, o, &r);
		ruleset_report_clear(&r.report);
		if (!programs[i])
			return false;
	}
	if (detect_worker_new(&w) != 0)
		return false;
	for (unsigned i = 0; i < HAND_OVERS; i++) {
		double start = seconds(CLOCK_THREAD_CPUTIME_ID);

		detect_worker_use(&w, programs[i % 2]);
		took[i] = (seconds(CLOCK_THREAD_CPUTIME_ID) - start) * 1e6;
	}
	qsort(took, HAND_OVERS, sizeof(*took), time_order);
	printf("a worker changes the program in %.0f us (CPU, median of %u; at most %.0f)\n", took[HAND_OVERS / 2],
	       HAND_OVERS, took[HAND_OVERS - 1]);
	detect_worker_free(&w);
	detect_program_free(programs[0]);
	detect_program_free(programs[1]);
	return true;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"cache", required_argument, NULL, 'c'},
						{"rounds", required_argument, NULL, 'n'},
						{0}};
	struct config *c = config_new();
	struct ruleset_options o = {0};
	unsigned rounds = ROUNDS_DEFAULT;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (option) {
		case 'c':
			o.cache_dir = optarg;
			break;
		case 'n':
			rounds = (unsigned)strtoul(optarg, NULL, 10);
			break;
		default:
			return 2;
		}
	o.files = (const char *const *)(argv + optind);
	o.file_count = (size_t)(argc - optind);
	o.variables = (struct ruleset_variables){
		(const char *const *)c->address_vars.keys, (const char *const *)c->address_vars.values,
		c->address_vars.count, (const char *const *)c->port_vars.keys,
		(const char *const *)c->port_vars.values, c->port_vars.count};
	for (unsigned i = 0; i < rounds; i++) {
		struct round r = {0};

		if (!load_once(c, &o, &r))
			return 1;
		print_round(&r, i + 1);
		ruleset_report_clear(&r.report);
	}
	if (!hand_over(c, &o))
		return 1;
	config_free(c);
	return 0;
}
