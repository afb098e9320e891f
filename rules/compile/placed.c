/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Literals that can stand in one place only: so many bytes from the start, or up to the end. They
 * are not searched for: their first (last) bytes are a key in a table that is asked once a run of
 * bytes. A class is one place and one width of the key; which classes a group gets is decided by
 * what they take off its database. Runs in the thread that loads a rule set.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "rules/compile/groups_private.h"

#define CLASS_WORTH 4  /* literals for which a class is made */
#define LITERAL_SHORT 4 /* shorter ones are in everything: a class is made for one of them */

#define TELLING 40     /* quarter bits that a literal must tell to be preferred as it has one place */
#define SHARED_MAX 8   /* rules of one literal in one place: more would be too many candidates */

struct class_draft {
	struct placed_class class;
	uint32_t count;      /* literals */
	bool has_short;
	bool chosen;
};

struct placed_item {
	uint64_t key;
	uint32_t class;
	struct group_entry entry;
};

bool group_entry_in_one_place(const struct group_entry *e)
{
	return (e->flags & ENTRY_AT_END) || e->end_min == e->end_max;
}

static uint8_t width_of(uint32_t len)
{
	return (uint8_t)(len >= 8 ? 8 : len >= 4 ? 4 : len >= 2 ? 2 : 1);
}

static struct placed_class class_of(const struct group_entry *e)
{
	struct placed_class c = {.width = width_of(e->len), .from_end = e->flags & ENTRY_AT_END};

	if (!c.from_end)
		c.at = e->end_max - e->len;
	return c;
}

static struct class_draft *class_find(struct class_draft *classes, uint32_t *count,
				      const struct placed_class *c)
{
	for (uint32_t i = 0; i < *count; i++)
		if (classes[i].class.at == c->at && classes[i].class.width == c->width &&
		    classes[i].class.from_end == c->from_end)
			return &classes[i];
	classes[*count] = (struct class_draft){.class = *c};
	return &classes[(*count)++];
}

static int class_worth(const void *a, const void *b)
{
	const struct class_draft *x = a, *y = b;

	if (x->has_short != y->has_short)
		return x->has_short ? -1 : 1;
	return x->count < y->count ? 1 : x->count > y->count ? -1 : 0;
}

/* The dearest literals first; all when that leaves nothing to search for. */
static uint32_t classes_choose(struct class_draft *classes, uint32_t count, bool all_placed)
{
	uint32_t chosen = 0;
	bool all = all_placed && count <= PLACED_CLASSES_MAX;

	qsort(classes, count, sizeof(*classes), class_worth);
	for (uint32_t i = 0; i < count && chosen < PLACED_CLASSES_MAX; i++) {
		classes[i].chosen = all || classes[i].has_short || classes[i].count >= CLASS_WORTH;
		if (classes[i].chosen)
			classes[chosen++] = classes[i];
	}
	return chosen;
}

static int placed_order(const void *a, const void *b)
{
	const struct placed_item *x = a, *y = b;

	if (x->class != y->class)
		return x->class < y->class ? -1 : 1;
	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->entry.rule < y->entry.rule ? -1 : x->entry.rule > y->entry.rule;
}

/* Items in order: entries, and the slots that lead to them. */
static void tables_fill(struct groups_builder *b, struct pattern_group *group,
			struct placed_class *classes, const struct placed_item *items, uint32_t count)
{
	struct group_entry *entries = groups_alloc(b, (count + 1) * sizeof(*entries));
	struct placed_slot *slots = groups_alloc(b, 4 * ((size_t)count + PLACED_CLASSES_MAX) * sizeof(*slots));
	uint32_t used = 0;

