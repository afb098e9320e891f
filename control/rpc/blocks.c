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

int kept_block_parse(const char *text, struct kept_block *out)
{
	memset(&out->prefix, 0, sizeof(out->prefix));
	memset(&out->flow, 0, sizeof(out->flow));
	return block_flow_parse(text, &out->flow) == 0 ? 0 : addr_prefix_parse(text, &out->prefix);
}

char *kept_block_format(const struct kept_block *b, char *text)
{
	char room[ADDR_TEXT_MAX];

	if (b->flow.ip_version)
		return block_flow_format(&b->flow, text);
	snprintf(text, KEPT_BLOCK_TEXT_MAX, "%s/%u", addr_format(&b->prefix.addr, b->prefix.ip_version, room),
		 b->prefix.bits);
	return text;
}

static struct kept_block *find(struct kept_blocks *k, const struct kept_block *like)
{
	for (size_t i = 0; i < k->count; i++)
		if (same_prefix(&k->block[i].prefix, &like->prefix) && block_flow_equal(&k->block[i].flow, &like->flow))
			return &k->block[i];
	return NULL;
}

static bool put(struct kept_blocks *k, const struct kept_block *b)
{
	struct kept_block *at = find(k, b), *more;

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
	char what[LINE_MAX_BYTES];
	struct kept_block b;
	int used = 0;

	while (sscanf(text, "%127s %" SCNu64 " %" SCNu64 " %n", what, &b.expires_ns, &b.rate_bps, &used) == 3) {
		if (kept_block_parse(what, &b) == 0)
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
	char room[KEPT_BLOCK_TEXT_MAX];
	struct text value = {0};
	int err = -1;

	for (size_t i = 0; i < k->count; i++) {
		const struct kept_block *b = &k->block[i];

		text_format(&value, "%s %" PRIu64 " %" PRIu64 "\n", kept_block_format(b, room), b->expires_ns, b->rate_bps);
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

bool kept_blocks_has(struct kept_blocks *k, struct store *s, const struct kept_block *b)
{
	return kept_blocks_read(k, s) && find(k, b);
}

bool kept_blocks_remove(struct kept_blocks *k, struct store *s, const struct kept_block *b)
{
	struct kept_block *at;

	if (!kept_blocks_read(k, s))
		return false;
	at = find(k, b);
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
