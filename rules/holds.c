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

bool match_is_relative(const struct match *m)
{
	switch (match_member(m->keyword)) {
	case MEMBER_content:
		return m->u.content.flags & (CONTENT_DISTANCE | CONTENT_WITHIN);
	case MEMBER_pcre:
		return m->u.pcre.flags & PCRE_RELATIVE;
	case MEMBER_isdataat:
		return m->u.isdataat.relative;
	case MEMBER_byte:
		return m->u.byte.flags & BYTE_RELATIVE;
	case MEMBER_base64:
		return m->u.base64.relative;
	default:
		return false;
	}
}