	if (b->failed)
		return;
	for (uint32_t i = 0; i < count;) {
		struct placed_class *c = &classes[items[i].class];
		uint32_t end = i;

		while (end < count && items[end].class == items[i].class)
			end++;
		for (c->mask = 1; c->mask < 2 * (end - i); c->mask = c->mask << 1 | 1)
			;
		c->first = used;
		used += c->mask + 1;
		while (i < end) {
			uint32_t hash = placed_hash(items[i].key), at = hash & c->mask;
			struct placed_slot *slot;

			c->filter[placed_filter(hash) / 64] |= 1ull << placed_filter(hash) % 64;
			while ((slot = &slots[c->first + at])->count)
				at = (at + 1) & c->mask;
			*slot = (struct placed_slot){.key = items[i].key, .first = i};
			for (; i < end && items[i].key == slot->key; i++) {
				entries[i] = items[i].entry;
				slot->count++;
			}
		}
	}
	group->placed = classes;
	group->placed_entries = entries;
	group->placed_slots = slots;
	group->placed_slot_count = used;
}

static uint32_t class_index(const struct placed_class *classes, uint32_t count,
			    const struct group_entry *e)
{
	struct placed_class c = class_of(e);
	uint32_t i = 0;

	while (i < count && (classes[i].at != c.at || classes[i].width != c.width ||
			     classes[i].from_end != c.from_end))
		i++;
	return i;
}

/* What the entry is compared with: as written, or in small letters. */
static void pattern_set(struct groups_builder *b, struct group_entry *e, const struct bytes *literal)
{
	uint8_t *folded;

	e->pattern = literal->data;
	if (e->flags & ENTRY_CASE)
		return;
	folded = groups_alloc(b, literal->len);
	for (uint32_t i = 0; folded && i < literal->len; i++)
		folded[i] = (uint8_t)tolower(literal->data[i]);
	e->pattern = folded;
}

static uint64_t key_of(const struct bytes *literal, const struct placed_class *c)
{
	uint32_t skip = c->from_end ? literal->len - c->width : 0;

	return placed_key(literal->data + skip, literal->len - skip, c->width);
}

static void items_take(struct groups_builder *b, struct group_draft *d, struct pattern_group *group,
		       struct placed_class *classes)
{
	struct placed_item *items = calloc(d->count, sizeof(*items));
	uint32_t count = 0, kept = 0;

	if (!items) {
		b->failed = true;
		return;
	}
	for (uint32_t i = 0; i < d->count; i++) {
		const struct draft_item *item = &d->items[i];
		const struct bytes *literal = &item->prefilter->literal;
		struct group_entry e = {0};
		uint32_t class = group->placed_count;

		if (literal->len) {
			e = group_entry_of(item);
			if (group_entry_in_one_place(&e))
				class = class_index(classes, group->placed_count, &e);
		}
		if (class == group->placed_count) {
			d->items[kept++] = *item;
			continue;
		}
		pattern_set(b, &e, literal);
		items[count++] = (struct placed_item){key_of(literal, &classes[class]), class, e};
		if (literal->len > group->literal_max)
			group->literal_max = literal->len;
	}
	d->count = kept;
	qsort(items, count, sizeof(*items), placed_order);
	group->placed_entry_count = count;
	tables_fill(b, group, classes, items, count);
	free(items);
}

void group_placed_take(struct groups_builder *b, struct group_draft *d, struct pattern_group *group)
{
	struct class_draft *drafts = calloc(d->count + 1, sizeof(*drafts));
	struct placed_class *classes = groups_alloc(b, PLACED_CLASSES_MAX * sizeof(*classes));
	uint32_t count = 0;
	bool all_placed = true;

	if (!drafts)
		b->failed = true;
	for (uint32_t i = 0; i < d->count && !b->failed; i++) {
		struct group_entry e;
		struct placed_class c;
		struct class_draft *at;

		if (!d->items[i].prefilter->literal.len)
			continue;
		e = group_entry_of(&d->items[i]);
		if (!group_entry_in_one_place(&e)) {
			all_placed = false;
			continue;
		}
		c = class_of(&e);
		at = class_find(drafts, &count, &c);
		at->count++;
		at->has_short |= e.len < LITERAL_SHORT;
	}
	if (!b->failed && count) {
		group->placed_count = classes_choose(drafts, count, all_placed);
		for (uint32_t i = 0; i < group->placed_count; i++)
			classes[i] = drafts[i].class;
		if (group->placed_count)
			items_take(b, d, group, classes);
	}
	free(drafts);
}

