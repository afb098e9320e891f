/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Contacts one by one, in the order of time, through real event rings into the real control
 * process. One thread plays the workers; the records of a day are made before the clock runs, as
 * what a worker does to make them is not the control process's cost. A connection is two records,
 * its begin and its end; a name is one.
 */
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/retro/naive.h"
#include "bench/retro/retro.h"
#include "dataplane/event/contact.h"
#include "tests/unit/control/feed.h"

#define RECORD_MAX 512
#define RING_BYTES (64u << 20)
#define LIMIT 4000000u

struct event {
	uint64_t ts_ns;
	uint64_t at : 48; /* of its record in the arena */
	uint64_t len : 15;
	uint64_t begins : 1; /* counts as a contact */
};

struct script {
	struct retro_bench *bench;
	struct feed *feed;
	struct event *events;
	size_t count, cap;
	uint8_t *arena;
	size_t arena_len, arena_cap;
	uint64_t contacts, midnight;
	uint64_t limit;
};

/* The record of a row: begin (counted), or the end of a connection. */
static size_t make_record(struct script *s, const struct year_row *row, bool end)
{
	static const struct record_head plain = {.type = RECORD_contact,
						 .flags = RECORD_HAS_PORTS | RECORD_HAS_DIRECTION,
						 .tx_id = RECORD_NO_TX,
						 .sport = 40000,
						 .ip_proto = 6};
	struct record_head h = plain;
	_Alignas(8) uint8_t memory[RECORD_MAX];
	struct recorder r;
	uint32_t len;

	h.ip_version = row->ip_version;
	h.src = row->client;
	h.dst = row->server;
	h.dport = row->port;
	rec_begin(&r, memory, sizeof(memory), &h);
	rec_uint(&r, F_contact_kind, row->kind);
	if (row->kind == CONTACT_IP)
		rec_bytes(&r, F_contact_value, row->server.b, row->ip_version == 4 ? 4 : 16);
	else
		rec_bytes(&r, F_contact_value, row->name, row->name_len);
	rec_addr(&r, F_contact_client, &row->client, row->ip_version);
	rec_uint(&r, F_contact_port, row->port);
	if (end) {
		rec_uint(&r, F_contact_goes_on, 1);
		rec_uint(&r, F_contact_bytes_out, row->bytes_out / row->count);
		rec_uint(&r, F_contact_bytes_in, row->bytes_in / row->count);
	}
	len = rec_end(&r);
	if (s->arena_len + len > s->arena_cap) {
		s->arena_cap = s->arena_cap ? 2 * s->arena_cap : 64u << 20;
		s->arena = realloc(s->arena, s->arena_cap);
		if (!s->arena)
			abort();
	}
	memcpy(s->arena + s->arena_len, memory, len);
	s->arena_len += len;
	return len;
}

static void add_event(struct script *s, uint64_t us, size_t at, size_t len, bool begins)
{
	if (s->count == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 1u << 20;
		s->events = realloc(s->events, s->cap * sizeof(*s->events));
		if (!s->events)
			abort();
	}
	s->events[s->count++] =
		(struct event){s->midnight + us * 1000, at & 0xffffffffffff, len & 0x7fff, begins};
}

static int add_row(void *arg, const struct year_row *row)
{
	struct script *s = arg;
	size_t begin = s->arena_len, begin_len = make_record(s, row, false);
	size_t end = s->arena_len,
	       end_len = row->kind == CONTACT_IP ? make_record(s, row, true) : 0;
	uint64_t span = row->last_us - row->first_us;

	/* The first and the last are there; those between are spread. */
	for (uint64_t i = 0; i < row->count; i++) {
		uint64_t us = row->first_us + (row->count > 1 ? span * i / (row->count - 1) : 0);

		add_event(s, us, begin, begin_len, true);
		s->contacts++;
		if (end_len)
			add_event(s, us, end, end_len, false);
	}
	return s->contacts >= s->limit;
}

static int compare_events(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	if (x->ts_ns != y->ts_ns)
		return x->ts_ns < y->ts_ns ? -1 : 1;
	return (x->at > y->at) - (x->at < y->at);
}

static void make_script(struct script *s)
{
	uint32_t days = s->bench->setup.days;
	bool full = false;

	for (uint32_t day = 0; day < days && !full; day++) {
		size_t from = s->count;

		s->midnight = (uint64_t)(YEAR_FIRST_DAY + day) * 86400000000000ull;
		for (uint32_t client = 0; client < s->bench->setup.clients && !full; client++)
			full = year_client_day(s->bench->year, client, day, add_row, s) != 0;
		qsort(s->events + from, s->count - from, sizeof(*s->events), compare_events);
	}
}

