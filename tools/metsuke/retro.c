/* SPDX-License-Identifier: BSD-3-Clause
 *
 * metsuke retro …: who had been there. Rows are shown with the days of contact as a bar.
 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/metsuke/view.h"

#define BAR_CELLS 30
#define CELL_BYTES 4 /* of UTF-8 */

/* Of a contact, and of a finding, to the end of the table. */
#define WHO_AND_WHAT                                                                                                   \
	{"CLIENT", "client", false, 0}, {"HOST", "host", false, 24}, {"FIRST", "first", false, 19},                    \
		{"LAST", "last", false, 19}, {"COUNT", "count", true, 0}, {"DAYS", "days", true, 0},                   \
		{"HISTORY", "bar", false, 0}, {"KIND", "kind", false, 0}, {"INDICATOR", "indicator", false, 60},       \
		{"KNOWN AS", "known", false, 40}, NO_MORE_COLUMNS

static const struct cli_column contact_columns[] = {{"", "mark", false, 0}, WHO_AND_WHAT};

/* Days since 1970 of a history's beginning. */
static long first_day(const json_t *history)
{
	const char *text = json_string_value(json_object_get(history, "from"));
	struct tm tm = {0};

	if (!text || sscanf(text, "%d-%d-%d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday) != 3)
		return 0;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	return (long)(timegm(&tm) / 86400);
}

/* The height of a cell: 0 for none, then a step for each fourfold. */
static int height(json_int_t count)
{
	int h = 0;

	for (; count > 0; count /= 4)
		h++;
	return h > 8 ? 8 : h;
}

/* One cell for a stretch of days; all rows over the same days, so that bars compare. */
static void add_bar(json_t *row, long from, long days)
{
	static const char *const cells[] = {"·", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	const json_t *history = json_object_get(row, "history");
	const json_t *counts = json_object_get(history, "counts");
	long start = first_day(history) - from, n = days < BAR_CELLS ? days : BAR_CELLS;
	json_int_t most[BAR_CELLS] = {0};
	char bar[BAR_CELLS * CELL_BYTES + 1] = "";
	size_t len = 0;
	const json_t *count;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)counts, i, count) {
		long cell = (start + (long)i) * n / days;

		if (cell >= 0 && cell < n && json_integer_value(count) > most[cell])
			most[cell] = json_integer_value(count);
	}
	for (long k = 0; k < n; k++)
		len += (size_t)snprintf(bar + len, sizeof(bar) - len, "%s", cells[height(most[k])]);
	json_object_set_new(row, "bar", json_string(bar));
}

static void add_bars(const json_t *rows)
{
	long from = 0, to = 0;
	json_t *row;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)rows, i, row) {
		const json_t *history = json_object_get(row, "history");
		long first = first_day(history);
		long last = first + (long)json_array_size(json_object_get(history, "counts"));

		if (!first)
			continue;
		from = !from || first < from ? first : from;
		to = last > to ? last : to;
	}
	json_array_foreach((json_t *)(uintptr_t)rows, i, row) {
		const char *known = cli_text(row, "threat");

		if (from)
			add_bar(row, from, to - from);
		if (json_is_true(json_object_get(row, "first_client")))
			json_object_set_new(row, "mark", json_string("first"));
		if (!*known)
			known = cli_text(row, "intel.threat");
		if (!*known)
			known = cli_text(row, "intel.source");
		if (!*known)
			known = cli_text(row, "source");
		if (*known)
			json_object_set_new(row, "known", json_string(known));
	}
}

int retro_show(json_t *result, const char *nothing)
{
	if (result && !cli_json)
		add_bars(view_rows(result));
	return view_show(result, contact_columns, nothing);
}

#define WINDOW_OPTIONS                                                                             \
	{"--since", 0, true, NULL, NULL, 0, 0}, {"--until", 0, true, NULL, NULL, 0, 0}

int command_retro_indicator(const struct cli_command *self, int argc, char **argv)
{
	struct cli_option o[] = {ENGINE_OPTIONS,
				 WINDOW_OPTIONS,
				 {"--kind", 'k', true, NULL, NULL, 0, 0},
				 {"--subdomains", 0, false, NULL, NULL, 0, 0},
				 {"--limit", 'n', true, NULL, NULL, 0, 0},
				 NO_MORE_OPTIONS};
	json_t *params;

	if (cli_parse(self, o, argc, argv) != 1)
		return cli_usage(self);
	params = json_pack("{s:s s:b}", "value", argv[0], "subdomains", o[5].value != NULL);
	view_set_text(params, "since", &o[2]);
	view_set_text(params, "until", &o[3]);
	view_set_text(params, "kind", &o[4]);
	if (o[6].value)
		view_set_limit(params, o[6].value, 0);
	return retro_show(view_ask(o, "retro.indicator", params), "nobody contacted it");
}

