/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Bits that rules set and ask for: of a flow (flowbits, with the numbers of flowint beside them), of
 * a transaction (xbits with track tx: with what is remembered of its requests), of a host or a pair of hosts (hostbits, xbits; they outlive flows). Host bits are kept in a table of
 * fixed size per worker; where a set of places is full the one that expires first gives way.
 * Runs in the workers. Memory: w->heap for flows, bounded by FLOW_BITS_MAX.
 */
#include <string.h>

#include "dataplane/detect/match.h"
#include "dataplane/detect/track.h"
#include "dataplane/detect/tx.h"

#define FLOW_BITS_MAX 1024
#define FLOW_INTS_MAX 256
#define TX_BITS_MAX 64
#define BITS_WAYS 8
#define BITS_SETS 4096
#define NS_PER_S 1000000000ull

enum bits_space { SPACE_HOST = 1, SPACE_X };

struct bits_entry {
	struct addr a, b;
	uint32_t id;        /* number of the bit + 1; 0: empty */
	uint8_t space;      /* enum bits_space */
	uint8_t sides;      /* addresses that count: 1 or 2 */
	uint8_t ip_version;
	uint64_t expires_ns; /* UINT64_MAX: never */
};

struct bits_table {
	struct bits_entry entries[BITS_SETS][BITS_WAYS];
};

/* ---- of the flow ---- */

struct detect_flow *detect_flow_get(struct worker *w, struct flow *f)
{
	struct flow_cold *cold = flow_cold(f);

	if (!cold->detect)
		cold->detect = heap_zalloc(&w->heap, sizeof(*cold->detect));
	return cold->detect;
}

static bool flow_bit_is(const struct flow *f, uint32_t id)
{
	const struct detect_flow *d = flow_cold(f)->detect;

	for (uint32_t i = 0; d && i < d->bit_count; i++)
		if (d->bits[i] == id)
			return true;
	return false;
}

static void flow_bit_unset(struct flow *f, uint32_t id)
{
	struct detect_flow *d = flow_cold(f)->detect;

	for (uint32_t i = 0; d && i < d->bit_count; i++)
		if (d->bits[i] == id) {
			d->bits[i] = d->bits[--d->bit_count];
			return;
		}
}

static void flow_bit_set(struct worker *w, struct flow *f, uint32_t id)
{
	struct detect_flow *d = detect_flow_get(w, f);

	if (!d || flow_bit_is(f, id))
		return;
	if (d->bit_count == d->bit_cap) {
		uint32_t cap = d->bit_cap ? d->bit_cap * 2 : 4;
		uint32_t *bits = cap > FLOW_BITS_MAX
					 ? NULL
					 : heap_realloc(&w->heap, d->bits, cap * sizeof(*bits));

		if (!bits)
			return;
		d->bits = bits;
		d->bit_cap = cap;
	}
	d->bits[d->bit_count++] = id;
}

/* What stands for a bit in flows: the hash of its name, so that it outlives a reload. */
static uint32_t bit_key(const struct match_context *c, uint32_t id)
{
	return c->s->program->bit_keys[id];
}

bool match_flowbits(const struct match_context *c, const struct match *m)
{
	const struct match_bits *b = &m->u.bits;

	if (!c->f)
		return false;
	for (unsigned i = 0; i < b->count; i++)
		if (flow_bit_is(c->f, bit_key(c, b->ids[i])) == (b->command == BITS_ISSET))
			return true;
	return false;
}

bool post_flowbits(const struct match_context *c, const struct match *m)
{
	const struct match_bits *b = &m->u.bits;

	for (unsigned i = 0; c->f && i < b->count; i++) {
		uint32_t key = bit_key(c, b->ids[i]);
		bool is = flow_bit_is(c->f, key);

		if (b->command == BITS_SET || (b->command == BITS_TOGGLE && !is))
			flow_bit_set(c->w, c->f, key);
		else if (b->command == BITS_UNSET || b->command == BITS_TOGGLE)
			flow_bit_unset(c->f, key);
	}
	return true;
}

/* ---- numbers of the flow ---- */

static struct flow_int *flow_int_find(const struct flow *f, uint32_t id)
{
	const struct detect_flow *d = flow_cold(f)->detect;

	for (uint32_t i = 0; d && i < d->int_count; i++)
		if (d->ints[i].id == id)
			return &d->ints[i];
	return NULL;
}

static struct flow_int *flow_int_make(struct worker *w, struct flow *f, uint32_t id)
{
	struct detect_flow *d = detect_flow_get(w, f);
	struct flow_int *at = d ? flow_int_find(f, id) : NULL;

