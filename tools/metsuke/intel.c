/* SPDX-License-Identifier: BSD-3-Clause
 *
 * metsuke intel …: what is known to be bad.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/metsuke/view.h"

/* What an entry may say; by their names without dashes they are the method's parameters. */
#define ENTRY_OPTIONS                                                                              \
	{"--note", 0, true, NULL, NULL, 0, 0}, {"--source", 0, true, NULL, NULL, 0, 0},            \
		{"--threat", 0, true, NULL, NULL, 0, 0}, {"--family", 0, true, NULL, NULL, 0, 0},  \
		{"--category", 0, true, NULL, NULL, 0, 0},                                         \
		{"--confidence", 0, true, NULL, NULL, 0, 0},                                       \
		{"--severity", 0, true, NULL, NULL, 0, 0}, {"--tlp", 0, true, NULL, NULL, 0, 0},   \
		{"--valid-until", 0, true, NULL, NULL, 0, 0},                                      \
		{"--subdomains", 0, false, NULL, NULL, 0, 0}

/* Every option that was given, from the third on, as a parameter. */
static void set_options(json_t *params, const struct cli_option *o)
{
	for (o += 2; o->name; o++) {
		char key[32];

		if (!o->value)
			continue;
		snprintf(key, sizeof(key), "%s", o->name + 2);
		for (char *c = key; *c; c++)
			*c = *c == '-' ? '_' : *c;
		json_object_set_new(params, key, o->takes_value ? json_string(o->value) : json_true());
	}
}

int command_intel_add(const struct cli_command *self, int argc, char **argv)
{
	struct cli_option o[] = {ENGINE_OPTIONS, ENTRY_OPTIONS, NO_MORE_OPTIONS};
	json_t *params, *threat, *result, *row;
	size_t i;

	if (cli_parse(self, o, argc, argv) != 2)
		return cli_usage(self);
	params = json_pack("{s:s s:s}", "kind", argv[0], "value", argv[1]);
	set_options(params, o);
	threat = json_incref(json_object_get(params, "threat"));
	result = view_work(o, "intel.add", params, -1);
	if (threat && !cli_json)
		json_array_foreach(view_rows(result), i, row)
			json_object_set(row, "threat", threat);
	json_decref(threat);
	return retro_show(result, "added; nobody had been there");
}

int command_intel_allow(const struct cli_command *self, int argc, char **argv)
{
	struct cli_option o[] = {ENGINE_OPTIONS,
				 {"--note", 0, true, NULL, NULL, 0, 0},
				 {"--subdomains", 0, false, NULL, NULL, 0, 0},
				 NO_MORE_OPTIONS};
	json_t *params, *result;

	if (cli_parse(self, o, argc, argv) != 2)
		return cli_usage(self);
	params = json_pack("{s:s s:s s:b}", "kind", argv[0], "value", argv[1], "allow", 1);
	set_options(params, o);
	result = view_work(o, "intel.add", params, -1);
	json_object_del(result, "rows");
	return view_show_object(result, true, "");
}

int command_intel_del(const struct cli_command *self, int argc, char **argv)
{
	struct cli_option o[] = {ENGINE_OPTIONS, {"--source", 0, true, NULL, NULL, 0, 0}, NO_MORE_OPTIONS};
	json_t *params;

	if (cli_parse(self, o, argc, argv) != 2)
		return cli_usage(self);
	params = json_pack("{s:s s:s}", "kind", argv[0], "value", argv[1]);
	set_options(params, o);
	return view_show_object(view_work(o, "intel.del", params, -1), true, "");
}

