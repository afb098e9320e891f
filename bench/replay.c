/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Replays a capture from memory through the engine's workers, in this process, and says what it
 * costs. Each loop is the capture anew: inside addresses are moved within their network, times
 * are moved past all timeouts, all flows end. Its alerts must be the same in every loop, or the
 * figures mean nothing and the program fails.
 *
 * Main thread: reads, loads rules, prints. One thread a worker: its share of the frames, by the
 * same hash as the live dispatcher. The last loop's prefilter scans are recorded (hs_scan is
 * wrapped by the linker) and run again bare, to compare with.
 */
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_rcu_qsbr.h>

#include "bench/readdress.h"
#include "bench/scans.h"
#include "dataplane/detect/detect.h"
#include "dataplane/engine/engine.h"
#include "dataplane/engine/ruleload.h"
#include "dataplane/engine/steer.h"
#include "dataplane/event/ring.h"
#include "dataplane/flow/flow.h"
#include "drivers/frame.h"

#define GAP_NS (86400ull * 1000000000) /* between two loops: longer than any timeout */
#define RING_BYTES (16u << 20)
#define LOOPS_MAX 1000

struct loop {
	uint64_t alerts, records;
	double seconds;
};

struct runner {
	struct lane *lane;
	struct rte_mbuf **frames; /* its share, in order; borrowed */
	size_t count;
	uint64_t span_ns;
	uint64_t source_cycles;   /* spent making frames: not the engine's */
	struct loop loops[LOOPS_MAX];
	struct scans *scans;
	struct counters begin, end; /* around the measured loops */
	double on_core_s, wall_s;   /* of the measured loops */
};

static struct {
	struct boot boot;
	struct engine engine;
	struct rte_mbuf **frames;
	size_t count, room;
	uint64_t bytes, first_ns, last_ns;
	unsigned loops;
	bool keep_addresses;
	pthread_barrier_t barrier;
} bench;

