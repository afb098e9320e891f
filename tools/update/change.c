/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/update/change.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "rules/arena.h"

#define ITEMS_MAX 100000
#define LINE_MAX_BYTES 4096
#define TEXT_MAX 16384

enum kind { MATCH_ID, MATCH_RE, MATCH_GROUP };
enum act { DISABLE, ENABLE, MODIFY, ACT_COUNT };

struct item {
	enum kind kind;
	uint32_t gid, sid;
	pcre2_code *re;   /* MATCH_RE */
	char *group;      /* MATCH_GROUP */
	pcre2_code *from; /* MODIFY */
	char *to;         /* MODIFY: as pcre2_substitute wants it */
};

struct changes {
	struct item *items[ACT_COUNT];
	size_t count[ACT_COUNT];
	pcre2_match_data *match;
	char *error;
	size_t error_size;
};

static int fail(struct changes *c, const char *text, const char *why)
{
	snprintf(c->error, c->error_size, "\"%.200s\": %s", text, why);
	return -EINVAL;
}

static pcre2_code *compile(struct changes *c, const char *whole, const char *expression, uint32_t options)
{
	PCRE2_UCHAR why[128];
	PCRE2_SIZE at;
	pcre2_code *code;
	int rc;

	code = pcre2_compile((PCRE2_SPTR)expression, PCRE2_ZERO_TERMINATED, options, &rc, &at, NULL);
	if (code)
		return code;
	pcre2_get_error_message(rc, why, sizeof(why));
	fail(c, whole, (const char *)why);
	return NULL;
}

/* ---- items ---- */

static int matcher_parse(struct changes *c, const char *text, struct item *out)
{
	size_t n = strlen(text);
	char *end;

	if (strncmp(text, "re:", 3) == 0) {
		out->kind = MATCH_RE;
		out->re = compile(c, text, text + 3, PCRE2_CASELESS);
		return out->re ? 0 : -EINVAL;
	}
	if (strncmp(text, "group:", 6) == 0) {
		out->kind = MATCH_GROUP;
		if (n > 12 && strcmp(text + n - 6, ".rules") == 0)
			n -= 6;
		out->group = strndup(text + 6, n - 6);
		return out->group ? 0 : -ENOMEM;
	}
	out->gid = 1;
	out->sid = (uint32_t)strtoul(text, &end, 10);
	if (*end == ':') {
		out->gid = out->sid;
		out->sid = (uint32_t)strtoul(end + 1, &end, 10);
	}
	if (*end || !out->sid)
		return fail(c, text, "write a SID, GID:SID, re:EXPRESSION or group:NAME");
	return 0;
}

/* A text in quotes; \" is a quote in it. Takes it out of *at. New; NULL: there is none. */
static char *quoted(char **at)
{
	char *from = *at + strspn(*at, " \t"), *out, *to;

	if (*from++ != '"')
		return NULL;
	out = to = malloc(strlen(from) + 1);
	for (; out && *from && *from != '"'; from++) {
		if (from[0] == '\\' && from[1] == '"')
			from++;
		*to++ = *from;
	}
	if (!out || !*from) {
		free(out);
		return NULL;
	}
	*to = '\0';
	*at = from + 1;
	return out;
}

/* \1 and \g<1> as pcre2_substitute writes them; a dollar is a dollar. */
static char *replacement(const char *text)
{
	char *out = malloc(strlen(text) * 3 + 1), *to = out;

	for (; out && *text; text++) {
		if (text[0] == '$') {
			to += snprintf(to, 3, "$$");
		} else if (text[0] == '\\' && text[1] >= '0' && text[1] <= '9') {
			to += snprintf(to, 5, "${%c}", *++text);
		} else if (strncmp(text, "\\g<", 3) == 0 && text[3] >= '0' && text[3] <= '9' && text[4] == '>') {
			to += snprintf(to, 5, "${%c}", text[3]);
			text += 4;
		} else {
			*to++ = *text;
		}
	}
	if (out)
		*to = '\0';
	return out;
}

static int modify_parse(struct changes *c, char *text, struct item *out)
{
	char *quote = strstr(text, " \""), *at = quote, *from, *to;
	int err;

	from = at ? quoted(&at) : NULL;
	to = from ? quoted(&at) : NULL;
	if (!to) {
		free(from);
		return fail(c, text, "write which rules, then \"EXPRESSION\" \"REPLACEMENT\"");
	}
	out->from = compile(c, text, from, 0);
	out->to = replacement(to);
	*quote = '\0';
	while (quote > text && strchr(" \t", quote[-1]))
		*--quote = '\0';
	err = out->from && out->to ? matcher_parse(c, text, out) : -EINVAL;
	free(from);
	free(to);
	return err;
}

static int item_add(struct changes *c, enum act act, const char *text);

