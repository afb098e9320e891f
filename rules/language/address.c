/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Sets of addresses: what is listed less what is excluded, each family for itself. A family of
 * which only exclusions are listed starts from all of its addresses; one that is not named at all
 * is not in the set.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "rules/language/header.h"
#include "rules/language/load.h"

struct range_list {
	struct addr_range *items;
	uint32_t count, space;
};

struct address_walk {
	struct set_walk walk; /* first */
	struct range_list with, without;
	bool any;
};

static bool range_add(struct draft *d, struct range_list *l, const struct addr_range *r)
{
	if (l->count == l->space) {
		uint32_t space = l->space ? l->space * 2 : 64;
		struct addr_range *items = realloc(l->items, space * sizeof(*items));

		if (!items)
			return draft_no_memory(d);
		l->items = items;
		l->space = space;
	}
	l->items[l->count++] = *r;
	return true;
}

static unsigned family_bytes(int ip_version)
{
	return ip_version == 4 ? 4 : 16;
}

/* Next and previous address; false where there is none. */
static bool addr_step(struct addr *a, int ip_version, bool up)
{
	for (unsigned i = family_bytes(ip_version); i-- > 0;) {
		if (up ? ++a->b[i] != 0 : a->b[i]-- != 0)
			return true;
	}
	return false;
}

static struct addr_range range_all(int ip_version)
{
	struct addr_range r = {.ip_version = (uint8_t)ip_version};

	memset(r.high.b, 0xff, family_bytes(ip_version));
	return r;
}

static struct addr_range range_prefix(const struct addr *a, int ip_version, unsigned bits)
{
	struct addr_range r = {*a, *a, (uint8_t)ip_version};

	for (unsigned i = 0; i < family_bytes(ip_version); i++) {
		unsigned keep = bits >= (i + 1) * 8 ? 8 : bits > i * 8 ? bits - i * 8 : 0;
		uint8_t mask = (uint8_t)(0xff00u >> keep);

		r.low.b[i] &= mask;
		r.high.b[i] |= (uint8_t)~mask;
	}
	return r;
}

/* "255.255.0.0" → 16; -1 when the ones are not all in front. */
static int mask_bits(const struct addr *mask)
{
	uint32_t m = get_be32(mask->b);
	int bits = m ? __builtin_popcount(m) : 0;

	return m == (bits ? ~0u << (32 - bits) : 0) ? bits : -1;
}

static int scan_addr(const struct scan *s, struct addr *out)
{
	char text[64];

	if (scan_left(s) >= sizeof(text))
		return 0;
	snprintf(text, sizeof(text), "%.*s", SCAN_ARG(s));
	return addr_parse(text, out);
}

static bool address_item(struct set_walk *w, const struct scan *item, bool excluded)
{
	static const char advice[] =
		"write an address, a network such as 10.0.0.0/8 or a range a-b";
	struct address_walk *aw = (struct address_walk *)w;
	struct range_list *list = excluded ? &aw->without : &aw->with;
	struct scan rest = *item, head;
	struct addr_range r;
	struct addr low, high;
	int version, bits;
	uint64_t n;

	if (scan_is_nocase(item, "any")) {
		struct addr_range all4 = range_all(4), all6 = range_all(6);

		if (excluded)
			return set_fail(w, item, "remove it", "!any leaves no address");
		aw->any = true;
		return range_add(w->d, list, &all4) && range_add(w->d, list, &all6);
	}
	if (memchr(item->p, '/', scan_left(item))) {
		head = scan_until(&rest, '/');
		version = scan_addr(&head, &low);
		if (version && scan_whole(rest, version == 4 ? 32 : 128, &n))
			bits = (int)n;
		else if (version == 4 && scan_addr(&rest, &high) == 4)
			bits = mask_bits(&high);
		else
			bits = -1;
		if (!version || bits < 0)
			return set_fail(w, item, advice, "\"%.*s\" is no network", SCAN_ARG(item));
		r = range_prefix(&low, version, (unsigned)bits);
		return range_add(w->d, list, &r);
	}
	if (memchr(item->p, '-', scan_left(item))) {
		head = scan_until(&rest, '-');
		scan_trim(&rest);
		version = scan_addr(&head, &low);
		if (!version || scan_addr(&rest, &high) != version ||
		    memcmp(&low, &high, sizeof(low)) > 0)
			return set_fail(w, item, advice, "\"%.*s\" is no range of addresses",
					SCAN_ARG(item));
		r = (struct addr_range){low, high, (uint8_t)version};
		return range_add(w->d, list, &r);
	}
	version = scan_addr(item, &low);
	if (!version)
		return set_fail(w, item, advice, "\"%.*s\" is no address", SCAN_ARG(item));
	r = (struct addr_range){low, low, (uint8_t)version};
	return range_add(w->d, list, &r);
}

static int range_compare(const void *a, const void *b)
{
	const struct addr_range *x = a, *y = b;

	if (x->ip_version != y->ip_version)
		return x->ip_version - y->ip_version;
	return memcmp(&x->low, &y->low, sizeof(x->low));
}

/* Sorts; joins what touches or overlaps. */
static void range_list_normalise(struct range_list *l)
{
	uint32_t kept = 0;

	if (l->count > 1)
		qsort(l->items, l->count, sizeof(*l->items), range_compare);
	for (uint32_t i = 0; i < l->count; i++) {
		struct addr_range *last = kept ? &l->items[kept - 1] : NULL, *r = &l->items[i];

		if (last && last->ip_version == r->ip_version) {
			struct addr after = last->high;
			bool more = addr_step(&after, last->ip_version, true);

			if (!more || memcmp(&r->low, &after, sizeof(after)) <= 0) {
				if (memcmp(&r->high, &last->high, sizeof(r->high)) > 0)
					last->high = r->high;
				continue;
			}
		}
		l->items[kept++] = *r;
	}
	l->count = kept;
}

