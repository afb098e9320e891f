/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/report.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* On Ethernet a frame also takes preamble and start (8), checksum (4) and the gap after it (12). */
#define WIRE_EXTRA_BYTES 24

struct stage {
	const char *name;
	uint64_t cycles;
};

#define STAGES 6

static void stages_of(const struct counters *c, struct stage out[STAGES])
{
	out[0] = (struct stage){"decode, defragment", c->cycles_decode};
	out[1] = (struct stage){"flow", c->cycles_flow};
	out[2] = (struct stage){"stream, parsers", c->cycles_stream};
	out[3] = (struct stage){"rules", c->cycles_detect};
	out[4] = (struct stage){"packet end, records", c->cycles_event};
	out[5] = (struct stage){"verdict, sending", c->cycles_tx};
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static struct figure figure_of(double *values, unsigned n)
{
	qsort(values, n, sizeof(*values), compare);
	return (struct figure){
		.median = n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2,
		.low = values[0],
		.high = values[n - 1],
	};
}

/* One value a round. */
struct samples {
	double with_source[ROUNDS_MAX], engine[ROUNDS_MAX], bare[ROUNDS_MAX], ratio[ROUNDS_MAX];
	double source_s[ROUNDS_MAX], end_s[ROUNDS_MAX], engine_s[ROUNDS_MAX], wait[ROUNDS_MAX];
	double wall[ROUNDS_MAX];
};

static void sample_round(const struct report *r, unsigned i, struct samples *s)
{
	double packets = (double)traffic_measured(r->traffic), n = r->workers, wall_s = 0, cpu = 0, bare = 0;

	for (unsigned k = 0; k < r->workers; k++) {
		const struct round *round = &r->runners[k].round[i];
		double own = round->engine.cpu_s - round->source.cpu_s;

		s->with_source[i] += packets / round->engine.cpu_s;
		s->engine[i] += packets / own;
		if (round->bare.cpu_s > 0)
			s->bare[i] += packets / round->bare.cpu_s;
		s->source_s[i] += round->source.cpu_s / n;
		s->end_s[i] += round->end.cpu_s / n;
		s->engine_s[i] += own / n;
		s->wait[i] += (1 - round->engine.cpu_s / round->engine.wall_s) / n;
		cpu += own;
		bare += round->bare.cpu_s;
		if (round->engine.wall_s > wall_s)
			wall_s = round->engine.wall_s;
	}
	s->ratio[i] = bare / cpu;
	s->wall[i] = packets * n / wall_s;
}

void report_make(struct report *r)
{
	struct samples *s = calloc(1, sizeof(*s));

	if (!s)
		abort();
	for (unsigned i = 0; i < r->rounds; i++)
		sample_round(r, i, s);
	r->with_source = figure_of(s->with_source, r->rounds);
	r->engine = figure_of(s->engine, r->rounds);
	r->bare = figure_of(s->bare, r->rounds);
	r->ratio = figure_of(s->ratio, r->rounds);
	r->source_s = figure_of(s->source_s, r->rounds);
	r->end_s = figure_of(s->end_s, r->rounds);
	r->engine_s = figure_of(s->engine_s, r->rounds);
	r->wait = figure_of(s->wait, r->rounds);
	r->wall = figure_of(s->wall, r->rounds);
	free(s);
	for (unsigned k = 0; k < r->workers; k++)
		for (size_t i = 0; i < sizeof(r->cycles) / sizeof(uint64_t); i++)
			((uint64_t *)(void *)&r->cycles)[i] +=
				((const uint64_t *)(const void *)&r->runners[k].cycles)[i];
	r->outcome = r->runners[0].outcome[0];
}

/* ---- checks ---- */

static bool outcome_agrees(const struct outcome *first, const struct outcome *o, unsigned worker,
			   unsigned loop)
{
	if (o->alerts != first->alerts || o->alert_mix != first->alert_mix) {
		fprintf(stderr, "bench: worker %u, loop %u: %" PRIu64 " alerts%s, in the first loop %"
			PRIu64 "\n", worker, loop, o->alerts,
			o->alerts == first->alerts ? ", but not the same ones" : "", first->alerts);
		return false;
	}
	if (o->flows != first->flows || o->scan_bytes != first->scan_bytes) {
		fprintf(stderr, "bench: worker %u, loop %u: %" PRIu64 " flows and %" PRIu64 " bytes "
			"scanned, in the first loop %" PRIu64 " and %" PRIu64 "\n", worker, loop,
			o->flows, o->scan_bytes, first->flows, first->scan_bytes);
		return false;
	}
	if (o->records_lost || o->held) {
		fprintf(stderr, "bench: worker %u, loop %u: %" PRIu64 " records found the ring full "
			"(--set rings.event=1g), %" PRIu64 " frames were not given back\n", worker,
			loop, o->records_lost, o->held);
		return false;
	}
	return true;
}

bool report_loops_agree(const struct report *r)
{
	bool agree = true;

	for (unsigned k = 0; k < r->workers; k++) {
		const struct runner *run = &r->runners[k];

		for (unsigned loop = 0; loop < run->outcome_count; loop++)
			agree &= outcome_agrees(&r->runners[0].outcome[0], &run->outcome[loop], k,
						loop);
		if (!run->scans_whole) {
			fprintf(stderr, "bench: the scans of worker %u did not find room\n", k);
			agree = false;
		}
	}
	return agree;
}

bool report_disturbed(const struct report *r)
{
	bool disturbed = false;

	if (r->steal > MACHINE_STEAL_MAX) {
		fprintf(stderr, "bench: the host took %.1f %% of the processors during the run (at "
			"most %.0f %%)\n", r->steal * 100, MACHINE_STEAL_MAX * 100);
		disturbed = true;
	}
	if (r->wait.median > MACHINE_WAIT_MAX) {
		fprintf(stderr, "bench: workers waited for a processor %.1f %% of the time (at most "
			"%.0f %%): others were running\n", r->wait.median * 100,
			MACHINE_WAIT_MAX * 100);
		disturbed = true;
	}
	return disturbed;
}

/* ---- saying ---- */

static double gbps(const struct report *r, double packets_per_s, unsigned extra)
{
	double bytes = (double)r->traffic->bytes / (double)r->traffic->count + extra;

	return packets_per_s * bytes * 8 / 1e9;
}

static void line(const struct report *r, const char *name, struct figure f)
{
	printf("  %-22s %8.3f Mpps  %7.3f Gbps  %7.3f on the wire   (%.3f to %.3f Mpps)\n", name,
	       f.median / 1e6, gbps(r, f.median, 0), gbps(r, f.median, WIRE_EXTRA_BYTES),
	       f.low / 1e6, f.high / 1e6);
}

static void text_stages(const struct report *r)
{
	struct stage stages[STAGES];
	double packets = (double)traffic_measured(r->traffic), hz = r->tsc_hz, sum = 0;
	double end = r->traffic->is_made ? 0 : r->end_s.median * hz / packets;
	double inside = r->engine_s.median * hz / packets - end;

	stages_of(&r->cycles, stages);
	for (unsigned i = 0; i < STAGES; i++)
		sum += (double)stages[i].cycles;
	printf("\n  where it goes          share  cycles a packet\n");
	for (unsigned i = 0; i < STAGES; i++) {
		double share = sum > 0 ? (double)stages[i].cycles / sum : 0;

		printf("    %-20s %5.1f %%  %8.0f\n", stages[i].name,
		       100 * share * inside / (inside + end), share * inside);
	}
	if (!r->traffic->is_made)
		printf("    %-20s %5.1f %%  %8.0f\n", "ending flows", 100 * end / (inside + end), end);
}

/* Of made traffic: what became of its flows while it was measured, and what it costs to end those that
 * are left. */
static void text_flows(const struct report *r)
{
	const struct round *round = &r->runners[0].round[0];

	if (!r->traffic->is_made)
		return;
	printf("  flows                  %" PRIu64 " begun, %" PRIu64 " ended meanwhile: %.3f and %.3f million a "
	       "second; %" PRIu64 " left\n", round->begun, round->ended,
	       (double)round->begun / r->engine_s.median / 1e6, (double)round->ended / r->engine_s.median / 1e6,
	       round->open);
	if (round->open)
		printf("  ending those           %8.0f cycles a flow\n",
		       r->end_s.median * r->tsc_hz / (double)round->open);
}

void report_text(const struct report *r, bool disturbed)
{
	const struct runner *first = &r->runners[0];
	const struct traffic *t = r->traffic;
	const struct machine *m = &r->machine;
	double packets = (double)traffic_measured(t), bytes = (double)t->bytes * packets / (double)t->count;
	static const char *const page_names[] = {"small pages", "transparent huge pages",
						 "huge pages"};

	if (disturbed)
		printf("DISTURBED MACHINE: these figures are not to be relied on\n");
	printf("%s: %zu packets, %.1f MB, %.0f bytes each, on %s\n", r->capture, traffic_measured(t), bytes / 1e6,
	       bytes / packets, page_names[first->copy.pages]);
	printf("%" PRIu64 " rules loaded, %" PRIu64 " refused; %u worker%s, %u rounds; median (least "
	       "to greatest)\n", r->rules_loaded, r->rules_refused, r->workers,
	       r->workers == 1 ? "" : "s", r->rounds);
	printf("%s, %u cores, Linux %s; load %.2f, others used %.1f %%, stolen %.1f %%, waited %.1f %%\n\n",
	       m->model, m->cores, m->kernel, m->load1, r->others * 100, r->steal * 100,
	       r->wait.median * 100);
	line(r, "engine (A)", r->engine);
	line(r, "engine with source", r->with_source);
	if (first->scans_whole && scans_count(first->scans))
		line(r, "bare hs_scan (B)", r->bare);
	line(r, "by the wall clock", r->wall);
	if (r->ratio.median > 0)
		printf("  A / B                  %8.3f   (%.3f to %.3f)\n", r->ratio.median,
		       r->ratio.low, r->ratio.high);
	printf("  cycles                 %8.0f a packet, %.2f a byte (time-stamp counter, %.2f GHz)\n",
	       r->engine_s.median * r->tsc_hz / packets, r->engine_s.median * r->tsc_hz / bytes,
	       r->tsc_hz / 1e9);
	printf("  source alone           %8.0f cycles a packet, taken off A\n",
	       r->source_s.median * r->tsc_hz / packets);
	text_stages(r);
	putchar('\n');
	text_flows(r);
	printf("  a loop                 %" PRIu64 " alerts, %" PRIu64 " flows, %" PRIu64
	       " records; the same in all %u\n", r->outcome.alerts, r->outcome.flows,
	       r->outcome.records, first->outcome_count);
	printf("  scanned                %.1f MB in %" PRIu64 " calls of %u databases: %.0f %% of the "
	       "bytes, %.2f Gbps bare\n", (double)r->outcome.scan_bytes / 1e6,
	       r->outcome.scan_calls, scans_databases(first->scans),
	       100 * (double)r->outcome.scan_bytes / bytes,
	       r->bare.median / r->workers * (double)scans_bytes(first->scans) * 8 / packets / 1e9);
	if (t->fixed)
		printf("  fixed                  %zu frames whose addresses cannot be moved\n", t->fixed);
}

static json_t *json_figure(struct figure f)
{
	return json_pack("{s:f s:f s:f}", "median", f.median, "low", f.low, "high", f.high);
}

static json_t *json_rate(const struct report *r, struct figure f)
{
	json_t *o = json_figure(f);

	json_object_set_new(o, "gbps", json_real(gbps(r, f.median, 0)));
	json_object_set_new(o, "gbps_wire", json_real(gbps(r, f.median, WIRE_EXTRA_BYTES)));
	return o;
}

static json_t *json_stages(const struct report *r)
{
	struct stage stages[STAGES];
	json_t *o = json_object();

	stages_of(&r->cycles, stages);
	for (unsigned i = 0; i < STAGES; i++)
		json_object_set_new(o, stages[i].name, json_integer((json_int_t)stages[i].cycles));
	return o;
}

void report_json(const struct report *r, bool disturbed)
{
	const struct machine *m = &r->machine;
	const struct runner *first = &r->runners[0];
	double packets = (double)traffic_measured(r->traffic);
	json_t *o = json_pack(
		"{s:s s:I s:I s:I s:I s:i s:i s:b s:f}", "capture", r->capture, "packets",
		(json_int_t)packets, "bytes", (json_int_t)((double)r->traffic->bytes * packets / (double)r->traffic->count),
		"rules_loaded", (json_int_t)r->rules_loaded, "rules_refused",
		(json_int_t)r->rules_refused, "workers", (int)r->workers, "rounds", (int)r->rounds,
		"disturbed", disturbed, "tsc_hz", r->tsc_hz);

	json_object_set_new(o, "machine", json_pack(
		"{s:s s:i s:s s:f s:f s:f s:f}", "model", m->model, "cores", (int)m->cores, "kernel",
		m->kernel, "load1", m->load1, "others", r->others, "steal", r->steal, "wait",
		r->wait.median));
	json_object_set_new(o, "engine_pps", json_rate(r, r->engine));
	json_object_set_new(o, "engine_with_source_pps", json_rate(r, r->with_source));
	json_object_set_new(o, "bare_pps", json_rate(r, r->bare));
	json_object_set_new(o, "wall_pps", json_rate(r, r->wall));
	json_object_set_new(o, "ratio", json_figure(r->ratio));
	json_object_set_new(o, "engine_seconds", json_figure(r->engine_s));
	json_object_set_new(o, "source_seconds", json_figure(r->source_s));
	json_object_set_new(o, "flow_end_seconds", json_figure(r->end_s));
	json_object_set_new(o, "flows_begun", json_integer((json_int_t)first->round[0].begun));
	json_object_set_new(o, "flows_ended", json_integer((json_int_t)first->round[0].ended));
	json_object_set_new(o, "flows_open", json_integer((json_int_t)first->round[0].open));
	json_object_set_new(o, "cycles_per_packet",
			    json_real(r->engine_s.median * r->tsc_hz / packets));
	json_object_set_new(o, "stage_cycles", json_stages(r));
	json_object_set_new(o, "loop", json_pack(
		"{s:I s:I s:I s:I s:I}", "alerts", (json_int_t)r->outcome.alerts, "flows",
		(json_int_t)r->outcome.flows, "records", (json_int_t)r->outcome.records,
		"scan_bytes", (json_int_t)scans_bytes(first->scans), "scan_calls",
		(json_int_t)scans_count(first->scans)));
	json_dumpf(o, stdout, JSON_INDENT(1));
	putchar('\n');
	json_decref(o);
}