/* ---- packets: a literal in one place instead of the one that is searched for ---- */

struct choice {
	uint64_t key;  /* text and place */
	uint32_t rule;
	struct group_prefilter prefilter;
};

/* The most telling one of the payload in one place, or if in none among the first bytes. */
static bool choice_make(const struct rule *rule, bool near, struct choice *out)
{
	struct group_prefilter_score list[PREFILTER_LIST_MAX];
	size_t count = group_prefilter_list(rule, list, PREFILTER_LIST_MAX);
	unsigned best = TELLING - 1;

	for (size_t i = 0; i < count; i++) {
		const struct draft_item item = {rule, &list[i].prefilter};
		const struct bytes *l = &list[i].prefilter.literal;
		struct group_entry e;
		uint8_t folded[UINT8_MAX];

		if (strcmp(list[i].prefilter.buffer->name, "payload") != 0 || list[i].literal_score <= best ||
		    l->len > sizeof(folded))
			continue;
		e = group_entry_of(&item);
		if ((e.flags & ENTRY_AT_END) || (near ? e.end_max > GROUP_NEAR_BYTES : e.end_min != e.end_max))
			continue;
		for (uint32_t k = 0; k < l->len; k++)
			folded[k] = (uint8_t)tolower(l->data[k]);
		best = list[i].literal_score;
		*out = (struct choice){XXH3_64bits_withSeed(folded, l->len, e.end_max), rule->index,
				       list[i].prefilter};
	}
	return best >= TELLING;
}

static int choice_order(const void *a, const void *b)
{
	const struct choice *x = a, *y = b;

	return x->key < y->key ? -1 : x->key > y->key;
}

/* Of rules whose literal may stand anywhere, although they have one that stands among the first bytes, and whose
 * guard does not tell when to search. */
static void choose_near(struct groups_builder *b, struct group_prefilter *chosen)
{
	for (size_t i = 0; i < b->set->rule_count; i++) {
		const struct rule *rule = b->set->rules[i];
		const struct draft_item item = {rule, &chosen[i]};
		struct group_guard guard;
		struct choice choice;

		if (rule_group_kind(rule) != GROUP_PACKET || !chosen[i].literal.len || rule_guard(rule, &guard) ||
		    group_entry_of(&item).end_max <= GROUP_NEAR_BYTES || !choice_make(rule, true, &choice))
			continue;
		chosen[i] = choice.prefilter;
	}
}

void groups_choose_in_place(struct groups_builder *b)
{
	size_t rules = b->set->rule_count, count = 0;
	struct group_prefilter *chosen = groups_alloc(b, (rules + 1) * sizeof(*chosen));
	struct choice *choices = malloc((rules + 1) * sizeof(*choices));

	if (!chosen || !choices) {
		b->failed = true;
		free(choices);
		return;
	}
	memcpy(chosen, b->out->prefilter, rules * sizeof(*chosen));
	for (size_t i = 0; i < rules; i++)
		if (rule_group_kind(b->set->rules[i]) == GROUP_PACKET && choice_make(b->set->rules[i], false, &choices[count]))
			count++;
	qsort(choices, count, sizeof(*choices), choice_order);
	for (size_t i = 0, end; i < count; i = end) {
		for (end = i; end < count && choices[end].key == choices[i].key; end++)
			;
		for (size_t k = i; k < end && end - i <= SHARED_MAX; k++)
			chosen[choices[k].rule] = choices[k].prefilter;
	}
	choose_near(b, chosen);
	b->out->packet_prefilter = chosen;
	free(choices);
}
