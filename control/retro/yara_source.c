/* SPDX-License-Identifier: BSD-3-Clause
 *
 * YARA source → conditions as far as sizes and hashes go. A bounded tokenizer (comments, strings,
 * regular expressions and hex strings respected), then and, or, not and parentheses by a stack
 * of waiting operators. What does not fit this simple picture makes the condition unknown: more
 * is never claimed than is known.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "control/retro/yara_private.h"

#define OPERATORS_MAX 256
#define LEAF_TOKENS 9 /* the longest leaf that means something here */

enum token_kind { END, WORD, NUMBER, STRING, REGEX, PUNCT };

struct token {
	enum token_kind kind;
	const char *at; /* of strings: without quotes */
	size_t len;
	uint32_t line;
};

struct source {
	const char *p, *end;
	uint32_t line;
	struct token last; /* decides whether "/" begins an expression */
};

/* ---- tokens ---- */

static void skip_blanks(struct source *s)
{
	while (s->p < s->end) {
		if (isspace((unsigned char)*s->p)) {
			s->line += *s->p++ == '\n';
		} else if (s->end - s->p >= 2 && s->p[0] == '/' && s->p[1] == '/') {
			while (s->p < s->end && *s->p != '\n')
				s->p++;
		} else if (s->end - s->p >= 2 && s->p[0] == '/' && s->p[1] == '*') {
			for (s->p += 2; s->p < s->end; s->p++) {
				s->line += *s->p == '\n';
				if (s->end - s->p >= 2 && s->p[0] == '*' && s->p[1] == '/') {
					s->p += 2;
					break;
				}
			}
		} else {
			return;
		}
	}
}

static bool is(const struct token *t, const char *text)
{
	return t->kind != STRING && t->kind != REGEX && t->kind != END && t->len == strlen(text) &&
	       memcmp(t->at, text, t->len) == 0;
}

/* Up to the closing mark; a backslash takes the meaning from what follows it. */
static void quoted(struct source *s, struct token *t, char mark)
{
	t->at = ++s->p;
	while (s->p < s->end && *s->p != mark && *s->p != '\n')
		s->p += *s->p == '\\' && s->end - s->p >= 2 && s->p[1] != '\n' ? 2 : 1;
	t->len = (size_t)(s->p - t->at);
	s->p += s->p < s->end && *s->p == mark;
}

static bool word_byte(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '.';
}

static struct token next(struct source *s)
{
	struct token t = {.kind = END};
	bool may_be_regex = is(&s->last, "=") || is(&s->last, "matches") || is(&s->last, "(") ||
			    is(&s->last, ",");

	skip_blanks(s);
	t.at = s->p;
	t.line = s->line;
	if (s->p == s->end) {
		s->last = t;
		return t;
	}
	if (*s->p == '"') {
		t.kind = STRING;
		quoted(s, &t, '"');
	} else if (*s->p == '/' && may_be_regex) {
		t.kind = REGEX;
		quoted(s, &t, '/');
		while (s->p < s->end && (*s->p == 'i' || *s->p == 's'))
			s->p++;
	} else if (word_byte(*s->p) || strchr("$#@!", *s->p)) {
		bool number = isdigit((unsigned char)*s->p);

		/* "!=" is no name; a range "1..5" ends a number. */
		t.kind = number ? NUMBER : WORD;
		s->p++;
		while (s->p < s->end && word_byte(*s->p) && !(number && *s->p == '.'))
			s->p++;
		t.len = (size_t)(s->p - t.at);
		if (t.len == 1 && !word_byte(*t.at))
			t.kind = PUNCT;
		if (is(&t, "!") && s->p < s->end && *s->p == '=') {
			s->p++;
			t.len = 2;
		}
	} else {
		t.kind = PUNCT;
		t.len = s->end - s->p >= 2 && s->p[1] == '=' && strchr("<>=", s->p[0]) ? 2 : 1;
		s->p += t.len;
	}
	s->last = t;
	return t;
}

/* { 4D 5A [2-4] ( 00 | 01 ) } after "$a =" */
static void skip_hex(struct source *s)
{
	while (s->p < s->end && *s->p != '}') {
		skip_blanks(s);
		if (s->p < s->end && *s->p != '}')
			s->p++;
	}
	s->p += s->p < s->end;
}

/* ---- conditions ---- */

enum operator{ OPEN, OR, AND, NOT };