	if (!d || at)
		return at;
	if (d->int_count == d->int_cap) {
		uint32_t cap = d->int_cap ? d->int_cap * 2 : 2;
		struct flow_int *ints = cap > FLOW_INTS_MAX
						? NULL
						: heap_realloc(&w->heap, d->ints, cap * sizeof(*ints));

		if (!ints)
			return NULL;
		d->ints = ints;
		d->int_cap = cap;
	}
	d->ints[d->int_count] = (struct flow_int){id, 0};
	return &d->ints[d->int_count++];
}

bool match_flowint(const struct match_context *c, const struct match *m)
{
	const struct match_flowint *t = &m->u.flowint;
	const struct flow_int *at = c->f ? flow_int_find(c->f, t->id) : NULL;
	struct number_test test = t->test;

	if (!c->f)
		return false;
	if (t->command == FLOWINT_ISSET || t->command == FLOWINT_NOTSET)
		return (at != NULL) == (t->command == FLOWINT_ISSET);
	if (!at)
		return false;
	if (t->value_is_variable) {
		const struct flow_int *other = flow_int_find(c->f, t->value);

		if (!other)
			return false;
		test.low = other->value;
	}
	return number_test_holds(&test, at->value);
}

bool post_flowint(const struct match_context *c, const struct match *m)
{
	const struct match_flowint *t = &m->u.flowint;
	struct flow_int *at;
	uint32_t value = t->value;

	if (!c->f)
		return true;
	if (t->value_is_variable) {
		at = flow_int_find(c->f, t->value);
		if (!at)
			return true;
		value = at->value;
	}
	at = flow_int_make(c->w, c->f, t->id);
	if (!at)
		return true;
	if (t->command == FLOWINT_SET)
		at->value = value;
	else if (t->command == FLOWINT_ADD)
		at->value += value;
	else if (t->command == FLOWINT_SUBTRACT)
		at->value = at->value > value ? at->value - value : 0;
	return true;
}

void detect_flow_free(struct worker *w, struct flow *f)
{
	struct flow_cold *cold = flow_cold(f);

	if (!cold->detect)
		return;
	heap_free(&w->heap, cold->detect->bits);
	heap_free(&w->heap, cold->detect->ints);
	heap_free(&w->heap, cold->detect->waits);
	variables_free(w, cold->detect);
	heap_free(&w->heap, cold->detect->rates);
	heap_free(&w->heap, cold->detect);
	cold->detect = NULL;
}

/* ---- of hosts ---- */

static bool entry_key(const struct packet *p, const struct match_bits *b, enum bits_space space,
		      unsigned at, struct bits_entry *key)
{
	if (!p->ip_version)
		return false;
	*key = (struct bits_entry){.id = b->ids[at] + 1, .space = (uint8_t)space, .sides = 1,
				    .ip_version = p->ip_version};
	switch ((enum bits_track)b->track) {
	case TRACK_SRC:
		key->a = p->src;
		return true;
	case TRACK_DST:
		key->a = p->dst;
		return true;
	default: /* a pair, whichever way */
		key->sides = 2;
		track_pair(p, &key->a, &key->b);
		return true;
	}
}

static uint64_t mix(uint64_t h, const struct addr *a)
{
	uint64_t v[2];

	memcpy(v, a->b, sizeof(v));
	h = (h ^ v[0]) * 0x9e3779b97f4a7c15ull;
	h = (h ^ h >> 29 ^ v[1]) * 0xbf58476d1ce4e5b9ull;
	return h ^ h >> 32;
}

static struct bits_entry *entries_of(struct bits_table *t, const struct bits_entry *key)
{
	uint64_t h = mix(mix(key->id * 31u + key->space, &key->a), &key->b);

	return t->entries[h % BITS_SETS];
}

static bool entry_same(const struct bits_entry *a, const struct bits_entry *b)
{
	return a->id == b->id && a->space == b->space && a->sides == b->sides && a->ip_version == b->ip_version &&
	       addr_equal(&a->a, &b->a) && addr_equal(&a->b, &b->b);
}

static struct bits_entry *entry_find(struct worker *w, const struct packet *p, const struct bits_entry *key)
{
	struct bits_entry *set = entries_of(w->detect->bits, key);

	for (unsigned i = 0; i < BITS_WAYS; i++)
		if (entry_same(&set[i], key)) {
			if (set[i].expires_ns > p->ts_ns)
				return &set[i];
			set[i].id = 0;
		}
	return NULL;
}

