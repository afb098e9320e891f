/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The parsers that the keyword table names: parse_PARSER, one or several keywords each.
 */
#ifndef LANGUAGE_PARSERS_H
#define LANGUAGE_PARSERS_H

#include "rules/language/keyword.h"

#define KEYWORD(id, name, aliases, parser, place, about, traits, doc)                              \
	bool parse_##parser(struct draft *d, const struct keyword_row *row, struct scan *arg);
#include "rules/language/keywords.def"
#undef KEYWORD

#endif
