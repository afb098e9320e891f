/* SPDX-License-Identifier: BSD-3-Clause
 *
 * metsuke inspect: the supervisor with captures instead of ports.
 */
#include "tools/metsuke/inspect.h"

#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "dataplane/event/rule_stat.h"
#include "tools/metsuke/rules_set.h"
#include "tools/metsuke/view.h"

#define RULES_MAX 256
#define SETS_MAX 1024
#define LISTS_MAX 64
#define RULES_SHOWN 20 /* of --rule-stats; --json has all */

double inspect_now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

void inspect_remove(const char *dir)
{
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

int inspect_prepare(const char *dir, bool append)
{
	char path[PATH_MAX];

	if (mkdir(dir, 0777) != 0 && errno != EEXIST) {
		fprintf(stderr, "metsuke: %s cannot be made: %s\n", dir, strerror(errno));
		return EXIT_FAILED;
	}
	if (access(dir, W_OK | X_OK) != 0) {
		fprintf(stderr, "metsuke: %s cannot be written to: %s\n", dir, strerror(errno));
		return EXIT_FAILED;
	}
	if (append)
		return EXIT_GOOD;
	snprintf(path, sizeof(path), "%s/store", dir);
	inspect_remove(path);
	snprintf(path, sizeof(path), "%s/eve.json", dir);
	unlink(path);
	return EXIT_GOOD;
}

int inspect_settle(struct config *c, const char *output, const char *workers, const char **rules,
		   int rule_count)
{
	char value[PATH_MAX], error[512];
	int err = 0;

	snprintf(value, sizeof(value), "%s/store", output);
	err = config_set(c, "store.dir", value, error, sizeof(error));
	if (!err)
		err = config_set(c, "eve.dir", output, error, sizeof(error));
	if (!err)
		err = config_set(c, "control.socket", "", error, sizeof(error));
	if (!err && workers)
		err = config_set(c, "workers", workers, error, sizeof(error));
	if (!err && rule_count)
		config_list_clear(c, "rules");
	for (int i = 0; i < rule_count && !err; i++)
		err = config_append(c, "rules", rules[i], error, sizeof(error));
	if (err)
		fprintf(stderr, "metsuke: %s\n", error);
	return err ? EXIT_USAGE : rules_set_default(c);
}

static void show_progress(struct supervisor *s, void *arg)
{
	struct inspection *in = arg;
	struct dataplane_status *st = &s->counters->status;
	double share = st->input_bytes ? (double)st->input_bytes_done / (double)st->input_bytes : 0;

	if (!in->show_progress)
		return;
	counters_sum(s->counters, &in->sum);
	if (st->state == DATAPLANE_LOADING_RULES)
		fprintf(stderr, "\r\033[Kloading rules …  %.1f s", inspect_now_s() - in->started);
	else if (st->state == DATAPLANE_RUNNING)
		fprintf(stderr, "\r\033[K%3.0f %%  %" PRIu64 " packets  %" PRIu64 " flows  %" PRIu64
				" alerts  %.1f s",
			share * 100, in->sum.decoder_pkts, in->sum.flow_total, in->sum.detect_alert,
			inspect_now_s() - in->started);
	fflush(stderr);
}

static void summary_text(const struct inspection *in, size_t captures, double seconds)
{
	const struct counters *c = &in->sum;
	const struct dataplane_status *st = &in->status;

	printf("%zu capture%s, %" PRIu64 " packets, %" PRIu64 " bytes in %.2f s\n", captures,
	       captures == 1 ? "" : "s", c->port_rx_packets, c->port_rx_bytes, seconds);
	printf("  rules    %" PRIu64 " loaded", st->rules_loaded);
	if (st->rules_refused)
		printf(", %" PRIu64 " refused (`metsuke rules check` says why)", st->rules_refused);
	printf("\n  flows    %" PRIu64 "\n  alerts   %" PRIu64 "\n", c->flow_total, c->detect_alert);
	if (in->files.seen)
		printf("  files    %" PRIu64 " looked into, %" PRIu64 " told of (`metsuke files list --dir %s/files`)\n",
		       in->files.seen + in->files.seen_again, in->files.alerts, in->output);
	if (c->decoder_invalid || c->checksum_bad)
		printf("  left out %" PRIu64 " with a broken header, %" PRIu64
		       " with a wrong checksum%s\n",
		       c->decoder_invalid, c->checksum_bad,
		       c->checksum_bad ? " (--set checksums=ignore takes them in)" : "");
	if (st->captures_failed)
		printf("  failed   %" PRIu64 " capture%s: %s\n", st->captures_failed,
		       st->captures_failed == 1 ? "" : "s", st->error);
	printf("  output   %s/%seve.json, %s/store\n", in->output, in->each ? "CAPTURE/" : "",
	       in->output);
}

static void summary_json(const struct inspection *in, size_t captures, double seconds)
{
	const struct counters *c = &in->sum;
	const struct dataplane_status *st = &in->status;
	json_t *o = json_pack("{s:I s:I s:I s:I s:f s:I s:I s:I s:I s:I s:I s:s s:s}", "captures",
			      (json_int_t)captures, "captures_failed",
			      (json_int_t)st->captures_failed, "packets",
			      (json_int_t)c->port_rx_packets, "bytes", (json_int_t)c->port_rx_bytes,
			      "seconds", seconds, "rules_loaded", (json_int_t)st->rules_loaded,
			      "rules_refused", (json_int_t)st->rules_refused, "flows",
			      (json_int_t)c->flow_total, "alerts", (json_int_t)c->detect_alert,
			      "invalid", (json_int_t)c->decoder_invalid, "bad_checksum",
			      (json_int_t)c->checksum_bad, "output", in->output, "error", st->error);

	if (in->files.seen)
		json_object_set_new(o, "files", json_pack("{s:I s:I s:I s:I}", "seen", (json_int_t)(in->files.seen + in->files.seen_again),
							  "alerts", (json_int_t)in->files.alerts, "kept", (json_int_t)in->files.kept,
							  "quarantined", (json_int_t)in->files.quarantined));
	if (in->rule_stats_fd >= 0)
		json_object_set_new(o, "rule_stats", rules_stats_rows(in->rule_stats_fd, 0));
	cli_print_json(o);
	json_decref(o);
}

/* --rule-stats: the dataplane counts, and writes what it counted when it ends. */
static int profile(struct config *c, struct inspection *in)
{
	char error[256];

	in->rule_stats_fd = rule_stats_create();
	if (in->rule_stats_fd >= 0 && config_set(c, "detect.profile", "yes", error, sizeof(error)) == 0)
		return EXIT_GOOD;
	fprintf(stderr, "metsuke: the rules cannot be profiled: %s\n", strerror(errno));
	return EXIT_FAILED;
}

static void show_rule_stats(const struct inspection *in)
{
	json_t *rows = rules_stats_rows(in->rule_stats_fd, RULES_SHOWN);

	putchar('\n');
	rules_stats_print(rows);
	json_decref(rows);
}

int inspect_run(const struct config *c, struct inspection *in, int count, char **captures)
{
	struct supervisor s;
	char error[512];
	int status;

	if (supervisor_init(&s, c, in->each ? BOOT_INSPECT_EACH : BOOT_INSPECT,
			    supervisor_workers(c, true), captures, (size_t)count, error,
			    sizeof(error)) != 0) {
		fprintf(stderr, "metsuke: %s\n", error);
		return EXIT_FAILED;
	}
	s.boot->trace_fd = in->trace_fd;
	s.boot->rule_stats_fd = in->rule_stats_fd;
	s.tick = show_progress;
	s.tick_arg = in;
	status = supervisor_run(&s);
	if (in->show_progress)
		fprintf(stderr, "\r\033[K");
	counters_sum(s.counters, &in->sum);
	in->status = s.counters->status;
	in->files = s.counters->files;
	supervisor_free(&s);
	return status;
}

int inspect_readable(int count, char **captures)
{
	for (int i = 0; i < count; i++) {
		if (access(captures[i], R_OK) != 0) {
			fprintf(stderr, "metsuke: %s cannot be read: %s\n", captures[i],
				strerror(errno));
			return EXIT_FAILED;
		}
	}
	return EXIT_GOOD;
}

/* A list of indicators into the store, before the first packet: its source is the file's name. */
static int take_list(const char *store, const char *path)
{
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	int fd = view_open_list(path);
	json_t *result;

	if (fd < 0)
		return EXIT_FAILED;
	result = cli_work(NULL, store, "intel.import",
			  json_pack("{s:s}", "source", *name ? name : "list"), fd);
	close(fd);
	if (result && json_integer_value(json_object_get(result, "refused")))
		fprintf(stderr, "metsuke: %s: %s of %s indicators were refused: metsuke intel refused "
				"%s --store %s\n", path, cli_text(result, "refused"),
			cli_text(result, "given"), name, store);
	json_decref(result);
	return result ? EXIT_GOOD : EXIT_FAILED;
}

int command_inspect(const struct cli_command *self, int argc, char **argv)
{
	const char *rules[RULES_MAX], *sets[SETS_MAX], *lists[LISTS_MAX], *firewall[RULES_MAX];
	struct cli_option o[] = {
		{"--config", 'c', true, NULL, NULL, 0, 0},
		{"--rules", 'S', true, NULL, rules, RULES_MAX, 0},
		{"--output", 'o', true, NULL, NULL, 0, 0},
		{"--set", 0, true, NULL, sets, SETS_MAX, 0},
		{"--workers", 0, true, NULL, NULL, 0, 0},
		{"--each", 0, false, NULL, NULL, 0, 0},
		{"--append", 0, false, NULL, NULL, 0, 0},
		{"--quiet", 'q', false, NULL, NULL, 0, 0},
		{"--intel", 0, true, NULL, lists, LISTS_MAX, 0},
		{"--rule-stats", 0, false, NULL, NULL, 0, 0},
		{"--firewall-rules", 0, true, NULL, firewall, RULES_MAX, 0},
		{NULL, 0, false, NULL, NULL, 0, 0},
	};
	int count = cli_parse(self, o, argc, argv), status;
	struct config *c = config_new();
	struct inspection in = {.started = inspect_now_s(), .trace_fd = -1, .rule_stats_fd = -1};

	if (count < 1 || !c) {
		config_free(c);
		return count < 0 ? EXIT_USAGE : cli_usage(self);
	}
	in.output = o[2].value ? o[2].value : "metsuke-out";
	in.each = o[5].value;
	in.show_progress = isatty(2) && !o[7].value;
	status = cli_config(c, o[0].value, sets, o[3].count);
	if (!status)
		status = rules_set_firewall(c, firewall, o[10].count);
	if (!status)
		status = inspect_settle(c, in.output, o[4].value, rules, o[1].count);
	if (!status && o[9].value)
		status = profile(c, &in);
	if (!status)
		status = inspect_readable(count, argv);
	if (!status)
		status = inspect_prepare(in.output, o[6].value);
	for (int i = 0; i < o[8].count && !status; i++)
		status = take_list(c->store_dir, lists[i]);
	if (!status) {
		status = inspect_run(c, &in, count, argv);
		if (cli_json)
			summary_json(&in, (size_t)count, inspect_now_s() - in.started);
		else if (!o[7].value)
			summary_text(&in, (size_t)count, inspect_now_s() - in.started);
		if (!cli_json && o[9].value)
			show_rule_stats(&in);
		if (in.status.captures_failed)
			status = EXIT_FAILED;
	}
	config_free(c);
	return status;
}
