/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Conditions (Sigma Rules Specification, "Condition"):
 *
 *   or-term: and-term {"or" and-term}     and-term: term {"and" term}     term: "not" term |
 *   "(" or-term ")" | selection | ("1" | "any" | "all") "of" ("them" | pattern with "*")
 *
 * then, in rules of the older form, "|" and an aggregation. A list of conditions is "or". "them"
 * leaves out selections whose name begins with "_".
 *
 * Read with a stack of waiting operators instead of recursion, into steps that work on one truth
 * value: after the left side of "and" a step skips the right one if the value is false already.
 */
#include <stdio.h>
#include <string.h>

#include "control/behaviour/sigma_private.h"

enum operator{ OPEN, OR, AND, NOT }; /* in the order of how tight they bind */

struct compiler {
	struct reading *r;
	const yaml_node_t *at;
	struct sigma_step step[STEPS_MAX];
	uint32_t steps;
	struct {
		enum operator operator;
		uint32_t skip; /* OR, AND: the step to be completed */
	} waiting[OPERATORS_MAX];
	uint32_t waiting_count;
	bool operand_next;
};

static bool emit(struct compiler *c, enum step_kind kind, uint32_t n)
{
	if (c->steps == STEPS_MAX)
		return reading_fail(c->r, c->at, "the condition has more than %d steps", STEPS_MAX);
	c->step[c->steps++] = (struct sigma_step){kind, n};
	return true;
}

static bool push(struct compiler *c, enum operator operator)
{
	uint32_t skip = c->steps;

	if (c->waiting_count == OPERATORS_MAX)
		return reading_fail(c->r, c->at, "the condition is nested deeper than %d",
				    OPERATORS_MAX);
	if (operator== OR || operator== AND)
		if (!emit(c, operator== OR ? STEP_SKIP_IF_TRUE : STEP_SKIP_IF_FALSE, 0))
			return false;
	c->waiting[c->waiting_count].operator= operator;
	c->waiting[c->waiting_count++].skip = skip;
	return true;
}

/* Ends waiting operators that bind at least as tightly. */
static bool settle(struct compiler *c, enum operator least)
{
	while (c->waiting_count && c->waiting[c->waiting_count - 1].operator>= least) {
		enum operator top = c->waiting[--c->waiting_count].operator;

		if (top == OPEN) {
			c->waiting_count++;
			return true;
		}
		if (top == NOT) {
			if (!emit(c, STEP_NOT, 0))
				return false;
		} else {
			c->step[c->waiting[c->waiting_count].skip].n = c->steps;
		}
	}
	return true;
}

static bool binary(struct compiler *c, enum operator operator, const char * word)
{
	if (c->operand_next)
		return reading_fail(c->r, c->at, "condition: there is nothing before \"%s\"", word);
	c->operand_next = true;
	return settle(c, operator) && push(c, operator);
}

static bool close_paren(struct compiler *c)
{
	if (c->operand_next)
		return reading_fail(c->r, c->at, "condition: something is missing before \")\"");
	if (!settle(c, OR))
		return false;
	if (!c->waiting_count)
		return reading_fail(c->r, c->at, "condition: there is a \")\" without its \"(\"");
	c->waiting_count--;
	return true;
}

static bool name_fits(const char *name, const char *pattern, size_t len)
{
	size_t star = 0;

	while (star < len && pattern[star] != '*')
		star++;
	if (star == len)
		return strlen(name) == len && memcmp(name, pattern, len) == 0;
	/* One star is what the specification has; what follows it must end the name. */
	return strlen(name) >= len - 1 && memcmp(name, pattern, star) == 0 &&
	       memcmp(name + strlen(name) - (len - star - 1), pattern + star + 1, len - star - 1) ==
		       0;
}

/* "1 of sel*": tests joined by "or"; "all of": by "and". */
static bool some_of(struct compiler *c, bool all, const char *pattern, size_t len)
{
	bool them = len == 4 && memcmp(pattern, "them", 4) == 0, found = false;
	uint32_t skips[SELECTIONS_MAX], count = 0;

	for (uint32_t i = 0; i < c->r->selections; i++) {
		const char *name = c->r->selection[i].name;

		if (them ? *name == '_' : !name_fits(name, pattern, len))
			continue;
		if (found) {
			skips[count++] = c->steps;
			if (!emit(c, all ? STEP_SKIP_IF_FALSE : STEP_SKIP_IF_TRUE, 0))
				return false;
		}
		found = true;
		if (!emit(c, STEP_TEST, i))
			return false;
	}
	for (uint32_t i = 0; i < count; i++)
		c->step[skips[i]].n = c->steps;
	if (!found)
		return reading_fail(c->r, c->at, "condition: no selection is called %.*s",
				    len > 60 ? 60 : (int)len, pattern);
	return true;
}

