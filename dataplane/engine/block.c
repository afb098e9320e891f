/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/block.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct block_table {
	uint8_t bits[2][129]; /* the distinct lengths, by family */
	uint8_t lengths[2];   /* how many */
	uint32_t mask;        /* slots - 1 */
	uint32_t flow_mask;   /* likewise, of the slots behind them, by the two addresses; 0: no flows */
	struct block slots[]; /* linear probing; ip_version 0: empty; at most half full */
};

static struct addr masked(const struct addr *a, unsigned bits)
{
	struct addr out = *a;

	for (unsigned i = 0; i < sizeof(out.b); i++) {
		unsigned keep = bits > i * 8 ? bits - i * 8 : 0;

		if (keep < 8)
			out.b[i] &= (uint8_t)(0xff00u >> keep);
	}
	return out;
}

static bool same_prefix(const struct addr_prefix *a, const struct addr_prefix *b)
{
	return a->ip_version == b->ip_version && a->bits == b->bits &&
	       addr_equal(&a->addr, &b->addr);
}

static bool is_prefix(const struct addr_prefix *p)
{
	return (p->ip_version == 4 && p->bits <= 32) || (p->ip_version == 6 && p->bits <= 128);
}

static struct block *find(struct block_list *l, const struct block *like)
{
	for (size_t i = 0; i < l->count; i++)
		if (same_prefix(&l->blocks[i].prefix, &like->prefix) && block_flow_equal(&l->blocks[i].flow, &like->flow))
			return &l->blocks[i];
	return NULL;
}

static void let_go(struct block_list *l, struct limit *limit)
{
	if (!limit)
		return;
	limit->next = l->gone;
	l->gone = limit;
}

struct limit *block_list_take_gone(struct block_list *l)
{
	struct limit *gone = l->gone;

	l->gone = NULL;
	return gone;
}

void block_limits_free(struct limit *chain)
{
	while (chain) {
		struct limit *next = chain->next;

		free(chain);
		chain = next;
	}
}

void block_list_deal(struct block_list *l)
{
	for (size_t i = 0; l->lanes > 1 && i < l->count; i++)
		if (l->blocks[i].limit)
			limit_deal(l->blocks[i].limit);
}

/* Its limit as wanted: made, changed, or taken away. */
static int set_limit(struct block_list *l, struct block *b, uint64_t rate_bps)
{
	if (!rate_bps) {
		let_go(l, b->limit);
		b->limit = NULL;
	} else if (b->limit) {
		limit_change(b->limit, rate_bps);
	} else {
		b->limit = limit_new(rate_bps, l->lanes ? l->lanes : 1);
	}
	return rate_bps && !b->limit ? -ENOMEM : 0;
}

static int add(struct block_list *l, const struct block *like, uint64_t rate_bps)
{
	struct block *b = find(l, like), fresh = *like;
	int err;

	if (rate_bps && (rate_bps < LIMIT_RATE_MIN || rate_bps > LIMIT_RATE_MAX))
		return -ERANGE;
	if (b) {
		b->expires_ns = like->expires_ns;
		return set_limit(l, b, rate_bps);
	}
	if (l->count == BLOCKS_MAX)
		return -ENOSPC;
	if (l->count == l->room) {
		size_t room = l->room ? l->room * 2 : 16;

		b = realloc(l->blocks, room * sizeof(*b));
		if (!b)
			return -ENOMEM;
		l->blocks = b;
		l->room = room;
	}
	err = set_limit(l, &fresh, rate_bps);
	if (!err)
		l->blocks[l->count++] = fresh;
	return err;
}

static int take_out(struct block_list *l, const struct block *like)
{
	struct block *b = find(l, like);

	if (!b)
		return -ENOENT;
	let_go(l, b->limit);
	*b = l->blocks[--l->count];
	return 0;
}

