/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What intelligence costs: metsuke-bench-intel [COUNT [FOLDER]] reads a plain list of COUNT names,
 * addresses and hashes into a new store under FOLDER, replaces it by one that differs in a few
 * lines, makes the workers' table and looks values up in it. One thread; RocksDB has its own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "control/intel/feed.h"
#include "control/intel/intel.h"
#include "control/store/store.h"
#include "dataplane/event/indicator.h"

#define LOOKUPS 20000000
#define VALUES (1u << 16)

static double seconds(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

/* Six names of ten, three addresses, a hash; in no order. */
static int put_line(char *out, size_t room, uint64_t i)
{
	uint64_t r = mix(i);

	switch (i % 10) {
	case 0:
		return snprintf(out, room, "%016llx%016llx\n", (unsigned long long)r,
				(unsigned long long)mix(r));
	case 1:
	case 2:
	case 3:
		return snprintf(out, room, "%u.%u.%u.%u\n", 11 + (unsigned)(r % 80),
				(unsigned)(r >> 8 & 255), (unsigned)(r >> 16 & 255),
				(unsigned)(r >> 24 & 255));
	default:
		return snprintf(out, room, "h%llx.some-list-%llu.com\n",
				(unsigned long long)(r >> 24), (unsigned long long)(r & 0xffff));
	}
}

static void make_list(struct text *list, uint64_t from, uint64_t count)
{
	char line[96];

	text_clear(list);
	for (uint64_t i = from; i < from + count; i++)
		text_bytes(list, line, (size_t)put_line(line, sizeof(line), i));
}

static int on_entry(void *arg, const struct intel_entry *e)
{
	return intel_change_entry(arg, e);
}

static int on_refused(void *arg, uint64_t where, struct slice item, const char *reason)
{
	return intel_change_refused(arg, where, item, reason);
}

static long peak_mib(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_maxrss / 1024;
}

static int import(struct intel *in, const struct text *list, const char *what)
{
	struct feed_options o = {.format = FEED_PLAIN,
				 .defaults = {.confidence = 90, .severity = 1}};
	double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
	struct feed_sink sink = {NULL, on_entry, on_refused};
	struct intel_result r;
	struct intel_change *c;
	char why[256];
	int err = intel_change_begin(in, "bench", INTEL_REPLACE, &c);

	if (err)
		return err;
	sink.arg = c;
	err = feed_read(&o, (struct slice){list->data, list->len}, &sink, why);
	printf("%s: read in %.1f s; ", what, seconds(CLOCK_MONOTONIC) - wall);
	if (err)
		intel_change_abort(c);
	else
		err = intel_change_publish(c, &r);
	if (!err)
		printf("published after %.1f s (processor %.1f s); %llu given, %llu refused, %llu "
		       "new, "
		       "%llu same, %llu gone; peak %ld MiB, of which %zu are the list\n",
		       seconds(CLOCK_MONOTONIC) - wall, seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu,
		       (unsigned long long)r.given, (unsigned long long)r.refused,
		       (unsigned long long)r.fresh, (unsigned long long)r.same,
		       (unsigned long long)r.removed, peak_mib(), list->cap >> 20);
	return err;
}

struct values {
	struct {
		char text[60];
		uint8_t len, kind;
	} v[VALUES];
};

/* Names asked of DNS, known (every hit-th) or not. */
static void draw_names(struct values *list, uint64_t count, unsigned every)
{
	for (uint64_t i = 0; i < VALUES; i++) {
		uint64_t n = mix(i * 77) % count;
		char line[96];
		int len;

		n = n / 10 * 10 + 5;
		len = put_line(line, sizeof(line), i % every ? n + 10 * count : n);
		line[len - 1] = '\0';
		len = snprintf(list->v[i].text, sizeof(list->v[i].text), "www.%s", line);
		if (i % every == 0)
			len = snprintf(list->v[i].text, sizeof(list->v[i].text), "%s", line);
		list->v[i].len = (uint8_t)len;
		list->v[i].kind = CONTACT_DOMAIN;
	}
}

static void look_up(const struct indicator_image *im, const struct values *list, const char *what)
{
	struct indicator_hit hit;
	uint64_t found = 0;
	double start = seconds(CLOCK_THREAD_CPUTIME_ID), took;

	for (uint32_t i = 0; i < LOOKUPS; i++) {
		uint32_t k = i & (VALUES - 1);

		found += indicator_find(im, list->v[k].kind, list->v[k].text, list->v[k].len, 443,
					&hit);
	}
	took = seconds(CLOCK_THREAD_CPUTIME_ID) - start;
	printf("%s: %.1f million look-ups/s, %.0f ns each, %.0f%% known\n", what,
	       LOOKUPS / took / 1e6, took / LOOKUPS * 1e9, 100.0 * (double)found / LOOKUPS);
}

static int measure_table(struct intel *in, uint64_t count)
{
	double start = seconds(CLOCK_MONOTONIC);
	struct values *list = malloc(sizeof(*list));
	const struct indicator_image *im;
	struct stat st;
	int fd, err = list ? intel_image(in, &fd) : -1;

	if (err)
		return err;
	fstat(fd, &st);
	im = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
	printf("table: %.1f s, %lld MiB, %llu entries, peak %ld MiB\n",
	       seconds(CLOCK_MONOTONIC) - start, (long long)st.st_size >> 20,
	       (unsigned long long)im->entries, peak_mib());
	if (!indicator_image_valid(im, (size_t)st.st_size))
		return -1;
	draw_names(list, count, VALUES);
	look_up(im, list, "names, none known");
	draw_names(list, count, 10);
	look_up(im, list, "names, one of ten known");
	for (uint32_t i = 0; i < VALUES; i++) {
		uint64_t r = mix(i + 12345);

		memcpy(list->v[i].text, &r, 4);
		list->v[i].len = 4;
		list->v[i].kind = CONTACT_IP;
	}
	look_up(im, list, "IPv4 addresses");
	munmap((void *)(uintptr_t)im, (size_t)st.st_size);
	close(fd);
	free(list);
	return 0;
}

int main(int argc, char **argv)
{
	uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
	struct config *config = config_new();
	struct text list = {0};
	struct store *s = NULL;
	struct intel *in = NULL;
	char dir[4096];
	int err;

	snprintf(dir, sizeof(dir), "%s/metsuke-bench-XXXXXX", argc > 2 ? argv[2] : "/var/tmp");
	if (!config || !mkdtemp(dir)) {
		perror(dir);
		return 1;
	}
	err = store_open(&s, dir, STORE_WRITE, NULL);
	if (!err)
		err = intel_open(&in, s, config);
	make_list(&list, 0, count);
	if (!err)
		err = import(in, &list, "first");
	if (!err)
		err = import(in, &list, "again");
	make_list(&list, 100, count);
	if (!err)
		err = import(in, &list, "changed");
	text_free(&list);
	if (!err)
		err = measure_table(in, count);
	if (err)
		fprintf(stderr, "failed: %s (%s)\n", strerror(-err), store_error());
	intel_close(in);
	store_close(s);
	config_free(config);
	printf("left in %s\n", dir);
	return err ? 1 : 0;
}