int command_intel_import(const struct cli_command *self, int argc, char **argv)
{
	struct cli_option o[] = {ENGINE_OPTIONS,
				 {"--format", 0, true, NULL, NULL, 0, 0},
				 {"--mode", 0, true, NULL, NULL, 0, 0},
				 {"--kind", 'k', true, NULL, NULL, 0, 0},
				 {"--columns", 0, true, NULL, NULL, 0, 0},
				 {"--separator", 0, true, NULL, NULL, 0, 0},
				 {"--allow", 0, false, NULL, NULL, 0, 0},
				 ENTRY_OPTIONS,
				 NO_MORE_OPTIONS};
	json_t *params, *result;
	int fd;

	if (cli_parse(self, o, argc, argv) != 2)
		return cli_usage(self);
	fd = view_open_list(argv[1]);
	if (fd < 0)
		return EXIT_FAILED;
	params = json_object();
	set_options(params, o);
	json_object_set_new(params, "source", json_string(argv[0]));
	result = view_work(o, "intel.import", params, fd);
	close(fd);
	if (result && !cli_json && json_integer_value(json_object_get(result, "refused")))
		fprintf(stderr, "%s of %s were refused: metsuke intel refused %s\n",
			cli_text(result, "refused"), cli_text(result, "given"), argv[0]);
	return view_show_object(result, true, "");
}

int command_intel_fetch(const struct cli_command *self, int argc, char **argv)
{
	struct cli_option o[] = {ENGINE_OPTIONS, NO_MORE_OPTIONS};
	int words = cli_parse(self, o, argc, argv);
	json_t *result;

	if (words < 0 || words > 1)
		return cli_usage(self);
	result = view_work(o, "intel.fetch", words ? json_pack("{s:s}", "feed", argv[0]) : NULL, -1);
	if (!result)
		return EXIT_FAILED;
	cli_print_json(result);
	json_decref(result);
	return EXIT_GOOD;
}

int command_intel_lookup(const struct cli_command *self, int argc, char **argv)
{
	static const struct cli_column columns[] = {{"VALUE", "value", false, 60},
						    {"KIND", "kind", false, 0},
						    {"VERDICT", "verdict", false, 0},
						    {"SCORE", "score", true, 0},
						    {"CATEGORY", "category", false, 0},
						    {"THREAT", "threat", false, 40},
						    {"SOURCES", "names", false, 40},
						    {"CLIENTS", "clients", true, 0},
						    {"FIRST HERE", "sightings.first", false, 19},
						    NO_MORE_COLUMNS};
	struct cli_option o[] = {ENGINE_OPTIONS, {"--kind", 'k', true, NULL, NULL, 0, 0}, NO_MORE_OPTIONS};
	int words = cli_parse(self, o, argc, argv);
	json_t *rows;

	if (words < 1)
		return cli_usage(self);
	rows = json_array();
	for (int i = 0; i < words; i++) {
		json_t *params = json_pack("{s:s}", "value", argv[i]), *row, *source;
		json_t *names = json_array();
		size_t k;

		set_options(params, o);
		row = view_ask(o, "intel.lookup", params);
		if (!row) {
			json_decref(names);
			json_decref(rows);
			return EXIT_FAILED;
		}
		json_array_foreach(json_object_get(row, "sources"), k, source)
			json_array_append(names, json_object_get(source, "source"));
		if (!cli_json) {
			json_object_set(row, "names", names);
			json_object_set_new(row, "clients", json_integer((json_int_t)json_array_size(
								    json_object_get(row, "sightings"))));
		}
		json_decref(names);
		json_array_append_new(rows, row);
	}
	return view_show(rows, columns, "");
}

int command_intel_list(const struct cli_command *self, int argc, char **argv)
{
	static const struct cli_column columns[] = {{"KIND", "kind", false, 0},
						    {"VALUE", "value", false, 60},
						    {"VERDICT", "verdict", false, 0},
						    {"SCORE", "score", true, 0},
						    {"VERSION", "version", true, 0},
						    {"SOURCE", "source", false, 0},
						    {"THREAT", "threat", false, 40},
						    {"NOTE", "note", false, 0},
						    NO_MORE_COLUMNS};
	struct cli_option o[] = {ENGINE_OPTIONS,
				 {"--kind", 'k', true, NULL, NULL, 0, 0},
				 {"--limit", 'n', true, NULL, NULL, 0, 0},
				 NO_MORE_OPTIONS};
	json_t *params;

	if (cli_parse(self, o, argc, argv) != 0)
		return cli_usage(self);
	params = json_object();
	view_set_text(params, "kind", &o[2]);
	view_set_limit(params, o[3].value, 1000);
	return view_show(view_ask(o, "intel.list", params), columns, "no indicators");
}

