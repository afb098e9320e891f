/* SPDX-License-Identifier: BSD-3-Clause */
#include "rules/keywords.h"

#include "rules/language/keyword.h"

bool keyword_info_get(size_t i, struct keyword_info *out)
{
	const struct keyword_row *row;

	if (i + 1 >= KEYWORD_COUNT)
		return false;
	row = &keyword_rows[i + 1];
	*out = (struct keyword_info){
		.name = row->name,
		.aliases = row->aliases,
		.place = keyword_place_name(row->place),
		.about = row->about,
		.doc = row->doc,
	};
	return true;
}