static double clock_s(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double now_s(void)
{
	return clock_s(CLOCK_MONOTONIC);
}

static void die(const char *what)
{
	fprintf(stderr, "bench: %s\n", what);
	exit(1);
}

/* ---- reading ---- */

static void load_capture(const char *path)
{
	char error[CAPTURE_ERROR_BYTES];
	struct capture *c = capture_open(path, error);
	enum capture_status status;
	struct rte_mbuf *m;

	if (!c)
		die(error);
	while ((status = capture_next(c, &m, error)) == CAPTURE_FRAME) {
		uint64_t ts = frame_info(m)->ts_ns;

		if (bench.count == bench.room) {
			bench.room = bench.room ? bench.room * 2 : 4096;
			bench.frames = realloc(bench.frames, bench.room * sizeof(m));
			if (!bench.frames)
				die("no memory for the capture");
		}
		bench.frames[bench.count++] = m;
		bench.bytes += frame_len(m);
		if (!bench.first_ns || ts < bench.first_ns)
			bench.first_ns = ts;
		if (ts > bench.last_ns)
			bench.last_ns = ts;
	}
	if (status == CAPTURE_CUT)
		fprintf(stderr, "bench: %s\n", error);
	capture_close(c);
	if (!bench.count)
		die("the capture holds no packet");
}

/* ---- one worker ---- */

static void drain(struct lane *l)
{
	ring_release(&l->sink.event, ring_head(&l->sink.event));
	if (l->sink.bulk.shared)
		ring_release(&l->sink.bulk, ring_head(&l->sink.bulk));
}

static struct rte_mbuf *copy(const struct runner *r, size_t i, unsigned loop)
{
	struct rte_mbuf *from = r->frames[i], *m = frame_new(frame_len(from));

	if (!m)
		die("no memory for a frame");
	memcpy(rte_pktmbuf_mtod(m, uint8_t *), frame_data(from), frame_len(from));
	*frame_info(m) = *frame_info(from);
	frame_info(m)->ts_ns += loop * (r->span_ns + GAP_NS);
	if (!bench.keep_addresses)
		readdress(rte_pktmbuf_mtod(m, uint8_t *), frame_len(m), frame_info(m)->link_type,
			  loop);
	return m;
}

static void run_loop(struct runner *r, unsigned loop)
{
	struct lane *l = r->lane;
	struct rte_mbuf *burst[BURST];

	for (size_t i = 0; i < r->count;) {
		uint64_t before = rte_rdtsc();
		unsigned n = 0;

		while (n < BURST && i < r->count)
			burst[n++] = copy(r, i++, loop);
		r->source_cycles += rte_rdtsc() - before;
		pipeline_burst(l, burst, n);
		lane_quiescent(l);
		drain(l);
	}
	flow_end_all(&l->w);
	drain(l);
	decode_worker_reset(&l->w);
	detect_worker_reset(&l->w);
}

static void *runner_main(void *arg)
{
	struct runner *r = arg;

	if (lane_modules_new(r->lane) != 0)
		die(bench.engine.shared->status.error);
	for (unsigned loop = 0; loop <= bench.loops; loop++) {
		const struct counters *c = r->lane->w.counters;
		uint64_t alerts = c->detect_alert, records = c->record_written;
		double before, core;

		/* The first loop warms up; one more, after the last, records the scans. */
		if (loop == bench.loops)
			scans_begin(r->scans);
		if (loop == 1) {
			r->source_cycles = 0;
			r->begin = *c;
		}
		pthread_barrier_wait(&bench.barrier);
		before = now_s();
		core = clock_s(CLOCK_THREAD_CPUTIME_ID);
		run_loop(r, loop);
		r->loops[loop].seconds = now_s() - before;
		if (loop && loop < bench.loops) {
			r->on_core_s += clock_s(CLOCK_THREAD_CPUTIME_ID) - core;
			r->wall_s += r->loops[loop].seconds;
		}
		pthread_barrier_wait(&bench.barrier);
		r->loops[loop].alerts = c->detect_alert - alerts;
		r->loops[loop].records = c->record_written - records;
		if (loop == bench.loops)
			scans_end();
		else
			r->end = *c;
	}
	return NULL;
}

/* ---- setting up ---- */

static void set(struct config *c, const char *path, const char *value)
{
	char error[256];

	if (config_set(c, path, value, error, sizeof(error)) != 0)
		die(error);
}

static void set_pair(struct config *c, char *text)
{
	char *equals = strchr(text, '=');

	if (!equals)
		die("--set takes KEY=VALUE");
	*equals = '\0';
	set(c, text, equals + 1);
}

static void engine_setup(struct config *c, unsigned workers)
{
	struct engine *e = &bench.engine;
	struct boot *b = &bench.boot;

	b->purpose = BOOT_INSPECT;
	b->worker_count = workers;
	b->counters_fd = counters_create(workers);
	for (unsigned i = 0; i < workers; i++) {
		b->event_ring_fd[i] = ring_create("bench", RING_BYTES, 1);
		b->bulk_ring_fd[i] = ring_create("bench", RING_BYTES, 1);
	}
	e->boot = b;
	e->config = c;
	e->shared = counters_attach(b->counters_fd);
	e->lane_count = workers;
	pthread_mutex_init(&e->error_lock, NULL);
	if (!e->shared ||
	    posix_memalign((void **)&e->rcu, 64, rte_rcu_qsbr_get_memsize(MAX_WORKERS)) != 0)
		die("no memory");
	rte_rcu_qsbr_init(e->rcu, MAX_WORKERS);
	for (unsigned i = 0; i < workers; i++) {
		rte_rcu_qsbr_thread_register(e->rcu, i);
		if (lane_new(e, i) != 0)
			die(e->shared->status.error);
	}
}

static struct runner *share_out(unsigned workers)
{
	struct runner *r = calloc(workers, sizeof(*r));

	for (unsigned k = 0; r && k < workers; k++) {
		r[k].lane = bench.engine.lanes[k];
		r[k].frames = calloc(bench.count, sizeof(*r[k].frames));
		r[k].scans = scans_new();
		r[k].span_ns = bench.last_ns - bench.first_ns;
		if (!r[k].frames || !r[k].scans)
			die("no memory");
	}
	for (size_t i = 0; r && i < bench.count; i++) {
		struct rte_mbuf *m = bench.frames[i];
		uint32_t hash = steer_hash(frame_info(m)->link_type, frame_data(m), frame_len(m));
		struct runner *to = &r[(uint64_t)hash * workers >> 32];

		to->frames[to->count++] = m;
	}
	return r;
}

/* ---- saying ---- */

static bool alerts_agree(const struct runner *r, unsigned workers, uint64_t *alerts)
{
	for (unsigned loop = 0; loop <= bench.loops; loop++) {
		uint64_t sum = 0;

		for (unsigned k = 0; k < workers; k++)
			sum += r[k].loops[loop].alerts;
		if (loop && sum != *alerts) {
			fprintf(stderr, "bench: loop %u has %" PRIu64 " alerts, the one before %" PRIu64
				"\n", loop, sum, *alerts);
			return false;
		}
		*alerts = sum;
	}
	return true;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void show_stages(const struct counters *d, double packets)
{
	const struct {
		const char *name;
		uint64_t cycles;
	} stages[] = {
		{"decode", d->cycles_decode}, {"flow", d->cycles_flow},
		{"stream and parsers", d->cycles_stream}, {"rules", d->cycles_detect},
		{"records", d->cycles_event}, {"verdict", d->cycles_tx},
	};
	double sum = 0;

	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++)
		sum += (double)stages[i].cycles;
	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++)
		printf("  %-20s %5.1f %%  %8.0f cycles a packet\n", stages[i].name,
		       sum > 0 ? 100 * (double)stages[i].cycles / sum : 0,
		       sum > 0 ? (double)d->cycles_total / packets * (double)stages[i].cycles / sum : 0);
}

