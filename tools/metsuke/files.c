/* SPDX-License-Identifier: BSD-3-Clause
 *
 * metsuke files list, show, extract, quarantine, restore: the file store, read where it lies. They need no engine, but
 * the right to read (and for the last two to write) the store's folder.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "control/base/folder.h"
#include "control/files/quarantine.h"
#include "tools/metsuke/files.h"

#define SETS_MAX 64
#define REPORT_MAX (8u << 20)
#define LIMIT_DEFAULT 50
#define LIMIT_MAX 1000000
#define VERDICT_MAX 10
#define COPY_BYTES 65536

#define STORE_OPTIONS                                                                              \
	{"--config", 'c', true, NULL, NULL, 0, 0}, {"--set", 0, true, NULL, sets, SETS_MAX, 0},    \
	{"--dir", 0, true, NULL, NULL, 0, 0}

/* ---- the store ---- */

/* The folder of the store: --dir, or as configured. -1 after a sentence. */
static int open_dir(const struct cli_option *o)
{
	struct config *c = config_new();
	char path[PATH_MAX];
	int fd;

	if (!c || cli_config(c, o[0].value, o[1].values, o[1].count) != EXIT_GOOD) {
		config_free(c);
		return -1;
	}
	if (o[2].value)
		snprintf(path, sizeof(path), "%s", o[2].value);
	else
		folder_beside(path, sizeof(path), c->file_store_dir, c->store_dir, "files");
	config_free(c);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		fprintf(stderr, "metsuke: the file store %s: %s (--dir names another)\n", path, strerror(errno));
	return fd;
}

/* The report beside a file; new, NULL: none. */
static json_t *read_report(int store, const char *hex)
{
	char path[PATH_MAX];
	struct stat st;
	json_t *report = NULL;
	int fd;

	snprintf(path, sizeof(path), "%.2s/%s.analysis.json", hex, hex);
	fd = openat(store, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && st.st_size <= (off_t)REPORT_MAX)
		report = json_loadfd(fd, 0, NULL);
	close(fd);
	return report;
}

/* ---- list ---- */