struct condition {
	struct yara_rules *r;
	struct yara_step step[YARA_LEAVES_MAX];
	uint32_t steps;
	enum operator waiting[OPERATORS_MAX];
	uint32_t waiting_count;
	bool unknown; /* not understood: nothing is claimed */
	bool wants_hash;
};

static void emit(struct condition *c, struct yara_step step)
{
	if (c->steps == YARA_LEAVES_MAX)
		c->unknown = true;
	else
		c->step[c->steps++] = step;
}

static void push(struct condition *c, enum operator operator)
{
	if (c->waiting_count == OPERATORS_MAX)
		c->unknown = true;
	else
		c->waiting[c->waiting_count++] = operator;
}

static void settle(struct condition *c, enum operator least)
{
	static const uint8_t kinds[] = {
		[OR] = YARA_STEP_OR, [AND] = YARA_STEP_AND, [NOT] = YARA_STEP_NOT};

	while (c->waiting_count && c->waiting[c->waiting_count - 1] >= least &&
	       c->waiting[c->waiting_count - 1] != OPEN)
		emit(c, (struct yara_step){.kind = kinds[c->waiting[--c->waiting_count]]});
}

static bool relation_of(const struct token *t, bool turned, uint8_t *relation)
{
	static const char *const names[] = {"<", "<=", ">", ">=", "==", "!="};
	static const uint8_t turn[] = {YARA_GT, YARA_GE, YARA_LT, YARA_LE, YARA_EQ, YARA_NE};

	for (uint8_t i = 0; i < 6; i++) {
		if (is(t, names[i])) {
			*relation = turned ? turn[i] : i;
			return true;
		}
	}
	return false;
}

/* 0x400, 10KB, 3MB. */
static bool number_of(const struct token *t, uint64_t *n)
{
	char text[32], *end;

	if (t->kind != NUMBER || t->len >= sizeof(text))
		return false;
	memcpy(text, t->at, t->len);
	text[t->len] = '\0';
	*n = strtoull(text, &end,
		      strncmp(text, "0x", 2) == 0   ? 16
		      : strncmp(text, "0o", 2) == 0 ? 0
						    : 10);
	if (strncmp(text, "0o", 2) == 0)
		*n = strtoull(text + 2, &end, 8);
	if (strcmp(end, "KB") == 0 && *n < 1ull << 50)
		*n <<= 10;
	else if (strcmp(end, "MB") == 0 && *n < 1ull << 40)
		*n <<= 20;
	else if (*end)
		return false;
	return true;
}

/* hash.md5(0, filesize): tokens at t. */
static bool hash_call(const struct token *t, uint8_t *hash)
{
	static const char *const names[] = {"hash.md5", "hash.sha1", "hash.sha256"};

	for (uint8_t i = 0; i < YARA_HASHES; i++)
		if (is(&t[0], names[i]) && is(&t[1], "(") && is(&t[2], "0") && is(&t[3], ",") &&
		    is(&t[4], "filesize") && is(&t[5], ")")) {
			*hash = i;
			return true;
		}
	return false;
}

static bool hash_leaf(struct condition *c, const struct token *t, uint32_t count)
{
	struct yara_step step = {.kind = YARA_STEP_HASH};
	bool turned = t[0].kind == STRING;
	const struct token *text = turned ? &t[0] : &t[7], *relation = turned ? &t[1] : &t[6];
	enum yara_hash hash;

	if (count != 8 || text->kind != STRING || !hash_call(turned ? &t[2] : &t[0], &step.hash) ||
	    !relation_of(relation, false, &step.relation) || step.relation < YARA_EQ ||
	    !yara_hash_parse(c->r, text->at, text->len, &hash, &step.hex) || hash != step.hash)
		return false;
	emit(c, step);
	if (step.relation == YARA_NE)
		emit(c, (struct yara_step){.kind = YARA_STEP_NOT});
	c->wants_hash = true;
	return true;
}

static bool size_leaf(struct condition *c, const struct token *t, uint32_t count)
{
	struct yara_step step = {.kind = YARA_STEP_SIZE};
	bool turned = count == 3 && is(&t[2], "filesize");

	if (count != 3 || (!turned && !is(&t[0], "filesize")) ||
	    !number_of(turned ? &t[0] : &t[2], &step.n) ||
	    !relation_of(&t[1], turned, &step.relation))
		return false;
	emit(c, step);
	return true;
}