static void show(struct runner *r, unsigned workers, uint64_t alerts)
{
	static double seconds[LOOPS_MAX];
	struct counters d = {0};
	uint64_t source = 0, scan_bytes = 0, scans = 0;
	unsigned n = bench.loops - 1;
	double packets = (double)bench.count * n, scan_s = 0, median, own;

	for (unsigned k = 0; k < workers; k++) {
		const uint64_t *a = (const uint64_t *)(const void *)&r[k].begin;
		const uint64_t *b = (const uint64_t *)(const void *)&r[k].end;

		for (size_t i = 0; i < sizeof(d) / 8; i++)
			((uint64_t *)(void *)&d)[i] += b[i] - a[i];
		source += r[k].source_cycles;
		scan_s += scans_run(r[k].scans, &scans, &scan_bytes);
	}
	for (unsigned loop = 1; loop < bench.loops; loop++)
		for (unsigned k = 0; k < workers; k++)
			if (r[k].loops[loop].seconds > seconds[loop - 1])
				seconds[loop - 1] = r[k].loops[loop].seconds;
	qsort(seconds, n, sizeof(double), compare);
	median = seconds[n / 2];
	own = median * (1 - (double)source / ((double)source + (double)d.cycles_total));
	printf("%zu packets, %.1f MB, %u workers, %u loops measured\n", bench.count,
	       (double)bench.bytes / 1e6, workers, n);
	printf("  with the source      %8.3f Mpps  %7.3f Gbps   (median; slowest loop %.0f %% of it)\n",
	       (double)bench.count / median / 1e6, (double)bench.bytes * 8 / median / 1e9,
	       100 * median / seconds[n - 1]);
	printf("  the engine alone     %8.3f Mpps  %7.3f Gbps\n", (double)bench.count / own / 1e6,
	       (double)bench.bytes * 8 / own / 1e9);
	printf("  cycles a packet      %8.0f, a byte %.2f\n", (double)d.cycles_total / packets,
	       (double)d.cycles_total / ((double)bench.bytes * n));
	show_stages(&d, packets);
	for (unsigned k = 0; k < workers; k++)
		if (r[k].on_core_s < 0.97 * r[k].wall_s)
			printf("  worker %u had its core %.0f %% of the time only: do not trust the figures\n",
			       k, 100 * r[k].on_core_s / r[k].wall_s);
	printf("  alerts a loop        %8" PRIu64 "  (the same in all %u)\n", alerts, bench.loops + 1);
	printf("  bytes scanned        %8.1f MB in %" PRIu64 " scans a loop: %.0f %% of the bytes\n",
	       (double)scan_bytes / 1e6, scans, 100 * (double)scan_bytes / (double)bench.bytes);
	if (scan_s > 0)
		printf("  bare hs_scan         %8.3f Gbps over the same buffers; the capture at %.3f Gbps a "
		       "core; the engine runs at %.2f of that\n", (double)scan_bytes * 8 / scan_s / 1e9,
		       (double)bench.bytes * 8 / scan_s / 1e9, scan_s / (own * workers));
}

