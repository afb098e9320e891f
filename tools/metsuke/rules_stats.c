/* SPDX-License-Identifier: BSD-3-Clause
 *
 * metsuke rules stats, and the same at the end of inspect: the costly rules first.
 */
#include <stdlib.h>
#include <string.h>

#include "dataplane/event/rule_stat.h"
#include "tools/metsuke/inspect.h"
#include "tools/metsuke/view.h"

static const struct cli_column columns[] = {{"GID", "gid", true, 0},
					    {"SID", "sid", true, 0},
					    {"CYCLES", "cycles", true, 0},
					    {"SHARE %", "share", true, 0},
					    {"EACH", "each", true, 0},
					    {"CANDIDATES", "candidates", true, 0},
					    {"VERIFIED", "verified", true, 0},
					    {"MATCHES", "matches", true, 0},
					    {"ALERTS", "alerts", true, 0},
					    {"MESSAGE", "msg", false, 60},
					    NO_MORE_COLUMNS};

/* Cycles of one run. */
static void each_add(json_t *rows)
{
	size_t i;
	json_t *row;

	json_array_foreach(rows, i, row) {
		json_int_t runs = json_integer_value(json_object_get(row, "candidates"));

		if (runs)
			json_object_set_new(row, "each",
					    json_integer(json_integer_value(json_object_get(row, "cycles")) /
							 runs));
	}
}

json_t *rules_stats_rows(int fd, size_t limit)
{
	size_t count;
	struct rule_stat *list = rule_stats_read(fd, &count);
	json_t *rows = json_array();
	uint64_t all = 0;

	for (size_t i = 0; i < count; i++)
		all += list[i].cycles;
	for (size_t i = 0; i < count && (!limit || i < limit); i++) {
		const struct rule_stat *r = &list[i];

		json_array_append_new(
			rows, json_pack("{s:I s:I s:I s:s s:I s:I s:I s:I s:I s:f}", "gid", (json_int_t)r->gid,
					"sid", (json_int_t)r->sid, "rev", (json_int_t)r->rev, "msg", r->msg,
					"candidates", (json_int_t)r->candidates, "verified",
					(json_int_t)r->verified, "matches", (json_int_t)r->matches, "alerts",
					(json_int_t)r->alerts, "cycles", (json_int_t)r->cycles, "share",
					all ? 100.0 * (double)r->cycles / (double)all : 0.0));
	}
	each_add(rows);
	free(list);
	return rows;
}

void rules_stats_print(const json_t *rows)
{
	if (json_array_size(rows))
		cli_table(rows, columns);
	else
		puts("no rule was a candidate");
}

int command_rules_stats(const struct cli_command *self, int argc, char **argv)
{
	struct cli_option o[] = {ENGINE_OPTIONS, {"--limit", 'n', true, NULL, NULL, 0, 0}, NO_MORE_OPTIONS};
	json_t *params, *result;
	double all, workers;

	if (cli_parse(self, o, argc, argv) != 0)
		return cli_usage(self);
	params = json_object();
	view_set_limit(params, o[2].value, 20);
	result = view_ask(o, "rules.stats", params);
	if (!result)
		return EXIT_FAILED;
	each_add(json_object_get(result, "rows"));
	if (cli_json) {
		cli_print_json(result);
	} else {
		rules_stats_print(view_rows(result));
		all = (double)json_integer_value(json_object_get(result, "cycles"));
		workers = (double)json_integer_value(json_object_get(result, "worker_cycles"));
		if (!cli_csv && workers > 0)
			printf("%s rules were looked at; they took %.2f %% of the workers' cycles\n",
			       cli_text(result, "rules"), 100.0 * all / workers);
	}
	json_decref(result);
	return EXIT_GOOD;
}
