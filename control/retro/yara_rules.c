/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/retro/yara_rules.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/retro/yara_private.h"
#include "control/yara/compile.h"

struct yara_rules *yara_rules_new(void)
{
	struct yara_rules *r = calloc(1, sizeof(*r));

	if (r && !(r->arena = arena_new(YARA_MEMORY_MAX))) {
		free(r);
		return NULL;
	}
	return r;
}

void yara_rules_free(struct yara_rules *r)
{
	if (!r)
		return;
	arena_free(r->arena);
	free(r->rule);
	free(r->problem);
	free(r->hex);
	free(r);
}

struct yara_compiled *yara_add(struct yara_rules *r)
{
	uint32_t cap = r->cap ? r->cap * 2 : 64;
	struct yara_compiled *bigger;

	if (r->count == YARA_RULES_MAX)
		return NULL;
	if (r->count == r->cap) {
		bigger = realloc(r->rule, cap * sizeof(*bigger));
		if (!bigger)
			return NULL;
		r->rule = bigger;
		r->cap = cap;
	}
	r->rule[r->count] = (struct yara_compiled){0};
	return &r->rule[r->count++];
}

static void add_problem(struct yara_rules *r, const char *file, uint32_t line, const char *rule,
			const char *reason)
{
	uint32_t cap = r->problem_cap ? r->problem_cap * 2 : 16;
	struct yara_problem *bigger, *p;

	if (r->problem_count == YARA_RULES_MAX)
		return;
	if (r->problem_count == r->problem_cap) {
		bigger = realloc(r->problem, cap * sizeof(*bigger));
		if (!bigger) {
			r->failed = true;
			return;
		}
		r->problem = bigger;
		r->problem_cap = cap;
	}
	p = &r->problem[r->problem_count];
	*p = (struct yara_problem){.file = file, .line = line};
	p->rule = arena_text(r->arena, rule, strlen(rule));
	p->reason = arena_text(r->arena, reason, strlen(reason));
	if (p->rule && p->reason)
		r->problem_count++;
	else
		r->failed = true;
}

bool yara_hash_parse(struct yara_rules *r, const char *text, size_t len, enum yara_hash *hash,
		     const char **hex)
{
	char *copy;

	if (len != 32 && len != 40 && len != 64)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isxdigit((unsigned char)text[i]))
			return false;
	copy = arena_text(r->arena, text, len);
	if (!copy)
		return false;
	for (char *c = copy; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	*hash = len == 32 ? YARA_MD5 : len == 40 ? YARA_SHA1 : YARA_SHA256;
	*hex = copy;
	return true;
}

/* ---- libyara ---- */

struct compiling {
	struct yara_rules *r;
	const char *file;
};

static void say_problem(void *arg, const struct yara_error *e)
{
	struct compiling *c = arg;
	char text[400];

	snprintf(text, sizeof(text), "YARA does not take it: %s%s%s", e->reason, *e->advice ? "; " : "", e->advice);
	add_problem(c->r, c->file, e->line, e->rule, text);
}

/* Meta called after a hash, or just "hash1", "sample_md5": what looks like one is one. */
static bool names_hash(const char *name)
{
	static const char *const words[] = {"md5", "sha1", "sha256", "hash"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasestr(name, words[i]))
			return true;
	return false;
}

static bool take_meta(struct yara_rules *r, struct yara_compiled *rule, const YR_RULE *from)
{
	const YR_META *meta;
	uint32_t most = 0;

	yr_rule_metas_foreach(from, meta) most++;
	if (most > YARA_HASHES_MAX)
		most = YARA_HASHES_MAX;
	yr_rule_metas_foreach(from, meta)
	{
		struct yara_meta_hash one;

		if (meta->type != META_TYPE_STRING || !names_hash(meta->identifier) ||
		    !yara_hash_parse(r, meta->string, strlen(meta->string), &one.hash, &one.hex))
			continue;
		if (!rule->meta)
			rule->meta = arena_alloc(r->arena, most * sizeof(one));
		if (!rule->meta || rule->metas == most)
			return rule->meta != NULL;
		rule->meta[rule->metas++] = one;
		rule->rule.wants_hash = true;
	}
	return true;
}

