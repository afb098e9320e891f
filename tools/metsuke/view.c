/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/metsuke/view.h"

#include <stdlib.h>
#include <string.h>

json_t *view_ask(const struct cli_option *o, const char *method, json_t *params)
{
	return cli_call(o[0].value, o[1].value, method, params);
}

json_t *view_work(const struct cli_option *o, const char *method, json_t *params, int fd)
{
	return cli_work(o[0].value, o[1].value, method, params, fd);
}

const json_t *view_rows(const json_t *result)
{
	const json_t *rows = json_object_get(result, "rows");

	return rows ? rows : result;
}

int view_show(json_t *result, const struct cli_column *columns, const char *nothing)
{
	if (!result)
		return EXIT_FAILED;
	if (cli_json)
		cli_print_json(view_rows(result));
	else if (json_array_size(view_rows(result)) == 0 && !cli_csv)
		puts(nothing);
	else
		cli_table(view_rows(result), columns);
	json_decref(result);
	return EXIT_GOOD;
}

void view_set_text(json_t *params, const char *key, const struct cli_option *o)
{
	if (o->value)
		json_object_set_new(params, key, json_string(o->value));
}

void view_set_limit(json_t *params, const char *text, int otherwise)
{
	json_object_set_new(params, "limit", json_integer(text ? atoi(text) : otherwise));
}

/* Members of an object as "name  value", nested ones by path. depth is bounded by our own output. Returns
 * whether there was any. */
static bool print_members(const json_t *o, const char *prefix, bool zeros, const char *begin)
{
	const char *key;
	bool any = false;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)o, key, value) {
		char path[256];

		snprintf(path, sizeof(path), "%s%s%s", prefix, *prefix ? "." : "", key);
		if (json_is_object(value)) {
			any |= print_members(value, path, zeros, begin);
		} else if (strncmp(path, begin, strlen(begin)) == 0 &&
			   (zeros || !json_is_integer(value) || json_integer_value(value))) {
			printf("%-44s %s\n", path, cli_text(o, key));
			any = true;
		}
	}
	return any;
}

int view_show_object(json_t *result, bool zeros, const char *begin)
{
	if (!result)
		return EXIT_FAILED;
	if (cli_json)
		cli_print_json(result);
	else if (!print_members(result, "", zeros, begin) && *begin)
		printf("nothing begins with \"%s\"%s\n", begin, zeros ? "" : ", or it is 0: --all shows that, too");
	json_decref(result);
	return EXIT_GOOD;
}
