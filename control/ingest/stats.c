/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The counters of the table, the drop reasons, the anomalies, the application protocols and the exception
 * policies are gathered as (path, value), sorted by path, and printed with a level opened or closed
 * wherever two neighbours differ.
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
	const struct dataplane_status *rules; /* an array of what is loaded, not a number */
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

/* As the reference names it: a protocol of both transports has a counter for each. */
static void add_app(struct entries *e, const struct stats_about *about, const char *format,
		    const uint64_t value[APP_TRANSPORTS][APP_PROTO_COUNT], unsigned proto)
{
	static const char *const suffixes[APP_TRANSPORTS] = {"_tcp", "_udp"};
	uint8_t over = about->status ? about->status->app_over[proto] : 0;
	bool both = proto == APP_FAILED || over == 3;
	char name[48], path[PATH_MAX_BYTES];

	if (!both) {
		snprintf(path, sizeof(path), format, app_proto_names[proto]);
		add(e, value[APP_OVER_TCP][proto] + value[APP_OVER_UDP][proto], "", path);
		return;
	}
	for (unsigned t = 0; t < APP_TRANSPORTS; t++) {
		snprintf(name, sizeof(name), "%s%s", app_proto_names[proto], suffixes[t]);
		snprintf(path, sizeof(path), format, name);
		add(e, value[t][proto], "", path);
	}
}

/* Of each target the policy in force, if it is one that does anything. */
static void add_exceptions(struct entries *e, const struct counters *c, const struct config *config)
{
	const unsigned policies[EXCEPTION_TARGETS] = {
		[EXCEPTION_FLOW_MEMCAP] = (unsigned)config->flow_full,
		[EXCEPTION_REASSEMBLY_MEMCAP] = (unsigned)config->stream_memcap_policy,
		[EXCEPTION_MIDSTREAM] = (unsigned)config->stream_midstream_policy,
		[EXCEPTION_APP_ERROR] = (unsigned)config->app_error_policy,
	};
	char path[PATH_MAX_BYTES];

	for (unsigned t = 0; t < EXCEPTION_TARGETS; t++) {
		if (policies[t] == EXCEPTION_IGNORE)
			continue;
		snprintf(path, sizeof(path), "exception_policy.%s.%s", exception_target_names[t],
			 exception_policy_names[policies[t]]);
		add(e, c->exception[t][policies[t]], "", path);
	}
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

static void gather(struct entries *e, const struct counters *c, const struct stats_about *about)
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
	for (unsigned i = APP_FAILED; i < APP_PROTO_COUNT; i++) {
		add_app(e, about, "app_layer.flow.%s", c->app_flow, i);
		if (i == APP_FAILED)
			continue;
		add_app(e, about, "app_layer.tx.%s", c->app_tx, i);
		add_app(e, about, "app_layer.error.%s.gap", c->app_error_gap, i);
		add_app(e, about, "app_layer.error.%s.parser", c->app_error_parser, i);
	}
	for (unsigned i = 0; i < FLOW_STATES; i++)
		add(e, c->flow_end_state[i], "flow.end.state.", flow_state_names[i]);
	for (unsigned i = 0; i < FLOW_TCP_STATES; i++)
		add(e, c->flow_end_tcp_state[i], "flow.end.tcp_state.", flow_tcp_state_names[i]);
	add(e, c->decoder_pkts ? c->decoder_bytes / c->decoder_pkts : 0, "decoder.", "avg_pkt_size");
	if (about->config)
		add_exceptions(e, c, about->config);
	if (about->status && e->count < e->cap) {
		add(e, 1, "", "detect.engines");
		e->item[e->count - 1].rules = about->status;
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

static void rules_write(struct text *out, const struct dataplane_status *st)
{
	text_str(out, "[{");
	json_key_uint(out, "id", 0);
	json_key_uint(out, "rules_loaded", st->rules_loaded);
	json_key_uint(out, "rules_failed", st->rules_refused);
	json_key_uint(out, "rules_skipped", st->rules_skipped);
	text_str(out, "}]");
}

void stats_members(struct text *out, const struct counters *c, const struct stats_about *about)
{
	size_t room = sizeof(struct counters) / sizeof(uint64_t) + 64;
	struct entries e = {.item = calloc(room, sizeof(struct entry)), .cap = room};
	char open[LEVELS_MAX][PATH_MAX_BYTES];
	unsigned depth = 0;

	if (!e.item) {
		out->failed = true;
		return;
	}
	gather(&e, c, about);
	for (size_t i = 0; i < e.count; i++) {
		char *part[LEVELS_MAX];
		unsigned parts, same = 0;

		if (is_group_too(&e, i) || (about->no_zeros && !e.item[i].value))
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
		if (e.item[i].rules) {
			json_key(out, part[parts - 1]);
			rules_write(out, e.item[i].rules);
		} else {
			json_key_uint(out, part[parts - 1], e.item[i].value);
		}
	}
	for (; depth; depth--)
		text_char(out, '}');
	free(e.item);
}

void stats_record(struct text *out, const struct counters *c, const struct stats_about *about, uint64_t ts_ns,
		  uint64_t uptime_s, const char *host)
{
	text_char(out, '{');
	json_key_time(out, "timestamp", ts_ns);
	json_key_cstr(out, "event_type", "stats");
	json_key(out, "stats");
	text_char(out, '{');
	json_key_uint(out, "uptime", uptime_s);
	stats_members(out, c, about);
	text_char(out, '}');
	if (host)
		json_key_cstr(out, "host", host);
	text_char(out, '}');
}
