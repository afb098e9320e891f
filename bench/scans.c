/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/scans.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <hs.h>

#define BYTES_MAX ((size_t)2 << 30)
#define RUNS 5

struct scan {
	const hs_database_t *db;
	size_t offset;
	unsigned len;
};

struct scans {
	struct scan *list;
	size_t count, room;
	char *data;
	size_t bytes, data_room;
	hs_scratch_t *scratch;
};

/* Whose scans are being recorded. */
static _Thread_local struct scans *recording;

hs_error_t __real_hs_scan(const hs_database_t *db, const char *data, unsigned len, unsigned flags,
			  hs_scratch_t *scratch, match_event_handler on_match, void *context);
hs_error_t __wrap_hs_scan(const hs_database_t *db, const char *data, unsigned len, unsigned flags,
			  hs_scratch_t *scratch, match_event_handler on_match, void *context);

struct scans *scans_new(void)
{
	return calloc(1, sizeof(struct scans));
}

static void record(struct scans *s, const hs_database_t *db, const char *data, unsigned len)
{
	if (s->bytes + len > BYTES_MAX)
		return;
	if (s->count == s->room) {
		s->room = s->room ? s->room * 2 : 4096;
		s->list = realloc(s->list, s->room * sizeof(*s->list));
	}
	if (s->bytes + len > s->data_room) {
		s->data_room = (s->bytes + len) * 2;
		s->data = realloc(s->data, s->data_room);
	}
	if (!s->list || !s->data)
		abort();
	s->list[s->count++] = (struct scan){db, s->bytes, len};
	memcpy(s->data + s->bytes, data, len);
	s->bytes += len;
}

hs_error_t __wrap_hs_scan(const hs_database_t *db, const char *data, unsigned len, unsigned flags,
			  hs_scratch_t *scratch, match_event_handler on_match, void *context)
{
	if (recording)
		record(recording, db, data, len);
	return __real_hs_scan(db, data, len, flags, scratch, on_match, context);
}

void scans_begin(struct scans *s)
{
	recording = s;
}

void scans_end(void)
{
	recording = NULL;
}

static int no_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
		    void *context)
{
	return 0;
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

double scans_run(struct scans *s, uint64_t *count, uint64_t *bytes)
{
	double best = 0;

	for (size_t i = 0; i < s->count; i++)
		if (hs_alloc_scratch(s->list[i].db, &s->scratch) != HS_SUCCESS)
			return 0;
	for (unsigned run = 0; run < RUNS; run++) {
		double before = now_s(), took;

		for (size_t i = 0; i < s->count; i++)
			__real_hs_scan(s->list[i].db, s->data + s->list[i].offset, s->list[i].len, 0,
				       s->scratch, no_match, NULL);
		took = now_s() - before;
		if (run == 0 || took < best)
			best = took;
	}
	*count += s->count;
	*bytes += s->bytes;
	return best;
}