static bool take_metas(struct yara_rules *r, uint32_t first, YR_RULES *rules)
{
	const YR_RULE *from;
	uint32_t at = first;

	yr_rules_foreach(rules, from)
	{
		uint32_t i = at;

		/* In the order of the source, as they are here; sought if not. */
		while (i < r->count && strcmp(r->rule[i].rule.name, from->identifier) != 0)
			i++;
		if (i == r->count)
			continue;
		at = i + 1;
		if (!take_meta(r, &r->rule[i], from))
			return false;
	}
	return true;
}

static int compile(struct yara_rules *r, const char *file, const char *text, YR_RULES **rules)
{
	struct compiling c = {.r = r, .file = file};
	int err = yara_compile(text, say_problem, &c, rules);

	return r->failed ? -ENOMEM : err;
}

int yara_rules_scan(struct yara_rules *r, const char *file, const char *text, size_t len)
{
	const char *name = arena_text(r->arena, file, strlen(file));

	r->texts++;
	return name && yara_source_read(r, name, text, len) ? 0 : -ENOMEM;
}

int yara_rules_read(struct yara_rules *r, const char *file, const char *text, size_t len)
{
	const char *name = arena_text(r->arena, file, strlen(file));
	uint32_t first = r->count;
	YR_RULES *rules = NULL;
	char *copy;
	int err;

	if (!name)
		return -ENOMEM;
	if (len > YARA_TEXT_MAX || memchr(text, 0, len)) {
		add_problem(r, name, 1, "", "the file has more than 8 MiB, or is no text");
		return 0;
	}
	copy = strndup(text, len);
	err = copy ? compile(r, name, copy, &rules) : -ENOMEM;
	free(copy);
	if (!err && rules && r->count < YARA_RULES_MAX)
		err = yara_rules_scan(r, file, text, len);
	if (err && r->count == YARA_RULES_MAX) {
		add_problem(r, name, 1, "", "there are more than 20000 YARA rules");
		err = 0;
	}
	if (!err && rules && !take_metas(r, first, rules))
		err = -ENOMEM;
	if (rules)
		yr_rules_destroy(rules);
	return err;
}

/* ---- judging ---- */

static enum yara_verdict judge_size(const struct yara_step *s, const struct yara_file *f)
{
	if (!f->size_known)
		return YARA_UNKNOWN;
	switch (s->relation) {
	case YARA_LT:
		return f->size < s->n;
	case YARA_LE:
		return f->size <= s->n;
	case YARA_GT:
		return f->size > s->n;
	case YARA_GE:
		return f->size >= s->n;
	case YARA_EQ:
		return f->size == s->n;
	default:
		return f->size != s->n;
	}
}

static enum yara_verdict both(enum yara_verdict a, enum yara_verdict b)
{
	if (a == YARA_FALSE || b == YARA_FALSE)
		return YARA_FALSE;
	return a == YARA_TRUE && b == YARA_TRUE ? YARA_TRUE : YARA_UNKNOWN;
}

static enum yara_verdict negate(enum yara_verdict a)
{
	return a == YARA_TRUE ? YARA_FALSE : a == YARA_FALSE ? YARA_TRUE : YARA_UNKNOWN;
}

static enum yara_verdict judge_one(const struct yara_step *s, const struct yara_file *f)
{
	switch (s->kind) {
	case YARA_STEP_CONSTANT:
		return s->n ? YARA_TRUE : YARA_FALSE;
	case YARA_STEP_HASH:
		if (!f->hash[s->hash])
			return YARA_UNKNOWN;
		return strcmp(f->hash[s->hash], s->hex) == 0 ? YARA_TRUE : YARA_FALSE;
	case YARA_STEP_SIZE:
		return judge_size(s, f);
	default:
		return YARA_UNKNOWN;
	}
}

static enum yara_verdict judge_condition(const struct yara_compiled *c, const struct yara_file *f)
{
	uint8_t stack[YARA_LEAVES_MAX + 1];
	uint32_t n = 0;

	for (uint32_t i = 0; i < c->steps; i++) {
		const struct yara_step *s = &c->step[i];

		if (s->kind < YARA_STEP_AND) {
			stack[n++] = (uint8_t)judge_one(s, f);
		} else if (s->kind == YARA_STEP_NOT && n) {
			stack[n - 1] = (uint8_t)negate(stack[n - 1]);
		} else if (n > 1) {
			enum yara_verdict a = stack[n - 2], b = stack[n - 1];

			n--;
			stack[n - 1] = (uint8_t)(s->kind == YARA_STEP_AND
							 ? both(a, b)
							 : negate(both(negate(a), negate(b))));
		}
	}
	return n == 1 ? stack[0] : YARA_UNKNOWN;
}

