/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A hash table of texts. One thread.
 */
#include "rules/language/names.h"

#include <stdlib.h>
#include <string.h>

void names_init(struct names *n, struct arena *arena)
{
	*n = (struct names){.arena = arena};
}

void names_clear(struct names *n)
{
	free(n->entries);
	free(n->slots);
	*n = (struct names){0};
}

static uint64_t text_hash(const char *text, size_t len)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)text[i]) * 0x100000001b3u;
	return h ^ h >> 29;
}

static bool names_rehash(struct names *n, uint32_t slot_count)
{
	uint32_t *slots = calloc(slot_count, sizeof(*slots));

	if (!slots)
		return false;
	for (uint32_t i = 0; i < n->count; i++) {
		uint32_t at = (uint32_t)n->entries[i].hash & (slot_count - 1);

		while (slots[at])
			at = (at + 1) & (slot_count - 1);
		slots[at] = i + 1;
	}
	free(n->slots);
	n->slots = slots;
	n->slot_count = slot_count;
	return true;
}

static uint32_t names_slot(const struct names *n, const char *text, size_t len, uint64_t hash)
{
	uint32_t at = (uint32_t)hash & (n->slot_count - 1);

	for (; n->slots[at]; at = (at + 1) & (n->slot_count - 1)) {
		const struct name_entry *e = &n->entries[n->slots[at] - 1];

		if (e->hash == hash && e->len == len && memcmp(e->text, text, len) == 0)
			break;
	}
	return at;
}

static bool names_reserve(struct names *n)
{
	if (n->count == n->space) {
		uint32_t space = n->space ? n->space * 2 : 64;
		struct name_entry *entries = realloc(n->entries, space * sizeof(*entries));

		if (!entries)
			return false;
		n->entries = entries;
		n->space = space;
	}
	if (n->slot_count < (n->count + 1) * 2)
		return names_rehash(n, n->slot_count ? n->slot_count * 2 : 128);
	return true;
}

struct name_entry *names_entry(struct names *n, const char *text, size_t len)
{
	uint64_t hash = text_hash(text, len);
	uint32_t at;
	char *copy;

	if (!names_reserve(n))
		return NULL;
	at = names_slot(n, text, len, hash);
	if (n->slots[at])
		return &n->entries[n->slots[at] - 1];
	copy = arena_text(n->arena, text, len);
	if (!copy)
		return NULL;
	n->entries[n->count] = (struct name_entry){copy, len, hash, NULL};
	n->slots[at] = ++n->count;
	return &n->entries[n->count - 1];
}

struct name_entry *names_find(const struct names *n, const char *text, size_t len)
{
	uint32_t at;

	if (!n->count)
		return NULL;
	at = names_slot(n, text, len, text_hash(text, len));
	return n->slots[at] ? &n->entries[n->slots[at] - 1] : NULL;
}

uint32_t names_number(struct names *n, const char *text, size_t len)
{
	struct name_entry *e = names_entry(n, text, len);

	return e ? (uint32_t)(e - n->entries) : NAMES_FULL;
}
