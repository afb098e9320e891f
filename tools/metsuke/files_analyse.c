/* SPDX-License-Identifier: BSD-3-Clause
 *
 * metsuke files analyse: files from disk, by the same analyser and the same confined workers as files that
 * the engine saw.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/analysis/pool.h"
#include "control/base/program.h"
#include "tools/metsuke/files.h"

#define SETS_MAX 64
#define WAIT_MS 1000

struct asking {
	char **names;
	json_t **reports; /* one for each name, in their order */
	int count;
};

static void on_result(void *arg, const struct pool_result *r)
{
	struct asking *a = arg;
	json_error_t error;

	a->reports[r->id] = json_loadb(r->report, r->report_len, 0, &error);
	if (!a->reports[r->id])
		fprintf(stderr, "metsuke: %s: there is no report (%s)\n", a->names[r->id], error.text);
}

static bool is_file(const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
		return true;
	fprintf(stderr, "metsuke: %s: %s\n", path, errno == ENOENT ? strerror(errno) : "not a file");
	return false;
}

static bool submit(struct pool *p, const char *path, uint64_t id)
{
	char copy[PATH_MAX];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct pool_order o = {.id = id, .file = fd, .declared = ""};

	if (fd < 0) {
		fprintf(stderr, "metsuke: %s: %s\n", path, strerror(errno));
		return false;
	}
	snprintf(copy, sizeof(copy), "%s", path);
	o.name = basename(copy);
	return pool_submit(p, &o);
}

/* The table of indicators of a store, as workers have it; -1: none. */
static int read_indicators(const char *store)
{
	char program[PATH_MAX + 32];
	int fd = store ? memfd_create("metsuke-indicators", MFD_CLOEXEC) : -1, status = 1;
	pid_t pid;

	if (fd < 0)
		return -1;
	program_find("metsuke-control", program, sizeof(program));
	pid = fork();
	if (pid == 0) {
		dup2(fd, 1);
		execl(program, program, "--store", store, "--image", (char *)NULL);
		_exit(127);
	}
	if (pid > 0)
		waitpid(pid, &status, 0);
	if (status == 0)
		return fd;
	fprintf(stderr, "metsuke: the indicators of %s cannot be read; files are judged without them\n", store);
	close(fd);
	return -1;
}

static int analyse(const struct config *c, const char *store, struct asking *a)
{
	int intel = read_indicators(store), err = 0, bad = 0;
	struct pool *p = pool_start(c, 0, intel);

	if (intel >= 0)
		close(intel);
	if (!p)
		return EXIT_FAILED;
	for (int i = 0; i < a->count; i++)
		bad |= !is_file(a->names[i]) || !submit(p, a->names[i], (uint64_t)i);
	while (!err && pool_open_orders(p))
		err = pool_turn(p, WAIT_MS, on_result, a);
	if (err)
		fprintf(stderr, "metsuke: the analyser has ended before it answered\n");
	pool_stop(p);
	return err || bad ? EXIT_FAILED : EXIT_GOOD;
}

static void show(const struct asking *a, bool all)
{
	json_t *list = json_array();
	bool first = true;

	for (int i = 0; i < a->count; i++) {
		if (!a->reports[i])
			continue;
		if (cli_json) {
			json_object_set_new(a->reports[i], "path", json_string(a->names[i]));
			json_array_append_new(list, a->reports[i]);
			continue;
		}
		if (!first)
			putchar('\n');
		first = false;
		files_print_report(a->names[i], a->reports[i], all);
		json_decref(a->reports[i]);
	}
	if (cli_json)
		cli_print_json(list);
	json_decref(list);
}

int command_files_analyse(const struct cli_command *self, int argc, char **argv)
{
	const char *sets[SETS_MAX];
	struct cli_option o[] = {{"--config", 'c', true, NULL, NULL, 0, 0},
				 {"--set", 0, true, NULL, sets, SETS_MAX, 0},
				 {"--store", 0, true, NULL, NULL, 0, 0},
				 {"--all", 'a', false, NULL, NULL, 0, 0},
				 {NULL, 0, false, NULL, NULL, 0, 0}};
	int words = cli_parse(self, o, argc, argv), status;
	struct config *c = config_new();
	struct asking a = {.names = argv, .count = words};

	if (words < 1 || !c) {
		config_free(c);
		return words < 0 ? EXIT_USAGE : cli_usage(self);
	}
	status = cli_config(c, o[0].value, sets, o[1].count);
	a.reports = calloc((size_t)words, sizeof(*a.reports));
	if (status == EXIT_GOOD && a.reports) {
		status = analyse(c, o[2].value, &a);
		show(&a, o[3].value != NULL);
	}
	free(a.reports);
	config_free(c);
	return status;
}

/* ---- YARA rules ---- */

/* What the analyser says of a folder; new, NULL after a sentence. */
static json_t *check_folder(const char *folder)
{
	char program[PATH_MAX + 32];
	json_t *result = NULL;
	int out[2];
	pid_t pid;

	program_find("metsuke-analyser", program, sizeof(program));
	if (pipe2(out, O_CLOEXEC) != 0)
		return NULL;
	pid = fork();
	if (pid == 0) {
		dup2(out[1], 1);
		execl(program, program, "--check", folder, (char *)NULL);
		_exit(127);
	}
	close(out[1]);
	if (pid > 0) {
		result = json_loadfd(out[0], 0, NULL);
		waitpid(pid, NULL, 0);
	}
	close(out[0]);
	if (!result)
		fprintf(stderr, "metsuke: %s gives no answer\n", program);
	return result;
}

int command_files_rules(const struct cli_command *self, int argc, char **argv)
{
	struct cli_option o[] = {{NULL, 0, false, NULL, NULL, 0, 0}};
	int words = cli_parse(self, o, argc, argv);
	json_t *result, *problems, *p;
	size_t i, count;

	if (words != 1)
		return words < 0 ? EXIT_USAGE : cli_usage(self);
	result = check_folder(argv[0]);
	if (!result)
		return EXIT_FAILED;
	problems = json_object_get(result, "problems");
	count = json_array_size(problems);
	if (cli_json) {
		cli_print_json(result);
	} else {
		json_array_foreach(problems, i, p) {
			const char *rule = cli_text(p, "rule"), *advice = cli_text(p, "advice");

			printf("%s:%s: %s%s%s\n", cli_text(p, "file"), cli_text(p, "line"), rule, *rule ? ": " : "", cli_text(p, "reason"));
			if (*advice)
				printf("    %s\n", advice);
		}
		printf("%s rules of %s files load; %zu problem%s\n", cli_text(result, "rules"), cli_text(result, "files"), count,
		       count == 1 ? "" : "s");
	}
	json_decref(result);
	return count ? EXIT_FAILED : EXIT_GOOD;
}
