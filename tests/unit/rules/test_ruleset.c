/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "rules/ruleset.h"

static char folder[] = "/tmp/metsuke-rules-XXXXXX";

static const char *write_file(const char *name, const char *text)
{
	static char path[4][256];
	static unsigned next;
	char *at = path[next++ % 4];
	FILE *f;

	snprintf(at, 256, "%s/%s", folder, name);
	f = fopen(at, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	return at;
}

static struct ruleset *load(const char *file, const char *thresholds, struct ruleset_report *report,
			    char *error)
{
	const struct ruleset_options o = {
		.files = &file, .file_count = 1, .threshold_file = thresholds, .parse_only = true};

	return ruleset_load(&o, report, error, 256);
}

static void counts(void **state)
{
	const char *file = write_file(
		"counts.rules", "# alert ip any any -> any any (sid:1;)\n"
				" alert ip any any -> any any (sid:1;)\n"
				"alert ip any any -> any any (msg:\"old\"; sid:1; rev:1;)\n"
				"alert ip any any -> any any (msg:\"new\"; sid:1; rev:2;)\n"
				"alert ip any any -> any any (msg:\"same\"; sid:1; rev:2;)\n"
				"alert ip any any -> any any (requires:version >= 99; sid:2;)\n"
				"alert ip any any -> any any (msg:\"x\"; \\\n"
				"  ttl:300; sid:3;)\n");
	struct ruleset_report r;
	char error[256];
	struct ruleset *set = load(file, NULL, &r, error);

	assert_non_null(set);
	assert_int_equal(r.active, 5);
	assert_int_equal(r.loaded, 1);
	assert_int_equal(r.refused, 2);
	assert_int_equal(r.skipped, 1);
	assert_int_equal(set->rule_count, 1);
	assert_string_equal(set->rules[0]->msg, "new");
	assert_int_equal(set->rules[0]->line, 4);
	assert_int_equal(r.problem_count, 2);
	assert_int_equal(r.problems[0].line, 5);
	assert_int_equal(r.problems[1].line, 8);
	assert_int_equal(r.problems[1].column, 7);
	assert_int_equal(r.problems[1].sid, 3);
	assert_string_equal(r.problems[1].file, file);
	ruleset_report_clear(&r);
	ruleset_free(set);
}

static void thresholds(void **state)
{
	const char *rules =
		write_file("t.rules", "alert ip any any -> any any (sid:1;)\n"
				      "alert ip any any -> any any (threshold:type limit, "
				      "track by_src, count 1, seconds 5; sid:2;)\n"
				      "pass ip any any -> any any (sid:3;)\n");
	const char *limits = write_file(
		"threshold.config",
		"suppress gen_id 1, sig_id 1, track by_either, ip [10.0.0.0/8,!10.1.0.0/16]\n"
		"threshold gen_id 1, sig_id 0, type both, track by_dst, count 3, seconds 9\n"
		"rate_filter gen_id 1, sig_id 2, track by_rule, count 3, seconds 9, "
		"new_action drop, timeout 60\n"
		"suppress gen_id 1\n"
		"rate_limit gen_id 1, sig_id 2, track by_src, kbps 500\n"
		"rate_limit gen_id 1, sig_id 0, track by_flow, pps 7\n"
		"rate_limit gen_id 1, sig_id 2, track by_either, kbps 500\n"
		"rate_limit gen_id 1, sig_id 2, track by_src, kbps 500, pps 4\n"
		"rate_limit gen_id 1, sig_id 2, track by_src, kbps 7\n"
		"rate_limit gen_id 1, sig_id 2, track by_src, pps 0\n"
		"rate_limit gen_id 1, sig_id 3, track by_src, pps 9\n");
	struct ruleset_report r;
	char error[256];
	struct ruleset *set = load(rules, limits, &r, error);
	const struct match *t;

	assert_non_null(set);
	/* what passes goes first, and has no rate */
	assert_int_equal(set->rules[0]->sid, 3);
	assert_int_equal(set->rules[0]->threshold_count, 1);
	assert_int_equal(set->rules[1]->sid, 1);
	assert_int_equal(set->rules[1]->threshold_count, 3);
	t = set->rules[1]->thresholds;
	assert_int_equal(t[0].u.threshold.type, THRESHOLD_SUPPRESS);
	assert_int_equal(t[0].u.threshold.track, TRACK_BOTH);
	assert_int_equal(t[0].u.threshold.addresses.count, 2);
	assert_int_equal(t[1].u.threshold.type, THRESHOLD_BOTH);
	assert_int_equal(t[2].u.threshold.type, THRESHOLD_RATE_LIMIT);
	assert_int_equal(t[2].u.threshold.track, TRACK_FLOW);
	assert_true(t[2].u.threshold.packets);
	assert_int_equal(t[2].u.threshold.rate, 7);
	t = set->rules[2]->thresholds;
	assert_int_equal(set->rules[2]->threshold_count, 3);
	assert_int_equal(t[0].u.threshold.count, 1);
	assert_int_equal(t[1].u.threshold.new_action, ACTION_DROP);
	/* the line for this rule stays */
	assert_int_equal(t[2].u.threshold.track, TRACK_SRC);
	assert_false(t[2].u.threshold.packets);
	assert_int_equal(t[2].u.threshold.rate, 500000);
	assert_int_equal(r.problem_count, 6);
	assert_int_equal(r.problems[0].line, 4);
	for (unsigned i = 1; i < 6; i++)
		assert_int_equal(r.problems[i].line, 6 + i);
	assert_non_null(strstr(r.problems[5].reason, "passes"));
	ruleset_report_clear(&r);
	ruleset_free(set);
}

static void files(void **state)
{
	struct ruleset_report r;
	char error[256] = "", pattern[256];
	struct ruleset *set;

	assert_null(load("/nonexistent/a.rules", NULL, &r, error));
	assert_non_null(strstr(error, "/nonexistent/a.rules"));
	assert_null(load("/nonexistent/*.rules", NULL, &r, error));
	write_file("g1.rules", "alert ip any any -> any any (sid:1;)\n");
	write_file("g2.rules", "alert ip any any -> any any (sid:2;)\n");
	snprintf(pattern, sizeof(pattern), "%s/g?.rules", folder);
	set = load(pattern, NULL, &r, error);
	assert_non_null(set);
	assert_int_equal(set->rule_count, 2);
	ruleset_report_clear(&r);
	ruleset_free(set);
}

static int folder_make(void **state)
{
	return mkdtemp(folder) ? 0 : -1;
}

static int folder_remove(void **state)
{
	static const char *const names[] = {"counts.rules", "t.rules", "threshold.config",
					    "g1.rules", "g2.rules"};
	char path[256];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts),
		cmocka_unit_test(thresholds),
		cmocka_unit_test(files),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
