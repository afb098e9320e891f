/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Sets of ports: what is listed less what is excluded; all ports where only exclusions are listed.
 */
#include "rules/language/header.h"

#define PORTS 65536
#define WORDS (PORTS / 64)

struct port_walk {
	struct set_walk walk;                 /* first */
	uint64_t with[WORDS], without[WORDS]; /* a bit a port */
	bool some;
};

static void ports_mark(uint64_t *words, unsigned low, unsigned high)
{
	for (unsigned w = low / 64; w <= high / 64; w++) {
		uint64_t from = w == low / 64 ? ~0ull << low % 64 : ~0ull;
		uint64_t to = w == high / 64 ? ~0ull >> (63 - high % 64) : ~0ull;

		words[w] |= from & to;
	}
}

/* The next port from `from` on that is in the set, or is not; PORTS if there is none. */
static unsigned ports_next(const uint64_t *words, unsigned from, bool in)
{
	for (; from < PORTS; from = (from / 64 + 1) * 64) {
		uint64_t word = (in ? words[from / 64] : ~words[from / 64]) & ~0ull << from % 64;

		if (word)
			return from / 64 * 64 + (unsigned)__builtin_ctzll(word);
	}
	return PORTS;
}

static bool port_item(struct set_walk *w, const struct scan *item, bool excluded)
{
	static const char advice[] = "write a port from 0 to 65535 or a range a:b";
	struct port_walk *pw = (struct port_walk *)w;
	uint64_t low = 0, high = PORTS - 1;
	struct scan rest = *item;

	if (scan_is_nocase(item, "any")) {
		if (excluded)
			return set_fail(w, item, "remove it", "!any leaves no port");
	} else if (memchr(item->p, ':', scan_left(item))) {
		struct scan first = scan_until(&rest, ':');

		scan_trim(&rest);
		if ((!scan_done(&first) && !scan_whole(first, PORTS - 1, &low)) ||
		    (!scan_done(&rest) && !scan_whole(rest, PORTS - 1, &high)) || low > high ||
		    (scan_done(&first) && scan_done(&rest)))
			return set_fail(w, item, advice, "\"%.*s\" is no range of ports",
					SCAN_ARG(item));
	} else {
		if (!scan_whole(rest, PORTS - 1, &low))
			return set_fail(w, item, advice, "\"%.*s\" is no port", SCAN_ARG(item));
		high = low;
	}
	ports_mark(excluded ? pw->without : pw->with, (unsigned)low, (unsigned)high);
	pw->some |= !excluded;
	return true;
}

static bool port_set_make(struct port_walk *pw, const struct scan *text, struct port_set *out)
{
	struct draft *d = pw->walk.d;
	struct port_range *ranges;
	uint32_t count = 0;

	if (!pw->some)
		ports_mark(pw->with, 0, PORTS - 1);
	for (unsigned i = 0; i < WORDS; i++)
		pw->with[i] &= ~pw->without[i];
	for (unsigned at = ports_next(pw->with, 0, true); at < PORTS;
	     at = ports_next(pw->with, ports_next(pw->with, at, false), true))
		count++;
	if (!count)
		return draft_fail(d, text->p, "exclude less", "no port is left in \"%.*s\"",
				  scan_left(text) > 80 ? 80 : (int)scan_left(text), text->p);
	ranges = arena_alloc(d->l->arena, count * sizeof(*ranges));
	if (!ranges)
		return draft_no_memory(d);
	*out = (struct port_set){.ranges = ranges, .count = count};
	count = 0;
	for (unsigned at = ports_next(pw->with, 0, true); at < PORTS;) {
		unsigned behind = ports_next(pw->with, at, false);

		ranges[count++] = (struct port_range){(uint16_t)at, (uint16_t)(behind - 1)};
		at = ports_next(pw->with, behind, true);
	}
	out->any = count == 1 && ranges[0].low == 0 && ranges[0].high == PORTS - 1;
	return true;
}

bool port_set_parse(struct draft *d, const struct scan *text, struct port_set *out)
{
	const struct ruleset_variables *v = &d->l->options->variables;
	struct name_entry *known = names_find(&d->l->port_sets, text->p, scan_left(text));
	struct port_walk pw;
	struct port_set *kept;
	bool ok;

	if (known && known->value) {
		*out = *(const struct port_set *)known->value;
		return true;
	}
	memset(&pw, 0, sizeof(pw));
	pw.walk = (struct set_walk){d,    "port", v->port_names, v->port_values, v->port_count,
				    NULL, 0,      false,         port_item};
	ok = set_walk(&pw.walk, *text) && port_set_make(&pw, text, out);
	if (!ok)
		return false;
	kept = arena_copy(d->l->arena, out, sizeof(*out));
	known = names_entry(&d->l->port_sets, text->p, scan_left(text));
	if (known)
		known->value = kept;
	return true;
}