int block_add(struct block_list *l, const struct addr_prefix *p, uint64_t expires_ns, uint64_t rate_bps)
{
	struct block like = {.prefix = *p, .expires_ns = expires_ns};

	if (!is_prefix(p))
		return -EINVAL;
	like.prefix.addr = masked(&p->addr, p->bits);
	return add(l, &like, rate_bps);
}

int block_remove(struct block_list *l, const struct addr_prefix *p)
{
	struct block like = {.prefix = *p};

	if (!is_prefix(p))
		return -EINVAL;
	like.prefix.addr = masked(&p->addr, p->bits);
	return take_out(l, &like);
}

static bool is_flow(const struct block_flow *f)
{
	return (f->ip_version == 4 || f->ip_version == 6) && f->ip_proto;
}

int block_flow_add(struct block_list *l, const struct block_flow *f, uint64_t expires_ns, uint64_t rate_bps)
{
	struct block like = {.flow = *f, .expires_ns = expires_ns};

	return is_flow(f) ? add(l, &like, rate_bps) : -EINVAL;
}

int block_flow_remove(struct block_list *l, const struct block_flow *f)
{
	struct block like = {.flow = *f};

	return is_flow(f) ? take_out(l, &like) : -EINVAL;
}

bool block_expire(struct block_list *l, uint64_t now_ns)
{
	size_t before = l->count;

	for (size_t i = 0; i < l->count;) {
		if (!l->blocks[i].expires_ns || l->blocks[i].expires_ns > now_ns) {
			i++;
			continue;
		}
		let_go(l, l->blocks[i].limit);
		l->blocks[i] = l->blocks[--l->count];
	}
	return l->count != before;
}

void block_list_clear(struct block_list *l)
{
	for (size_t i = 0; i < l->count; i++)
		let_go(l, l->blocks[i].limit);
	block_limits_free(block_list_take_gone(l));
	free(l->blocks);
	memset(l, 0, sizeof(*l));
}

/* FNV-1a. The operator fills the table, not the traffic: no key is needed. */
static uint32_t hash(const struct addr *a, unsigned ip_version, unsigned bits)
{
	uint32_t h = 2166136261u ^ (ip_version << 8 | bits);

	for (unsigned i = 0; i < sizeof(a->b); i++)
		h = (h ^ a->b[i]) * 16777619u;
	return h ^ h >> 15;
}

static void insert(struct block_table *t, const struct block *b)
{
	unsigned family = b->prefix.ip_version == 6;
	uint32_t at = hash(&b->prefix.addr, b->prefix.ip_version, b->prefix.bits) & t->mask;

	while (t->slots[at].prefix.ip_version)
		at = (at + 1) & t->mask;
	t->slots[at] = *b;
	if (!memchr(t->bits[family], b->prefix.bits, t->lengths[family]))
		t->bits[family][t->lengths[family]++] = b->prefix.bits;
}

static uint32_t hash_pair(const struct block_flow *f)
{
	return hash(&f->low, f->ip_version, 0) * 31u ^ hash(&f->high, f->ip_version, 1);
}

/* Behind those of prefixes. */
static size_t flow_slots_at(const struct block_table *t)
{
	return (size_t)t->mask + 1;
}

static void insert_flow(struct block_table *t, const struct block *b)
{
	struct block *slots = t->slots + flow_slots_at(t);
	uint32_t at = hash_pair(&b->flow) & t->flow_mask;

	while (slots[at].flow.ip_version)
		at = (at + 1) & t->flow_mask;
	slots[at] = *b;
}

static size_t slots_for(size_t count)
{
	size_t slots = 16;

	while (slots < count * 2)
		slots *= 2;
	return slots;
}

struct block_table *block_table_new(const struct block_list *l)
{
	size_t flows = 0, slots, flow_count;
	struct block_table *t;

