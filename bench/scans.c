/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/scans.h"

#include <stdlib.h>
#include <string.h>

#include <hs.h>
#include <rte_cycles.h>

#include "dataplane/detect/program.h"
#include "rules/compile/groups.h"

#define BYTES_MAX ((size_t)8 << 30)

struct scan {
	const struct pattern_group *group;
	size_t offset;
	unsigned len, fresh;
	uint64_t base;
	bool end;
};

struct scans {
	struct scan *list;
	size_t count, room;
	char *data;
	size_t bytes, data_room;
	const hs_database_t **databases;
	unsigned database_count;
	hs_scratch_t *scratch;
	struct worker *worker; /* whose they are */
	bool cut;
};

/* Whose scans are being recorded. */
static _Thread_local struct scans *recording;

void __real_scan_group_from(struct worker *w, const struct pattern_group *group, const uint8_t *data, uint32_t len,
			    uint32_t fresh, uint64_t base, bool end);
void __wrap_scan_group_from(struct worker *w, const struct pattern_group *group, const uint8_t *data, uint32_t len,
			    uint32_t fresh, uint64_t base, bool end);

struct scans *scans_new(void)
{
	return calloc(1, sizeof(struct scans));
}

void scans_free(struct scans *s)
{
	if (!s)
		return;
	if (s->scratch)
		hs_free_scratch(s->scratch);
	free(s->list);
	free(s->data);
	free(s->databases);
	free(s);
}

static bool make_room(struct scans *s, unsigned len)
{
	if (s->count == s->room) {
		size_t room = s->room ? s->room * 2 : 65536;
		struct scan *more = realloc(s->list, room * sizeof(*more));

		if (!more)
			return false;
		s->list = more;
		s->room = room;
	}
	if (s->bytes + len > s->data_room) {
		size_t room = s->data_room ? s->data_room * 2 + len : (size_t)64 << 20;
		char *more = s->bytes + len > BYTES_MAX ? NULL : realloc(s->data, room);

		if (!more)
			return false;
		s->data = more;
		s->data_room = room;
	}
	return true;
}

/* A scratch that fits every database that comes by. */
static bool know_database(struct scans *s, const hs_database_t *database)
{
	const hs_database_t **more;

	for (unsigned i = s->database_count; i-- > 0;)
		if (s->databases[i] == database)
			return true;
	more = realloc(s->databases, (s->database_count + 1) * sizeof(*more));
	if (!more || hs_alloc_scratch(database, &s->scratch) != HS_SUCCESS)
		return false;
	s->databases = more;
	s->databases[s->database_count++] = database;
	return true;
}

static void record(struct scans *s, const struct scan *scan, const uint8_t *data)
{
	if (!make_room(s, scan->len) || !know_database(s, scan->group->database)) {
		s->cut = true;
		return;
	}
	s->list[s->count] = *scan;
	s->list[s->count++].offset = s->bytes;
	memcpy(s->data + s->bytes, data, scan->len);
	s->bytes += scan->len;
}

void __wrap_scan_group_from(struct worker *w, const struct pattern_group *group, const uint8_t *data, uint32_t len,
			    uint32_t fresh, uint64_t base, bool end)
{
	if (__builtin_expect(recording != NULL, 0) && group->literal_count && len) {
		const struct scan scan = {group, 0, group_searched(group, len, fresh), fresh, base, end};

		recording->worker = w;
		record(recording, &scan, data);
	}
	__real_scan_group_from(w, group, data, len, fresh, base, end);
}

void scans_begin(struct scans *s)
{
	recording = s;
}

bool scans_end(void)
{
	bool whole = !recording->cut;

	recording = NULL;
	return whole;
}

static int count_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
		       void *context)
{
	(*(uint64_t *)context)++;
	return 0;
}

static void bare(struct scans *s, const struct scan *scan, uint64_t *matches)
{
	hs_scan(scan->group->database, s->data + scan->offset, scan->len, 0, s->scratch, count_match, matches);
}

uint64_t scans_run(struct scans *s)
{
	uint64_t matches = 0;

	for (size_t i = 0; i < s->count; i++)
		bare(s, &s->list[i], &matches);
	return matches;
}

uint64_t scans_count(const struct scans *s)
{
	return s->count;
}

uint64_t scans_bytes(const struct scans *s)
{
	return s->bytes;
}

unsigned scans_databases(const struct scans *s)
{
	return s->database_count;
}

/* As the engine searches, candidates and all. */
static uint64_t search_again(struct scans *s, const struct scan *scan)
{
	uint64_t start = rte_rdtsc();

	__real_scan_group_from(s->worker, scan->group, (const uint8_t *)s->data + scan->offset, scan->len, scan->fresh,
			       scan->base, scan->end);
	candidates_clear(s->worker->detect);
	return rte_rdtsc() - start;
}

static uint64_t bare_again(struct scans *s, const struct scan *scan, uint64_t *matches)
{
	uint64_t start = rte_rdtsc();

	bare(s, scan, matches);
	return rte_rdtsc() - start;
}

static struct scan_tally *tally_of(const struct scans *s, struct scan_tally *tallies, const struct scan *scan)
{
	unsigned k = 0;

	while (s->databases[k] != scan->group->database)
		k++;
	return &tallies[k];
}

struct scan_tally *scans_tally(struct scans *s)
{
	struct scan_tally *out = calloc(s->database_count + 1, sizeof(*out));

	if (!out)
		return NULL;
	for (size_t i = 0; i < s->count; i++) {
		const struct scan *scan = &s->list[i];
		struct scan_tally *t = tally_of(s, out, scan);

		t->engine_cycles += search_again(s, scan);
		t->database = scan->group->database;
		t->calls++;
		t->bytes += scan->len;
	}
	for (size_t i = 0; i < s->count; i++) {
		struct scan_tally *t = tally_of(s, out, &s->list[i]);

		t->cycles += bare_again(s, &s->list[i], &t->matches);
	}
	return out;
}