static bool test_one(struct compiler *c, const char *word, size_t len)
{
	for (uint32_t i = 0; i < c->r->selections; i++)
		if (strlen(c->r->selection[i].name) == len &&
		    memcmp(c->r->selection[i].name, word, len) == 0)
			return emit(c, STEP_TEST, i);
	return reading_fail(c->r, c->at, "condition: no selection is called %.*s",
			    len > 60 ? 60 : (int)len, word);
}

static bool is(const char *word, size_t len, const char *what)
{
	return strlen(what) == len && strncasecmp(word, what, len) == 0;
}

/* The next word of the text: a run of letters, or one of ( ) |. Length 0: the end. */
static size_t next_word(const char **text)
{
	*text += strspn(*text, " \t\r\n");
	if (**text == '(' || **text == ')' || **text == '|')
		return 1;
	return strcspn(*text, " \t\r\n()|");
}

static bool operand(struct compiler *c, const char **text, const char *word, size_t len)
{
	const char *next = word + len;
	size_t n = next_word(&next);

	if (!c->operand_next)
		return reading_fail(c->r, c->at,
				    "condition: \"and\" or \"or\" is missing before %.*s",
				    len > 60 ? 60 : (int)len, word);
	c->operand_next = false;
	if (!is(next, n, "of"))
		return test_one(c, word, len);
	if (!is(word, len, "1") && !is(word, len, "any") && !is(word, len, "all"))
		return reading_fail(c->r, c->at,
				    "condition: before \"of\" stands 1, any or all, not %.*s",
				    len > 60 ? 60 : (int)len, word);
	next += n;
	n = next_word(&next);
	*text = next + n;
	return some_of(c, is(word, len, "all"), next, n);
}

static bool compile(struct compiler *c, const char *text, const char **aggregation)
{
	size_t len;

	c->operand_next = true;
	while ((len = next_word(&text)) != 0) {
		const char *word = text;
		bool good;

		text += len;
		if (*word == '|') {
			*aggregation = text;
			break;
		}
		if (*word == '(' && !c->operand_next)
			return reading_fail(c->r, c->at,
					    "condition: \"and\" or \"or\" is missing before \"(\"");
		if (*word == '(')
			good = push(c, OPEN);
		else if (*word == ')')
			good = close_paren(c);
		else if (is(word, len, "and"))
			good = binary(c, AND, "and");
		else if (is(word, len, "or"))
			good = binary(c, OR, "or");
		else if (is(word, len, "not") && c->operand_next)
			good = push(c, NOT);
		else
			good = operand(c, &text, word, len);
		if (!good)
			return false;
	}
	if (c->operand_next)
		return reading_fail(c->r, c->at, "condition: something is missing at its end");
	if (!settle(c, OR))
		return false;
	if (c->waiting_count)
		return reading_fail(c->r, c->at, "condition: there is a \"(\" without its \")\"");
	return true;
}

static bool compile_list(struct compiler *c, const yaml_node_t *list)
{
	uint32_t skips[64], count = 0;

	for (yaml_node_item_t *i = list->data.sequence.items.start;
	     i < list->data.sequence.items.top; i++) {
		const yaml_node_t *one = reading_node(c->r, *i);
		const char *aggregation = NULL;

		if (i > list->data.sequence.items.start) {
			if (count == 64)
				return reading_fail(c->r, list,
						    "there are more than 64 conditions");
			skips[count++] = c->steps;
			if (!emit(c, STEP_SKIP_IF_TRUE, 0))
				return false;
		}
		if (!compile(c, scalar_text(one), &aggregation))
			return false;
		if (aggregation)
			return reading_fail(c->r, one,
					    "an aggregation cannot stand in a list of conditions");
	}
	for (uint32_t i = 0; i < count; i++)
		c->step[skips[i]].n = c->steps;
	return c->steps || reading_fail(c->r, list, "the condition is empty");
}

bool condition_read(struct reading *r, const yaml_node_t *n, struct sigma_program *program,
		    const char **aggregation)
{
	static _Thread_local struct compiler c;
	bool good;

	c.r = r;
	c.at = n;
	c.steps = c.waiting_count = 0;
	*aggregation = NULL;
	if (n->type == YAML_SEQUENCE_NODE)
		good = compile_list(&c, n);
	else
		good = compile(&c, scalar_text(n), aggregation);
	if (!good)
		return false;
	program->step = reading_alloc(r, c.steps * sizeof(*c.step));
	if (!program->step)
		return false;
	memcpy((void *)(uintptr_t)program->step, c.step, c.steps * sizeof(*c.step));
	program->steps = c.steps;
	return true;
}
