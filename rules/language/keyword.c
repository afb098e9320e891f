/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The keyword table and its index. The index is filled before main runs and never changes after:
 * any thread may look up.
 */
#include "rules/language/keyword.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "rules/language/parsers.h"

#define PLACE_(x) PLACE_##x

const struct keyword_row keyword_rows[KEYWORD_COUNT] = {
	[KEYWORD_none] = {"", "", NULL, PLACE_NONE, "", "", ""},
#define KEYWORD(id, name, aliases, parser, place, about, traits, doc)                              \
	[KEYWORD_##id] = {name, aliases, parse_##parser, PLACE_(place), about, traits, doc},
#include "rules/language/keywords.def"
#undef KEYWORD
};

/* Open addressing; names and aliases are about 450. */
#define SLOTS 2048

struct keyword_slot {
	const char *name;
	size_t len;
	const struct keyword_row *row;
};

static struct keyword_slot keyword_slots[SLOTS];

static unsigned name_hash(const char *name, size_t len)
{
	unsigned h = 2166136261u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned)tolower((unsigned char)name[i])) * 16777619u;
	return (h ^ h >> 15) % SLOTS;
}

static void keyword_enter(const char *name, size_t len, const struct keyword_row *row)
{
	unsigned at = name_hash(name, len);

	while (keyword_slots[at].name)
		at = (at + 1) % SLOTS;
	keyword_slots[at] = (struct keyword_slot){name, len, row};
}

__attribute__((constructor)) static void keyword_index(void)
{
	for (size_t i = 1; i < KEYWORD_COUNT; i++) {
		const struct keyword_row *row = &keyword_rows[i];
		const char *alias = row->aliases;

		keyword_enter(row->name, strlen(row->name), row);
		while (*alias) {
			size_t len = strcspn(alias, " ");

			keyword_enter(alias, len, row);
			alias += len + strspn(alias + len, " ");
		}
	}
}

const struct keyword_row *keyword_find(const char *name, size_t len)
{
	unsigned at = name_hash(name, len);

	for (; keyword_slots[at].name; at = (at + 1) % SLOTS)
		if (keyword_slots[at].len == len &&
		    strncasecmp(keyword_slots[at].name, name, len) == 0)
			return keyword_slots[at].row;
	return NULL;
}

/* Edit distance of two short names. */
static unsigned name_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned row[65];

	if (a_len > 64 || b_len > 64)
		return 64;
	for (unsigned k = 0; k <= b_len; k++)
		row[k] = k;
	for (size_t i = 1; i <= a_len; i++) {
		unsigned corner = row[0];

		row[0] = (unsigned)i;
		for (size_t k = 1; k <= b_len; k++) {
			unsigned best = corner + (tolower((unsigned char)a[i - 1]) != b[k - 1]);

			corner = row[k];
			if (row[k] + 1 < best)
				best = row[k] + 1;
			if (row[k - 1] + 1 < best)
				best = row[k - 1] + 1;
			row[k] = best;
		}
	}
	return row[b_len];
}

const char *keyword_near(const char *name, size_t len)
{
	unsigned best = 3;
	const char *near = NULL;

	for (size_t i = 0; i < SLOTS; i++) {
		unsigned distance;

		if (!keyword_slots[i].name)
			continue;
		distance = name_distance(name, len, keyword_slots[i].name, keyword_slots[i].len);
		if (distance < best && distance < len) {
			best = distance;
			near = keyword_slots[i].row->name;
		}
	}
	return near;
}

bool keyword_has(const struct keyword_row *row, char trait)
{
	return strchr(row->traits, trait) != NULL;
}

const char *keyword_place_name(enum keyword_place place)
{
	static const char *const names[] = {"none",      "meta",     "packet",       "transaction",
					    "buffer",    "modifier", "old modifier", "content",
					    "transform", "after",    "limit"};

	return names[place];
}