static void entry_set(struct worker *w, const struct packet *p, struct bits_entry *key,
		      uint32_t expire_s)
{
	struct bits_entry *set = entries_of(w->detect->bits, key), *at = entry_find(w, p, key);

	key->expires_ns = expire_s ? p->ts_ns + expire_s * NS_PER_S : UINT64_MAX;
	for (unsigned i = 0; !at && i < BITS_WAYS; i++)
		if (!set[i].id || set[i].expires_ns <= p->ts_ns)
			at = &set[i];
	if (!at) {
		at = &set[0];
		for (unsigned i = 1; i < BITS_WAYS; i++)
			if (set[i].expires_ns < at->expires_ns)
				at = &set[i];
	}
	*at = *key;
}

static bool space_match(const struct match_context *c, const struct match_bits *b,
			enum bits_space space)
{
	struct bits_entry key;

	for (unsigned i = 0; i < b->count; i++)
		if (entry_key(c->p, b, space, i, &key) &&
		    (entry_find(c->w, c->p, &key) != NULL) == (b->command == BITS_ISSET))
			return true;
	return false;
}

static void space_post(const struct match_context *c, const struct match_bits *b,
		       enum bits_space space)
{
	for (unsigned i = 0; i < b->count; i++) {
		struct bits_entry key, *at;

		if (!entry_key(c->p, b, space, i, &key))
			return;
		at = entry_find(c->w, c->p, &key);
		if (b->command == BITS_SET || (b->command == BITS_TOGGLE && !at))
			entry_set(c->w, c->p, &key, b->expire_s);
		else if (at && (b->command == BITS_UNSET || b->command == BITS_TOGGLE))
			at->id = 0;
	}
}

bool match_hostbits(const struct match_context *c, const struct match *m)
{
	return space_match(c, &m->u.bits, SPACE_HOST);
}

bool post_hostbits(const struct match_context *c, const struct match *m)
{
	space_post(c, &m->u.bits, SPACE_HOST);
	return true;
}

/* ---- of a transaction ---- */

static uint32_t *tx_bit_find(const struct tx_detect *d, uint32_t id)
{
	for (unsigned i = 0; d && i < d->bit_count; i++)
		if (d->bits[i] == id)
			return &d->bits[i];
	return NULL;
}

static void tx_bit_set(struct worker *w, struct tx_detect *d, uint32_t id)
{
	if (d->bit_count == d->bit_cap) {
		unsigned cap = d->bit_cap ? d->bit_cap * 2u : 4;
		uint32_t *bits = cap > TX_BITS_MAX ? NULL : heap_realloc(&w->heap, d->bits, cap * sizeof(*bits));

		if (!bits)
			return;
		d->bits = bits;
		d->bit_cap = (uint8_t)cap;
	}
	d->bits[d->bit_count++] = id;
}

static bool tx_bits_match(const struct match_context *c, const struct match_bits *b)
{
	for (unsigned i = 0; c->tx && i < b->count; i++)
		if ((tx_bit_find(c->tx->detect[TO_SERVER], b->ids[i]) != NULL) == (b->command == BITS_ISSET))
			return true;
	return false;
}

static void tx_bits_post(const struct match_context *c, const struct match_bits *b)
{
	struct tx_detect *d = c->tx ? tx_detect_get(c->w, c->tx, TO_SERVER) : NULL;

	for (unsigned i = 0; d && i < b->count; i++) {
		uint32_t *at = tx_bit_find(d, b->ids[i]);

		if (!at && (b->command == BITS_SET || b->command == BITS_TOGGLE))
			tx_bit_set(c->w, d, b->ids[i]);
		else if (at && (b->command == BITS_UNSET || b->command == BITS_TOGGLE))
			*at = d->bits[--d->bit_count];
	}
}

bool match_xbits(const struct match_context *c, const struct match *m)
{
	if (m->u.bits.track == TRACK_TX)
		return tx_bits_match(c, &m->u.bits);
	return space_match(c, &m->u.bits, SPACE_X);
}

bool post_xbits(const struct match_context *c, const struct match *m)
{
	if (m->u.bits.track == TRACK_TX)
		tx_bits_post(c, &m->u.bits);
	else
		space_post(c, &m->u.bits, SPACE_X);
	return true;
}

struct bits_table *bits_table_new(struct worker *w)
{
	return worker_memory(w, sizeof(struct bits_table), 64);
}

void bits_table_reset(struct bits_table *t)
{
	memset(t, 0, sizeof(*t));
}