/* A family that is only excluded from starts from all of it. */
static bool families_complete(struct draft *d, struct range_list *with,
			      const struct range_list *without)
{
	for (int version = 4; version <= 6; version += 2) {
		bool in = false, out = false;
		struct addr_range all = range_all(version);

		for (uint32_t i = 0; i < with->count; i++)
			in |= with->items[i].ip_version == version;
		for (uint32_t i = 0; i < without->count; i++)
			out |= without->items[i].ip_version == version;
		if (out && !in && !range_add(d, with, &all))
			return false;
	}
	return true;
}

/* What is left of one range when the sorted exclusions are taken out. */
static bool range_subtract(struct draft *d, struct range_list *out, struct addr_range r,
			   const struct range_list *without)
{
	for (uint32_t i = 0; i < without->count; i++) {
		const struct addr_range *w = &without->items[i];
		struct addr_range before = r;

		if (w->ip_version != r.ip_version || memcmp(&w->high, &r.low, sizeof(r.low)) < 0 ||
		    memcmp(&w->low, &r.high, sizeof(r.low)) > 0)
			continue;
		if (memcmp(&w->low, &r.low, sizeof(r.low)) > 0) {
			before.high = w->low;
			addr_step(&before.high, r.ip_version, false);
			if (!range_add(d, out, &before))
				return false;
		}
		if (memcmp(&w->high, &r.high, sizeof(r.high)) >= 0)
			return true;
		r.low = w->high;
		addr_step(&r.low, r.ip_version, true);
	}
	return range_add(d, out, &r);
}

static bool ranges_are_any(const struct range_list *l)
{
	struct addr_range all4 = range_all(4), all6 = range_all(6);

	return l->count == 2 && memcmp(&l->items[0].low, &all4.low, sizeof(struct addr)) == 0 &&
	       memcmp(&l->items[0].high, &all4.high, sizeof(struct addr)) == 0 &&
	       memcmp(&l->items[1].low, &all6.low, sizeof(struct addr)) == 0 &&
	       memcmp(&l->items[1].high, &all6.high, sizeof(struct addr)) == 0;
}

static bool address_set_make(struct address_walk *aw, const struct scan *text, struct addr_set *out)
{
	struct draft *d = aw->walk.d;
	struct range_list left = {0};
	bool ok;

	range_list_normalise(&aw->without);
	ok = families_complete(d, &aw->with, &aw->without);
	range_list_normalise(&aw->with);
	for (uint32_t i = 0; ok && i < aw->with.count; i++)
		ok = range_subtract(d, &left, aw->with.items[i], &aw->without);
	if (ok && !left.count)
		ok = draft_fail(d, text->p, "exclude less", "no address is left in \"%.*s\"",
				scan_left(text) > 80 ? 80 : (int)scan_left(text), text->p);
	if (ok) {
		out->any = ranges_are_any(&left);
		out->negated_in_text = aw->walk.negated_in_text;
		out->count = left.count;
		out->ranges = arena_copy(d->l->arena, left.items, left.count * sizeof(*left.items));
		if (!out->ranges)
			ok = draft_no_memory(d);
	}
	free(left.items);
	return ok;
}

bool address_set_parse(struct draft *d, const struct scan *text, struct addr_set *out)
{
	const struct ruleset_variables *v = &d->l->options->variables;
	struct name_entry *known = names_find(&d->l->address_sets, text->p, scan_left(text));
	struct address_walk aw = {.walk = {d, "address", v->address_names, v->address_values,
					   v->address_count, NULL, 0, false, address_item}};
	struct addr_set *kept;
	bool ok;

	if (known && known->value) {
		*out = *(const struct addr_set *)known->value;
		return true;
	}
	ok = set_walk(&aw.walk, *text) && address_set_make(&aw, text, out);
	free(aw.with.items);
	free(aw.without.items);
	if (!ok)
		return false;
	kept = arena_copy(d->l->arena, out, sizeof(*out));
	known = names_entry(&d->l->address_sets, text->p, scan_left(text));
	if (known)
		known->value = kept;
	return true;
}

static int addresses_copy(struct draft *d, const char *text, struct addr_range **ranges,
			  uint32_t *count)
{
	const struct scan all = {text, text + strlen(text)};
	struct addr_set set;

	d->text = d->at = all.p;
	d->text_end = all.end;
	if (!address_set_parse(d, &all, &set))
		return -EINVAL;
	*ranges = malloc(set.count * sizeof(**ranges));
	if (!*ranges)
		return -ENOMEM;
	memcpy(*ranges, set.ranges, set.count * sizeof(**ranges));
	*count = set.count;
	return 0;
}

int ruleset_addresses(const struct ruleset_variables *v, const char *text,
		      struct addr_range **ranges, uint32_t *count, char *error, size_t error_size)
{
	const struct ruleset_options options = {.variables = *v};
	struct draft *d = calloc(1, sizeof(*d));
	struct arena *arena = arena_new(0);
	struct language language;
	int err = -ENOMEM;

	if (d && arena) {
		language_init(&language, arena, &options);
		d->l = &language;
		err = addresses_copy(d, text, ranges, count);
		language_clear(&language);
	}
	if (err == -EINVAL)
		snprintf(error, error_size, "%s%s%s", d->reason, d->advice[0] ? "; " : "",
			 d->advice);
	else if (err)
		snprintf(error, error_size, "out of memory");
	if (d)
		draft_clear(d);
	free(d);
	arena_free(arena);
	return err;
}
