/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/rule_reader.h"

#include <stdlib.h>

#include "rules/language/classes.h"

static const char *const address_names[] = {"HOME_NET", "EXTERNAL_NET", "LOOP", "DEEP"};
static const char *const address_values[] = {"[10.0.0.0/8]", "!$HOME_NET", "[$DEEP]", "[$LOOP]"};
static const char *const port_names[] = {"HTTP_PORTS"};
static const char *const port_values[] = {"[80,8080]"};

static const struct ruleset_options options = {
	.variables = {address_names, address_values, 4, port_names, port_values, 1},
};

struct rule_reader *rule_reader_new(void)
{
	struct rule_reader *r = calloc(1, sizeof(*r));
	char error[256];

	if (!r || !(r->arena = arena_new(0)))
		abort();
	language_init(&r->language, r->arena, &options);
	r->language.lists = lists_new();
	r->language.classes = classes_new(r->arena, NULL, NULL, error, sizeof(error));
	if (!r->language.classes)
		abort();
	r->draft.l = &r->language;
	return r;
}

void rule_reader_free(struct rule_reader *r)
{
	lists_free(r->language.lists);
	language_clear(&r->language);
	draft_clear(&r->draft);
	arena_free(r->arena);
	free(r);
}

const struct rule *rule_reader_read(struct rule_reader *r, const char *text, size_t len)
{
	r->draft.text = arena_text(r->arena, text, len);
	if (!r->draft.text)
		abort();
	r->draft.text_end = r->draft.text + len;
	lists_free(r->language.lists); /* those of the rule before */
	r->language.lists = lists_new();
	return rule_read(&r->draft);
}

unsigned rule_reader_column(const struct rule_reader *r)
{
	return (unsigned)(r->draft.problem_at - r->draft.text) + 1;
}