static bool alive(pid_t pid, struct rusage *usage, int *status)
{
	return wait4(pid, status, WNOHANG, usage) == 0;
}

static void pause_briefly(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
}

/* Its own memory, the rings that it maps left out. MiB; 0: not to be had. */
static double private_memory(pid_t pid)
{
	char path[64], line[256];
	unsigned long kib = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "RssAnon: %lu", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return (double)kib / 1024;
}

/* Puts all into the rings; false: the control process ended before. *memory: the most seen. */
static bool play(struct script *s, pid_t pid, struct rusage *usage, int *status, double *memory)
{
	uint32_t workers = s->bench->workers;
	unsigned turns = 0;

	for (size_t i = 0; i < s->count; i++) {
		const struct event *e = &s->events[i];
		struct record_head *head = (struct record_head *)(void *)(s->arena + e->at);
		unsigned worker = (unsigned)(i / 64 % workers);

		/* Once it reads it is no longer the copy of this process that fork made. */
		if (i % 65536 == 0 && ring_tail(&s->feed->ring[0]))
			*memory = fmax(*memory, private_memory(pid));
		head->ts_ns = e->ts_ns;
		head->worker = (uint8_t)worker;
		for (;;) {
			head->seq = ++s->feed->seq[worker];
			if (feed_put(s->feed, worker, head, e->len))
				break;
			if (++turns % 256 == 0 && !alive(pid, usage, status))
				return false;
			pause_briefly();
		}
	}
	return true;
}

static bool all_committed(const struct feed *f)
{
	for (unsigned i = 0; i < f->boot->worker_count; i++)
		if (ring_tail(&f->ring[i]) != ring_head(&f->ring[i]))
			return false;
	return true;
}

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec * 1e-6;
}

/* Scans for a list, one after another, as a user would start them. */
struct scanner {
	char command[512], list[96];
	pthread_t thread;
	bool stop;
	uint32_t done;
};

static bool write_list(const struct retro_bench *b, const char *path)
{
	FILE *f = fopen(path, "w");
	char name[256];
	bool good;

	for (uint64_t i = 0; f && i < b->indicators; i++)
		fprintf(f, "%.*s\n", (int)year_absent_name(b->year, i, name), name);
	good = f && !ferror(f);
	return f && fclose(f) == 0 && good;
}

static void *keep_scanning(void *arg)
{
	struct scanner *s = arg;

	while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED))
		if (system(s->command) == 0)
			s->done++;
		else
			pause_briefly();
	return NULL;
}

static bool scanner_start(struct scanner *s, const struct script *script)
{
	const char *control = script->bench->control, *slash = strrchr(control, '/');
	const char *dir = script->feed->dir;

	snprintf(s->list, sizeof(s->list), "%s/list.txt", dir);
	snprintf(s->command, sizeof(s->command),
		 "%.*smetsuke retro scan --file %s --socket %s/control.sock >/dev/null",
		 slash ? (int)(slash + 1 - control) : 0, control, s->list, dir);
	return write_list(script->bench, s->list) &&
	       pthread_create(&s->thread, NULL, keep_scanning, s) == 0;
}

static void scanner_stop(struct scanner *s)
{
	__atomic_store_n(&s->stop, true, __ATOMIC_RELAXED);
	pthread_join(s->thread, NULL);
	unlink(s->list);
}

/* One whole run of the control process, from an empty store. */
struct round {
	double wall, workers_cpu, control_cpu, memory_mib, disk_bytes;
	uint32_t scans;
};

