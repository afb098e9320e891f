/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The host table: which machine had an address.
 */
#include <stdlib.h>

#include "tools/metsuke/cli.h"

int command_hosts(const struct cli_command *self, int argc, char **argv)
{
	static const struct cli_column columns[] = {
		{"ADDRESS", "address", false, 0}, {"MAC", "mac", false, 0},
		{"NAME", "name", false, 40},      {"USER", "user", false, 30},
		{"FROM", "from", false, 0},       {"TO", "to", false, 0},
		{"HOW", "how", false, 0},         {NULL, NULL, false, 0},
	};
	struct cli_option o[] = {{"--socket", 0, true, NULL, NULL, 0, 0},
				 {"--store", 0, true, NULL, NULL, 0, 0},
				 {"--at", 0, true, NULL, NULL, 0, 0},
				 {"--limit", 'n', true, NULL, NULL, 0, 0},
				 {NULL, 0, false, NULL, NULL, 0, 0}};
	int words = cli_parse(self, o, argc, argv);
	json_t *params, *result;

	if (words < 0 || words > 1)
		return words < 0 ? EXIT_USAGE : cli_usage(self);
	params = json_object();
	if (words)
		json_object_set_new(params, "text", json_string(argv[0]));
	if (o[2].value)
		json_object_set_new(params, "at", json_string(o[2].value));
	if (o[3].value)
		json_object_set_new(params, "limit", json_integer(atoi(o[3].value)));
	result = cli_call(o[0].value, o[1].value, "hosts", params);
	if (!result)
		return EXIT_FAILED;
	if (!cli_json && json_array_size(result) == 0)
		puts(words ? "nothing is known of it" : "nothing is known of hosts");
	else
		cli_table(result, columns);
	json_decref(result);
	return EXIT_GOOD;
}
