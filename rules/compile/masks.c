/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The masks of a sieve: its anchors are dealt to buckets, eight to a byte, and for each of the first
 * places from an anchor on a table says which buckets know the byte that stands there. A place where
 * the bytes of all tables have a bucket in common is worth asking the sieve about: 32 or 64 places are
 * judged in a few dozen instructions, whatever the number of literals. (The idea of Teddy, from
 * Hyperscan's FDR, with anchors that are rare.) Processors that look up 64 bytes in 64 at once have tables
 * of classes of bytes; for others a byte is known when both of its halves are, each in a table of 16.
 *
 * Which bucket: the one in which the anchor adds least to the places that are asked about in vain, by
 * how common bytes are. How many tables: as many as the estimated cycles a byte are least with. Runs
 * in the thread that loads a rule set.
 */
#include <ctype.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/base/commonness.h"
#include "rules/compile/groups_private.h"

#define ALIGN 64
#define ANCHORS_A_BUCKET 20  /* at most, where there can be more buckets */
#define ROUNDS 2             /* in which anchors may change their bucket */

static const struct {
	double places;           /* judged at a time */
	double base, table;      /* cycles for them: loads and what follows, and each table */
	double ask;              /* cycles for a place that is asked about, and those that follow from it in real traffic */
	uint32_t anchors_max;    /* with more of them Hyperscan is faster … */
	uint32_t short_max;      /* … except for short runs up to so many … */
	double cycles_max;       /* … and with more cycles a byte */
	uint8_t sets_max, places_max;
} kinds[SIEVE_KINDS] = {
	[SIEVE_BYTES] = {64, 9.0, 1.1, 60.0, 1024, 4096, INFINITY, 8, 6},
	[SIEVE_HALVES] = {32, 7.0, 1.7, 25.0, 160, 160, 0.75, 2, 4},
};

static const struct {
	uint8_t sets, places;
} shapes[] = {{1, 4}, {1, 6}, {2, 4}, {2, 6}, {3, 4}, {3, 6}, {4, 6}, {6, 6}, {8, 6}};

#define SHAPES (sizeof(shapes) / sizeof(*shapes))

/* A byte says something of the next: text, and runs of zeros, are traffic of their own. */
enum traffic { ANY, TEXT, ZEROS, TRAFFICS };

static const double traffic_weight[TRAFFICS] = {0.47, 0.47, 0.06};

/* The same for all drafts. */
static struct {
	double bytes[TRAFFICS][SIEVE_TABLE_BYTES];
	/* of all bytes with this lower half of which bit & 7 of the upper half is set: upper ones 0..7, 8..15 */
	double halves[TRAFFICS][SIEVE_HALF_BYTES][2][256];
} shares;

/* What a bucket knows of one place. */
struct place {
	uint16_t count[SIEVE_TABLE_BYTES];        /* anchors with this byte there, or this half */
	uint16_t lower, upper;                    /* SIEVE_HALVES: those with a count */
	double share[TRAFFICS];                   /* of the bytes one meets there */
};

struct bucket {
	struct place place[SIEVE_PLACES_MAX];
	uint32_t anchors;
	uint8_t width;                  /* of its anchors */
};

struct masks_draft {
	enum sieve_kind kind;
	struct bucket *buckets;
	unsigned bucket_count, places;
	uint8_t *of;                    /* bucket of each anchor */
};

/* ---- how much of traffic a place lets through ---- */

static bool is_text(int c)
{
	return (c >= ' ' && c <= '~') || c == '\r' || c == '\n' || c == '\t';
}

static void shares_fill(void)
{
	for (int t = 0; t < TRAFFICS; t++) {
		double share[256], total = 0;

		for (int c = 0; c < 256; c++) {
			share[c] = t != TEXT || is_text(c) ? exp2(byte_commonness[c] / 16.0) : 0;
			total += share[c];
		}
		if (t == ZEROS)
			total += share[0] = 4 * (total - share[0]);
		for (unsigned c = 0; c < 256; c++)
			shares.bytes[t][sieve_class((uint8_t)c)] += share[c] / total;
		for (unsigned i = 0; i < SIEVE_HALF_BYTES * 2 * 256; i++) {
			unsigned lower = i / 512, upper = i / 256 % 2 * 8;

			for (unsigned bit = 0; bit < 8; bit++)
				if (i >> bit & 1)
					shares.halves[t][lower][upper / 8][i % 256] += share[(upper + bit) << 4 | lower] / total;
		}
	}
}

static double halves_share(int t, unsigned lower, unsigned upper)
{
	double sum = 0;

	for (; lower; lower &= lower - 1) {
		unsigned l = (unsigned)__builtin_ctz(lower);

		sum += shares.halves[t][l][0][upper & 0xff] + shares.halves[t][l][1][upper >> 8];
	}
	return sum;
}

/* Bits of the upper halves that a byte of a literal may have: letters have two. */
static unsigned upper_bits(unsigned c)
{
	return 1u << (c >> 4) | 1u << ((unsigned)toupper((int)c) >> 4);
}

/* The shares if the place knew byte c, too. */
static void shares_with_byte(const struct masks_draft *d, const struct place *p, unsigned c, double out[TRAFFICS])
{
	unsigned class = d->kind == SIEVE_BYTES ? sieve_class((uint8_t)c) : 0, lower = 1u << (c & 15) | p->lower;
	unsigned upper = d->kind == SIEVE_BYTES ? 0 : upper_bits(c) | p->upper;
	bool known = d->kind == SIEVE_BYTES ? p->count[class] : lower == p->lower && upper == p->upper;

	for (int t = 0; t < TRAFFICS; t++) {
		if (known)
			out[t] = p->share[t];
		else if (d->kind == SIEVE_BYTES)
			out[t] = p->share[t] + shares.bytes[t][class];
		else
			out[t] = halves_share(t, lower, upper);
	}
}

/* One more anchor, or one fewer, with the bytes of the class there. */
static void class_change(struct place *p, unsigned class, int by)
{
	uint16_t before = p->count[class];

	p->count[class] = (uint16_t)(before + by);
	if (!before == !p->count[class])
		return;
	for (int t = 0; t < TRAFFICS; t++)
		p->share[t] += by * shares.bytes[t][class];
}

/* Bits of count[from …]. Returns those that are there. */
static uint16_t halves_change(struct place *p, unsigned from, unsigned bits, int by)
{
	unsigned known = 0;

	for (unsigned i = 0; i < SIEVE_HALF_BYTES; i++) {
		if (bits >> i & 1)
			p->count[from + i] = (uint16_t)(p->count[from + i] + by);
		known |= (unsigned)(p->count[from + i] != 0) << i;
	}
	return (uint16_t)known;
}

#define ANY_BYTE 256

/* An anchor with byte c there comes or goes; ANY_BYTE: one that may have any. */
static void place_change(const struct masks_draft *d, struct place *p, unsigned c, int by)
{
	if (d->kind == SIEVE_BYTES) {
		unsigned from = c == ANY_BYTE ? 0 : sieve_class((uint8_t)c), to = c == ANY_BYTE ? SIEVE_TABLE_BYTES : from + 1;

		for (unsigned class = from; class < to; class++)
			class_change(p, class, by);
		return;
	}
	p->lower = halves_change(p, 0, c == ANY_BYTE ? UINT16_MAX : 1u << (c & 15), by);
	p->upper = halves_change(p, SIEVE_HALF_BYTES, c == ANY_BYTE ? UINT16_MAX : upper_bits(c), by);
	for (int t = 0; t < TRAFFICS; t++)
		p->share[t] = halves_share(t, p->lower, p->upper);
}

/* ---- dealing ---- */

static double bucket_share(const struct masks_draft *d, const struct bucket *b)
{
	double sum = 0;

	if (!b->anchors)
		return 0;
	for (int t = 0; t < TRAFFICS; t++) {
		double share = traffic_weight[t];

		for (unsigned i = 0; i < d->places; i++)
			share *= b->place[i].share[t];
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
	double share[TRAFFICS], sum = 0;

	memcpy(share, traffic_weight, sizeof(share));
	for (unsigned i = 0; i < n; i++) {
		double there[TRAFFICS];

		shares_with_byte(d, &b->place[i], a->text[a->offset + i], there);
		for (int t = 0; t < TRAFFICS; t++)
			share[t] *= there[t];
	}
	for (int t = 0; t < TRAFFICS; t++)
		sum += share[t];
	return sum;
}

/* Places behind the end of the literal may hold any byte: all are counted there. */
static void bucket_change(const struct masks_draft *d, struct bucket *b, const struct sieve_anchor *a, int by)
{
	unsigned n = seen(d, a);

	for (unsigned i = 0; i < d->places; i++)
		place_change(d, &b->place[i], i < n ? a->text[a->offset + i] : ANY_BYTE, by);
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
static void buckets_assign(struct masks_draft *d, const struct sieve *s)
{
	static const uint8_t all[] = {1, 2, 4};
	uint32_t of_width[3] = {0}, left = s->anchor_count;
	unsigned at = 0;

	for (uint32_t i = 0; i < s->anchor_count; i++)
		of_width[sieve_anchor_width(s->anchors[i].len) / 2]++;
	for (unsigned k = 0; k < 3; k++) {
		uint32_t wider = left - of_width[k], reserved = (k < 1 && of_width[1]) + (k < 2 && of_width[2]);
		uint32_t quota = (of_width[k] * d->bucket_count + s->anchor_count - 1) / s->anchor_count;

		if (!wider || at + quota + reserved > d->bucket_count)
			quota = d->bucket_count - at - reserved;
		for (; of_width[k] && quota; quota--)
			d->buckets[at++].width = all[k];
		left = wider;
	}
}

static void deal(struct masks_draft *d, const struct sieve *s)
{
	buckets_assign(d, s);
	for (unsigned round = 0; round < ROUNDS; round++)
		for (uint32_t i = 0; i < s->anchor_count; i++) {
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
	return (kinds[d->kind].base + kinds[d->kind].table * d->places * (d->bucket_count / 8.0)) /
		       kinds[d->kind].places +
	       kinds[d->kind].ask * asked;
}

/* ---- the masks of a draft ---- */

static void masks_fill(struct sieve_masks *m, const struct masks_draft *d)
{
	uint32_t bytes = sieve_table_bytes(d->kind);

	for (unsigned i = 0; i < d->bucket_count; i++) {
		const struct bucket *b = &d->buckets[i];
		uint8_t bit = (uint8_t)(1u << i % 8);

		if (!b->anchors)
			continue;
		m->of_width[i / 8][b->width / 2] |= bit;
		for (unsigned place = 0; place < d->places; place++)
			for (unsigned c = 0; c < bytes; c++)
				if (b->place[place].count[c])
					m->tables[(i / 8 * d->places + place) * bytes + c] |= bit;
	}
}

static struct sieve_masks *masks_make(struct groups_builder *b, const struct masks_draft *d, bool short_only)
{
	unsigned sets = d->bucket_count / 8;
	uint8_t *block = groups_alloc(b, sizeof(struct sieve_masks) + sets * d->places * sieve_table_bytes(d->kind) + ALIGN);
	struct sieve_masks *m;

	if (!block)
		return NULL;
	m = (struct sieve_masks *)(((uintptr_t)block + ALIGN - 1) & ~(uintptr_t)(ALIGN - 1));
	m->sets = (uint8_t)sets;
	m->places = (uint8_t)d->places;
	m->short_only = short_only;
	masks_fill(m, d);
	return m;
}

static bool draft_make(struct masks_draft *d, uint32_t count)
{
	d->buckets = malloc(8 * SIEVE_SETS_MAX * sizeof(*d->buckets));
	d->of = malloc(count + 1);
	return d->buckets && d->of;
}

static void draft_free(struct masks_draft *d)
{
	free(d->buckets);
	free(d->of);
}

static double shape_try(struct masks_draft *d, size_t shape, const struct sieve *s)
{
	d->bucket_count = 8u * shapes[shape].sets;
	d->places = shapes[shape].places;
	memset(d->buckets, 0, 8 * SIEVE_SETS_MAX * sizeof(*d->buckets));
	deal(d, s);
	return cycles_of(d);
}

/* The shapes one after the other: what is best so far is kept, the next is tried in the other draft. */
static double shapes_try(struct masks_draft *best, struct masks_draft *next, const struct sieve *s)
{
	double best_cycles = INFINITY;

	for (size_t i = 0; i < SHAPES; i++) {
		double cycles;

		if (shapes[i].sets > kinds[next->kind].sets_max || shapes[i].places > kinds[next->kind].places_max)
			continue;
		if (shapes[i].sets < kinds[next->kind].sets_max &&
		    s->anchor_count > 8u * ANCHORS_A_BUCKET * shapes[i].sets)
			continue;
		cycles = shape_try(next, i, s);
		if (cycles < best_cycles) {
			struct masks_draft other = *best;

			best_cycles = cycles;
			*best = *next;
			*next = other;
		}
	}
	return best_cycles;
}

static const struct sieve_masks *masks_of(struct groups_builder *b, enum sieve_kind kind, const struct sieve *s)
{
	struct masks_draft best = {.kind = kind}, next = {.kind = kind};
	const struct sieve_masks *masks = NULL;

	if (s->anchor_count > kinds[kind].short_max || (!b->all_masks && kind != sieve_kind_possible()))
		return NULL;
	if (!draft_make(&best, s->anchor_count) || !draft_make(&next, s->anchor_count))
		b->failed = true;
	else if (shapes_try(&best, &next, s) < kinds[kind].cycles_max)
		masks = masks_make(b, &best, s->anchor_count > kinds[kind].anchors_max);
	draft_free(&best);
	draft_free(&next);
	return masks;
}

void group_masks_make(struct groups_builder *b, struct sieve *s)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, shares_fill);
	for (enum sieve_kind kind = 0; kind < SIEVE_KINDS && !b->failed; kind++)
		s->masks[kind] = masks_of(b, kind, s);
}
