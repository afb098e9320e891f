/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Commands that ask the engine, or a store, and show a table.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/metsuke/view.h"

/* KEY=VALUE words into parameters; numbers where they are numbers. -1 after saying what is wrong. */
static int filters(const struct cli_command *self, json_t *params, const char *known, int count,
		   char **words)
{
	for (int i = 0; i < count; i++) {
		char *equal = strchr(words[i], '='), key[32], *end;
		long long number;

		snprintf(key, sizeof(key), " %.*s ", equal ? (int)(equal - words[i]) : 0, words[i]);
		if (!equal || !strstr(known, key)) {
			fprintf(stderr, "metsuke %s: %s: a filter is KEY=VALUE, KEY one of%s\n",
				self->words, words[i], known);
			return -1;
		}
		*equal = '\0';
		number = strtoll(equal + 1, &end, 10);
		if (strcmp(words[i], "sid") == 0 || strcmp(words[i], "port") == 0) {
			if (*end || end == equal + 1) {
				fprintf(stderr, "metsuke %s: %s=%s is not a number\n", self->words,
					words[i], equal + 1);
				return -1;
			}
			json_object_set_new(params, words[i], json_integer(number));
		} else {
			json_object_set_new(params, words[i], json_string(equal + 1));
		}
	}
	return 0;
}

#define FILE_REASONS_SHOWN 3

/* One line that says what a record is about, for the table; by record type. */
static const struct {
	const char *type, *paths[4];
} summaries[] = {
	{"dns", {"dns.type", "dns.queries.rrname", "dns.queries.rrtype", "dns.rcode"}},
	{"http", {"http.http_method", "http.hostname", "http.url", "http.status"}},
	{"tls", {"tls.version", "tls.sni", "tls.subject", NULL}},
	{"smtp", {"smtp.mail_from", "smtp.rcpt_to", "email.subject", "email.attachment"}},
	{"fileinfo", {"fileinfo.filename", "fileinfo.size", "fileinfo.state", NULL}},
	{"flow", {"flow.bytes_toserver", "flow.bytes_toclient", "flow.state", NULL}},
	{"anomaly", {"anomaly.event", NULL, NULL, NULL}},
	{"alert", {"alert.signature_id", "alert.signature", NULL, NULL}},
	{"drop", {"drop.reason", NULL, NULL, NULL}},
};

static void add_summary(json_t *row)
{
	const char *type = json_string_value(json_object_get(row, "event_type"));
	char text[512];
	size_t len = 0;

	for (size_t i = 0; type && i < sizeof(summaries) / sizeof(summaries[0]); i++) {
		if (strcmp(type, summaries[i].type) != 0)
			continue;
		for (int k = 0; k < 4 && summaries[i].paths[k]; k++) {
			const char *part = cli_text(row, summaries[i].paths[k]);

			if (*part && len < sizeof(text))
				len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
							len ? " " : "", part);
		}
	}
	if (len)
		json_object_set_new(row, "summary", json_string(text));
}

/* "file invoice.doc, 7 of 10: has macros, macros run by themselves …" */
static void add_file_summary(json_t *row)
{
	const json_t *reasons = json_object_get(json_object_get(row, "file"), "reasons"), *r;
	char text[512];
	size_t i, len;

	len = (size_t)snprintf(text, sizeof(text), "file %.100s, %s of 10", cli_text(row, "file.name"), cli_text(row, "file.verdict"));
	json_array_foreach(reasons, i, r)
		if (i < FILE_REASONS_SHOWN)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%.100s", i ? ", " : ": ", cli_text(r, "text"));
	json_object_set_new(row, "summary", json_string(text));
}

/* What an alert says: its signature; of other records among them, what they are about. */
static void add_what(json_t *row)
{
	const char *type = json_string_value(json_object_get(row, "event_type"));
	json_t *signature = json_object_get(json_object_get(row, "alert"), "signature");

	if (type && strcmp(type, "file") == 0)
		add_file_summary(row);
	else
		add_summary(row);
	if (!signature)
		signature = json_object_get(row, "summary");
	if (signature)
		json_object_set(row, "what", signature);
}