static enum yara_verdict judge(const struct yara_rules *r, uint32_t index,
			       const struct yara_file *f)
{
	const struct yara_compiled *c = &r->rule[index];
	enum yara_verdict v;

	for (uint32_t i = 0; i < c->metas; i++)
		if (f->hash[c->meta[i].hash] &&
		    strcmp(f->hash[c->meta[i].hash], c->meta[i].hex) == 0)
			return YARA_TRUE;
	v = judge_condition(c, f);
	/* A global rule of the same text holds back all others there. */
	for (uint32_t i = 0; r->globals && i < r->count && v != YARA_FALSE; i++)
		if (r->rule[i].global && r->rule[i].text == c->text && i != index)
			v = both(v, judge_condition(&r->rule[i], f));
	return v;
}

/* ---- most files have no hash that a rule names: what rules say of these is known beforehand ----
 */

static unsigned known_hashes(const struct yara_file *f)
{
	unsigned bits = 0;

	for (unsigned i = 0; i < YARA_HASHES; i++)
		bits |= (f->hash[i] ? 1u : 0) << i;
	return bits;
}

enum yara_verdict yara_rules_judge(const struct yara_rules *r, uint32_t index,
				   const struct yara_file *f)
{
	const struct yara_compiled *c = &r->rule[index];

	if (r->ready && !f->named && !c->sized)
		return c->plain[known_hashes(f)];
	return judge(r, index, f);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Passes over all hashes that rules name; counts them, and keeps them if there is room. */
static uint32_t gather(const struct yara_rules *r, const char **hex)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->count; i++) {
		for (uint32_t k = 0; k < r->rule[i].metas; k++, n++)
			if (hex)
				hex[n] = r->rule[i].meta[k].hex;
		for (uint32_t k = 0; k < r->rule[i].steps; k++)
			if (r->rule[i].step[k].kind == YARA_STEP_HASH) {
				if (hex)
					hex[n] = r->rule[i].step[k].hex;
				n++;
			}
	}
	return n;
}

static bool has_size(const struct yara_compiled *c)
{
	for (uint32_t i = 0; i < c->steps; i++)
		if (c->step[i].kind == YARA_STEP_SIZE)
			return true;
	return false;
}

static void get_ready(struct yara_rules *r)
{
	bool sized_global = false;

	r->hexes = gather(r, NULL);
	r->hex = calloc(r->hexes + 1, sizeof(*r->hex));
	if (!r->hex)
		return; /* goes the long way */
	gather(r, r->hex);
	qsort(r->hex, r->hexes, sizeof(*r->hex), by_text);
	for (uint32_t i = 0; i < r->count; i++)
		sized_global |= r->rule[i].global && has_size(&r->rule[i]);
	for (uint32_t i = 0; i < r->count; i++) {
		r->rule[i].sized = sized_global || has_size(&r->rule[i]);
		for (unsigned bits = 0; bits < 1u << YARA_HASHES; bits++) {
			struct yara_file f = {0};

			for (unsigned k = 0; k < YARA_HASHES; k++)
				f.hash[k] = bits >> k & 1 ? "" : NULL; /* known, and none of ours */
			r->rule[i].plain[bits] = (uint8_t)judge(r, i, &f);
		}
	}
	r->ready = true;
}

void yara_rules_look(struct yara_rules *r, struct yara_file *file)
{
	if (!r->hex)
		get_ready(r);
	file->named = false;
	for (unsigned i = 0; r->ready && i < YARA_HASHES && !file->named; i++)
		file->named = file->hash[i] &&
			      bsearch(&file->hash[i], r->hex, r->hexes, sizeof(*r->hex), by_text);
}

uint32_t yara_rules_count(const struct yara_rules *r)
{
	return r->count;
}

const struct yara_rule *yara_rules_at(const struct yara_rules *r, uint32_t index)
{
	return &r->rule[index].rule;
}

uint32_t yara_rules_problem_count(const struct yara_rules *r)
{
	return r->problem_count;
}

const struct yara_problem *yara_rules_problem(const struct yara_rules *r, uint32_t index)
{
	return &r->problem[index];
}
