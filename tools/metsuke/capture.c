/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Captures of packets on a running engine.
 */
#include <stdlib.h>

#include "tools/metsuke/view.h"

/* 64k, 10m, 1g; -1: not a size. */
static json_int_t size_of(const char *text)
{
	char *end;
	long long n = strtoll(text, &end, 10);

	if (end == text || n < 0 || (*end && end[1]))
		return -1;
	switch (*end) {
	case '\0':
		return n;
	case 'k':
		return n << 10;
	case 'm':
		return n << 20;
	case 'g':
		return n << 30;
	default:
		return -1;
	}
}

static bool set_size(json_t *params, const char *key, const struct cli_option *o)
{
	json_int_t n = o->value ? size_of(o->value) : 0;

	if (o->value && n >= 0)
		json_object_set_new(params, key, json_integer(n));
	return n >= 0;
}

int command_capture_start(const struct cli_command *self, int argc, char **argv)
{
	struct cli_option o[] = {ENGINE_OPTIONS,
				 {"--filter", 'f', true, NULL, NULL, 0, 0},
				 {"--alerts", 0, false, NULL, NULL, 0, 0},
				 {"--cut-off", 0, true, NULL, NULL, 0, 0},
				 {"--snaplen", 0, true, NULL, NULL, 0, 0},
				 {"--file-size", 0, true, NULL, NULL, 0, 0},
				 {"--for", 0, true, NULL, NULL, 0, 0},
				 NO_MORE_OPTIONS};
	int words = cli_parse(self, o, argc, argv);
	json_t *params;

	if (words < 0 || words > 1 || (o[7].value && !view_seconds(o[7].value)))
		return cli_usage(self);
	params = json_object();
	if (words)
		json_object_set_new(params, "name", json_string(argv[0]));
	view_set_text(params, "filter", &o[2]);
	if (o[3].value)
		json_object_set_new(params, "alerts", json_true());
	if (!set_size(params, "cut_off", &o[4]) || !set_size(params, "snaplen", &o[5]) ||
	    !set_size(params, "file_size", &o[6])) {
		json_decref(params);
		return cli_usage(self);
	}
	if (o[7].value)
		json_object_set_new(params, "seconds", json_integer(view_seconds(o[7].value)));
	return view_show_object(view_ask(o, "capture.start", params), true, "");
}

int command_capture_stop(const struct cli_command *self, int argc, char **argv)
{
	struct cli_option o[] = {ENGINE_OPTIONS, NO_MORE_OPTIONS};
	int words = cli_parse(self, o, argc, argv);
	json_t *params;

	if (words < 0 || words > 1)
		return cli_usage(self);
	params = words ? json_pack("{s:s}", "name", argv[0]) : json_object();
	return view_show_object(view_ask(o, "capture.stop", params), true, "");
}

int command_captures(const struct cli_command *self, int argc, char **argv)
{
	static const struct cli_column columns[] = {{"NAME", "name", false, 0},
						    {"SINCE", "since", false, 19},
						    {"UNTIL", "until", false, 19},
						    {"WHAT", "what", false, 0},
						    {"FILTER", "filter", false, 40},
						    {"PACKETS", "packets", true, 0},
						    {"BYTES", "bytes", true, 0},
						    {"LOST", "lost", true, 0},
						    NO_MORE_COLUMNS};
	struct cli_option o[] = {ENGINE_OPTIONS, NO_MORE_OPTIONS};

	if (cli_parse(self, o, argc, argv) != 0)
		return cli_usage(self);
	return view_show(view_ask(o, "captures", NULL), columns, "nothing is captured");
}
