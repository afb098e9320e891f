/* SPDX-License-Identifier: BSD-3-Clause
 *
 * metsuke rules diff: what a new version of rules changes.
 */
#include <stdlib.h>
#include <string.h>

#include "rules/listing.h"
#include "tools/metsuke/rules_set.h"

#define CHANGES 5

static const char *const change_names[CHANGES] = {"added", "removed", "enabled", "disabled", "changed"};
static const char *const part_names[] = {"action", "header", "options", "texts", "revision"};

struct diff {
	json_t *rows;
	size_t count[CHANGES];
	size_t revision_only, texts_only;
};

static json_t *parts_json(const struct listed_difference *d)
{
	json_t *parts = json_array();

	for (unsigned i = 0; i < sizeof(part_names) / sizeof(*part_names); i++)
		if (d->parts & 1u << i)
			json_array_append_new(parts, json_string(part_names[i]));
	return parts;
}

static void diff_add(const struct listed_difference *d, void *arg)
{
	const struct listed_rule *r = d->after ? d->after : d->before;
	struct diff *out = arg;
	json_t *row = json_pack("{s:s s:I s:I s:s s:o s:s}", "change", change_names[d->change], "gid",
				(json_int_t)r->gid, "sid", (json_int_t)r->sid, "msg", r->msg, "parts",
				parts_json(d), "keywords", d->keywords);

	if (!row) /* a message that is no UTF-8 */
		row = json_pack("{s:s s:I s:I s:s s:o s:s}", "change", change_names[d->change], "gid",
				(json_int_t)r->gid, "sid", (json_int_t)r->sid, "msg", "", "parts",
				parts_json(d), "keywords", "");
	if (d->before) {
		json_object_set_new(row, "rev_before", json_integer(d->before->rev));
		json_object_set_new(row, "before", json_string(d->before->text));
	}
	if (d->after) {
		json_object_set_new(row, "rev_after", json_integer(d->after->rev));
		json_object_set_new(row, "after", json_string(d->after->text));
	}
	json_array_append_new(out->rows, row);
	out->count[d->change]++;
	out->revision_only += d->change == LISTED_CHANGED && d->parts == PART_REVISION;
	out->texts_only += d->change == LISTED_CHANGED && (d->parts & PART_TEXTS) &&
			   !(d->parts & ~(unsigned)(PART_TEXTS | PART_REVISION));
}

static void print_row(const json_t *row)
{
	const json_t *before = json_object_get(row, "rev_before"), *after = json_object_get(row, "rev_after");
	const char *change = cli_text(row, "change");
	char rev[64] = "";

	if (before && after && !json_equal(before, after))
		snprintf(rev, sizeof(rev), "rev %s -> %s", cli_text(row, "rev_before"),
			 cli_text(row, "rev_after"));
	else
		snprintf(rev, sizeof(rev), "rev %s", cli_text(row, after ? "rev_after" : "rev_before"));
	printf("%-8s %s:%s  %s", change, cli_text(row, "gid"), cli_text(row, "sid"), rev);
	if (json_array_size(json_object_get(row, "parts")))
		printf("  [%s%s%s]", cli_text(row, "parts"), *cli_text(row, "keywords") ? ": " : "",
		       cli_text(row, "keywords"));
	printf("  %s\n", cli_text(row, "msg"));
}

static void print_text(const struct diff *d, bool revisions)
{
	size_t i;
	json_t *row;

	json_array_foreach(d->rows, i, row)
		if (revisions || strcmp(cli_text(row, "parts"), "revision") != 0 ||
		    strcmp(cli_text(row, "change"), "changed") != 0)
			print_row(row);
	for (unsigned k = 0; k < CHANGES; k++)
		printf("%s%zu %s", k ? ", " : "", d->count[k], change_names[k]);
	if (d->revision_only || d->texts_only)
		printf(" (%zu in nothing but the revision, %zu in texts alone)", d->revision_only,
		       d->texts_only);
	putchar('\n');
}

static json_t *summary_json(const struct diff *d, const struct listing *before, const struct listing *after)
{
	json_t *o = json_pack("{s:I s:I s:I s:I}", "rules_before", (json_int_t)before->count, "rules_after",
			      (json_int_t)after->count, "revision_only", (json_int_t)d->revision_only,
			      "texts_only", (json_int_t)d->texts_only);

	for (unsigned k = 0; k < CHANGES; k++)
		json_object_set_new(o, change_names[k], json_integer((json_int_t)d->count[k]));
	return o;
}

int command_rules_diff(const struct cli_command *self, int argc, char **argv)
{
	struct cli_option o[] = {{"--all", 0, false, NULL, NULL, 0, 0}, {NULL, 0, false, NULL, NULL, 0, 0}};
	struct listing list[2] = {{0}, {0}};
	struct diff d = {0};
	int count = cli_parse(self, o, argc, argv), status = EXIT_GOOD;
	json_t *all;

	if (count != 2)
		return count < 0 ? EXIT_USAGE : cli_usage(self);
	for (int i = 0; i < 2 && !status; i++) {
		if (listing_read(&list[i], argv[i]) != 0) {
			fprintf(stderr, "metsuke: %s\n", list[i].error);
			status = EXIT_FAILED;
		}
		listing_finish(&list[i]);
	}
	if (!status) {
		d.rows = json_array();
		listing_compare(&list[0], &list[1], diff_add, &d);
		if (cli_json) {
			all = json_pack("{s:o s:O}", "summary", summary_json(&d, &list[0], &list[1]), "rules",
					d.rows);
			cli_print_json(all);
			json_decref(all);
		} else {
			print_text(&d, o[0].value);
		}
		json_decref(d.rows);
	}
	listing_free(&list[0]);
	listing_free(&list[1]);
	return status;
}