static bool run_round(struct script *s, bool scan, struct round *out)
{
	struct scanner scanner = {0};
	struct retro_bench *b = s->bench;
	struct rusage usage = {0};
	char error[256], memory[32], store[96];
	int status = 0;
	bool played;
	pid_t pid;

	s->feed = feed_new();
	snprintf(memory, sizeof(memory), "%llu", (unsigned long long)b->memory_bytes);
	if (config_set(s->feed->config, "control.memory", memory, error, sizeof(error)) != 0) {
		fprintf(stderr, "bench-retro: %s\n", error);
		feed_free(s->feed);
		return false;
	}
	snprintf(store, sizeof(store), "%s/control.sock", s->feed->dir);
	config_set(s->feed->config, "control.socket", store, error, sizeof(error));
	config_set(s->feed->config, "control.user", "", error, sizeof(error));
	feed_share(s->feed, scan ? BOOT_LIVE : BOOT_INSPECT, b->workers, RING_BYTES);
	if (scan && !scanner_start(&scanner, s)) {
		fprintf(stderr, "bench-retro: no scans can be run\n");
		feed_free(s->feed);
		return false;
	}
	pid = feed_start(s->feed, b->control);
	out->wall = clock_wall();
	out->workers_cpu = clock_cpu();
	out->memory_mib = 0;
	played = play(s, pid, &usage, &status, &out->memory_mib);
	while (played && !all_committed(s->feed) && (played = alive(pid, &usage, &status)))
		pause_briefly();
	out->memory_mib = fmax(out->memory_mib, private_memory(pid));
	out->wall = clock_wall() - out->wall;
	out->workers_cpu = clock_cpu() - out->workers_cpu;
	s->feed->counters->status.state = DATAPLANE_FINISHED;
	__atomic_store_n(&s->feed->boot->dataplane_gone, 1, __ATOMIC_RELEASE);
	if (scan)
		scanner_stop(&scanner);
	out->scans = scanner.done;
	if (played)
		wait4(pid, &status, 0, &usage);
	if (!played || status != 0)
		fprintf(stderr, "bench-retro: the control process ended with status %d\n", status);
	out->control_cpu = seconds(usage.ru_utime) + seconds(usage.ru_stime);
	snprintf(store, sizeof(store), "%s/store", s->feed->dir);
	out->disk_bytes = (double)folder_bytes(store);
	feed_free(s->feed);
	return played && status == 0;
}

/* The same into a naive store; ours: contacts a second of the control process's time. */
static void beside(struct retro_bench *b, double ours)
{
	char dir[] = "/tmp/bench-retro-XXXXXX";
	double naive;

	if (!mkdtemp(dir))
		return;
	naive = naive_ingest(b, dir);
	folder_remove(dir);
	figure(b, "ingest: naive, contacts a second of processor time", naive, "1/s");
	figure(b, "ours / naive, ingestion", naive > 0 ? ours / naive : 0, "");
	if (b->max_ratio > 0)
		judge(b, naive > 0 && naive <= ours * b->max_ratio,
		      "no slower than the naive one allows");
}

int bench_ingest(struct retro_bench *b)
{
	struct script s = {.bench = b, .limit = b->limit ? b->limit : LIMIT};
	double *wall = calloc(b->rounds, sizeof(double)),
	       *records = calloc(b->rounds, sizeof(double));
	double *cpu = calloc(b->rounds, sizeof(double)),
	       *memory = calloc(b->rounds, sizeof(double)),
	       *slower = calloc(b->rounds, sizeof(double));
	struct round round = {0}, beside_scans = {0};
	uint32_t done = 0, scans = 0;

	if (!wall || !records || !cpu || !memory || !slower)
		return 1;
	make_script(&s);
	for (; done < b->rounds && run_round(&s, false, &round); done++) {
		if (b->scan && !run_round(&s, true, &beside_scans))
			break;
		slower[done] = beside_scans.wall / round.wall;
		scans += beside_scans.scans;
		wall[done] = (double)s.contacts / round.wall;
		records[done] = (double)s.count / round.wall;
		cpu[done] = (double)s.contacts / round.control_cpu;
		memory[done] = round.memory_mib;
	}
	figure(b, "ingest: contacts", (double)s.contacts, "");
	figure(b, "ingest: records", (double)s.count, "");
	figures_of(b, "ingest: contacts a second, stored", wall, done, "1/s");
	figures_of(b, "ingest: records a second, stored", records, done, "1/s");
	figures_of(b, "ingest: contacts a second of the control process's time", cpu, done, "1/s");
	figures_of(b, "ingest: control process, peak memory without the rings", memory, done,
		   "MiB");
	if (b->scan) {
		figures_of(b, "ingest: time while scans run, by the time without", slower, done, "");
		figure(b, "ingest: scans that ended meanwhile", scans, "");
	}
	figure(b, "ingest: workers' part, processor time, last round", round.workers_cpu, "s");
	if (done)
		beside(b, cpu[done / 2]);
	free(s.events);
	free(s.arena);
	free(wall);
	free(records);
	free(cpu);
	free(memory);
	free(slower);
	return done != b->rounds;
}