static int list_records(const struct cli_command *self, const char *method, const char *known,
			const struct cli_column *columns, const char *nothing, int argc, char **argv)
{
	struct cli_option o[] = {ENGINE_OPTIONS,
				 {"--limit", 'n', true, NULL, NULL, 0, 0},
				 {"--oldest", 0, false, NULL, NULL, 0, 0},
				 NO_MORE_OPTIONS};
	int words = cli_parse(self, o, argc, argv);
	json_t *params = json_object(), *result, *row;
	size_t i;

	if (words < 0 || filters(self, params, known, words, argv) != 0) {
		json_decref(params);
		return EXIT_USAGE;
	}
	view_set_limit(params, o[2].value, 50);
	if (o[3].value)
		json_object_set_new(params, "oldest", json_true());
	result = view_ask(o, method, params);
	if (!cli_json)
		json_array_foreach(view_rows(result), i, row)
			add_what(row);
	return view_show(result, columns, nothing);
}

int command_alerts(const struct cli_command *self, int argc, char **argv)
{
	static const struct cli_column columns[] = {{"TIME", "timestamp", false, 19},
						    {"PRI", "alert.severity", true, 0},
						    {"SOURCE", "src_ip", false, 0},
						    {"PORT", "src_port", true, 0},
						    {"DESTINATION", "dest_ip", false, 0},
						    {"PORT", "dest_port", true, 0},
						    {"APP", "app_proto", false, 0},
						    {"SID", "alert.signature_id", true, 0},
						    {"SIGNATURE", "what", false, 0},
						    NO_MORE_COLUMNS};

	return list_records(self, "alerts", " ip src dst port sid text since until ", columns,
			    "no alerts", argc, argv);
}

int command_events(const struct cli_command *self, int argc, char **argv)
{
	static const struct cli_column columns[] = {{"TIME", "timestamp", false, 19},
						    {"TYPE", "event_type", false, 0},
						    {"PROTO", "proto", false, 0},
						    {"SOURCE", "src_ip", false, 0},
						    {"PORT", "src_port", true, 0},
						    {"DESTINATION", "dest_ip", false, 0},
						    {"PORT", "dest_port", true, 0},
						    {"APP", "app_proto", false, 0},
						    {"WHAT", "summary", false, 0},
						    NO_MORE_COLUMNS};

	return list_records(self, "events", " type ip src dst port text since until ", columns,
			    "no events", argc, argv);
}

int command_flows(const struct cli_command *self, int argc, char **argv)
{
	static const struct cli_column columns[] = {{"STARTED", "flow.start", false, 19},
						    {"PROTO", "proto", false, 0},
						    {"CLIENT", "src_ip", false, 0},
						    {"PORT", "src_port", true, 0},
						    {"SERVER", "dest_ip", false, 0},
						    {"PORT", "dest_port", true, 0},
						    {"APP", "app_proto", false, 0},
						    {"OUT", "flow.bytes_toserver", true, 0},
						    {"IN", "flow.bytes_toclient", true, 0},
						    {"STATE", "flow.state", false, 0},
						    NO_MORE_COLUMNS};
	struct cli_option o[] = {ENGINE_OPTIONS,
				 {"--limit", 'n', true, NULL, NULL, 0, 0},
				 NO_MORE_OPTIONS};
	json_t *params;

	if (cli_parse(self, o, argc, argv) != 0)
		return cli_usage(self);
	params = json_object();
	view_set_limit(params, o[2].value, 50);
	return view_show(view_ask(o, "flows", params), columns, "no flows");
}

static json_t *size_text(json_int_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
	double v = (double)bytes;
	size_t unit = 0;

	for (; v >= 1024 && unit < 5; unit++)
		v /= 1024;
	return json_sprintf(unit ? "%.1f %s" : "%.0f %s", v, units[unit]);
}

