/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/scans.h"

#include <stdlib.h>
#include <string.h>

#include <hs.h>
#include <rte_cycles.h>

#include "rules/compile/groups.h"

#define BYTES_MAX ((size_t)8 << 30)

struct scan {
	const hs_database_t *database;
	size_t offset;
	unsigned len;
};

struct scans {
	struct scan *list;
	size_t count, room;
	char *data;
	size_t bytes, data_room;
	const hs_database_t **databases;
	unsigned database_count;
	hs_scratch_t *scratch;
	bool cut;
};

/* Whose scans are being recorded. */
static _Thread_local struct scans *recording;

struct worker;

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

static void record(struct scans *s, const hs_database_t *database, const char *data, unsigned len)
{
	if (!make_room(s, len) || !know_database(s, database)) {
		s->cut = true;
		return;
	}
	s->list[s->count++] = (struct scan){database, s->bytes, len};
	memcpy(s->data + s->bytes, data, len);
	s->bytes += len;
}

void __wrap_scan_group_from(struct worker *w, const struct pattern_group *group, const uint8_t *data, uint32_t len,
			    uint32_t fresh, uint64_t base, bool end)
{
	if (__builtin_expect(recording != NULL, 0) && group->database && len)
		record(recording, group->database, (const char *)data, len);
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

uint64_t scans_run(struct scans *s)
{
	uint64_t matches = 0;

	for (size_t i = 0; i < s->count; i++)
		hs_scan(s->list[i].database, s->data + s->list[i].offset, s->list[i].len, 0,
			       s->scratch, count_match, &matches);
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

void scans_tally(struct scans *s, struct scan_tally *out)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct scan *scan = &s->list[i];
		uint64_t start, matches = 0;
		unsigned k = 0;

		while (s->databases[k] != scan->database)
			k++;
		start = rte_rdtsc();
		hs_scan(scan->database, s->data + scan->offset, scan->len, 0, s->scratch,
			       count_match, &matches);
		out[k].cycles += rte_rdtsc() - start;
		out[k].database = scan->database;
		out[k].calls++;
		out[k].bytes += scan->len;
		out[k].matches += matches;
	}
}
