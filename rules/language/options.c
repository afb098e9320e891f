/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The options of a rule: split at `;`, the keyword looked up, its argument freed of `!` and quotes
 * and handed to the keyword's parser.
 */
#include "rules/language/draft.h"

#include <stdio.h>

#include "rules/language/parsers.h"

/* One option without its `;`. false at the end, or with a problem noted. */
static bool option_next(struct draft *d, struct scan *body, struct scan *option)
{
	const char *p;

	scan_skip(body);
	if (scan_done(body))
		return false;
	for (p = body->p; p < body->end && *p != ';'; p++)
		if (*p == '\\' && p + 1 < body->end)
			p++;
	if (p >= body->end)
		return draft_fail(d, body->p, "end every option with a semicolon",
				  "the option has no semicolon at its end");
	*option = (struct scan){body->p, p};
	body->p = p + 1;
	return true;
}

/* Takes quotes off where the keyword has them. */
static bool option_unquote(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	bool needs = keyword_has(row, 'Q'), may = needs || keyword_has(row, 'q');

	if (scan_done(arg))
		return true;
	if (*arg->p != '"')
		return !needs || draft_fail(d, arg->p, "put the argument in double quotes",
					    "%s: the argument is not in quotes", row->name);
	if (!may)
		return draft_fail(d, arg->p, "remove the quotes", "%s: no quotes are allowed here",
				  row->name);
	while (arg->end > arg->p && char_blank(arg->end[-1]))
		arg->end--;
	if (arg->end - arg->p < 2 || arg->end[-1] != '"')
		return draft_fail(
			d, arg->p,
			"close the quotes; a quote inside is written \\\", a semicolon \\;",
			"%s: the quotes are not closed before the semicolon", row->name);
	arg->p++;
	arg->end--;
	if (scan_done(arg))
		return draft_fail(d, arg->p, "write something between the quotes",
				  "%s: the argument is empty", row->name);
	return true;
}

static bool option_read(struct draft *d, const struct keyword_row *row, struct scan *arg,
			bool given)
{
	scan_skip(arg);
	if (given && scan_done(arg) && !keyword_has(row, '?'))
		return draft_fail(d, NULL,
				  keyword_has(row, '0') ? "remove the colon" : "write its argument",
				  "%s: there is a colon but no argument", row->name);
	/* A buffer of both directions may be told which, in a rule with =>. */
	if (keyword_has(row, '0') && !scan_done(arg) &&
	    !(row->place == PLACE_BUFFER && keyword_has(row, 'S') && keyword_has(row, 'C')))
		return draft_fail(d, arg->p, "remove the argument", "%s takes no argument",
				  row->name);
	if (!keyword_has(row, '0') && !keyword_has(row, '?') && scan_done(arg))
		return draft_fail(d, NULL, "write its argument", "%s has no argument", row->name);
	d->negated = false;
	if (keyword_has(row, '!') && scan_take(arg, '!')) {
		d->negated = true;
		scan_skip(arg);
		if (scan_done(arg))
			return draft_fail(d, arg->p, "write what is negated",
					  "%s: nothing stands behind the exclamation mark",
					  row->name);
	}
	return option_unquote(d, row, arg) && row->parse(d, row, arg);
}

static struct scan option_name(struct scan *option)
{
	struct scan name = {option->p, option->p};

	while (name.end < option->end && *name.end != ':')
		name.end++;
	option->p = name.end;
	scan_trim(&name);
	return name;
}

static bool option_parse(struct draft *d, struct scan option)
{
	struct scan name = option_name(&option);
	const struct keyword_row *row = keyword_find(name.p, scan_left(&name));
	bool given = !scan_done(&option);
	char advice[128];

	d->at = name.p;
	if (scan_done(&name))
		return draft_fail(d, name.p, "remove the extra semicolon", "an option is empty");
	if (!row) {
		const char *near = keyword_near(name.p, scan_left(&name));

		snprintf(advice, sizeof(advice), near ? "did you mean %s?" : "remove the rule%s",
			 near ? near : "");
		return draft_fail(d, name.p, advice, "keyword %.*s does not exist",
				  scan_left(&name) > 60 ? 60 : (int)scan_left(&name), name.p);
	}
	if (given)
		option.p++;
	return option_read(d, row, &option, given);
}

/* requires stands above the rest: a rule that asks for more than we have is skipped, whatever
 * else is in it. */
static bool options_requires(struct draft *d, struct scan body)
{
	struct scan option = {NULL, NULL}, name;

	while (option_next(d, &body, &option)) {
		name = option_name(&option);
		if (scan_is_nocase(&name, "requires") &&
		    !option_parse(d, (struct scan){name.p, option.end}))
			return false;
		if (d->skip)
			return true;
	}
	return !d->problem_at;
}

bool options_parse(struct draft *d, struct scan *body)
{
	struct scan option = {NULL, NULL};

	scan_trim(body);
	if (scan_done(body) || *body->p != '(')
		return draft_fail(d, body->p, "put the options in ( )",
				  "no opening parenthesis behind the destination port");
	if (body->end[-1] != ')' || scan_left(body) < 2)
		return draft_fail(d, body->end - 1, "end the rule with )",
				  "no closing parenthesis at the end of the rule");
	body->p++;
	body->end--;
	if (memmem(body->p, scan_left(body), "requires", 8) && !options_requires(d, *body))
		return false;
	if (d->skip)
		return true;
	while (option_next(d, body, &option))
		if (!option_parse(d, option))
			return false;
	return !d->problem_at;
}
