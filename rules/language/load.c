/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From the text of one rule to the rule. One thread.
 */
#include "rules/language/load.h"

#include <string.h>

void language_init(struct language *l, struct arena *arena, const struct ruleset_options *o)
{
	*l = (struct language){.arena = arena, .options = o};
	names_init(&l->flowbits, arena);
	names_init(&l->xbits, arena);
	names_init(&l->hostbits, arena);
	names_init(&l->flowints, arena);
	names_init(&l->address_sets, arena);
	names_init(&l->port_sets, arena);
	names_init(&l->patterns, arena);
}

void language_clear(struct language *l)
{
	names_clear(&l->flowbits);
	names_clear(&l->xbits);
	names_clear(&l->hostbits);
	names_clear(&l->flowints);
	names_clear(&l->address_sets);
	names_clear(&l->port_sets);
	names_clear(&l->patterns);
}

/* Are the next eight bytes from ' ' to '~'? (In each byte: no upper bit, not below 0x20, not 0x7f.) */
static bool eight_plain(const char *p)
{
	const uint64_t ones = 0x0101010101010101u, uppers = 0x80 * ones;
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return !((v | (v - 0x20 * ones) | (v + ones)) & uppers);
}

/* Bytes that may not stand in a rule: control characters, and what is not UTF-8 (RFC 3629). */
static const char *text_bad(const char *p, const char *end)
{
	while (p < end) {
		unsigned char c;

		while (end - p >= 8 && eight_plain(p))
			p += 8;
		if (p == end)
			break;
		c = (unsigned char)*p;
		size_t more = c < 0x80                ? 0
			      : c >= 0xc2 && c < 0xe0 ? 1
			      : c >= 0xe0 && c < 0xf0 ? 2
			      : c >= 0xf0 && c < 0xf5 ? 3
						      : 9;

		if ((c < 0x20 && c != '\t' && c != '\r' && c != '\n') || c == 0x7f || more == 9 ||
		    (size_t)(end - p) <= more)
			return p;
		if ((c == 0xe0 && (unsigned char)p[1] < 0xa0) ||
		    (c == 0xed && (unsigned char)p[1] > 0x9f) ||
		    (c == 0xf0 && (unsigned char)p[1] < 0x90) ||
		    (c == 0xf4 && (unsigned char)p[1] > 0x8f))
			return p;
		for (size_t i = 1; i <= more; i++)
			if (((unsigned char)p[i] & 0xc0) != 0x80)
				return p;
		p += more + 1;
	}
	return NULL;
}

static bool rule_read_text(struct draft *d)
{
	struct scan rest = {d->text, d->text_end};
	const char *bad;

	if (scan_left(&rest) > RULE_TEXT_MAX)
		return draft_fail(d, d->text, "make several rules of it",
				  "the rule has %zu bytes, more than %d", scan_left(&rest),
				  RULE_TEXT_MAX);
	bad = text_bad(d->text, d->text_end);
	if (bad)
		return draft_fail(d, bad, "write other bytes in contents as |hex|, texts in UTF-8",
				  "byte 0x%02x is no character of UTF-8 text", (unsigned char)*bad);
	return header_parse(d, &rest) && options_parse(d, &rest) &&
	       (d->skip || (draft_validate(d) && draft_arrange(d)));
}

struct rule *rule_read(struct draft *d)
{
	struct rule *r = arena_alloc(d->l->arena, sizeof(*r));

	draft_reset(d);
	d->rule = r;
	if (!r) {
		draft_no_memory(d);
		return NULL;
	}
	r->gid = 1;
	r->priority = 3;
	r->msg = "";
	r->category = "";
	r->text = d->text;
	if (!rule_read_text(d) || d->skip)
		return NULL;
	return r;
}
