/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/groups.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/compile/groups.h"

#define LINES_MAX 40

struct label {
	char name[80];
	const struct pattern_group *group;
};

static const char *const l4_names[GROUP_L4_COUNT] = {"tcp", "udp", "other"};
static const char *const way_names[2] = {"to server", "to client"};

static bool label_ports(struct label *l, const hs_database_t *database,
			const struct port_groups *g, const char *what, const char *l4, unsigned way)
{
	if (g->wide && g->wide->database == database) {
		l->group = g->wide;
		snprintf(l->name, sizeof(l->name), "%s %s %s", what, l4, way_names[way]);
		return true;
	}
	for (unsigned port = 0; g->narrow_by_port && port < 65536; port++) {
		const struct pattern_group *narrow = &g->narrow[g->narrow_by_port[port]];

		if (g->narrow_by_port[port] && narrow->database == database) {
			l->group = narrow;
			snprintf(l->name, sizeof(l->name), "%s %s %s, port %u", what, l4,
				 way_names[way], port);
			return true;
		}
	}
	return false;
}

/* Of the first path that has the variant, one of count with [0]; "" where there is only one. */
static const char *variant_name(const uint8_t of_path[PATH_COUNT], uint32_t count, unsigned variant)
{
	static const char *const names[PATH_COUNT] = {" (outside)", " (from inside)", " (to inside)", " (inside)"};

	for (unsigned path = 0; path < PATH_COUNT && count > 2; path++)
		if (of_path[path] == variant)
			return names[path];
	return "";
}

static bool label_paths(struct label *l, const hs_database_t *database, const struct path_ports *p, const char *what,
			const char *l4, unsigned way)
{
	for (uint32_t i = 1; i < p->count; i++)
		if (label_ports(l, database, &p->variants[i], what, l4, way)) {
			size_t len = strlen(l->name);

			snprintf(l->name + len, sizeof(l->name) - len, "%s", variant_name(p->of_path, p->count, i));
			return true;
		}
	return false;
}

static bool label_buffer(struct label *l, const hs_database_t *database, const struct buffer_group *b)
{
	for (uint32_t i = 1; i < b->count; i++) {
		if (b->variants[i].database != database)
			continue;
		l->group = &b->variants[i];
		snprintf(l->name, sizeof(l->name), "%s%s of %s %s%s", b->buffer,
			 b->transform_count ? " (changed)" : "", b->app ? b->app : "any",
			 way_names[b->direction], variant_name(b->of_path, b->count, i));
		return true;
	}
	return false;
}

static struct label label_of(const struct ruleset_groups *g, const hs_database_t *database)
{
	struct label l = {.name = "?"};

	for (unsigned d = 0; d < 2; d++) {
		for (unsigned k = 0; k < GROUP_L4_COUNT; k++)
			if (label_paths(&l, database, &g->packet[k][d], "packets", l4_names[k], d) ||
			    label_paths(&l, database, &g->packet_long[k][d], "long packets", l4_names[k], d) ||
			    label_paths(&l, database, &g->packet_guarded[k][d], "guarded packets", l4_names[k], d) ||
			    label_paths(&l, database, &g->packet_near[k][d], "beginnings of packets", l4_names[k], d))
				return l;
		if (label_paths(&l, database, &g->stream[d], "streams", "tcp", d))
			return l;
	}
	for (uint32_t i = 0; i < g->buffer_count && !label_buffer(&l, database, &g->buffers[i]); i++)
		;
	return l;
}

static int dearest_first(const void *a, const void *b)
{
	const struct scan_tally *x = a, *y = b;

	return x->cycles < y->cycles ? 1 : x->cycles > y->cycles ? -1 : 0;
}

static uint32_t literal_min(const struct pattern_group *g)
{
	uint32_t min = UINT32_MAX;

	for (uint32_t i = 0; i < g->literal_count; i++)
		if (g->literals[i].len < min)
			min = g->literals[i].len;
	return min;
}

void groups_text(struct scan_tally *tallies, unsigned count, const struct ruleset *set)
{
	uint64_t cycles = 0, bytes = 0, engine = 0;

	qsort(tallies, count, sizeof(*tallies), dearest_first);
	for (unsigned i = 0; i < count; i++) {
		cycles += tallies[i].cycles;
		bytes += tallies[i].bytes;
		engine += tallies[i].engine_cycles;
	}
	printf("\n  %-54s literals  least   time  bytes     calls   matches  cycles a byte  as the engine does\n", "group");
	for (unsigned i = 0; i < count && i < LINES_MAX; i++) {
		const struct scan_tally *t = &tallies[i];
		struct label l = label_of(set->groups, t->database);

		printf("    %-52s %8u %6u %5.1f%% %5.1f%% %9" PRIu64 " %9" PRIu64 " %8.2f %8.2f\n", l.name,
		       l.group ? l.group->literal_count : 0, l.group ? literal_min(l.group) : 0,
		       100.0 * (double)t->cycles / (double)cycles,
		       100.0 * (double)t->bytes / (double)bytes, t->calls, t->matches,
		       (double)t->cycles / (double)(t->bytes ? t->bytes : 1),
		       (double)t->engine_cycles / (double)(t->bytes ? t->bytes : 1));
	}
	printf("    %-52s %8s %6s %6s %6s %9s %9s %8.2f %8.2f\n", "all", "", "", "", "", "", "",
	       (double)cycles / (double)(bytes ? bytes : 1), (double)engine / (double)(bytes ? bytes : 1));
}