	for (size_t i = 0; i < l->count; i++)
		flows += l->blocks[i].flow.ip_version != 0;
	slots = slots_for(l->count - flows);
	flow_count = flows ? slots_for(flows) : 0;
	t = calloc(1, sizeof(*t) + (slots + flow_count) * sizeof(t->slots[0]));
	if (!t)
		return NULL;
	t->mask = (uint32_t)slots - 1;
	t->flow_mask = flow_count ? (uint32_t)flow_count - 1 : 0;
	for (size_t i = 0; i < l->count; i++)
		if (l->blocks[i].flow.ip_version)
			insert_flow(t, &l->blocks[i]);
		else
			insert(t, &l->blocks[i]);
	return t;
}

static const struct block *look_up(const struct block_table *t, const struct addr *a, unsigned family, uint8_t bits,
				   uint64_t now_ns)
{
	struct addr_prefix key = {.addr = masked(a, bits), .ip_version = family ? 6 : 4, .bits = bits};
	uint32_t at = hash(&key.addr, key.ip_version, bits) & t->mask;

	for (; t->slots[at].prefix.ip_version; at = (at + 1) & t->mask)
		if (same_prefix(&t->slots[at].prefix, &key) &&
		    (t->slots[at].expires_ns == 0 || t->slots[at].expires_ns > now_ns))
			return &t->slots[at];
	return NULL;
}

bool block_hit(const struct block_table *t, const struct addr *a, int ip_version, uint64_t now_ns,
	       struct limit **limit)
{
	unsigned family = ip_version == 6, longest = 0;

	*limit = NULL;
	for (unsigned i = 0; i < t->lengths[family]; i++) {
		const struct block *b = look_up(t, a, family, t->bits[family][i], now_ns);

		if (!b)
			continue;
		if (!b->limit)
			return true;
		if (!*limit || b->prefix.bits > longest) {
			longest = b->prefix.bits;
			*limit = b->limit;
		}
	}
	return false;
}

/* The next block of a flow between the two, from *at on; NULL: none. */
static const struct block *next_between(const struct block_table *t, const struct block_flow *f, uint32_t *at, uint64_t now_ns)
{
	const struct block *slots = t->slots + flow_slots_at(t);

	for (; slots[*at & t->flow_mask].flow.ip_version; (*at)++) {
		const struct block *b = &slots[*at & t->flow_mask];

		if (b->flow.ip_version != f->ip_version || !addr_equal(&b->flow.low, &f->low) ||
		    !addr_equal(&b->flow.high, &f->high) || (b->expires_ns && b->expires_ns <= now_ns))
			continue;
		(*at)++;
		return b;
	}
	return NULL;
}

bool block_has_flows(const struct block_table *t)
{
	return t->flow_mask != 0;
}

bool block_flow_hit(const struct block_table *t, const struct block_flow *f, uint64_t now_ns, struct limit **limit)
{
	const struct block *b;
	uint32_t at;

	*limit = NULL;
	if (!block_has_flows(t))
		return false;
	at = hash_pair(f);
	while ((b = next_between(t, f, &at, now_ns)))
		if (block_flow_equal(&b->flow, f)) {
			*limit = b->limit;
			return !b->limit;
		}
	return false;
}

static bool flows_between(const struct block_table *t, const struct addr *a, const struct addr *b, int ip_version,
			  uint64_t now_ns)
{
	struct block_flow f = block_flow_of(a, 0, b, 0, ip_version, 0);
	uint32_t at = hash_pair(&f);

	return block_has_flows(t) && next_between(t, &f, &at, now_ns);
}

bool blocks_concern(const struct block_table *t, const struct addr *a, const struct addr *b, int ip_version,
		    uint64_t now_ns)
{
	struct limit *limit[2] = {NULL, NULL};

	return t && (block_hit(t, a, ip_version, now_ns, &limit[0]) || block_hit(t, b, ip_version, now_ns, &limit[1]) ||
		     limit[0] || limit[1] || flows_between(t, a, b, ip_version, now_ns));
}
