/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The tables of a sieve. Of each literal four bytes (two, one of shorter ones) are its anchor,
 * the most telling ones that few others have; where it is long enough, more of it follows them, for the
 * masks. Runs in the thread that loads a rule set.
 */
#include <stdlib.h>
#include <string.h>

#include "rules/compile/groups_private.h"

#define BITS_A_LITERAL 64   /* of the bitmap: one place in so many is looked at in vain */
#define BITMAP_LOG2_MIN 10
#define BITMAP_LOG2_MAX 19
#define CROWD_WORTH 8       /* quarter bits that an anchor loses for each literal that has it already */

#if defined(__x86_64__)
enum sieve_kind sieve_kind_possible(void)
{
	bool bmi = __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");

	if (bmi && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	    __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("gfni"))
		return SIEVE_BYTES;
	return bmi && __builtin_cpu_supports("avx2") ? SIEVE_HALVES : SIEVE_KINDS;
}
#else
enum sieve_kind sieve_kind_possible(void)
{
	return SIEVE_KINDS;
}
#endif

struct anchor_draft {
	uint64_t key;
	struct sieve_anchor anchor;
};

/* How many literals have chosen each key. */
struct crowd {
	uint64_t *keys;
	uint32_t *counts;
	uint32_t mask;
};

static uint32_t *crowd_of(struct crowd *c, uint64_t key)
{
	uint32_t at = sieve_slot_hash(key) & c->mask;

	while (c->counts[at] && c->keys[at] != key)
		at = (at + 1) & c->mask;
	c->keys[at] = key;
	return &c->counts[at];
}

static struct anchor_draft anchor_choose(const struct group_literal *l, uint32_t id, struct crowd *crowd)
{
	unsigned width = sieve_anchor_width(l->len);
	struct anchor_draft best = {.anchor = {.literal = id, .len = (uint16_t)l->len, .text = l->text}};
	int best_worth = INT32_MIN;

	for (uint32_t at = 0; at + width <= l->len && (at == 0 || at + SIEVE_PLACES_MAX <= l->len); at++) {
		uint64_t key = sieve_key(sieve_load(l->text + at, width), width);
		uint32_t seen = l->len - at < SIEVE_PLACES_MAX ? l->len - at : SIEVE_PLACES_MAX;
		int worth = (int)(group_bytes_worth(l->text + at, width) + group_bytes_worth(l->text + at, seen)) -
			    CROWD_WORTH * (int)*crowd_of(crowd, key);

		if (worth > best_worth) {
			best_worth = worth;
			best.key = key;
			best.anchor.offset = (uint16_t)at;
		}
	}
	++*crowd_of(crowd, best.key);
	return best;
}

static int anchor_order(const void *a, const void *b)
{
	const struct anchor_draft *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->anchor.literal < y->anchor.literal ? -1 : x->anchor.literal > y->anchor.literal;
}

/* Of what is before the anchor, else behind it: the anchor itself has been seen. */
static void check_choose(struct sieve_slot *slot, const struct sieve_anchor *a, unsigned width)
{
	unsigned last = (unsigned)a->len - SIEVE_CHECK_BYTES, at = 0;

	if (slot->count != 1 || a->len < SIEVE_CHECK_BYTES)
		return;
	if (a->offset < SIEVE_CHECK_BYTES)
		at = a->offset + width < last ? a->offset + width : last;
	slot->check = sieve_check(a->text + at);
	slot->check_at = (int32_t)at - a->offset;
	slot->has_check = true;
}

static void sieve_fill(struct sieve *s, struct sieve_anchor *anchors, struct sieve_slot *slots, uint64_t *bits,
		       const struct anchor_draft *drafts, uint32_t count)
{
	for (uint32_t i = 0; i < count;) {
		uint64_t key = drafts[i].key;
		uint32_t at = sieve_slot_hash(key) & s->slot_mask, bit;
		unsigned width = (unsigned)(key >> 32);

		while (slots[at].count)
			at = (at + 1) & s->slot_mask;
		slots[at] = (struct sieve_slot){.key = key, .first = i};
		for (; i < count && drafts[i].key == key; i++) {
			anchors[i] = drafts[i].anchor;
			slots[at].count++;
		}
		check_choose(&slots[at], &anchors[slots[at].first], width);
		bit = sieve_bit(s, (uint32_t)key, width);
		bits[bit / 64] |= 1ull << bit % 64;
		s->widths |= (uint8_t)width;
	}
}

void group_sieve_make(struct groups_builder *b, struct pattern_group *group)
{
	uint32_t n = group->literal_count, total = 0, log2 = BITMAP_LOG2_MIN;
	struct sieve *s = groups_alloc(b, sizeof(*s));
	struct anchor_draft *drafts = calloc(n + 1, sizeof(*drafts));
	struct crowd crowd = {.mask = 63};
	struct sieve_anchor *anchors;
	struct sieve_slot *slots;
	uint64_t *bits;

	for (uint32_t i = 0; i < n; i++)
		total += group->literals[i].len;
	while (crowd.mask < 2 * total)
		crowd.mask = crowd.mask << 1 | 1;
	crowd.keys = calloc(crowd.mask + 1, sizeof(*crowd.keys));
	crowd.counts = calloc(crowd.mask + 1, sizeof(*crowd.counts));
	while (log2 < BITMAP_LOG2_MAX && 1u << log2 < n * BITS_A_LITERAL)
		log2++;
	if (s) {
		s->shift = (uint8_t)(32 - log2);
		for (s->slot_mask = 1; s->slot_mask < 2 * n; s->slot_mask = s->slot_mask << 1 | 1)
			;
	}
	anchors = groups_alloc(b, n * sizeof(*anchors));
	slots = s ? groups_alloc(b, (s->slot_mask + 1) * sizeof(*slots)) : NULL;
	bits = groups_alloc(b, ((size_t)1 << log2) / 8);
	if (!drafts || !crowd.keys || !crowd.counts)
		b->failed = true;
	if (!b->failed) {
		for (uint32_t i = 0; i < n; i++)
			drafts[i] = anchor_choose(&group->literals[i], i, &crowd);
		qsort(drafts, n, sizeof(*drafts), anchor_order);
		sieve_fill(s, anchors, slots, bits, drafts, n);
		s->anchors = anchors;
		s->anchor_count = n;
		s->slots = slots;
		s->bits = bits;
		group_masks_make(b, s);
		group->sieve = s;
	}
	free(crowd.keys);
	free(crowd.counts);
	free(drafts);
}
