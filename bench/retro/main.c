/* SPDX-License-Identifier: BSD-3-Clause
 *
 * bench-retro: the memory of contacts measured on a synthetic year. See README.md.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/retro/retro.h"

static const char usage[] =
	"usage: bench-retro COMMAND [DIR] [OPTION]...\n"
	"  build DIR    a store of the year, in DIR/store\n"
	"  size DIR     rows, and bytes on disk by part\n"
	"  one DIR      single indicators, warm and cold\n"
	"  million DIR  many indicators at once, compared with the planted truth\n"
	"  naive DIR    the same with a row for each client, indicator and day, in DIR/naive\n"
	"  ingest       contacts through a ring into the control process\n"
	"  truth        the planted truth as JSON lines\n"
	"  facts        what the year is like\n"
	"options:\n"
	"  --scale S       full, 1/10, 1/100, or a number of clients (1/100)\n"
	"  --days N        of the year (365)\n"
	"  --seed N        (1)\n"
	"  --indicators N  million: how many (1000000)\n"
	"  --expire N      million, truth: the first N days are dropped from the store first\n"
	"  --unit MICROS   million: times are compared to so many microseconds (1)\n"
	"  --rounds N      how often what is measured is repeated (5)\n"
	"  --threads N     build: (2)\n"
	"  --seconds       build: times in whole seconds, as days of more than a million contacts have\n"
	"  --workers N     ingest: rings (2)\n"
	"  --limit N       ingest: so many contacts (4000000)\n"
	"  --memory BYTES  control.memory (1g)\n"
	"  --max-ratio R   size, million, ingest: fails when it takes more than R times what the "
	"naive\n"
	"                  one takes (bytes, processor time)\n"
	"  --control PATH  ingest: the program metsuke-control\n"
	"  --scan          ingest: each round once more while scans run, one after another\n"
	"  --json          figures as JSON lines\n";

enum {
	O_SCALE = 256,
	O_DAYS,
	O_SEED,
	O_INDICATORS,
	O_ROUNDS,
	O_THREADS, O_SECONDS,
	O_WORKERS,
	O_EXPIRE,
	O_UNIT,
	O_LIMIT,
	O_MEMORY,
	O_MAX_RATIO,
	O_CONTROL,
	O_SCAN,
	O_JSON,
	O_HELP
};

static const struct option options[] = {
	{"scale", 1, NULL, O_SCALE},     {"days", 1, NULL, O_DAYS},
	{"seed", 1, NULL, O_SEED},       {"indicators", 1, NULL, O_INDICATORS},
	{"rounds", 1, NULL, O_ROUNDS},   {"threads", 1, NULL, O_THREADS}, {"seconds", 0, NULL, O_SECONDS},
	{"workers", 1, NULL, O_WORKERS}, {"limit", 1, NULL, O_LIMIT},
	{"memory", 1, NULL, O_MEMORY},   {"max-ratio", 1, NULL, O_MAX_RATIO},
	{"control", 1, NULL, O_CONTROL}, {"expire", 1, NULL, O_EXPIRE},
	{"unit", 1, NULL, O_UNIT},       {"json", 0, NULL, O_JSON},
	{"help", 0, NULL, O_HELP},       {"scan", 0, NULL, O_SCAN},
	{0},
};

static uint32_t clients_of(const char *scale)
{
	unsigned below;

	if (strcmp(scale, "full") == 0)
		return YEAR_CLIENTS;
	if (sscanf(scale, "1/%u", &below) == 1 && below && below <= YEAR_CLIENTS / 100)
		return YEAR_CLIENTS / below;
	return (uint32_t)strtoul(scale, NULL, 10);
}

static bool take_option(struct retro_bench *b, int option)
{
	uint32_t number = optarg ? (uint32_t)strtoul(optarg, NULL, 10) : 0;

	switch (option) {
	case O_SCALE:
		return (b->setup.clients = clients_of(optarg)) != 0 && b->setup.clients <= 65536;
	case O_DAYS:
		return (b->setup.days = number) != 0 && number <= 3660;
	case O_SEED:
		b->setup.seed = strtoull(optarg, NULL, 10);
		return true;
	case O_INDICATORS:
		return (b->indicators = number) != 0;
	case O_ROUNDS:
		return (b->rounds = number) != 0;
	case O_THREADS:
		return (b->threads = number) != 0;
	case O_WORKERS:
		return (b->workers = number) != 0 && number <= 16;
	case O_LIMIT:
		b->limit = strtoull(optarg, NULL, 10);
		return true;
	case O_MEMORY:
		b->memory_bytes = strtoull(optarg, NULL, 10);
		return b->memory_bytes != 0;
	case O_MAX_RATIO:
		b->max_ratio = atof(optarg);
		return true;
	case O_UNIT: /* microseconds into nanoseconds */
		b->unit_ns = number * 1000ull;
		return number != 0;
	case O_EXPIRE:
		b->expired = number;
		return true;
	case O_CONTROL:
		b->control = optarg;
		return true;
	case O_SCAN:
		b->scan = true;
		return true;
	case O_SECONDS:
		b->seconds = true;
		return true;
	case O_JSON:
		b->json = true;
		return true;
	default:
		return false;
	}
}

