/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The counters of the table, the drop reasons, the anomalies and the application protocols are
 * gathered as (path, value), sorted by path, and printed with a level opened or closed wherever
 * two neighbours differ.
 */
#include "control/ingest/stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_MAX_BYTES 96
#define LEVELS_MAX 8

struct entry {
	char path[PATH_MAX_BYTES];
	uint64_t value;
};

struct entries {
	struct entry *item;
	size_t count, cap;
};

static void add(struct entries *e, uint64_t value, const char *prefix, const char *name)
{
	char *at;

	if (e->count == e->cap)
		return;
	at = e->item[e->count].path;
	snprintf(at, PATH_MAX_BYTES, "%s%s", prefix, name);
	for (; *at; at++)
		if (*at == ' ')
			*at = '_';
	e->item[e->count++].value = value;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->path, ((const struct entry *)b)->path);
}

/* "firewall rules" is firewall.drop_reason.rules. */
static void add_drop(struct entries *e, uint64_t value, const char *name)
{
	static const char firewall[] = "firewall ";
	size_t n = sizeof(firewall) - 1;

	if (strncmp(name, firewall, n) == 0)
		add(e, value, "firewall.drop_reason.", name + n);
	else
		add(e, value, "ips.drop_reason.", name);
}

static void gather(struct entries *e, const struct counters *c)
{
	for (const struct counter_row *row = counter_rows; row->path; row++) {
		uint64_t v;

		memcpy(&v, (const char *)c + row->offset, sizeof(v));
		add(e, v, "", row->path);
	}
	for (int i = 1; i < DROP_COUNT; i++)
		add_drop(e, c->drop[i], drop_rows[i].name);
	for (int i = 1; i < ANOMALY_COUNT; i++)
		add(e, c->anomaly[i],
		    anomaly_rows[i].layer == ANOMALY_DECODE ? "decoder.event." : "stream.",
		    anomaly_rows[i].name);
	for (int i = APP_FAILED; i < APP_PROTO_COUNT; i++) {
		add(e, c->app_flow[i], "app_layer.flow.", app_proto_names[i]);
		if (i != APP_FAILED)
			add(e, c->app_tx[i], "app_layer.tx.", app_proto_names[i]);
	}
	qsort(e->item, e->count, sizeof(*e->item), by_path);
}

/* Splits path at its dots in place; returns the parts. */
static unsigned split(char *path, char **part)
{
	unsigned n = 0;

	part[n++] = path;
	for (char *p = path; *p; p++) {
		if (*p == '.' && n < LEVELS_MAX) {
			*p = '\0';
			part[n++] = p + 1;
		}
	}
	return n;
}

/* A counter "a.b" beside a group "a.b.c" would be two members of one name: the group wins. */
static bool is_group_too(const struct entries *e, size_t i)
{
	size_t n = strlen(e->item[i].path);

	return i + 1 < e->count && strncmp(e->item[i + 1].path, e->item[i].path, n) == 0 &&
	       e->item[i + 1].path[n] == '.';
}

void stats_members(struct text *out, const struct counters *c)
{
	size_t room = sizeof(struct counters) / sizeof(uint64_t) + 16;
	struct entries e = {.item = calloc(room, sizeof(struct entry)), .cap = room};
	char open[LEVELS_MAX][PATH_MAX_BYTES];
	unsigned depth = 0;

	if (!e.item) {
		out->failed = true;
		return;
	}
	gather(&e, c);
	for (size_t i = 0; i < e.count; i++) {
		char *part[LEVELS_MAX];
		unsigned parts, same = 0;

		if (is_group_too(&e, i))
			continue;
		parts = split(e.item[i].path, part);
		while (same < depth && same + 1 < parts && strcmp(open[same], part[same]) == 0)
			same++;
		for (; depth > same; depth--)
			text_char(out, '}');
		for (; depth + 1 < parts; depth++) {
			json_key(out, part[depth]);
			text_char(out, '{');
			snprintf(open[depth], PATH_MAX_BYTES, "%s", part[depth]);
		}
		json_key_uint(out, part[parts - 1], e.item[i].value);
	}
	for (; depth; depth--)
		text_char(out, '}');
	free(e.item);
}

void stats_record(struct text *out, const struct counters *c, uint64_t ts_ns, uint64_t uptime_s,
		  const char *host)
{
	text_char(out, '{');
	json_key_time(out, "timestamp", ts_ns);
	json_key_cstr(out, "event_type", "stats");
	json_key(out, "stats");
	text_char(out, '{');
	json_key_uint(out, "uptime", uptime_s);
	stats_members(out, c);
	text_char(out, '}');
	if (host)
		json_key_cstr(out, "host", host);
	text_char(out, '}');
}