static int file_add(struct changes *c, enum act act, const char *path)
{
	char line[LINE_MAX_BYTES];
	FILE *f = fopen(path, "re");
	int err = 0;

	if (!f)
		return fail(c, path, strerror(errno));
	while (!err && fgets(line, sizeof(line), f)) {
		char *at = line + strspn(line, " \t");
		size_t n = strlen(at);

		while (n && strchr(" \t\r\n", at[n - 1]))
			at[--n] = '\0';
		if (*at == '/')
			err = fail(c, at, "a file of items names no further file");
		else if (*at && *at != '#')
			err = item_add(c, act, at);
	}
	fclose(f);
	return err;
}

static int item_add(struct changes *c, enum act act, const char *text)
{
	struct item *items, item = {0};
	char *copy = strdup(text);
	int err;

	if (!copy || c->count[act] == ITEMS_MAX) {
		free(copy);
		return fail(c, text, "there are too many items");
	}
	err = act == MODIFY ? modify_parse(c, copy, &item) : matcher_parse(c, copy, &item);
	free(copy);
	items = realloc(c->items[act], (c->count[act] + 1) * sizeof(*items));
	if (!items)
		return -ENOMEM;
	c->items[act] = items;
	items[c->count[act]++] = item; /* freed with the others, whole or not */
	return err;
}

static int list_add(struct changes *c, enum act act, const struct config_list *list)
{
	int err = 0;

	for (size_t i = 0; i < list->count && !err; i++)
		err = list->items[i][0] == '/' ? file_add(c, act, list->items[i])
					       : item_add(c, act, list->items[i]);
	return err;
}

struct changes *changes_new(const struct config_list *enable, const struct config_list *disable,
			    const struct config_list *modify, char *error, size_t error_size)
{
	struct changes *c = calloc(1, sizeof(*c));

	snprintf(error, error_size, "not enough memory");
	if (!c)
		return NULL;
	c->error = error;
	c->error_size = error_size;
	c->match = pcre2_match_data_create(16, NULL);
	if (c->match && list_add(c, ENABLE, enable) == 0 && list_add(c, DISABLE, disable) == 0 &&
	    list_add(c, MODIFY, modify) == 0)
		return c;
	changes_free(c);
	return NULL;
}

void changes_free(struct changes *c)
{
	if (!c)
		return;
	for (unsigned act = 0; act < ACT_COUNT; act++) {
		for (size_t i = 0; i < c->count[act]; i++) {
			struct item *item = &c->items[act][i];

			pcre2_code_free(item->re);
			pcre2_code_free(item->from);
			free(item->group);
			free(item->to);
		}
		free(c->items[act]);
	}
	pcre2_match_data_free(c->match);
	free(c);
}

/* ---- rules ---- */

static bool item_holds(struct changes *c, const struct item *item, const struct listed_rule *r)
{
	switch (item->kind) {
	case MATCH_ID:
		return item->sid == r->sid && item->gid == r->gid;
	case MATCH_GROUP:
		return fnmatch(item->group, r->group, 0) == 0;
	case MATCH_RE:
		return pcre2_match(item->re, (PCRE2_SPTR)r->text, PCRE2_ZERO_TERMINATED, 0, 0, c->match,
				   NULL) >= 0;
	}
	return false;
}

static bool any_holds(struct changes *c, enum act act, const struct listed_rule *r)
{
	for (size_t i = 0; i < c->count[act]; i++)
		if (item_holds(c, &c->items[act][i], r))
			return true;
	return false;
}

static void rule_modify(struct changes *c, struct listing *l, struct listed_rule *r, const struct item *item,
			struct change_counts *counts)
{
	static char text[TEXT_MAX];
	PCRE2_SIZE n = sizeof(text);
	struct listed_rule fresh = *r;
	int rc = pcre2_substitute(item->from, (PCRE2_SPTR)r->text, PCRE2_ZERO_TERMINATED, 0,
				  PCRE2_SUBSTITUTE_GLOBAL, c->match, NULL, (PCRE2_SPTR)item->to,
				  PCRE2_ZERO_TERMINATED, (PCRE2_UCHAR *)text, &n);

	if (rc == 0)
		return;
	if (rc < 0 || !listed_rule_parse(l, text, n, &fresh)) {
		counts->broken++;
		return;
	}
	*r = fresh;
	counts->modified++;
}

void changes_apply(struct changes *c, struct listing *l, struct change_counts *counts)
{
	*counts = (struct change_counts){0};
	for (size_t i = 0; i < l->count; i++) {
		struct listed_rule *r = &l->rules[i];
		bool was = r->disabled;

		if (!r->disabled && any_holds(c, DISABLE, r))
			r->disabled = true;
		if (r->disabled && any_holds(c, ENABLE, r))
			r->disabled = false;
		counts->disabled += !was && r->disabled;
		counts->enabled += was && !r->disabled;
		for (size_t k = 0; k < c->count[MODIFY]; k++)
			if (item_holds(c, &c->items[MODIFY][k], r))
				rule_modify(c, l, r, &c->items[MODIFY][k], counts);
	}
}
