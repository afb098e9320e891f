/* SPDX-License-Identifier: BSD-3-Clause */
#include "rules/listing.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "rules/arena.h"
#include "rules/language/reader.h"

#define OPTIONS_MAX 512

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct listed_text trimmed(struct listed_text t)
{
	while (t.len && blank(*t.p)) {
		t.p++;
		t.len--;
	}
	while (t.len && blank(t.p[t.len - 1]))
		t.len--;
	return t;
}

static bool text_is(const struct listed_text *t, const char *word)
{
	return strlen(word) == t->len && strncasecmp(t->p, word, t->len) == 0;
}

static bool text_same(const struct listed_text *a, const struct listed_text *b)
{
	return a->len == b->len && (!a->len || memcmp(a->p, b->p, a->len) == 0);
}

/* ---- one rule ---- */

bool listed_option_next(struct listed_text *at, struct listed_option *out)
{
	size_t end = 0;
	const char *colon;
	struct listed_text whole;

	*at = trimmed(*at);
	if (!at->len)
		return false;
	while (end < at->len && at->p[end] != ';')
		end += at->p[end] == '\\' && end + 1 < at->len ? 2 : 1;
	if (end > at->len)
		end = at->len;
	whole = trimmed((struct listed_text){at->p, end});
	at->p += end < at->len ? end + 1 : end;
	at->len -= end < at->len ? end + 1 : end;
	colon = whole.len ? memchr(whole.p, ':', whole.len) : NULL;
	*out = (struct listed_option){.name = whole};
	if (colon) {
		out->name = trimmed((struct listed_text){whole.p, (size_t)(colon - whole.p)});
		out->value = trimmed((struct listed_text){colon + 1, (size_t)(whole.p + whole.len - colon - 1)});
	}
	return true;
}

static uint32_t text_number(const struct listed_text *t)
{
	uint64_t n = 0;

	for (size_t i = 0; i < t->len && t->p[i] >= '0' && t->p[i] <= '9' && n <= UINT32_MAX; i++)
		n = n * 10 + (uint64_t)(t->p[i] - '0');
	return n > UINT32_MAX ? 0 : (uint32_t)n;
}

static bool is_action(const struct listed_text *t)
{
	static const char *const words[] = {"alert",	  "pass",      "drop",	     "reject",
					    "rejectsrc", "rejectdst", "rejectboth", "config"};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (text_is(t, words[i]))
			return true;
	return false;
}

static void numbers_read(struct listing *l, struct listed_rule *r)
{
	struct listed_text at = r->body;
	struct listed_option o;

	r->gid = 1;
	r->sid = r->rev = 0;
	r->msg = "";
	while (listed_option_next(&at, &o)) {
		if (text_is(&o.name, "sid"))
			r->sid = text_number(&o.value);
		else if (text_is(&o.name, "gid"))
			r->gid = text_number(&o.value);
		else if (text_is(&o.name, "rev"))
			r->rev = text_number(&o.value);
		else if (text_is(&o.name, "msg") && o.value.len >= 2)
			r->msg = arena_text(l->arena, o.value.p + 1, o.value.len - 2);
	}
	if (!r->msg)
		r->msg = "";
}

bool listed_rule_parse(struct listing *l, const char *text, size_t len, struct listed_rule *out)
{
	struct listed_text whole = trimmed((struct listed_text){text, len});
	const char *open, *word;

	if (!l->arena)
		l->arena = arena_new(0);
	whole.p = l->arena ? arena_text(l->arena, whole.p, whole.len) : NULL;
	if (!whole.p)
		return false;
	out->text = whole.p;
	for (word = whole.p; word < whole.p + whole.len && !blank(*word); word++)
		;
	out->action = (struct listed_text){whole.p, (size_t)(word - whole.p)};
	open = memchr(whole.p, '(', whole.len);
	if (!open || open < word || whole.p[whole.len - 1] != ')' || !is_action(&out->action))
		return false;
	out->head = trimmed((struct listed_text){word, (size_t)(open - word)});
	out->body = trimmed((struct listed_text){open + 1, (size_t)(whole.p + whole.len - open - 2)});
	numbers_read(l, out);
	return out->sid != 0;
}

/* ---- files ---- */

static int listing_add(struct listing *l, const struct listed_rule *r)
{
	if (l->count == l->space) {
		size_t space = l->space ? l->space * 2 : 1024;
		struct listed_rule *rules = realloc(l->rules, space * sizeof(*rules));

		if (!rules)
			return -ENOMEM;
		l->rules = rules;
		l->space = space;
	}
	l->rules[l->count++] = *r;
	return 0;
}

