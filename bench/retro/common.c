/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bench/retro/retro.h"
#include "control/contact/contacts.h"
#include "control/store/store.h"
#include "dataplane/event/config.h"

static uint64_t folder_sum; /* nftw has no argument; one thread */

double clock_wall(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

double clock_cpu(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static int add_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	if (type == FTW_F)
		folder_sum += (uint64_t)st->st_size;
	return 0;
}

uint64_t folder_bytes(const char *dir)
{
	folder_sum = 0;
	nftw(dir, add_file, 16, FTW_PHYS);
	return folder_sum;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

void folder_remove(const char *dir)
{
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static int forget_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	int fd = type == FTW_F ? open(path, O_RDONLY) : -1;

	if (fd >= 0) {
		/* Only clean pages are dropped. */
		fdatasync(fd);
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		close(fd);
	}
	return 0;
}

void folder_forget(const char *dir)
{
	nftw(dir, forget_file, 16, FTW_PHYS);
}

static FILE *year_file(const struct retro_bench *b, const char *mode)
{
	char path[4200];
	FILE *f;

	snprintf(path, sizeof(path), "%.4096s/year", b->dir);
	f = fopen(path, mode);
	if (!f)
		fprintf(stderr, "bench-retro: %s: %s\n", path, strerror(errno));
	return f;
}

bool bench_year_save(const struct retro_bench *b)
{
	FILE *f;

	if (mkdir(b->dir, 0755) != 0 && errno != EEXIST) {
		fprintf(stderr, "bench-retro: %s: %s\n", b->dir, strerror(errno));
		return false;
	}
	f = year_file(b, "w");
	if (!f)
		return false;
	fprintf(f, "%llu %u %u\n", (unsigned long long)b->setup.seed, b->setup.clients,
		b->setup.days);
	return fclose(f) == 0;
}

bool bench_year_load(struct retro_bench *b)
{
	FILE *f = year_file(b, "r");
	unsigned long long seed;
	bool read;

	if (!f)
		return false;
	read = fscanf(f, "%llu %u %u", &seed, &b->setup.clients, &b->setup.days) == 3 &&
	       b->setup.clients && b->setup.days;
	fclose(f);
	if (!read) {
		fprintf(stderr, "bench-retro: %s/year is damaged; build it again\n", b->dir);
		return false;
	}
	b->setup.seed = seed;
	b->year = year_new(&b->setup);
	return b->year != NULL;
}

bool bench_open(struct retro_bench *b, bool write, struct opened *o)
{
	struct store_options options = {.cache_bytes = 256u << 20, .write_buffer_bytes = 64u << 20};
	char path[4200], error[256], memory[32];
	int err;

	*o = (struct opened){.config = config_new()};
	snprintf(path, sizeof(path), "%.4096s/store", b->dir);
	snprintf(memory, sizeof(memory), "%llu", (unsigned long long)b->memory_bytes);
	if (!o->config ||
	    config_set(o->config, "control.memory", memory, error, sizeof(error)) != 0)
		return false;
	err = store_open(&o->store, path, write ? STORE_WRITE : STORE_READ, &options);
	if (!err)
		err = contacts_new(&o->contacts, o->store, o->config);
	if (err)
		fprintf(stderr, "bench-retro: %s: %s\n", path, store_error());
	return err == 0;
}

void bench_close(struct opened *o)
{
	contacts_free(o->contacts);
	if (o->store)
		store_close(o->store);
	config_free(o->config);
	*o = (struct opened){0};
}

void judge(struct retro_bench *b, bool good, const char *what)
{
	b->passed += good;
	b->failed += !good;
	if (!good)
		fprintf(stderr, "bench-retro: failed: %s\n", what);
}

void figure(struct retro_bench *b, const char *name, double value, const char *unit)
{
	if (b->json)
		printf("{\"name\":\"%s\",\"value\":%.9g,\"unit\":\"%s\"}\n", name, value, unit);
	else
		printf("%-44s %14.6g %s\n", name, value, unit);
	fflush(stdout);
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void figures_of(struct retro_bench *b, const char *name, double *values, size_t n, const char *unit)
{
	char label[96];

	if (!n)
		return;
	qsort(values, n, sizeof(*values), compare_doubles);
	snprintf(label, sizeof(label), "%s, median", name);
	figure(b, label, values[n / 2], unit);
	if (n >= 100) {
		snprintf(label, sizeof(label), "%s, 99th percentile", name);
		figure(b, label, values[(n * 99) / 100], unit);
		return;
	}
	snprintf(label, sizeof(label), "%s, least", name);
	figure(b, label, values[0], unit);
	snprintf(label, sizeof(label), "%s, greatest", name);
	figure(b, label, values[n - 1], unit);
}
