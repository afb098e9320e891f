/* SPDX-License-Identifier: BSD-3-Clause */
#include "rules/holds.h"

enum parser_member {
#define HOLDS(parser, member) PARSER_##parser = MEMBER_##member,
#include "rules/language/holds.def"
#undef HOLDS
};

enum match_member match_member(unsigned keyword)
{
	static const uint8_t members[KEYWORD_COUNT] = {
#define KEYWORD(id, name, aliases, parser, place, about, traits, doc) [KEYWORD_##id] = (uint8_t)PARSER_##parser,
#include "rules/language/keywords.def"
#undef KEYWORD
	};

	return keyword < KEYWORD_COUNT ? (enum match_member)members[keyword] : MEMBER_nothing;
}