/* Lines that a final backslash continues are joined; a # and what may stand behind it goes. */
static int lines_read(struct listing *l, const char *file, const char *group, const char *bytes, size_t size)
{
	char *joined = malloc(size + 2);
	size_t n = 0, at = 0;
	uint32_t line = 0, first = 0;
	bool disabled = false;
	int err = joined ? 0 : -ENOMEM;

	while (!err && at < size) {
		const char *end = memchr(bytes + at, '\n', size - at);
		struct listed_text t = {bytes + at, end ? (size_t)(end - bytes) - at : size - at};
		struct listed_rule r = {.file = file, .group = group};
		bool more;

		at += t.len + (end != NULL);
		line++;
		t = trimmed(t);
		if (!n) {
			first = line;
			disabled = t.len && *t.p == '#';
		}
		while (t.len && (*t.p == '#' || blank(*t.p)) && (!n || disabled)) {
			t.p++;
			t.len--;
		}
		more = t.len && t.p[t.len - 1] == '\\' && at < size;
		memcpy(joined + n, t.p, t.len - more);
		n += t.len - more;
		if (more)
			continue;
		if (n && listed_rule_parse(l, joined, n, &r)) {
			r.line = first;
			r.disabled = disabled;
			err = listing_add(l, &r);
		}
		n = 0;
	}
	free(joined);
	return err;
}

int listing_read_memory(struct listing *l, const char *name, const char *bytes, size_t size)
{
	const char *slash = strrchr(name, '/'), *last = slash ? slash + 1 : name;
	size_t n = strlen(last);
	char *file, *group;

	if (!l->arena)
		l->arena = arena_new(0);
	file = l->arena ? arena_text(l->arena, name, strlen(name)) : NULL;
	if (n > 6 && strcmp(last + n - 6, ".rules") == 0)
		n -= 6;
	group = file ? arena_text(l->arena, last, n) : NULL;
	return group ? lines_read(l, file, group, bytes, size) : -ENOMEM;
}

static int read_one(struct listing *l, const char *path)
{
	struct reader reader;
	int err = reader_open(&reader, path);

	if (!err)
		err = listing_read_memory(l, path, reader.bytes, reader.size);
	if (err)
		snprintf(l->error, sizeof(l->error), "%s cannot be read: %s", path, strerror(-err));
	else
		reader_close(&reader);
	return err;
}

int listing_read(struct listing *l, const char *path)
{
	char pattern[4096];
	struct stat st;
	glob_t found;
	int err = 0;

	if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
		return read_one(l, path);
	if (snprintf(pattern, sizeof(pattern), "%s/*.rules", path) >= (int)sizeof(pattern))
		return -ENAMETOOLONG;
	if (glob(pattern, 0, NULL, &found) != 0) {
		snprintf(l->error, sizeof(l->error), "there is no .rules file in %s", path);
		return -ENOENT;
	}
	for (size_t i = 0; i < found.gl_pathc && !err; i++)
		err = read_one(l, found.gl_pathv[i]);
	globfree(&found);
	return err;
}

static int number_order(const struct listed_rule *a, const struct listed_rule *b)
{
	if (a->gid != b->gid)
		return a->gid < b->gid ? -1 : 1;
	return a->sid < b->sid ? -1 : a->sid > b->sid;
}

