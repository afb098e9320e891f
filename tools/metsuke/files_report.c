/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A report of an analysis, for people.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/metsuke/files.h"

#define LEVELS_MAX 64
#define FACTS_SHOWN 6
#define VALUE_SHOWN 150

static const char *bold(void)
{
	return isatty(1) ? "\033[1m" : "";
}

static const char *plain(void)
{
	return isatty(1) ? "\033[0m" : "";
}

static const char *word_for(json_int_t verdict)
{
	return verdict >= 8 ? "bad" : verdict >= 5 ? "suspicious" : verdict >= 3 ? "worth a look" : "nothing much";
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static void print_cut(const char *text, size_t most)
{
	size_t n = strlen(text);

	if (n <= most) {
		fputs(text, stdout);
		return;
	}
	while (most && ((unsigned char)text[most] & 0xc0) == 0x80)
		most--;
	printf("%.*s…", (int)most, text);
}

/* ---- reasons ---- */

static void print_reasons(const json_t *report)
{
	const json_t *r;
	size_t i;

	json_array_foreach(json_object_get(report, "reasons"), i, r) {
		const char *detail = text_of(r, "detail"), *part = text_of(r, "part");

		printf("  %2" JSON_INTEGER_FORMAT "  %s%s%s", json_integer_value(json_object_get(r, "weight")), bold(), text_of(r, "text"), plain());
		if (*detail) {
			fputs(": ", stdout);
			print_cut(detail, VALUE_SHOWN);
		}
		putchar('\n');
		if (strstr(part, "›")) {
			fputs("      in ", stdout);
			print_cut(part, VALUE_SHOWN);
			putchar('\n');
		}
	}
}

/* ---- the tree ---- */

static bool says_something(const json_t *part)
{
	const json_t *inner;
	size_t i;

	if (json_object_get(part, "reasons"))
		return true;
	json_array_foreach(json_object_get(part, "parts"), i, inner)
		if (json_object_get(inner, "reasons") || json_object_get(inner, "parts"))
			return true;
	return json_object_get(part, "facts") != NULL;
}

static void indent(const bool *last, unsigned depth, bool branch)
{
	for (unsigned i = 1; i < depth; i++)
		fputs(last[i] ? "   " : "│  ", stdout);
	if (depth)
		fputs(branch ? (last[depth] ? "└─ " : "├─ ") : (last[depth] ? "   " : "│  "), stdout);
}

static void print_size(json_int_t n)
{
	if (n < 10000)
		printf("%" JSON_INTEGER_FORMAT " bytes", n);
	else if (n < 10000000)
		printf("%.1f KB", (double)n / 1e3);
	else
		printf("%.1f MB", (double)n / 1e6);
}

static void print_facts(const json_t *part, const bool *last, unsigned depth)
{
	const char *name;
	json_t *values, *v;
	size_t i;
	void *at;

	for (at = json_object_iter((json_t *)(uintptr_t)json_object_get(part, "facts")); at;
	     at = json_object_iter_next((json_t *)(uintptr_t)json_object_get(part, "facts"), at)) {
		name = json_object_iter_key(at);
		values = json_object_iter_value(at);
		json_array_foreach(values, i, v) {
			if (i == FACTS_SHOWN) {
				indent(last, depth, false);
				printf("     … and %zu more\n", json_array_size(values) - i);
				break;
			}
			indent(last, depth, false);
			printf("     %s: ", name);
			print_cut(json_string_value(v), VALUE_SHOWN);
			putchar('\n');
		}
	}
}

static void print_part(const json_t *part, const bool *last, unsigned depth)
{
	const char *name = text_of(part, "name"), *type = text_of(part, "type"), *declared = text_of(part, "declared");
	const json_t *r;
	size_t i;

	fputs("  ", stdout);
	indent(last, depth, true);
	printf("%s%s%s  %s  ", bold(), *name ? name : "(unnamed)", plain(), *type ? type : "unknown type");
	print_size(json_integer_value(json_object_get(part, "size")));
	if (*declared && strcmp(declared, type) != 0)
		printf("  (declared %s)", declared);
	json_array_foreach(json_object_get(part, "reasons"), i, r)
		printf("%s%s", i ? ", " : "  ← ", text_of(r, "reason"));
	putchar('\n');
}

/* Whether none from that number on is shown. */
static bool is_last(const json_t *parts, size_t from, bool all)
{
	while (from < json_array_size(parts) && !all && !says_something(json_array_get(parts, from)))
		from++;
	return from >= json_array_size(parts);
}

/* Depth first, without recursion: the report's depth is bounded by what analyses allow. */
static void print_tree(const json_t *root, bool all)
{
	struct level {
		const json_t *parts;
		size_t next;
	} level[LEVELS_MAX];
	bool last[LEVELS_MAX + 1] = {true};
	unsigned depth = 0;
	size_t hidden = 0;

	print_part(root, last, 0);
	print_facts(root, last, 0);
	level[0] = (struct level){json_object_get(root, "parts"), 0};
	for (;;) {
		struct level *l = &level[depth];
		const json_t *part;

		if (l->next >= json_array_size(l->parts)) {
			if (!depth)
				break;
			depth--;
			continue;
		}
		part = json_array_get(l->parts, l->next++);
		if (!all && !says_something(part)) {
			hidden++;
			continue;
		}
		last[depth + 1] = is_last(l->parts, l->next, all);
		print_part(part, last, depth + 1);
		print_facts(part, last, depth + 1);
		if (json_object_get(part, "parts") && depth + 1 < LEVELS_MAX)
			level[++depth] = (struct level){json_object_get(part, "parts"), 0};
	}
	if (hidden)
		printf("  %zu part%s of which nothing is to be said (--all shows them)\n", hidden, hidden == 1 ? "" : "s");
}

void files_print_report(const char *title, const json_t *report, bool all)
{
	json_int_t verdict = json_integer_value(json_object_get(report, "verdict"));
	const json_t *file = json_object_get(report, "file");

	printf("%s%s%s: %" JSON_INTEGER_FORMAT " of 10, %s\n", bold(), title, plain(), verdict, word_for(verdict));
	if (*text_of(file, "magic")) {
		fputs("  ", stdout);
		print_cut(text_of(file, "magic"), VALUE_SHOWN);
		putchar('\n');
	}
	if (*text_of(file, "sha256"))
		printf("  sha256 %s\n", text_of(file, "sha256"));
	if (!json_is_true(json_object_get(report, "complete")))
		puts("  a limit was reached: not all of it was looked into");
	print_reasons(report);
	if (json_array_size(json_object_get(report, "reasons")))
		putchar('\n');
	print_tree(file, all);
}