int command_retro_client(const struct cli_command *self, int argc, char **argv)
{
	struct cli_option o[] = {ENGINE_OPTIONS,
				 WINDOW_OPTIONS,
				 {"--all", 0, false, NULL, NULL, 0, 0},
				 {"--limit", 'n', true, NULL, NULL, 0, 0},
				 NO_MORE_OPTIONS};
	json_t *params;

	if (cli_parse(self, o, argc, argv) != 1)
		return cli_usage(self);
	params = json_pack("{s:s s:b}", "client", argv[0], "all", o[4].value != NULL);
	view_set_text(params, "since", &o[2]);
	view_set_text(params, "until", &o[3]);
	view_set_limit(params, o[5].value, 200);
	return retro_show(view_ask(o, "retro.client", params),
			  o[4].value ? "it contacted nothing"
				     : "it contacted nothing that is known to be bad");
}

/* The file of indicators, or standard input for "-". -1 after a sentence. */
int view_open_list(const char *path)
{
	int fd = strcmp(path, "-") == 0 ? dup(0) : open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		fprintf(stderr, "metsuke: %s cannot be read: %s\n", path, strerror(errno));
	return fd;
}

static void say_refused(const json_t *result)
{
	const json_t *row;
	size_t i;

	fprintf(stderr, "%s indicators, %s looked up, %s refused\n", cli_text(result, "given"),
		cli_text(result, "loaded"), cli_text(result, "refused_count"));
	json_array_foreach(json_object_get(result, "refused"), i, row)
		if (i < 10)
			fprintf(stderr, "  line %s: %s: %s\n", cli_text(row, "line"),
				cli_text(row, "item"), cli_text(row, "reason"));
}

static int scan_list(struct cli_option *o, json_t *params, const char *path, bool quiet)
{
	int fd = view_open_list(path);
	json_t *result;

	if (fd < 0) {
		json_decref(params);
		return EXIT_FAILED;
	}
	json_object_set_new(params, "list", json_true());
	result = view_work(o, "retro.scan", params, fd);
	close(fd);
	if (result && !quiet)
		say_refused(result);
	return retro_show(result, "nobody contacted any of them");
}

int command_retro_scan(const struct cli_command *self, int argc, char **argv)
{
	struct cli_option o[] = {ENGINE_OPTIONS,
				 WINDOW_OPTIONS,
				 {"--kind", 'k', true, NULL, NULL, 0, 0},
				 {"--file", 'f', true, NULL, NULL, 0, 0},
				 {"--format", 0, true, NULL, NULL, 0, 0},
				 {"--quiet", 'q', false, NULL, NULL, 0, 0},
				 NO_MORE_OPTIONS};
	json_t *params, *run;

	if (cli_parse(self, o, argc, argv) != 0)
		return cli_usage(self);
	params = json_object();
	view_set_text(params, "since", &o[2]);
	view_set_text(params, "until", &o[3]);
	view_set_text(params, "kind", &o[4]);
	view_set_text(params, "format", &o[6]);
	if (o[5].value)
		return scan_list(o, params, o[5].value, o[7].value);
	run = view_work(o, "retro.scan", params, -1);
	if (!run)
		return EXIT_FAILED;
	if (!o[7].value)
		fprintf(stderr, "run %s: %s indicators (version %s) in %s s: %s findings, %s new\n",
			cli_text(run, "run"), cli_text(run, "indicators"), cli_text(run, "version"),
			cli_text(run, "seconds"), cli_text(run, "findings"), cli_text(run, "new"));
	json_decref(run);
	return retro_show(view_ask(o, "retro.findings", NULL), "no findings");
}

int command_retro_findings(const struct cli_command *self, int argc, char **argv)
{
	static const struct cli_column columns[] = {{"ID", "id", true, 0},
						    {"STATE", "state", false, 0}, WHO_AND_WHAT};
	struct cli_option o[] = {ENGINE_OPTIONS,
				 {"--state", 0, true, NULL, NULL, 0, 0},
				 {"--client", 0, true, NULL, NULL, 0, 0},
				 {"--indicator", 0, true, NULL, NULL, 0, 0},
				 {"--since", 0, true, NULL, NULL, 0, 0},
				 {"--withdrawn", 0, false, NULL, NULL, 0, 0},
				 NO_MORE_OPTIONS};
	json_t *params, *result;

	if (cli_parse(self, o, argc, argv) != 0)
		return cli_usage(self);
	params = json_object();
	view_set_text(params, "state", &o[2]);
	view_set_text(params, "client", &o[3]);
	view_set_text(params, "indicator", &o[4]);
	view_set_text(params, "since", &o[5]);
	if (o[6].value)
		json_object_set_new(params, "withdrawn", json_true());
	result = view_ask(o, "retro.findings", params);
	if (result && !cli_json)
		add_bars(view_rows(result));
	return view_show(result, columns, "no findings");
}

