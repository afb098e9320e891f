/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Our own behaviour rules: every file of rules/behaviour loads without a problem and has a file of
 * records in rules/behaviour/tests, of which each case must match, or must not, as it says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/behaviour/sigma.h"

#define START_NS 1715673600000000000ull

static const char *folder;

static char *read_file(const char *path)
{
	FILE *f = fopen(path, "re");
	char *text = calloc(1, 1 << 20);

	if (!f)
		fail_msg("%s cannot be read", path);
	assert_true(fread(text, 1, (1 << 20) - 1, f) > 0);
	fclose(f);
	return text;
}

static struct sigma_set *load(const char *path)
{
	struct sigma_set *set = sigma_new();
	char *text = read_file(path);

	assert_int_equal(sigma_read(set, path, text, strlen(text)), 0);
	assert_int_equal(sigma_finish(set), 0);
	if (sigma_problem_count(set)) {
		const struct sigma_problem *p = sigma_problem(set, 0);

		fail_msg("%s:%u: %s", p->file, p->line, p->reason);
	}
	assert_true(sigma_count(set) > 0);
	free(text);
	return set;
}

static void count_hit(void *arg, const struct sigma_hit *h)
{
	++*(unsigned *)arg;
}

/* The record with "{n}" replaced by a number in all its text. */
static json_t *numbered(const json_t *event, unsigned n)
{
	char *text = json_dumps(event, JSON_COMPACT), *out = calloc(1, strlen(text) * 4 + 64),
	     *to = out;
	json_t *result;

	for (const char *p = text; *p;) {
		if (strncmp(p, "{n}", 3) == 0) {
			to += snprintf(to, 12, "%u", n);
			p += 3;
		} else {
			*to++ = *p++;
		}
	}
	result = json_loads(out, 0, NULL);
	assert_non_null(result);
	free(text);
	free(out);
	return result;
}

static unsigned play(const struct sigma_set *set, const json_t *events)
{
	struct sigma_state *state = sigma_state_new(set, NULL);
	uint64_t ts = START_NS;
	unsigned hits = 0;
	json_t *event;
	size_t i;

	json_array_foreach(events, i, event)
	{
		json_int_t repeat = json_integer_value(json_object_get(event, "_repeat"));
		json_int_t step = json_integer_value(json_object_get(event, "_step"));
		const char *type = json_string_value(json_object_get(event, "event_type"));

		assert_non_null(type);
		assert_true(sigma_type(type, strlen(type)) < RECORD_COUNT);
		for (json_int_t n = 0; n < (repeat ? repeat : 1); n++) {
			json_t *one = numbered(event, (unsigned)n);

			sigma_state_event(state, ts, sigma_type(type, strlen(type)), one, count_hit,
					  &hits);
			ts += (uint64_t)(step ? step : 1) * 1000000000u;
			json_decref(one);
		}
	}
	sigma_state_time(state, UINT64_MAX, count_hit, &hits);
	sigma_state_free(state);
	return hits;
}

static void play_all(const char *file, const struct sigma_set *set, const json_t *cases, bool match)
{
	json_t *one;
	size_t i;

	assert_true(json_array_size(cases) > 0);
	json_array_foreach(cases, i, one)
	{
		unsigned hits = play(set, json_object_get(one, "events"));

		if ((hits > 0) != match)
			fail_msg("%s: \"%s\" gives %u matches", file,
				 json_string_value(json_object_get(one, "title")), hits);
	}
}

static int is_rule(const struct dirent *e)
{
	return strlen(e->d_name) > 4 && strcmp(e->d_name + strlen(e->d_name) - 4, ".yml") == 0;
}

static void test_rules(void **state)
{
	struct dirent **names;
	char path[PATH_MAX];
	int n = scandir(folder, &names, is_rule, alphasort);

	assert_true(n >= 10);
	for (int i = 0; i < n; i++) {
		struct sigma_set *set;
		json_error_t error;
		json_t *cases;

		snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);
		set = load(path);
		snprintf(path, sizeof(path), "%s/tests/%.*s.json", folder,
			 (int)strlen(names[i]->d_name) - 4, names[i]->d_name);
		cases = json_load_file(path, 0, &error);
		if (!cases)
			fail_msg("%s: line %d: %s", path, error.line, error.text);
		play_all(path, set, json_object_get(cases, "match"), true);
		play_all(path, set, json_object_get(cases, "no_match"), false);
		json_decref(cases);
		sigma_free(set);
		free(names[i]);
	}
	free(names);
	print_message("%d rule files\n", n);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_rules)};

	assert_int_equal(argc, 2);
	folder = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