static void leaf(struct condition *c, const struct token *t, uint32_t count)
{
	if (count == 1 && (is(&t[0], "true") || is(&t[0], "false")))
		emit(c, (struct yara_step){.kind = YARA_STEP_CONSTANT, .n = is(&t[0], "true")});
	else if (!hash_leaf(c, t, count) && !size_leaf(c, t, count))
		emit(c, (struct yara_step){.kind = YARA_STEP_UNKNOWN});
}

/* The tokens of a leaf, from t on: up to what joins it with others. Returns that. */
static struct token read_leaf(struct source *s, struct condition *c, struct token t)
{
	struct token kept[LEAF_TOKENS] = {{0}};
	uint32_t count = 0, depth = 0;

	while (t.kind != END) {
		if (!depth && (is(&t, "and") || is(&t, "or") || is(&t, ")") || is(&t, "}")))
			break;
		depth += is(&t, "(") || is(&t, "[");
		depth -= depth && (is(&t, ")") || is(&t, "]"));
		if (count < LEAF_TOKENS)
			kept[count] = t;
		count++;
		t = next(s);
	}
	leaf(c, kept, count);
	return t;
}

static void read_condition(struct source *s, struct condition *c)
{
	bool operand_next = true;
	struct token t = next(s);

	while (t.kind != END && !is(&t, "}")) {
		if (is(&t, "and") || is(&t, "or")) {
			enum operator operator= is(&t, "and") ? AND : OR;

			c->unknown |= operand_next;
			settle(c, operator);
			push(c, operator);
			operand_next = true;
		} else if (is(&t, ")")) {
			settle(c, OR);
			c->unknown |= operand_next || !c->waiting_count;
			c->waiting_count -= c->waiting_count > 0;
		} else if (!operand_next) {
			c->unknown =
				true; /* "(filesize + 1) > 3": the parenthesis was no boolean one */
		} else if (is(&t, "not")) {
			push(c, NOT);
		} else if (is(&t, "(")) {
			push(c, OPEN);
		} else {
			t = read_leaf(s, c, t);
			operand_next = false;
			continue;
		}
		t = next(s);
	}
	settle(c, OR);
	c->unknown |= operand_next || c->waiting_count;
}

/* ---- rules ---- */

/* Between "{" and "}" of a rule. */
static void read_body(struct source *s, struct condition *c)
{
	bool strings = false;
	struct token t = next(s), before = t;

	while (t.kind != END && !is(&t, "}")) {
		if (is(&t, ":")) {
			strings = is(&before, "strings");
			if (is(&before, "condition")) {
				read_condition(s, c);
				return;
			}
		}
		if (strings && is(&t, "{"))
			skip_hex(s);
		before = t;
		t = next(s);
	}
}

static bool add_rule(struct yara_rules *r, const char *file, const struct token *name, bool global,
		     bool private_rule, const struct condition *c)
{
	struct yara_compiled *rule = yara_add(r);
	uint32_t steps = c->unknown || !c->steps ? 1 : c->steps;
	struct yara_step *step = arena_alloc(r->arena, steps * sizeof(*step));

	if (!rule || !step)
		return false;
	if (!c->unknown && c->steps)
		memcpy(step, c->step, steps * sizeof(*step)); /* else one step, unknown */
	rule->rule.name = arena_text(r->arena, name->at, name->len);
	rule->rule.file = file;
	rule->rule.line = name->line;
	rule->rule.private_rule = private_rule;
	rule->rule.wants_hash = c->wants_hash;
	rule->global = global;
	r->globals += global;
	rule->text = r->texts;
	rule->step = step;
	rule->steps = steps;
	return rule->rule.name != NULL;
}

bool yara_source_read(struct yara_rules *r, const char *file, const char *text, size_t len)
{
	static _Thread_local struct condition c;
	struct source s = {.p = text, .end = text + len, .line = 1};
	bool global = false, private_rule = false;
	struct token t = next(&s), name;

	for (; t.kind != END; t = next(&s)) {
		global |= is(&t, "global");
		private_rule |= is(&t, "private");
		if (!is(&t, "rule"))
			continue;
		name = next(&s);
		t = name;
		while (t.kind != END && !is(&t, "{"))
			t = next(&s);
		if (name.kind != WORD || name.len > YARA_TOKEN_MAX || t.kind == END)
			continue;
		c.r = r;
		c.steps = c.waiting_count = 0;
		c.unknown = c.wants_hash = false;
		read_body(&s, &c);
		if (!add_rule(r, file, &name, global, private_rule, &c))
			return false;
		global = private_rule = false;
	}
	return true;
}