static void print_evidence(const json_t *finding)
{
	static const char *const kinds[] = {"alerts", "files", "events"};
	const json_t *evidence = json_object_get(finding, "evidence"), *row;
	size_t i;

	for (size_t k = 0; k < 3; k++) {
		const json_t *rows = json_object_get(evidence, kinds[k]);

		printf("\n%s beside it: %zu%s\n", kinds[k], json_array_size(rows),
		       json_array_size(rows) == 20 ? " (the first)" : "");
		json_array_foreach((json_t *)(uintptr_t)rows, i, row)
			printf("  %.19s  %s → %s:%s  %s  %s\n", cli_text(row, "timestamp"),
			       cli_text(row, "src_ip"), cli_text(row, "dest_ip"),
			       cli_text(row, "dest_port"), cli_text(row, "event_type"),
			       *cli_text(row, "alert.signature") ? cli_text(row, "alert.signature")
								 : cli_text(row, "fileinfo.filename"));
	}
}

int command_retro_finding(const struct cli_command *self, int argc, char **argv)
{
	struct cli_option o[] = {ENGINE_OPTIONS, NO_MORE_OPTIONS};
	static const char *const members[] = {"id", "state", "client", "host", "mac", "user", "kind",
					      "indicator", "threat", "family", "category", "source",
					      "score", "version", "first", "last", "count", "days",
					      "hours", "bytes_out", "bytes_in", "ports", "found", "run"};
	const json_t *change, *rows;
	json_t *f, *one;
	size_t i;

	if (cli_parse(self, o, argc, argv) != 1)
		return cli_usage(self);
	f = view_ask(o, "retro.finding", json_pack("{s:s}", "id", argv[0]));
	if (!f || cli_json)
		return view_show_object(f, true, "");
	one = json_array();
	json_array_append(one, f);
	add_bars(one);
	json_decref(one);
	for (i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (*cli_text(f, members[i]))
			printf("%-10s %s\n", members[i], cli_text(f, members[i]));
	printf("%-10s %s\n", "history", cli_text(f, "bar"));
	rows = json_object_get(f, "changes");
	json_array_foreach((json_t *)(uintptr_t)rows, i, change)
		printf("%-10s %.19s  %s  %s  %s\n", i ? "" : "changes", cli_text(change, "time"),
		       cli_text(change, "by"), cli_text(change, "what"), cli_text(change, "note"));
	print_evidence(f);
	json_decref(f);
	return EXIT_GOOD;
}

int command_retro_set(const struct cli_command *self, int argc, char **argv)
{
	struct cli_option o[] = {ENGINE_OPTIONS, {"--note", 0, true, NULL, NULL, 0, 0}, NO_MORE_OPTIONS};
	const char *by = getenv("SUDO_USER");
	struct passwd *user = getpwuid(getuid());
	json_t *params;

	if (cli_parse(self, o, argc, argv) != 2)
		return cli_usage(self);
	if (!by)
		by = user ? user->pw_name : "";
	params = json_pack("{s:s s:s s:s}", "id", argv[0], "state", argv[1], "by", by);
	view_set_text(params, "note", &o[2]);
	return view_show_object(view_work(o, "retro.set", params, -1), true, "");
}

int command_retro_runs(const struct cli_command *self, int argc, char **argv)
{
	static const struct cli_column columns[] = {{"RUN", "run", true, 0},
						    {"STARTED", "started", false, 19},
						    {"WHY", "why", false, 0},
						    {"VERSION", "version", true, 0},
						    {"SINCE", "since", true, 0},
						    {"INDICATORS", "indicators", true, 0},
						    {"SECONDS", "seconds", true, 0},
						    {"FINDINGS", "findings", true, 0},
						    {"NEW", "new", true, 0},
						    {"STATE", "state", false, 0},
						    NO_MORE_COLUMNS};
	struct cli_option o[] = {ENGINE_OPTIONS, {"--limit", 'n', true, NULL, NULL, 0, 0}, NO_MORE_OPTIONS};
	json_t *params;

	if (cli_parse(self, o, argc, argv) != 0)
		return cli_usage(self);
	params = json_object();
	view_set_limit(params, o[2].value, 50);
	return view_show(view_ask(o, "retro.runs", params), columns, "no scans so far");
}

int command_jobs(const struct cli_command *self, int argc, char **argv)
{
	static const struct cli_column columns[] = {{"JOB", "job", true, 0},
						    {"WHAT", "what", false, 0},
						    {"STATE", "state", false, 0},
						    {"QUEUED", "queued", false, 19},
						    {"SECONDS", "seconds", true, 0},
						    {"DONE", "done", true, 0},
						    {"OF", "total", true, 0},
						    {"ERROR", "error", false, 0},
						    NO_MORE_COLUMNS};
	struct cli_option o[] = {ENGINE_OPTIONS, NO_MORE_OPTIONS};
	int words = cli_parse(self, o, argc, argv);

	if (words == 2 && strcmp(argv[0], "cancel") == 0)
		return view_show_object(view_ask(o, "jobs.cancel", json_pack("{s:s}", "job", argv[1])),
					true, "");
	if (words != 0)
		return cli_usage(self);
	return view_show(view_ask(o, "jobs", NULL), columns, "nothing to be done");
}