int command_intel_sources(const struct cli_command *self, int argc, char **argv)
{
	static const struct cli_column columns[] = {{"SOURCE", "name", false, 0},
						    {"FORMAT", "format", false, 0},
						    {"ENTRIES", "entries", true, 0},
						    {"GIVEN", "given", true, 0},
						    {"REFUSED", "refused", true, 0},
						    {"VERSION", "version", true, 0},
						    {"UPDATED", "updated", false, 19},
						    {"NEXT", "next", false, 19},
						    {"ERROR", "error", false, 60},
						    NO_MORE_COLUMNS};
	struct cli_option o[] = {ENGINE_OPTIONS, NO_MORE_OPTIONS};

	if (cli_parse(self, o, argc, argv) != 0)
		return cli_usage(self);
	return view_show(view_ask(o, "intel.sources", NULL), columns, "no sources");
}

int command_intel_refused(const struct cli_command *self, int argc, char **argv)
{
	static const struct cli_column columns[] = {{"LINE", "line", true, 0},
						    {"ITEM", "item", false, 80},
						    {"REASON", "reason", false, 0},
						    NO_MORE_COLUMNS};
	struct cli_option o[] = {ENGINE_OPTIONS, {"--limit", 'n', true, NULL, NULL, 0, 0}, NO_MORE_OPTIONS};
	json_t *params;

	if (cli_parse(self, o, argc, argv) != 1)
		return cli_usage(self);
	params = json_pack("{s:s}", "source", argv[0]);
	view_set_limit(params, o[2].value, 1000);
	return view_show(view_ask(o, "intel.refused", params), columns, "nothing was refused");
}

int command_intel_drop(const struct cli_command *self, int argc, char **argv)
{
	struct cli_option o[] = {ENGINE_OPTIONS, NO_MORE_OPTIONS};

	if (cli_parse(self, o, argc, argv) != 1)
		return cli_usage(self);
	return view_show_object(view_work(o, "intel.drop", json_pack("{s:s}", "source", argv[0]), -1),
				true, "");
}

int command_intel_log(const struct cli_command *self, int argc, char **argv)
{
	static const struct cli_column columns[] = {{"TIME", "time", false, 19},
						    {"WHO", "who", false, 0},
						    {"VALUE", "value", false, 80},
						    {"VERDICT", "verdict", false, 0},
						    NO_MORE_COLUMNS};
	struct cli_option o[] = {ENGINE_OPTIONS,
				 {"--since", 0, true, NULL, NULL, 0, 0},
				 {"--limit", 'n', true, NULL, NULL, 0, 0},
				 NO_MORE_OPTIONS};
	json_t *params;

	if (cli_parse(self, o, argc, argv) != 0)
		return cli_usage(self);
	params = json_object();
	view_set_text(params, "since", &o[2]);
	view_set_limit(params, o[3].value, 100);
	return view_show(view_ask(o, "intel.log", params), columns, "no look-ups");
}

int command_intel_export(const struct cli_command *self, int argc, char **argv)
{
	struct cli_option o[] = {ENGINE_OPTIONS, NO_MORE_OPTIONS};
	int words = cli_parse(self, o, argc, argv);
	json_t *result;

	if (words < 0 || words > 1)
		return cli_usage(self);
	result = view_ask(o, "intel.export", words ? json_pack("{s:s}", "source", argv[0]) : NULL);
	if (!result)
		return EXIT_FAILED;
	cli_print_json(result);
	json_decref(result);
	return EXIT_GOOD;
}