/* The one that counts first: in force, then by revision. */
static int rule_order(const void *a, const void *b)
{
	const struct listed_rule *x = a, *y = b;
	int order = number_order(x, y);

	if (order)
		return order;
	if (x->disabled != y->disabled)
		return x->disabled ? 1 : -1;
	if (x->rev != y->rev)
		return x->rev > y->rev ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

void listing_finish(struct listing *l)
{
	size_t kept = 0;

	if (l->count)
		qsort(l->rules, l->count, sizeof(*l->rules), rule_order);
	for (size_t i = 0; i < l->count; i++)
		if (!kept || number_order(&l->rules[kept - 1], &l->rules[i]) != 0)
			l->rules[kept++] = l->rules[i];
	l->count = kept;
}

void listing_free(struct listing *l)
{
	free(l->rules);
	arena_free(l->arena);
	*l = (struct listing){0};
}

/* ---- comparing ---- */

struct options {
	struct listed_option list[OPTIONS_MAX];
	size_t count;
};

/* All but those that number it. */
static void options_read(const struct listed_rule *r, struct options *o)
{
	struct listed_text at = r->body;

	o->count = 0;
	while (o->count < OPTIONS_MAX && listed_option_next(&at, &o->list[o->count])) {
		const struct listed_text *name = &o->list[o->count].name;

		if (name->len && !text_is(name, "rev") && !text_is(name, "sid") && !text_is(name, "gid"))
			o->count++;
	}
}

static bool option_same(const struct listed_option *a, const struct listed_option *b)
{
	return text_same(&a->name, &b->name) && !a->value.p == !b->value.p && text_same(&a->value, &b->value);
}

static bool decides_nothing(const struct listed_text *name)
{
	return text_is(name, "msg") || text_is(name, "reference") || text_is(name, "metadata") ||
	       text_is(name, "classtype") || text_is(name, "priority");
}

static void keyword_note(struct listed_difference *d, const struct listed_text *name)
{
	size_t n = strlen(d->keywords);
	char word[64];

	d->parts |= decides_nothing(name) ? PART_TEXTS : PART_OPTIONS;
	snprintf(word, sizeof(word), "%.*s", (int)(name->len < 60 ? name->len : 60), name->p);
	for (const char *at = d->keywords; (at = strstr(at, word)) != NULL; at++)
		if ((at == d->keywords || at[-1] == ' ') &&
		    (at[strlen(word)] == ' ' || at[strlen(word)] == '\0'))
			return;
	if (n + strlen(word) + 2 < sizeof(d->keywords))
		snprintf(d->keywords + n, sizeof(d->keywords) - n, "%s%s", n ? " " : "", word);
}

/* Options of a that b has not as often. */
static void options_missing(struct listed_difference *d, const struct options *a, const struct options *b)
{
	bool used[OPTIONS_MAX] = {false};

	for (size_t i = 0; i < a->count; i++) {
		size_t k = 0;

		while (k < b->count && (used[k] || !option_same(&a->list[i], &b->list[k])))
			k++;
		if (k < b->count)
			used[k] = true;
		else
			keyword_note(d, &a->list[i].name);
	}
}

/* The same options in another order: contents and modifiers hang on it. */
static bool order_differs(const struct options *a, const struct options *b)
{
	size_t i = 0, k = 0;

	for (;;) {
		while (i < a->count && decides_nothing(&a->list[i].name))
			i++;
		while (k < b->count && decides_nothing(&b->list[k].name))
			k++;
		if (i == a->count || k == b->count)
			return i != a->count || k != b->count;
		if (!option_same(&a->list[i++], &b->list[k++]))
			return true;
	}
}

/* Heads differ by more than blanks. */
static bool head_differs(const struct listed_text *a, const struct listed_text *b)
{
	size_t i = 0, k = 0;

	while (i < a->len || k < b->len) {
		bool gap = false, other = false;

		for (; i < a->len && blank(a->p[i]); i++)
			gap = true;
		for (; k < b->len && blank(b->p[k]); k++)
			other = true;
		if (gap != other || i == a->len || k == b->len)
			return gap != other || i != a->len || k != b->len;
		if (a->p[i++] != b->p[k++])
			return true;
	}
	return false;
}

static void parts_compare(struct listed_difference *d)
{
	static struct options before, after; /* CLI: one thread; too large for a stack */

	options_read(d->before, &before);
	options_read(d->after, &after);
	if (!text_same(&d->before->action, &d->after->action))
		d->parts |= PART_ACTION;
	if (head_differs(&d->before->head, &d->after->head))
		d->parts |= PART_HEAD;
	options_missing(d, &before, &after);
	options_missing(d, &after, &before);
	if (!(d->parts & PART_OPTIONS) && order_differs(&before, &after)) {
		d->parts |= PART_OPTIONS;
		if (!*d->keywords)
			snprintf(d->keywords, sizeof(d->keywords), "(order)");
	}
	if (d->before->rev != d->after->rev)
		d->parts |= PART_REVISION;
}

static bool differs(struct listed_difference *d)
{
	bool was = d->before && !d->before->disabled, is = d->after && !d->after->disabled;

	if (!was && !is)
		return false;
	if (!d->before || !d->after) {
		d->change = d->after ? LISTED_ADDED : LISTED_REMOVED;
		return true;
	}
	parts_compare(d);
	d->change = was && is ? LISTED_CHANGED : is ? LISTED_ENABLED : LISTED_DISABLED;
	return !(was && is) || d->parts;
}

void listing_compare(const struct listing *before, const struct listing *after,
		     void (*found)(const struct listed_difference *d, void *arg), void *arg)
{
	size_t i = 0, k = 0;

	while (i < before->count || k < after->count) {
		struct listed_difference d = {0};
		int order = i == before->count ? 1
			    : k == after->count ? -1
						: number_order(&before->rules[i], &after->rules[k]);

		if (order <= 0)
			d.before = &before->rules[i++];
		if (order >= 0)
			d.after = &after->rules[k++];
		if (differs(&d))
			found(&d, arg);
	}
}