static void add_row(json_t *rows, int store, const char *hex, const struct stat *st, bool quarantined)
{
	json_t *report = read_report(store, hex), *file = json_object_get(report, "file"), *reasons = json_object_get(report, "reasons");
	json_t *row = json_object();
	char when[32];
	struct tm tm;

	gmtime_r(&st->st_mtime, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	json_object_set_new(row, "seen", json_string(when));
	json_object_set_new(row, "sha256", json_string(hex));
	json_object_set_new(row, "size", json_integer(file && quarantined ? json_integer_value(json_object_get(file, "size")) : st->st_size));
	json_object_set_new(row, "state", json_string(quarantined ? "quarantine" : "kept"));
	if (report) {
		json_object_set(row, "verdict", json_object_get(report, "verdict"));
		json_object_set(row, "name", json_object_get(file, "name"));
		json_object_set(row, "type", json_object_get(file, "type"));
		if (json_array_size(reasons))
			json_object_set(row, "reason", json_object_get(json_array_get(reasons, 0), "reason"));
	}
	json_array_append_new(rows, row);
	json_decref(report);
}

static void list_folder(json_t *rows, int store, const char *folder, bool quarantined)
{
	int fd = openat(store, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;
	struct stat st;

	while (d && (e = readdir(d)))
		if (quarantine_is_hex(e->d_name) && fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			add_row(rows, store, e->d_name, &st, quarantined);
	if (d)
		closedir(d);
	else if (fd >= 0)
		close(fd);
}

static int newest_first(const void *a, const void *b)
{
	const json_t *const *x = a, *const *y = b;

	return strcmp(json_string_value(json_object_get(*y, "seen")), json_string_value(json_object_get(*x, "seen")));
}

/* At most limit rows of at least that verdict, the newest first. Takes rows. */
static json_t *choose(json_t *rows, json_int_t least, size_t limit)
{
	size_t n = json_array_size(rows), i;
	json_t **list = calloc(n + 1, sizeof(*list)), *out = json_array();

	for (i = 0; list && i < n; i++)
		list[i] = json_array_get(rows, i);
	if (list)
		qsort(list, n, sizeof(*list), newest_first);
	for (i = 0; list && i < n && json_array_size(out) < limit; i++)
		if (json_integer_value(json_object_get(list[i], "verdict")) >= least)
			json_array_append(out, list[i]);
	free(list);
	json_decref(rows);
	return out;
}

/* The value of an option that is a number up to most. False: it is none, which was said. */
static bool number_of(const struct cli_option *o, size_t most, size_t otherwise, size_t *out)
{
	char *end;

	*out = otherwise;
	if (!o->value)
		return true;
	errno = 0;
	*out = strtoul(o->value, &end, 10);
	if (*o->value >= '0' && *o->value <= '9' && !*end && !errno && *out <= most)
		return true;
	fprintf(stderr, "metsuke: %s %s: give a number from 0 to %zu\n", o->name, o->value, most);
	return false;
}

int command_files_list(const struct cli_command *self, int argc, char **argv)
{
	static const struct cli_column columns[] = {
		{"SEEN", "seen", false, 0},   {"VERDICT", "verdict", true, 0}, {"STATE", "state", false, 0},
		{"SIZE", "size", true, 0},    {"TYPE", "type", false, 40},     {"NAME", "name", false, 40},
		{"WHY", "reason", false, 24}, {"SHA256", "sha256", false, 0},  {NULL, NULL, false, 0},
	};
	const char *sets[SETS_MAX];
	struct cli_option o[] = {STORE_OPTIONS, {"--verdict", 0, true, NULL, NULL, 0, 0},
				 {"--limit", 'n', true, NULL, NULL, 0, 0}, {NULL, 0, false, NULL, NULL, 0, 0}};
	int words = cli_parse(self, o, argc, argv), store;
	size_t least, limit;
	json_t *rows;

	if (words)
		return words < 0 ? EXIT_USAGE : cli_usage(self);
	if (!number_of(&o[3], VERDICT_MAX, 0, &least) || !number_of(&o[4], LIMIT_MAX, LIMIT_DEFAULT, &limit))
		return EXIT_USAGE;
	store = open_dir(o);
	if (store < 0)
		return EXIT_FAILED;
	rows = json_array();
	for (unsigned i = 0; i < 256; i++) {
		char folder[4];

		snprintf(folder, sizeof(folder), "%02x", i);
		list_folder(rows, store, folder, false);
	}
	list_folder(rows, store, "quarantine", true);
	close(store);
	rows = choose(rows, (json_int_t)least, limit);
	if (!cli_json && !json_array_size(rows))
		puts("no files");
	else
		cli_table(rows, columns);
	json_decref(rows);
	return EXIT_GOOD;
}

/* ---- one file ---- */

/* The file whose SHA-256 begins so, when there is only one. False after a sentence. */
static bool find_file(int store, const char *begin, char hex[QUARANTINE_HEX + 1])
{
	const char folder[3] = {begin[0], begin[0] ? begin[1] : 0, 0};
	const char *folders[2] = {folder, "quarantine"};
	size_t n = strlen(begin);
	unsigned found = 0;

	if (n < 4 || n > QUARANTINE_HEX || strspn(begin, "0123456789abcdef") != n) {
		fprintf(stderr, "metsuke: %s: give a SHA-256, or its first digits (four at least)\n", begin);
		return false;
	}
	for (int i = 0; i < 2; i++) {
		int fd = openat(store, folders[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
		struct dirent *e;

		while (d && (e = readdir(d)))
			if (quarantine_is_hex(e->d_name) && strncmp(e->d_name, begin, n) == 0 && (!found || strcmp(hex, e->d_name) != 0)) {
				snprintf(hex, QUARANTINE_HEX + 1, "%.*s", QUARANTINE_HEX, e->d_name);
				found++;
			}
		if (d)
			closedir(d);
	}
	if (found == 1)
		return true;
	fprintf(stderr, "metsuke: %s: %s\n", begin, found ? "more than one file begins so" : "there is no such file in the store");
	return false;
}

/* Opens the store and finds the file named by the only word. The store's folder; -1, *status set. */
static int open_one(const struct cli_command *self, const struct cli_option *o, int words, char **argv,
		    char hex[QUARANTINE_HEX + 1], int *status)
{
	int store;

	*status = words < 0 ? EXIT_USAGE : EXIT_FAILED;
	if (words != 1) {
		if (words >= 0)
			*status = cli_usage(self);
		return -1;
	}
	store = open_dir(o);
	if (store >= 0 && !find_file(store, argv[0], hex)) {
		close(store);
		store = -1;
	}
	return store;
}

int command_files_show(const struct cli_command *self, int argc, char **argv)
{
	const char *sets[SETS_MAX];
	struct cli_option o[] = {STORE_OPTIONS, {"--all", 'a', false, NULL, NULL, 0, 0}, {NULL, 0, false, NULL, NULL, 0, 0}};
	char hex[QUARANTINE_HEX + 1];
	int status, store = open_one(self, o, cli_parse(self, o, argc, argv), argv, hex, &status);
	const char *name;
	json_t *report;

	if (store < 0)
		return status;
	report = read_report(store, hex);
	if (report && cli_json) {
		cli_print_json(report);
	} else if (report) {
		name = json_string_value(json_object_get(json_object_get(report, "file"), "name"));
		files_print_report(name && *name ? name : hex, report, o[3].value != NULL);
		if (quarantine_has(store, hex))
			puts("  it is in quarantine (metsuke files restore brings it back)");
	} else {
		fprintf(stderr, "metsuke: %s: it was not analysed (file_analysis.enabled); metsuke files extract, then files analyse, does it\n", hex);
	}
	json_decref(report);
	close(store);
	return report ? EXIT_GOOD : EXIT_FAILED;
}

static int copy_file(int from, int to)
{
	static char room[COPY_BYTES];
	ssize_t n;

	while ((n = read(from, room, sizeof(room))) > 0)
		for (ssize_t done = 0, w; done < n; done += w)
			if ((w = write(to, room + done, (size_t)(n - done))) <= 0)
				return -errno;
	return n < 0 ? -errno : 0;
}

int command_files_extract(const struct cli_command *self, int argc, char **argv)
{
	const char *sets[SETS_MAX];
	struct cli_option o[] = {STORE_OPTIONS, {"--output", 'o', true, NULL, NULL, 0, 0}, {NULL, 0, false, NULL, NULL, 0, 0}};
	char hex[QUARANTINE_HEX + 1], path[PATH_MAX];
	int status, store = open_one(self, o, cli_parse(self, o, argc, argv), argv, hex, &status), from, to, err;
	const char *out;

	if (store < 0)
		return status;
	out = o[3].value ? o[3].value : hex;
	to = strcmp(out, "-") == 0 ? dup(1) : open(out, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (to < 0) {
		fprintf(stderr, "metsuke: %s: %s\n", out, strerror(errno));
		close(store);
		return EXIT_FAILED;
	}
	snprintf(path, sizeof(path), "%.2s/%s", hex, hex);
	from = openat(store, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	err = from >= 0 ? copy_file(from, to) : quarantine_read(store, hex, to);
	if (err)
		fprintf(stderr, "metsuke: %s: %s\n", hex, err == -EBADMSG ? "its content is not what it was" : strerror(-err));
	else if (strcmp(out, "-") != 0)
		printf("%s\n", out);
	if (from >= 0)
		close(from);
	close(to);
	close(store);
	return err ? EXIT_FAILED : EXIT_GOOD;
}

/* Moves a file of the store, in or out of quarantine. */
static int move(const struct cli_command *self, int argc, char **argv, int (*how)(int store, const char *hex), const char *done)
{
	const char *sets[SETS_MAX];
	struct cli_option o[] = {STORE_OPTIONS, {NULL, 0, false, NULL, NULL, 0, 0}};
	char hex[QUARANTINE_HEX + 1];
	int status, store = open_one(self, o, cli_parse(self, o, argc, argv), argv, hex, &status), err;

	if (store < 0)
		return status;
	err = how(store, hex);
	if (err)
		fprintf(stderr, "metsuke: %s: %s\n", hex, err == -EBADMSG ? "its content is not what it was" : strerror(-err));
	else
		printf("%s %s\n", hex, done);
	close(store);
	return err ? EXIT_FAILED : EXIT_GOOD;
}

int command_files_quarantine(const struct cli_command *self, int argc, char **argv)
{
	return move(self, argc, argv, quarantine_put, "is in quarantine");
}

int command_files_restore(const struct cli_command *self, int argc, char **argv)
{
	return move(self, argc, argv, quarantine_restore, "is in the store again");
}
