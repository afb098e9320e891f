/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/block.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct block_table {
	uint8_t bits[2][129]; /* the distinct lengths, by family */
	uint8_t lengths[2];   /* how many */
	uint32_t mask;        /* slots - 1 */
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

static struct block *find(struct block_list *l, const struct addr_prefix *p)
{
	for (size_t i = 0; i < l->count; i++)
		if (same_prefix(&l->blocks[i].prefix, p))
			return &l->blocks[i];
	return NULL;
}

int block_add(struct block_list *l, const struct addr_prefix *p, uint64_t expires_ns)
{
	struct addr_prefix key = *p;
	struct block *b;

	if (!is_prefix(p))
		return -EINVAL;
	key.addr = masked(&p->addr, p->bits);
	b = find(l, &key);
	if (b) {
		b->expires_ns = expires_ns;
		return 0;
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
	l->blocks[l->count++] = (struct block){.prefix = key, .expires_ns = expires_ns};
	return 0;
}

int block_remove(struct block_list *l, const struct addr_prefix *p)
{
	struct addr_prefix key = *p;
	struct block *b;

	if (!is_prefix(p))
		return -EINVAL;
	key.addr = masked(&p->addr, p->bits);
	b = find(l, &key);
	if (!b)
		return -ENOENT;
	*b = l->blocks[--l->count];
	return 0;
}

bool block_expire(struct block_list *l, uint64_t now_ns)
{
	size_t before = l->count;

	for (size_t i = 0; i < l->count;) {
		if (l->blocks[i].expires_ns && l->blocks[i].expires_ns <= now_ns)
			l->blocks[i] = l->blocks[--l->count];
		else
			i++;
	}
	return l->count != before;
}

void block_list_clear(struct block_list *l)
{
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

struct block_table *block_table_new(const struct block_list *l)
{
	struct block_table *t;
	size_t slots = 16;

	while (slots < l->count * 2)
		slots *= 2;
	t = calloc(1, sizeof(*t) + slots * sizeof(t->slots[0]));
	if (!t)
		return NULL;
	t->mask = (uint32_t)slots - 1;
	for (size_t i = 0; i < l->count; i++)
		insert(t, &l->blocks[i]);
	return t;
}

bool block_hit(const struct block_table *t, const struct addr *a, int ip_version, uint64_t now_ns)
{
	unsigned family = ip_version == 6;

	for (unsigned i = 0; i < t->lengths[family]; i++) {
		struct addr_prefix key = {
			.addr = masked(a, t->bits[family][i]),
			.ip_version = family ? 6 : 4,
			.bits = t->bits[family][i],
		};
		uint32_t at = hash(&key.addr, key.ip_version, key.bits) & t->mask;

		for (; t->slots[at].prefix.ip_version; at = (at + 1) & t->mask)
			if (same_prefix(&t->slots[at].prefix, &key) &&
			    (t->slots[at].expires_ns == 0 || t->slots[at].expires_ns > now_ns))
				return true;
	}
	return false;
}
