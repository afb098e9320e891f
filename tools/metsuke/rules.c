/* SPDX-License-Identifier: BSD-3-Clause
 *
 * metsuke rules check, keywords.
 */
#include <stdlib.h>
#include <string.h>

#include "rules/keywords.h"
#include "tools/metsuke/rules_set.h"

#define SETS_MAX 256

static json_t *problem_json(const struct ruleset_problem *p)
{
	return json_pack("{s:s s:i s:i s:I s:s s:s}", "file", p->file, "line", (int)p->line, "column",
			 (int)p->column, "sid", (json_int_t)p->sid, "reason", p->reason, "advice",
			 p->advice);
}

/* Rules that have a rate_limit in threshold.config. */
static size_t rate_limited(const struct ruleset *set)
{
	size_t n = 0;

	for (size_t i = 0; i < set->rule_count; i++)
		for (uint32_t k = 0; k < set->rules[i]->threshold_count; k++)
			n += set->rules[i]->thresholds[k].u.threshold.type == THRESHOLD_RATE_LIMIT;
	return n;
}

static void print_json(const struct ruleset_report *r, size_t limited)
{
	json_t *refused = json_array(), *remarks = json_array(), *o;

	for (size_t i = 0; i < r->problem_count; i++)
		json_array_append_new(r->problems[i].refused ? refused : remarks,
				      problem_json(&r->problems[i]));
	o = json_pack("{s:I s:I s:o s:o s:I s:I s:I s:f}", "active", (json_int_t)r->active, "loaded",
		      (json_int_t)r->loaded, "refused", refused, "remarks", remarks, "duplicates",
		      (json_int_t)r->duplicates, "skipped", (json_int_t)r->skipped, "rate_limited",
		      (json_int_t)limited, "seconds", r->parse_seconds);
	cli_print_json(o);
	json_decref(o);
}

static void print_text(const struct ruleset_report *r, size_t limit)
{
	size_t shown = 0;

	for (size_t i = 0; i < r->problem_count && (!limit || shown < limit); i++, shown++) {
		const struct ruleset_problem *p = &r->problems[i];

		printf("%s:%u:%u: %s%s\n", p->file, p->line, p->column, p->refused ? "" : "remark: ",
		       p->reason);
		if (*p->advice)
			printf("    %s\n", p->advice);
	}
	if (shown < r->problem_count)
		printf("… %zu more (--limit 0 shows all)\n", r->problem_count - shown);
	printf("%zu of %zu active rules load", r->loaded, r->active);
	if (r->active)
		printf(" (%.2f %%)", 100.0 * (double)r->loaded / (double)r->active);
	printf(", %zu refused", r->refused);
	if (r->skipped)
		printf(", %zu skipped (requires not met)", r->skipped);
	printf("; read in %.2f s\n", r->parse_seconds);
}

static int check(const struct config *c, char **files, int count, size_t limit)
{
	struct ruleset_report report = {0};
	struct ruleset *set = rules_set_read_files(c, files, count, &report);
	size_t limited;
	int status;

	if (!set)
		return EXIT_FAILED;
	limited = rate_limited(set);
	if (cli_json)
		print_json(&report, limited);
	else
		print_text(&report, limit);
	if (!cli_json && limited)
		printf("%zu of them %s (rate_limit)%s\n", limited,
		       c->mode == MODE_INLINE ? "are held to a rate" : "would be held to a rate",
		       c->mode == MODE_INLINE ? "" : ": mode is tap, so what it would drop is only counted, as "
						     "detect.rate_limit.would_drop");
	status = report.refused ? EXIT_FAILED : EXIT_GOOD;
	ruleset_report_clear(&report);
	ruleset_free(set);
	return status;
}

int command_rules_check(const struct cli_command *self, int argc, char **argv)
{
	const char *sets[SETS_MAX], *firewall[SETS_MAX];
	struct cli_option o[] = {{"--config", 'c', true, NULL, NULL, 0, 0},
				 {"--set", 0, true, NULL, sets, SETS_MAX, 0},
				 {"--limit", 'n', true, NULL, NULL, 0, 0},
				 {"--firewall-rules", 0, true, NULL, firewall, SETS_MAX, 0},
				 {NULL, 0, false, NULL, NULL, 0, 0}};
	int count = cli_parse(self, o, argc, argv), status;
	struct config *c;

	if (count < 0 || count + o[3].count < 1)
		return count < 0 ? EXIT_USAGE : cli_usage(self);
	c = config_new();
	status = c ? cli_config(c, o[0].value, sets, o[1].count) : EXIT_FAILED;
	if (status == EXIT_GOOD)
		status = rules_set_firewall(c, firewall, o[3].count);
	if (status == EXIT_GOOD)
		status = check(c, argv, count, o[2].value ? strtoul(o[2].value, NULL, 10) : 20);
	config_free(c);
	return status;
}

int command_rules_keywords(const struct cli_command *self, int argc, char **argv)
{
	static const struct cli_column columns[] = {{"KEYWORD", "name", false, 0},
						    {"OTHER SPELLINGS", "aliases", false, 0},
						    {"PLACE", "place", false, 0},
						    {"PROTOCOLS", "about", false, 0},
						    {"MEANING", "meaning", false, 0},
						    {NULL, NULL, false, 0}};
	struct cli_option o[] = {{"--markdown", 0, false, NULL, NULL, 0, 0},
				 {NULL, 0, false, NULL, NULL, 0, 0}};
	struct keyword_info k;
	json_t *rows;

	if (cli_parse(self, o, argc, argv) != 0)
		return cli_usage(self);
	if (o[0].value && !cli_json) {
		puts("| keyword | other spellings | place | protocols | meaning |\n|---|---|---|---|---|");
		for (size_t i = 0; keyword_info_get(i, &k); i++)
			printf("| %s | %s | %s | %s | %s |\n", k.name, k.aliases, k.place, k.about, k.doc);
		return EXIT_GOOD;
	}
	rows = json_array();
	for (size_t i = 0; keyword_info_get(i, &k); i++)
		json_array_append_new(rows, json_pack("{s:s s:s s:s s:s s:s}", "name", k.name, "aliases",
						      k.aliases, "place", k.place, "about", k.about,
						      "meaning", k.doc));
	cli_table(rows, columns);
	json_decref(rows);
	return EXIT_GOOD;
}