/* What the store may take, and how much of it each class has: a table of its own. */
static void show_budget(const json_t *budget)
{
	static const struct cli_column columns[] = {
		{"store.budget", "class", false, 0}, {"share", "share", true, 0},
		{"allowed", "allowed", true, 0},     {"used", "used", true, 0},
		{"full", "full", true, 0},           {"oldest day", "oldest_day", false, 0},
		NO_MORE_COLUMNS};
	json_t *rows = json_array(), *one;
	size_t i;

	json_array_foreach(json_object_get(budget, "classes"), i, one) {
		json_int_t allowed = json_integer_value(json_object_get(one, "allowed_bytes"));
		json_int_t used = json_integer_value(json_object_get(one, "used_bytes"));
		const char *day = json_string_value(json_object_get(one, "oldest_day"));

		json_array_append_new(rows, json_pack(
			"{s:O s:o s:o s:o s:o s:s}", "class", json_object_get(one, "class"), "share",
			json_sprintf("%d%%", (int)json_integer_value(json_object_get(one, "percent"))),
			"allowed", size_text(allowed), "used", size_text(used), "full",
			json_sprintf("%d%%", allowed ? (int)(used * 100 / allowed) : 0), "oldest_day",
			day ? day : ""));
	}
	if (i) {
		putchar('\n');
		cli_table(rows, columns);
	}
	json_decref(rows);
}

int command_status(const struct cli_command *self, int argc, char **argv)
{
	struct cli_option o[] = {ENGINE_OPTIONS, NO_MORE_OPTIONS};

	json_t *result, *budget = NULL;
	int status;

	if (cli_parse(self, o, argc, argv) != 0)
		return cli_usage(self);
	result = view_ask(o, "status", NULL);
	if (!cli_json) {
		json_t *store = json_object_get(result, "store");

		budget = json_incref(json_object_get(store, "budget"));
		json_object_del(store, "budget");
	}
	status = view_show_object(result, true, "");
	show_budget(budget);
	json_decref(budget);
	return status;
}

int command_counters(const struct cli_command *self, int argc, char **argv)
{
	struct cli_option o[] = {ENGINE_OPTIONS, {"--all", 0, false, NULL, NULL, 0, 0}, NO_MORE_OPTIONS};
	int words = cli_parse(self, o, argc, argv);

	if (words < 0 || words > 1)
		return cli_usage(self);
	return view_show_object(view_ask(o, "counters", NULL), o[2].value, words ? argv[0] : "");
}

/* What each worker does, and how long packets are with it. */
static void show_workers(const json_t *workers)
{
	static const struct cli_column columns[] = {
		{"WORKER", "worker", true, 0},	      {"PACKETS/S", "packets", true, 0},
		{"BITS/S", "bits", true, 0},	      {"FLOWS", "flows_active", true, 0},
		{"DROPPED/S", "dropped", true, 0},    {"PASSED BY/S", "passed_by", true, 0},
		{"LOST/S", "lost", true, 0},	      {"OVERLOADED", "overloaded", true, 0},
		{"P50 us", "latency_us.p50", true, 0}, {"P99", "latency_us.p99", true, 0},
		{"P99.9", "latency_us.p99.9", true, 0}, {"MAX", "latency_us.max", true, 0},
		NO_MORE_COLUMNS};

	if (json_array_size(workers)) {
		putchar('\n');
		cli_table(workers, columns);
	}
}

int command_top(const struct cli_command *self, int argc, char **argv)
{
	struct cli_option o[] = {ENGINE_OPTIONS, {"--once", 0, false, NULL, NULL, 0, 0}, NO_MORE_OPTIONS};
	json_t *workers;
	int status;

	if (cli_parse(self, o, argc, argv) != 0)
		return cli_usage(self);
	do {
		json_t *result = view_ask(o, "top", NULL);

		if (isatty(1) && !cli_json && !o[2].value)
			fputs("\033[H\033[2J", stdout);
		workers = cli_json ? NULL : json_incref(json_object_get(result, "workers"));
		if (workers)
			json_object_del(result, "workers");
		status = view_show_object(result, true, "");
		show_workers(workers);
		json_decref(workers);
		fflush(stdout);
	} while (status == EXIT_GOOD && !o[2].value && sleep(1) == 0);
	return status;
}

