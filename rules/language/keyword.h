/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The keyword table as C: one row a keyword, found by any of its names.
 */
#ifndef LANGUAGE_KEYWORD_H
#define LANGUAGE_KEYWORD_H

#include <stdbool.h>
#include <stddef.h>

#include "rules/rule.h"

enum keyword_place {
	PLACE_NONE,
	PLACE_META,
	PLACE_PACKET,
	PLACE_APP,
	PLACE_BUFFER,
	PLACE_MODIFIER,
	PLACE_LEGACY,
	PLACE_CONTENT,
	PLACE_TRANSFORM,
	PLACE_POST,
	PLACE_LIMIT,
};

struct draft;
struct scan;
struct keyword_row;

/* Reads the argument into the draft. false: the draft holds the problem. */
typedef bool keyword_parser(struct draft *d, const struct keyword_row *row, struct scan *arg);

struct keyword_row {
	const char *name, *aliases;
	keyword_parser *parse;
	enum keyword_place place;
	const char *about, *traits, *doc;
};

/* By enum keyword; [KEYWORD_none] has no name. */
extern const struct keyword_row keyword_rows[KEYWORD_COUNT];

/* Any spelling, any case; NULL: there is no such keyword. */
const struct keyword_row *keyword_find(const char *name, size_t len);
/* The name most like a wrong one, NULL if none is near. */
const char *keyword_near(const char *name, size_t len);

static inline enum keyword keyword_id(const struct keyword_row *row)
{
	return (enum keyword)(row - keyword_rows);
}

bool keyword_has(const struct keyword_row *row, char trait);
const char *keyword_place_name(enum keyword_place place);

#endif
