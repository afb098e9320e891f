/* SPDX-License-Identifier: BSD-3-Clause */
#include "rules/image/freeze.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define PART_FIRST ((size_t)1 << 22)
#define KNOWN_FIRST 65536

void freeze_fail(struct freezer *f, const char *why)
{
	if (!f->why)
		f->why = why;
}

/* ---- parts ---- */

static bool part_reserve(struct frozen_part *p, size_t bytes)
{
	size_t space = p->space ? p->space : PART_FIRST;
	void *at;

	if (bytes <= p->space)
		return true;
	while (space < bytes)
		space *= 2;
	at = p->bytes ? mremap(p->bytes, p->space, space, MREMAP_MAYMOVE)
		      : mmap(NULL, space, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		return false;
	p->bytes = at;
	p->space = space;
	return true;
}

/* Where `bytes` more begin; 0 when it fails. */
static size_t part_take(struct freezer *f, struct frozen_part *p, uint64_t bytes, size_t align)
{
	size_t at = (p->used + align - 1) & ~(align - 1);

	if (f->why)
		return 0;
	if (bytes > IMAGE_BYTES_MAX || at + bytes > IMAGE_BYTES_MAX || !part_reserve(p, at + bytes)) {
		freeze_fail(f, "there is no memory for it");
		return 0;
	}
	p->used = at + bytes;
	return at;
}

size_t freeze_room(struct freezer *f, uint64_t bytes, size_t align)
{
	size_t at = part_take(f, &f->data, bytes, align);

	if (!f->why && !part_reserve(&f->pointers, f->data.space / 64))
		freeze_fail(f, "there is no memory for it");
	return f->why ? 0 : at;
}

/* ---- pointers ---- */

void freeze_place(struct freezer *f, uint64_t to, size_t slot)
{
	if (f->why)
		return;
	memcpy(f->data.bytes + slot, &to, sizeof(to));
	f->pointers.bytes[slot / 64] |= (uint8_t)(1u << slot / 8 % 8);
}

static void pointer_clear(struct freezer *f, size_t slot)
{
	if (!f->why)
		memset(f->data.bytes + slot, 0, sizeof(void *));
}

uint64_t frozen_pointer(const struct freezer *f, uint64_t slot)
{
	uint64_t to = 0;

	if (!f->why)
		memcpy(&to, f->data.bytes + slot, sizeof(to));
	return to;
}

/* ---- what is there already ---- */

static struct frozen_entry *known_free(const struct frozen_known *k, uint64_t key)
{
	uint32_t at = (uint32_t)key & k->mask;

	while (k->slots[at].len)
		at = (at + 1) & k->mask;
	return &k->slots[at];
}

static bool known_double(struct frozen_known *k)
{
	struct frozen_known wider = {.mask = k->slots ? k->mask << 1 | 1 : KNOWN_FIRST - 1, .count = k->count};

	wider.slots = calloc((size_t)wider.mask + 1, sizeof(*wider.slots));
	if (!wider.slots)
		return false;
	for (uint32_t i = 0; k->slots && i <= k->mask; i++)
		if (k->slots[i].len)
			*known_free(&wider, k->slots[i].key) = k->slots[i];
	free(k->slots);
	*k = wider;
	return true;
}

static void known_add(struct freezer *f, struct frozen_known *k, struct frozen_entry e)
{
	if (f->why)
		return;
	if (k->count * 2 >= k->mask && !known_double(k)) {
		freeze_fail(f, "there is no memory for it");
		return;
	}
	k->count++;
	*known_free(k, e.key) = e;
}

/* ---- copies ---- */

static uint64_t list_copy(struct freezer *f, const void *list, uint64_t count, struct frozen_type type)
{
	size_t to = freeze_room(f, count * type.bytes, type.align);

	if (f->why)
		return 0;
	memcpy(f->data.bytes + to, list, count * type.bytes);
	for (uint64_t i = 0; type.pointers && i < count && !f->why; i++)
		type.pointers(f, (const uint8_t *)list + i * type.bytes, to + i * type.bytes);
	return to;
}

void freeze_list(struct freezer *f, const void *list, uint64_t count, struct frozen_type type, size_t slot)
{
	if (!list || !count)
		pointer_clear(f, slot);
	else
		freeze_place(f, list_copy(f, list, count, type), slot);
}

void freeze_shared(struct freezer *f, const void *list, uint64_t count, struct frozen_type type, size_t slot)
{
	const struct frozen_known *k = &f->lists;
	uint64_t key = XXH3_64bits(&list, sizeof(list)), to;
	uint32_t len = (uint32_t)(count * type.bytes);

	if (!list || !count) {
		pointer_clear(f, slot);
		return;
	}
	for (uint32_t at = (uint32_t)key & k->mask; k->slots && k->slots[at].len; at = (at + 1) & k->mask)
		if (k->slots[at].key == key && k->slots[at].len == len) {
			freeze_place(f, k->slots[at].to, slot);
			return;
		}
	to = list_copy(f, list, count, type);
	known_add(f, &f->lists, (struct frozen_entry){key, to, len});
	freeze_place(f, to, slot);
}

void freeze_bytes(struct freezer *f, const void *bytes, uint32_t len, enum frozen_use use, size_t slot)
{
	struct frozen_part *p = use == FROZEN_USED ? &f->bytes : &f->texts;
	uint64_t flag = use == FROZEN_USED ? PLACE_IN_BYTES : PLACE_IN_TEXTS, key, to;
	const struct frozen_known *k = &f->words;

	if (!bytes || !len) {
		pointer_clear(f, slot);
		return;
	}
	key = XXH3_64bits_withSeed(bytes, len, use);
	for (uint32_t at = (uint32_t)key & k->mask; k->slots && k->slots[at].len; at = (at + 1) & k->mask)
		if (k->slots[at].key == key && k->slots[at].len == len && (k->slots[at].to & flag) &&
		    memcmp(p->bytes + (k->slots[at].to & ~flag), bytes, len) == 0) {
			freeze_place(f, k->slots[at].to, slot);
			return;
		}
	to = part_take(f, p, len, 1);
	if (f->why)
		return;
	memcpy(p->bytes + to, bytes, len);
	known_add(f, &f->words, (struct frozen_entry){key, to | flag, len});
	freeze_place(f, to | flag, slot);
}

void freeze_text(struct freezer *f, const char *text, enum frozen_use use, size_t slot)
{
	freeze_bytes(f, text, text ? (uint32_t)strlen(text) + 1 : 0, use, slot);
}

void freeze_link(struct freezer *f, const hs_database_t *database, size_t slot)
{
	const struct ruleset_groups *g = f->set->groups;
	struct image_link link = {.slot = slot};
	size_t at;

	pointer_clear(f, slot);
	if (!database)
		return;
	while (link.database < g->database_count && g->databases[link.database] != database)
		link.database++;
	if (link.database == g->database_count)
		freeze_fail(f, "a group has a database that is not the set's");
	at = part_take(f, &f->links, sizeof(link), sizeof(uint64_t));
	if (!f->why)
		memcpy(f->links.bytes + at, &link, sizeof(link));
}

void freeze_databases(struct freezer *f)
{
	const struct ruleset_groups *g = f->set->groups;

	for (uint32_t i = 0; i < g->database_count && !f->why; i++) {
		char *bytes = NULL;
		size_t len = 0, at;
		uint64_t head;

		if (hs_serialize_database(g->databases[i], &bytes, &len) != HS_SUCCESS)
			freeze_fail(f, "Hyperscan cannot serialize a database");
		head = len;
		at = part_take(f, &f->databases, sizeof(head) + len, sizeof(head));
		if (!f->why) {
			memcpy(f->databases.bytes + at, &head, sizeof(head));
			memcpy(f->databases.bytes + at + sizeof(head), bytes, len);
		}
		free(bytes);
	}
}

void freeze_end(struct freezer *f)
{
	freeze_room(f, 0, 8);
	part_take(f, &f->texts, 1, 1);
}

/* ---- the whole ---- */

bool freezer_init(struct freezer *f, const struct ruleset *set)
{
	*f = (struct freezer){.set = set, .rules = calloc(set->rule_count + 1, sizeof(*f->rules))};
	if (!f->rules)
		freeze_fail(f, "there is no memory for it");
	/* The first place of data is nobody's, so that 0 is no place. */
	freeze_room(f, 64, 64);
	return !f->why;
}

void freezer_fini(struct freezer *f)
{
	struct frozen_part *parts[] = {&f->data, &f->bytes, &f->texts, &f->links, &f->databases, &f->pointers};

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		if (parts[i]->bytes)
			munmap(parts[i]->bytes, parts[i]->space);
	free(f->lists.slots);
	free(f->words.slots);
	free(f->rules);
}