/* "30m" → seconds; 0 if it is not a time, which is said. */
json_int_t view_seconds(const char *text)
{
	char *end;
	long long n = strtoll(text, &end, 10);

	n = end == text || n <= 0 || n > 1000000000 || (*end && end[1]) ? 0 : n;
	n *= *end == 'm' ? 60 : *end == 'h' ? 3600 : *end == 'd' ? 86400 : *end == 's' || !*end ? 1 : 0;
	if (!n)
		fprintf(stderr, "metsuke: \"%s\" is no time: write 30s, 10m, 2h or 7d\n", text);
	return n;
}

/* 64kbit, 10mbit, 1gbit, in bits a second; 0: no rate, which is said. */
static json_int_t rate_of(const char *text)
{
	char *end;
	long long n = strtoll(text, &end, 10);
	long long unit = *end == 'k' ? 1000 : *end == 'm' ? 1000000 : *end == 'g' ? 1000000000 : 1;

	end += unit != 1;
	if (end == text || n <= 0 || n > 1000000000 || (*end && strcmp(end, "bit") != 0)) {
		fprintf(stderr, "metsuke: \"%s\" is no rate: write 64kbit, 10mbit or 1gbit\n", text);
		return 0;
	}
	return n * unit;
}

int command_block(const struct cli_command *self, int argc, char **argv)
{
	struct cli_option o[] = {ENGINE_OPTIONS,
				 {"--for", 0, true, NULL, NULL, 0, 0},
				 {"--rate", 0, true, NULL, NULL, 0, 0},
				 NO_MORE_OPTIONS};
	json_t *params;

	if (cli_parse(self, o, argc, argv) != 1 || (o[2].value && !view_seconds(o[2].value)) ||
	    (o[3].value && !rate_of(o[3].value)))
		return cli_usage(self);
	params = json_pack("{s:s}", "address", argv[0]);
	if (o[2].value)
		json_object_set_new(params, "seconds", json_integer(view_seconds(o[2].value)));
	if (o[3].value)
		json_object_set_new(params, "rate", json_integer(rate_of(o[3].value)));
	return view_show_object(view_ask(o, "block", params), true, "");
}

int command_unblock(const struct cli_command *self, int argc, char **argv)
{
	struct cli_option o[] = {ENGINE_OPTIONS, NO_MORE_OPTIONS};

	if (cli_parse(self, o, argc, argv) != 1)
		return cli_usage(self);
	return view_show_object(view_ask(o, "unblock", json_pack("{s:s}", "address", argv[0])), true, "");
}

int command_blocks(const struct cli_command *self, int argc, char **argv)
{
	static const struct cli_column columns[] = {{"ADDRESS", "address", false, 0},
						    {"BITS/S", "rate", true, 0},
						    {"UNTIL", "until", false, 19},
						    NO_MORE_COLUMNS};
	struct cli_option o[] = {ENGINE_OPTIONS, NO_MORE_OPTIONS};

	if (cli_parse(self, o, argc, argv) != 0)
		return cli_usage(self);
	return view_show(view_ask(o, "blocks", NULL), columns, "no blocks");
}

int command_rules_reload(const struct cli_command *self, int argc, char **argv)
{
	struct cli_option o[] = {ENGINE_OPTIONS, NO_MORE_OPTIONS};

	if (cli_parse(self, o, argc, argv) != 0)
		return cli_usage(self);
	return view_show_object(view_ask(o, "rules.reload", NULL), true, "");
}

int command_call(const struct cli_command *self, int argc, char **argv)
{
	struct cli_option o[] = {ENGINE_OPTIONS, NO_MORE_OPTIONS};
	int words = cli_parse(self, o, argc, argv);
	json_t *params = NULL, *result;
	json_error_t error;

	if (words < 1 || words > 2)
		return cli_usage(self);
	if (words == 2 && !(params = json_loads(argv[1], 0, &error))) {
		fprintf(stderr, "metsuke call: the parameters are not JSON: %s\n", error.text);
		return EXIT_USAGE;
	}
	result = view_ask(o, argv[0], params);
	if (!result)
		return EXIT_FAILED;
	cli_print_json(result);
	json_decref(result);
	return EXIT_GOOD;
}
