/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reports for people and programs: the problems of rule files, the table of keywords.
 */
#include "rules/language/check.h"

#include <string.h>

#include "rules/language/keyword.h"

static void json_text(FILE *out, const char *text)
{
	putc('"', out);
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p == '"' || *p == '\\')
			fprintf(out, "\\%c", *p);
		else if (*p < 0x20 || *p == 0x7f)
			fprintf(out, "\\u%04x", *p);
		else
			putc(*p, out);
	}
	putc('"', out);
}

/* Texts quote the rule: bytes that are no UTF-8 were cut out of it at worst in the middle of a
 * character, so what is not ASCII is replaced. */
static void json_quoted(FILE *out, const char *text)
{
	char copy[1024];
	size_t n = 0;

	for (; *text && n + 1 < sizeof(copy); text++)
		copy[n++] = (unsigned char)*text < 0x80 ? *text : '?';
	copy[n] = '\0';
	json_text(out, copy);
}

static void problems_json(FILE *out, const struct ruleset_report *r, bool refused)
{
	const char *between = "";

	for (size_t i = 0; i < r->problem_count; i++) {
		const struct ruleset_problem *p = &r->problems[i];

		if (p->refused != refused)
			continue;
		fprintf(out, "%s\n  {\"file\": ", between);
		json_text(out, p->file);
		fprintf(out, ", \"line\": %u, \"column\": %u, \"sid\": %u, \"reason\": ", p->line,
			p->column, p->sid);
		json_quoted(out, p->reason);
		fprintf(out, ", \"advice\": ");
		json_quoted(out, p->advice);
		putc('}', out);
		between = ",";
	}
}

static void report_json(FILE *out, const struct ruleset_report *r)
{
	fprintf(out,
		"{\"active\": %zu, \"loaded\": %zu, \"skipped\": %zu, \"duplicates\": %zu, "
		"\"seconds\": %.3f,\n \"refused\": [",
		r->active, r->loaded, r->skipped, r->duplicates, r->parse_seconds);
	problems_json(out, r, true);
	fprintf(out, "],\n \"warnings\": [");
	problems_json(out, r, false);
	fprintf(out, "]}\n");
}

static void report_table(FILE *out, const struct ruleset_report *r)
{
	for (size_t i = 0; i < r->problem_count; i++) {
		const struct ruleset_problem *p = &r->problems[i];

		fprintf(out, "%s:%u:%u: %s: ", p->file, p->line, p->column,
			p->refused ? "refused" : "warning");
		if (p->sid)
			fprintf(out, "sid %u: ", p->sid);
		fprintf(out, "%s", p->reason);
		if (*p->advice)
			fprintf(out, "; %s", p->advice);
		putc('\n', out);
	}
	fprintf(out, "%zu of %zu rules load (%.2f %%)", r->loaded, r->active,
		r->active ? 100.0 * (double)r->loaded / (double)r->active : 100.0);
	if (r->refused)
		fprintf(out, ", %zu refused", r->refused);
	if (r->skipped)
		fprintf(out, ", %zu skipped by requires", r->skipped);
	fprintf(out, "\n");
}

int rules_check(const struct ruleset_options *o, enum check_form form, FILE *out, FILE *err)
{
	struct ruleset_options options = *o;
	struct ruleset_report report;
	struct ruleset *set;
	char error[512] = "";
	int status;

	options.parse_only = true;
	set = ruleset_load(&options, &report, error, sizeof(error));
	if (!set) {
		fprintf(err, "%s\n", error);
		ruleset_report_clear(&report);
		return 2;
	}
	if (form == CHECK_JSON)
		report_json(out, &report);
	else
		report_table(out, &report);
	status = report.refused ? 1 : 0;
	ruleset_report_clear(&report);
	ruleset_free(set);
	return status;
}

static void keyword_json(FILE *out, const struct keyword_row *row)
{
	static const struct {
		char trait;
		const char *name;
	} traits[] = {{'0', "no_argument"}, {'?', "optional_argument"}, {'Q', "quotes"},
		      {'!', "negation"},    {'S', "to_server"},         {'C', "to_client"},
		      {'M', "instances"},   {'P', "packet"}};
	const char *between = "";

	fprintf(out, "{\"name\": ");
	json_text(out, row->name);
	fprintf(out, ", \"aliases\": ");
	json_text(out, row->aliases);
	fprintf(out, ", \"place\": \"%s\", \"about\": ", keyword_place_name(row->place));
	json_text(out, row->about);
	fprintf(out, ", \"traits\": [");
	for (size_t i = 0; i < sizeof(traits) / sizeof(*traits); i++)
		if (keyword_has(row, traits[i].trait)) {
			fprintf(out, "%s\"%s\"", between, traits[i].name);
			between = ", ";
		}
	fprintf(out, "], \"meaning\": ");
	json_text(out, row->doc);
	fprintf(out, "}");
}

/* In a table of Markdown a bar ends the cell. */
static void markdown_text(FILE *out, const char *text)
{
	for (; *text; text++)
		fprintf(out, "%s%c", *text == '|' ? "\\" : "", *text);
}

void rules_keywords(enum check_form form, FILE *out)
{
	if (form == CHECK_MARKDOWN)
		fprintf(out, "| keyword | place | about | meaning |\n|---|---|---|---|\n");
	for (size_t i = 1; i < KEYWORD_COUNT; i++) {
		const struct keyword_row *row = &keyword_rows[i];

		if (form == CHECK_JSON) {
			fprintf(out, "%s", i == 1 ? "[" : ",\n ");
			keyword_json(out, row);
		} else if (form == CHECK_MARKDOWN) {
			fprintf(out, "| `%s`%s%s%s | %s | %s | ", row->name,
				*row->aliases ? " (" : "", row->aliases, *row->aliases ? ")" : "",
				keyword_place_name(row->place), row->about);
			markdown_text(out, row->doc);
			fprintf(out, " |\n");
		} else {
			fprintf(out, "%-30s %-12s %-12s %s\n", row->name,
				keyword_place_name(row->place), row->about, row->doc);
		}
	}
	if (form == CHECK_JSON)
		fprintf(out, "]\n");
}
