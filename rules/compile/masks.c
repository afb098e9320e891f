/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The masks of a sieve: its anchors are dealt to buckets, eight to a byte, and for each of the first
 * places from an anchor on a table says which buckets know the byte that stands there. A place where
 * the bytes of all tables have a bucket in common is worth asking the sieve about: 64 places are
 * judged in a few dozen instructions, whatever the number of literals. (The idea of Teddy, from
 * Hyperscan's FDR, with whole bytes instead of halves, and with anchors that are rare.)
 *
 * Which bucket: the one in which the anchor adds least to the places that are asked about in vain, by
 * how common bytes are. How many tables: as many as the estimated cycles a byte are least with. Runs
 * in the thread that loads a rule set.
 */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/base/commonness.h"
#include "rules/compile/groups_private.h"

#define ALIGN 64
#define CYCLES_BASE 10.0   /* for 64 places: loads, and what follows the tables */
#define CYCLES_TABLE 1.2   /* for 64 places, each table */
#define CYCLES_ASK 25.0    /* for a place that is asked about, and those that follow from it in real traffic */
#define LITERALS_MAX 1024   /* with more of them Hyperscan is faster */
#define ANCHORS_A_BUCKET 20 /* at most, where there can be more buckets */
#define ROUNDS 2           /* in which anchors may change their bucket */

static const struct {
	uint8_t sets, places;
} shapes[] = {{1, 4}, {1, 6}, {2, 4}, {2, 6}, {3, 4}, {3, 6}, {4, 6}};

#define SHAPES (sizeof(shapes) / sizeof(*shapes))

/* A byte says something of the next: text, and runs of zeros, are traffic of their own. */
enum traffic { ANY, TEXT, ZEROS, TRAFFICS };

static const double traffic_weight[TRAFFICS] = {0.47, 0.47, 0.06};

struct bucket {
	uint16_t count[SIEVE_PLACES_MAX][SIEVE_TABLE_BYTES];
	double share[TRAFFICS][SIEVE_PLACES_MAX]; /* of the bytes one meets there */
	uint32_t anchors;
	uint8_t width;                  /* of its anchors */
};

struct masks_draft {
	struct bucket *buckets;
	unsigned bucket_count, places;
	uint8_t *of;                    /* bucket of each anchor */
	double class_share[TRAFFICS][SIEVE_TABLE_BYTES];
};

static bool is_text(int c)
{
	return (c >= ' ' && c <= '~') || c == '\r' || c == '\n' || c == '\t';
}

/* What the tables take for one byte: letters of both cases; a byte and its twin with the upper bit. */
static unsigned class_of(unsigned c)
{
	return (unsigned)tolower((int)(c % SIEVE_TABLE_BYTES));
}

static void shares_fill(struct masks_draft *d)
{
	for (int t = 0; t < TRAFFICS; t++) {
		double share[256], total = 0;

		for (int c = 0; c < 256; c++) {
			share[c] = t != TEXT || is_text(c) ? exp2(byte_commonness[c] / 16.0) : 0;
			total += share[c];
		}
		if (t == ZEROS)
			total += share[0] = 4 * (total - share[0]);
		memset(d->class_share[t], 0, sizeof(d->class_share[t]));
		for (unsigned c = 0; c < 256; c++)
			d->class_share[t][class_of(c)] += share[c] / total;
	}
}

static double bucket_share(const struct masks_draft *d, const struct bucket *b)
{
	double sum = 0;

	if (!b->anchors)
		return 0;
	for (int t = 0; t < TRAFFICS; t++) {
		double share = traffic_weight[t];

		for (unsigned i = 0; i < d->places; i++)
			share *= b->share[t][i];
		sum += share;
	}
	return sum;
}

/* Bytes of the literal from the anchor on that the tables can look at. */
static unsigned seen(const struct masks_draft *d, const struct sieve_anchor *a)
{
	unsigned left = a->len - a->offset;

	return left < d->places ? left : d->places;
}

static double share_with(const struct masks_draft *d, const struct bucket *b, const struct sieve_anchor *a)
{
	unsigned n = seen(d, a);
	double sum = 0;

	for (int t = 0; t < TRAFFICS; t++) {
		double share = traffic_weight[t];

		for (unsigned i = 0; i < n; i++) {
			unsigned c = class_of(a->text[a->offset + i]);

			share *= (b->anchors ? b->share[t][i] : 0) + (b->count[i][c] ? 0 : d->class_share[t][c]);
		}
		sum += share;
	}
	return sum;
}

/* Places behind the end of the literal may hold any byte: all are counted there. */
static void bucket_change(const struct masks_draft *d, struct bucket *b, const struct sieve_anchor *a, int by)
{
	unsigned n = seen(d, a);

	for (unsigned i = 0; i < d->places; i++) {
		unsigned from = i < n ? class_of(a->text[a->offset + i]) : 0;
		unsigned to = i < n ? from + 1 : SIEVE_TABLE_BYTES;

		for (unsigned c = from; c < to; c++) {
			uint16_t before = b->count[i][c];

			b->count[i][c] = (uint16_t)(before + by);
			if (!before == !b->count[i][c])
				continue;
			for (int t = 0; t < TRAFFICS; t++)
				b->share[t][i] += by * d->class_share[t][c];
		}
	}
	b->anchors += (uint32_t)by;
}

/* Among the buckets of its width. */
static unsigned bucket_choose(const struct masks_draft *d, const struct sieve_anchor *a)
{
	unsigned best = 0;
	double best_cost = INFINITY;

	for (unsigned i = 0; i < d->bucket_count; i++) {
		const struct bucket *b = &d->buckets[i];
		double cost;

		if (b->width != sieve_anchor_width(a->len))
			continue;
		cost = share_with(d, b, a) - bucket_share(d, b);
		if (cost < best_cost) {
			best_cost = cost;
			best = i;
		}
	}
	return best;
}

/* Each width has its share of the buckets, rounded up in favour of short anchors: of their places
 * fewer tables say anything. */
static void buckets_assign(struct masks_draft *d, const struct sieve *s, uint32_t count)
{
	static const uint8_t all[] = {1, 2, 4};
	uint32_t of_width[3] = {0}, left = count;
	unsigned at = 0;

	for (uint32_t i = 0; i < count; i++)
		of_width[sieve_anchor_width(s->anchors[i].len) / 2]++;
	for (unsigned k = 0; k < 3; k++) {
		uint32_t wider = left - of_width[k], reserved = (k < 1 && of_width[1]) + (k < 2 && of_width[2]);
		uint32_t quota = (of_width[k] * d->bucket_count + count - 1) / count;

		if (!wider || at + quota + reserved > d->bucket_count)
			quota = d->bucket_count - at - reserved;
		for (; of_width[k] && quota; quota--)
			d->buckets[at++].width = all[k];
		left = wider;
	}
}

static void deal(struct masks_draft *d, const struct sieve *s, uint32_t count)
{
	buckets_assign(d, s, count);
	for (unsigned round = 0; round < ROUNDS; round++)
		for (uint32_t i = 0; i < count; i++) {
			if (round)
				bucket_change(d, &d->buckets[d->of[i]], &s->anchors[i], -1);
			d->of[i] = (uint8_t)bucket_choose(d, &s->anchors[i]);
			bucket_change(d, &d->buckets[d->of[i]], &s->anchors[i], 1);
		}
}

static double cycles_of(const struct masks_draft *d)
{
	double asked = 0;

	for (unsigned i = 0; i < d->bucket_count; i++)
		asked += bucket_share(d, &d->buckets[i]);
	return (CYCLES_BASE + CYCLES_TABLE * d->places * (d->bucket_count / 8.0)) / 64 + CYCLES_ASK * asked;
}

static void masks_fill(struct sieve_masks *m, const struct masks_draft *d)
{
	for (unsigned i = 0; i < d->bucket_count; i++) {
		const struct bucket *b = &d->buckets[i];
		uint8_t bit = (uint8_t)(1u << i % 8);

		if (!b->anchors)
			continue;
		m->of_width[i / 8][b->width / 2] |= bit;
		for (unsigned place = 0; place < d->places; place++)
			for (unsigned c = 0; c < SIEVE_TABLE_BYTES; c++)
				if (b->count[place][class_of(c)])
					m->tables[i / 8 * d->places + place][c] |= bit;
	}
}

static struct sieve_masks *masks_alloc(struct groups_builder *b, unsigned tables)
{
	uint8_t *block = groups_alloc(b, sizeof(struct sieve_masks) + tables * SIEVE_TABLE_BYTES + ALIGN);

	return block ? (struct sieve_masks *)(((uintptr_t)block + ALIGN - 1) & ~(uintptr_t)(ALIGN - 1)) : NULL;
}

static bool draft_make(struct masks_draft *d, uint32_t count)
{
	d->buckets = malloc(8 * SIEVE_SETS_MAX * sizeof(*d->buckets));
	d->of = malloc(count + 1);
	shares_fill(d);
	return d->buckets && d->of;
}

static void draft_free(struct masks_draft *d)
{
	free(d->buckets);
	free(d->of);
}

static double shape_try(struct masks_draft *d, size_t shape, const struct sieve *s, uint32_t count)
{
	d->bucket_count = 8u * shapes[shape].sets;
	d->places = shapes[shape].places;
	memset(d->buckets, 0, 8 * SIEVE_SETS_MAX * sizeof(*d->buckets));
	deal(d, s, count);
	return cycles_of(d);
}

/* The shapes one after the other: what is best so far is kept, the next is tried in the other draft. */
static void shapes_try(struct masks_draft *best, struct masks_draft *next, const struct sieve *s, uint32_t count)
{
	double best_cycles = INFINITY;

	for (size_t i = 0; i < SHAPES; i++) {
		double cycles;

		if (shapes[i].sets < SIEVE_SETS_MAX && count > 8u * ANCHORS_A_BUCKET * shapes[i].sets)
			continue;
		cycles = shape_try(next, i, s, count);
		if (cycles < best_cycles) {
			struct masks_draft other = *best;

			best_cycles = cycles;
			*best = *next;
			*next = other;
		}
	}
}

void group_masks_make(struct groups_builder *b, struct sieve *s, uint32_t count)
{
	struct masks_draft best = {0}, next = {0};
	struct sieve_masks *m;

	if (count > LITERALS_MAX)
		return;
	if (!draft_make(&best, count) || !draft_make(&next, count)) {
		b->failed = true;
		goto out;
	}
	shapes_try(&best, &next, s, count);
	m = masks_alloc(b, best.bucket_count / 8 * best.places);
	if (m) {
		m->sets = (uint8_t)(best.bucket_count / 8);
		m->places = (uint8_t)best.places;
		masks_fill(m, &best);
		s->masks = m;
	}
out:
	draft_free(&best);
	draft_free(&next);
}