static void usage(void)
{
	fprintf(stderr, "usage: bench/run CAPTURE [--rules FILE]... [--workers N] [--loops N]\n"
			"                 [--keep-addresses] [--set KEY=VALUE]...\n");
	exit(2);
}

static unsigned options_read(int argc, char **argv, struct config *c)
{
	static const struct option names[] = {
		{"rules", required_argument, NULL, 'r'}, {"workers", required_argument, NULL, 'w'},
		{"loops", required_argument, NULL, 'l'}, {"set", required_argument, NULL, 's'},
		{"keep-addresses", no_argument, NULL, 'k'}, {NULL, 0, NULL, 0},
	};
	char error[256];
	unsigned workers = 1;
	int o;

	bench.loops = 8;
	while ((o = getopt_long(argc, argv, "", names, NULL)) >= 0) {
		if (o == 'r' && config_append(c, "rules", optarg, error, sizeof(error)) != 0)
			die(error);
		else if (o == 'w')
			workers = (unsigned)strtoul(optarg, NULL, 10);
		else if (o == 'l')
			bench.loops = (unsigned)strtoul(optarg, NULL, 10) + 1;
		else if (o == 's')
			set_pair(c, optarg);
		else if (o == 'k')
			bench.keep_addresses = true;
		else if (o == '?')
			usage();
	}
	if (optind + 1 != argc || workers < 1 || workers > MAX_WORKERS || bench.loops < 2 ||
	    bench.loops >= LOOPS_MAX)
		usage();
	load_capture(argv[optind]);
	return workers;
}

int main(int argc, char **argv)
{
	struct config *c = config_new();
	struct ruleload *rules;
	struct runner *r;
	pthread_t threads[MAX_WORKERS];
	uint64_t alerts = 0;
	unsigned workers = options_read(argc, argv, c);

	engine_setup(c, workers);
	rules = ruleload_new(&bench.engine);
	if (!rules || ruleload_first(rules) != 0)
		die(bench.engine.shared->status.error);
	printf("%" PRIu64 " rules loaded, %" PRIu64 " refused\n",
	       bench.engine.shared->status.rules_loaded, bench.engine.shared->status.rules_refused);
	r = share_out(workers);
	pthread_barrier_init(&bench.barrier, NULL, workers);
	for (unsigned k = 0; k < workers; k++)
		pthread_create(&threads[k], NULL, runner_main, &r[k]);
	for (unsigned k = 0; k < workers; k++)
		pthread_join(threads[k], NULL);
	if (!alerts_agree(r, workers, &alerts))
		return 1;
	show(r, workers, alerts);
	return 0;
}
