/* SPDX-License-Identifier: BSD-3-Clause
 *
 * retro rules: new behaviour and YARA rules over what is stored. The files are read here, as the
 * control process may not read them.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/metsuke/cli.h"

#define FILE_BYTES_MAX (32 << 20)

/* A whole file; NULL after a sentence. */
static char *read_file(const char *path, size_t *len)
{
	struct stat st;
	FILE *f = fopen(path, "re");
	char *text = NULL;

	*len = 0;
	if (f && fstat(fileno(f), &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_size <= FILE_BYTES_MAX) {
		text = malloc((size_t)st.st_size + 1);
		if (text)
			*len = fread(text, 1, (size_t)st.st_size, f);
	} else if (f) {
		fprintf(stderr,
			"metsuke retro rules: %s: no file, or more than %d bytes; split it\n", path,
			FILE_BYTES_MAX);
	} else {
		fprintf(stderr, "metsuke retro rules: %s: cannot be read: %s\n", path,
			strerror(errno));
	}
	if (f)
		fclose(f);
	return text;
}

static int add_file(json_t *files, const char *path)
{
	size_t len;
	char *text = read_file(path, &len);
	json_t *string = text ? json_stringn(text, len) : NULL;

	if (text && !string)
		fprintf(stderr, "metsuke retro rules: %s: is not UTF-8 text\n", path);
	free(text);
	if (!string)
		return -1;
	return json_array_append_new(files, json_pack("{s:s s:o}", "name", path, "text", string));
}

static int is_rules(const struct dirent *e)
{
	static const char *const ends[] = {".yml", ".yaml", ".yar", ".yara"};
	size_t n = strlen(e->d_name);

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (n > strlen(ends[i]) &&
		    strcasecmp(e->d_name + n - strlen(ends[i]), ends[i]) == 0)
			return 1;
	return 0;
}

/* A file, or the rule files that stand in a folder. */
static int add_path(json_t *files, const char *path)
{
	struct dirent **names;
	char file[PATH_MAX];
	struct stat st;
	int n, status = 0;

	if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
		return add_file(files, path);
	n = scandir(path, &names, is_rules, alphasort);
	if (n <= 0)
		fprintf(stderr,
			"metsuke retro rules: %s: no .yml, .yaml, .yar or .yara file there\n",
			path);
	for (int i = 0; i < n; i++) {
		snprintf(file, sizeof(file), "%s/%s", path, names[i]->d_name);
		status |= add_file(files, file);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	return n <= 0 ? -1 : status;
}

/* What goes along with the request: a file in memory. -1 after a sentence. */
static int as_file(const json_t *rules)
{
	int fd = memfd_create("metsuke-rules", MFD_CLOEXEC);

	if (fd < 0 || json_dumpfd(rules, fd, JSON_COMPACT) != 0 || lseek(fd, 0, SEEK_SET) != 0) {
		fprintf(stderr, "metsuke retro rules: the rules cannot be sent: %s\n", strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

/* "10.0.0.5 10.0.0.6 and 3 more" */
static void name_hosts(json_t *row)
{
	json_t *hosts = json_object_get(row, "hosts"), *one;
	size_t all = json_array_size(hosts), i;
	char text[200] = "";

	json_array_foreach(hosts, i, one)
	{
		size_t len = strlen(text);

		if (i == 3) {
			snprintf(text + len, sizeof(text) - len, " and %zu more", all - 3);
			break;
		}
		snprintf(text + len, sizeof(text) - len, "%s%s", i ? " " : "",
			 json_string_value(one));
	}
	json_object_set_new(row, "hosts_text", json_string(text));
}

/* "rules/a.yml:12" */
static void name_place(json_t *row)
{
	char text[PATH_MAX + 32];

	snprintf(text, sizeof(text), "%s:%" JSON_INTEGER_FORMAT,
		 json_string_value(json_object_get(row, "file")),
		 json_integer_value(json_object_get(row, "line")));
	json_object_set_new(row, "place", json_string(text));
}

static void show(json_t *result)
{
	static const struct cli_column matched[] = {
		{"LEVEL", "level", false, 0}, {"RULE", "rule", false, 0},
		{"COUNT", "count", true, 0},  {"FIRST", "first", false, 19},
		{"LAST", "last", false, 19},  {"HOSTS", "hosts_text", false, 0},
		{NULL, NULL, false, 0}};
	static const struct cli_column left[] = {{"WHERE", "place", false, 0},
						 {"RULE", "rule", false, 0},
						 {"WHY", "reason", false, 0},
						 {NULL, NULL, false, 0}};
	json_t *matches = json_object_get(result, "matches"), *row;
	json_t *not_judged = json_object_get(result, "not_judged");
	json_int_t left_out = json_integer_value(json_object_get(result, "left_out"));
	json_int_t unreadable = json_integer_value(json_object_get(result, "unreadable"));
	size_t i;

	json_array_foreach(matches, i, row) name_hosts(row);
	json_array_foreach(not_judged, i, row) name_place(row);
	if (json_array_size(matches))
		cli_table(matches, matched);
	else
		puts("no matches");
	printf("\n%s of %s rules judged over %s records in %s s\n", cli_text(result, "judged"),
	       cli_text(result, "rules"), cli_text(result, "events"), cli_text(result, "seconds"));
	if (left_out)
		printf("%" JSON_INTEGER_FORMAT
		       " matches were not counted: a limit of the correlations was "
		       "reached; ask for a shorter time\n",
		       left_out);
	if (unreadable)
		printf("%" JSON_INTEGER_FORMAT " stored records could not be read\n", unreadable);
	if (!json_array_size(not_judged))
		return;
	puts("\nCannot be judged, or not wholly, from what is stored:");
	cli_table(not_judged, left);
}

int command_retro_rules(const struct cli_command *self, int argc, char **argv)
{
	struct cli_option o[] = {{"--socket", 0, true, NULL, NULL, 0, 0},
				 {"--store", 0, true, NULL, NULL, 0, 0},
				 {"--since", 0, true, NULL, NULL, 0, 0},
				 {"--until", 0, true, NULL, NULL, 0, 0},
				 {NULL, 0, false, NULL, NULL, 0, 0}};
	int words = cli_parse(self, o, argc, argv), status = 0, fd;
	json_t *files, *rules, *params, *result = NULL;

	if (words < 1)
		return cli_usage(self);
	files = json_array();
	rules = json_pack("{s:o}", "files", files);
	for (int i = 0; i < words; i++)
		status |= add_path(files, argv[i]);
	fd = status ? -1 : as_file(rules);
	json_decref(rules);
	if (fd < 0)
		return EXIT_FAILED;
	params = json_object();
	if (o[2].value)
		json_object_set_new(params, "since", json_string(o[2].value));
	if (o[3].value)
		json_object_set_new(params, "until", json_string(o[3].value));
	result = cli_work(o[0].value, o[1].value, "retro.rules", params, fd);
	close(fd);
	if (!result)
		return EXIT_FAILED;
	if (cli_json)
		cli_print_json(result);
	else
		show(result);
	json_decref(result);
	return EXIT_GOOD;
}