struct facts {
	uint64_t rows, names, v6, contacts, bytes, days;
};

static int add_fact(void *arg, const struct year_row *row)
{
	struct facts *f = arg;

	f->rows++;
	f->names += row->name != NULL;
	f->v6 += row->ip_version == 6;
	f->contacts += row->count;
	f->bytes += row->name_len;
	return 0;
}

static int bench_facts(struct retro_bench *b)
{
	struct facts f = {0};

	for (uint32_t day = 0; day < b->setup.days; day++)
		for (uint32_t client = 0; client < b->setup.clients; client++) {
			uint64_t before = f.rows;

			year_client_day(b->year, client, day, add_fact, &f);
			f.days += f.rows != before;
		}
	figure(b, "active client-days", (double)f.days, "");
	figure(b, "rows", (double)f.rows, "");
	figure(b, "names a client-day", (double)f.names / (double)f.days, "");
	figure(b, "servers a client-day", (double)(f.rows - f.names) / (double)f.days, "");
	figure(b, "contacts a client-day", (double)f.contacts / (double)f.days, "");
	figure(b, "length of a name", (double)f.bytes / (double)f.names, "bytes");
	figure(b, "IPv6 among servers", (double)f.v6 / (double)(f.rows - f.names), "");
	return 0;
}

static int bench_truth(struct retro_bench *b)
{
	struct truths t;

	if (truths_of_year(b->year, b->expired, &t) != 0)
		return 1;
	truths_print(&t, b->year, stdout);
	truths_free(&t);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(struct retro_bench *b);
		bool dir, made; /* wants a folder; in which there is a year already */
	} commands[] = {
		{"build", bench_build, true, false},  {"size", bench_size, true, true},
		{"one", bench_one, true, true},       {"million", bench_million, true, true},
		{"naive", bench_naive, true, false},  {"ingest", bench_ingest, false, false},
		{"truth", bench_truth, false, false}, {"facts", bench_facts, false, false},
	};
	struct retro_bench b = {
		.setup = {.seed = 1, .clients = YEAR_CLIENTS / 100, .days = 365},
		.threads = 2,
		.rounds = 5,
		.indicators = 1000000,
		.workers = 2,
		.memory_bytes = 1ull << 30,
		.unit_ns = 1000,
		.control = CONTROL_PROGRAM,
	};
	int option, status = 2;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == O_HELP) {
			fputs(usage, stdout);
			return 0;
		}
		if (!take_option(&b, option)) {
			fprintf(stderr, "bench-retro: that value cannot be\n%s", usage);
			return 2;
		}
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands) && optind < argc; i++) {
		if (strcmp(argv[optind], commands[i].name) != 0)
			continue;
		b.dir = argv[optind + 1];
		if (commands[i].dir && !b.dir)
			break;
		if (commands[i].made ? !bench_year_load(&b) : !(b.year = year_new(&b.setup)))
			return 1;
		status = commands[i].run(&b);
		if (b.passed + b.failed)
			printf("%llu passed, %llu failed, 0 skipped\n",
			       (unsigned long long)b.passed, (unsigned long long)b.failed);
		if (b.failed && !status)
			status = 1;
		year_free(b.year);
		return status;
	}
	fputs(usage, stderr);
	return status;
}
