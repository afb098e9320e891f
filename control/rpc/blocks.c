/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/rpc/blocks.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/base/text.h"

#define LINE_MAX_BYTES 160

static const char key[] = "blocks";

static bool same_prefix(const struct addr_prefix *a, const struct addr_prefix *b)
{
	return a->ip_version == b->ip_version && a->bits == b->bits && addr_equal(&a->addr, &b->addr);
}

static struct kept_block *find(struct kept_blocks *k, const struct addr_prefix *p)
{
	for (size_t i = 0; i < k->count; i++)
		if (same_prefix(&k->block[i].prefix, p))
			return &k->block[i];
	return NULL;
}

static bool put(struct kept_blocks *k, const struct kept_block *b)
{
	struct kept_block *at = find(k, &b->prefix), *more;

	if (at) {
		*at = *b;
		return true;
	}
	if (k->count == KEPT_BLOCKS_MAX)
		return false;
	if (k->count == k->room) {
		more = realloc(k->block, (k->room * 2 + 16) * sizeof(*more));
		if (!more)
			return false;
		k->block = more;
		k->room = k->room * 2 + 16;
	}
	k->block[k->count++] = *b;
	return true;
}

static void read_lines(struct kept_blocks *k, const char *text)
{
	char prefix[LINE_MAX_BYTES];
	struct kept_block b;
	int used = 0;

	while (sscanf(text, "%100s %" SCNu64 " %" SCNu64 " %n", prefix, &b.expires_ns, &b.rate_bps, &used) == 3) {
		if (addr_prefix_parse(prefix, &b.prefix) == 0)
			put(k, &b);
		text += used;
	}
}

bool kept_blocks_read(struct kept_blocks *k, struct store *s)
{
	struct text value = {0};
	int found;

	if (k->read)
		return true;
	if (!s || !store_enter(s))
		return false;
	found = store_get(s, STORE_meta, key, sizeof(key) - 1, NULL, &value);
	store_leave(s);
	if (found == 1)
		read_lines(k, text_cstr(&value));
	text_free(&value);
	k->read = found >= 0;
	return k->read;
}

static bool write_all(const struct kept_blocks *k, struct store *s)
{
	char room[ADDR_TEXT_MAX];
	struct text value = {0};
	int err = -1;

	for (size_t i = 0; i < k->count; i++) {
		const struct kept_block *b = &k->block[i];

		text_format(&value, "%s/%u %" PRIu64 " %" PRIu64 "\n",
			    addr_format(&b->prefix.addr, b->prefix.ip_version, room), b->prefix.bits, b->expires_ns,
			    b->rate_bps);
	}
	if (!value.failed && s && store_enter(s)) {
		err = store_put(s, STORE_meta, key, sizeof(key) - 1, value.data ? (const void *)value.data : "", value.len);
		store_leave(s);
	}
	text_free(&value);
	return err == 0;
}

bool kept_blocks_add(struct kept_blocks *k, struct store *s, const struct kept_block *b)
{
	return kept_blocks_read(k, s) && put(k, b) && write_all(k, s);
}

bool kept_blocks_remove(struct kept_blocks *k, struct store *s, const struct addr_prefix *p)
{
	struct kept_block *at;

	if (!kept_blocks_read(k, s))
		return false;
	at = find(k, p);
	if (!at)
		return true;
	*at = k->block[--k->count];
	return write_all(k, s);
}

void kept_blocks_expire(struct kept_blocks *k, uint64_t now_ns)
{
	for (size_t i = 0; i < k->count;)
		if (k->block[i].expires_ns && k->block[i].expires_ns <= now_ns)
			k->block[i] = k->block[--k->count];
		else
			i++;
}

void kept_blocks_free(struct kept_blocks *k)
{
	free(k->block);
	memset(k, 0, sizeof(*k));
}
