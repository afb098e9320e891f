/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/analysis/cfb.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HEADER_BYTES 512u
#define HEADER_DIFAT 109u
#define ENTRY_BYTES 128u
#define SECTOR_LAST 0xfffffffau /* what is greater is no sector */

static const uint8_t magic[8] = {0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1};

bool cfb_begins(struct bytes file)
{
	return file.len >= HEADER_BYTES && memcmp(file.data, magic, sizeof(magic)) == 0;
}

static uint32_t le32_at(const uint8_t *p)
{
	return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

/* The bytes of a sector; the last one of a file may be cut. */
static struct bytes sector_of(const struct cfb *c, uint32_t n)
{
	uint64_t at = ((uint64_t)n + 1) * c->sector_bytes;

	if (n >= c->sectors || at >= c->file.len)
		return (struct bytes){NULL, 0};
	return (struct bytes){c->file.data + at,
			      c->file.len - at < c->sector_bytes ? (uint32_t)(c->file.len - at) : c->sector_bytes};
}

/* ---- the table of sectors ---- */

static void fat_sector(struct cfb *c, uint32_t sector, uint32_t *filled)
{
	struct bytes b = sector_of(c, sector);

	for (uint32_t i = 0; i + 4 <= b.len && *filled < c->sectors; i += 4)
		c->fat[(*filled)++] = le32_at(b.data + i);
}

static bool read_fat(struct cfb *c)
{
	uint32_t filled = 0, next = le32_at(c->file.data + 68), per = c->sector_bytes / 4 - 1;

	c->fat = malloc((c->sectors + 1) * sizeof(*c->fat));
	if (!c->fat)
		return false;
	for (uint32_t i = 0; i < HEADER_DIFAT && filled < c->sectors; i++) {
		uint32_t sector = le32_at(c->file.data + 76 + 4 * i);

		if (sector < SECTOR_LAST)
			fat_sector(c, sector, &filled);
	}
	for (uint32_t turn = 0; next < SECTOR_LAST && turn <= c->sectors && filled < c->sectors; turn++) {
		struct bytes b = sector_of(c, next);

		if (b.len < c->sector_bytes)
			break;
		for (uint32_t i = 0; i < per && filled < c->sectors; i++)
			if (le32_at(b.data + 4 * i) < SECTOR_LAST)
				fat_sector(c, le32_at(b.data + 4 * i), &filled);
		next = le32_at(b.data + 4 * per);
	}
	while (filled < c->sectors)
		c->fat[filled++] = UINT32_MAX;
	return true;
}

/* The bytes of a chain, at most most of them. */
static struct bytes read_chain(const struct cfb *c, uint32_t sector, uint64_t most)
{
	uint64_t cap = most < c->file.len ? most : c->file.len, n = 0;
	uint8_t *data = cap ? malloc(cap) : NULL;

	if (!data)
		return (struct bytes){NULL, 0};
	for (uint32_t turn = 0; turn < c->sectors && sector < c->sectors && n < cap; turn++) {
		struct bytes b = sector_of(c, sector);
		uint64_t take = b.len < cap - n ? b.len : cap - n;

		if (!b.len)
			break;
		memcpy(data + n, b.data, take);
		n += take;
		sector = c->fat[sector];
	}
	if (!n) {
		free(data);
		data = NULL;
	}
	return (struct bytes){data, (uint32_t)n};
}

/* ---- folders ---- */

/* UTF-16LE → UTF-8; pairs become question marks: no name of interest has one. */
static void copy_name(char *out, const uint8_t *p, uint32_t units)
{
	size_t n = 0;

	for (uint32_t i = 0; i < units && i < 31; i++) {
		uint32_t u = (uint32_t)p[2 * i] | (uint32_t)p[2 * i + 1] << 8;

		if (!u)
			break;
		if (u < 0x80) {
			out[n++] = (char)u;
		} else if (u < 0x800) {
			out[n++] = (char)(0xc0 | u >> 6);
			out[n++] = (char)(0x80 | (u & 63));
		} else if (u >= 0xd800 && u < 0xe000) {
			out[n++] = '?';
		} else {
			out[n++] = (char)(0xe0 | u >> 12);
			out[n++] = (char)(0x80 | (u >> 6 & 63));
			out[n++] = (char)(0x80 | (u & 63));
		}
	}
	out[n] = '\0';
}

static void read_entry(struct cfb_entry *e, const uint8_t *p)
{
	uint32_t units = ((uint32_t)p[64] | (uint32_t)p[65] << 8) / 2;

	copy_name(e->name, p, units);
	e->type = p[66];
	e->left = le32_at(p + 68);
	e->right = le32_at(p + 72);
	e->child = le32_at(p + 76);
	memcpy(e->clsid, p + 80, 16);
	e->start = le32_at(p + 116);
	e->size = le32_at(p + 120);
	e->parent = e->first = e->next = CFB_NONE;
}

/* Gives each entry its parent: trees of siblings below each storage, walked with a stack; who has a
 * parent already is not entered again. */
static bool find_parents(struct cfb *c)
{
	struct todo {
		uint32_t entry, parent;
	} *stack = malloc(((size_t)c->entries * 3 + 4) * sizeof(*stack));
	uint32_t n = 0;

	if (!stack)
		return false;
	if (c->entries)
		stack[n++] = (struct todo){c->entry[0].child, 0};
	while (n) {
		struct todo t = stack[--n];
		struct cfb_entry *e;

		if (t.entry == 0 || t.entry >= c->entries)
			continue;
		e = &c->entry[t.entry];
		if (e->parent != CFB_NONE || e->type == CFB_EMPTY)
			continue;
		e->parent = t.parent;
		e->next = c->entry[t.parent].first;
		c->entry[t.parent].first = t.entry;
		stack[n++] = (struct todo){e->left, t.parent};
		stack[n++] = (struct todo){e->right, t.parent};
		if (e->type == CFB_STORAGE)
			stack[n++] = (struct todo){e->child, t.entry};
	}
	free(stack);
	return true;
}

static bool read_folder(struct cfb *c)
{
	struct bytes b = read_chain(c, le32_at(c->file.data + 48), (uint64_t)CFB_ENTRIES_MAX * ENTRY_BYTES);
	uint32_t count = b.len / ENTRY_BYTES;

	if (!count) {
		free((void *)(uintptr_t)b.data);
		return false;
	}
	c->entry = calloc(count, sizeof(*c->entry));
	for (uint32_t i = 0; c->entry && i < count; i++)
		read_entry(&c->entry[i], b.data + i * ENTRY_BYTES);
	c->entries = c->entry ? count : 0;
	free((void *)(uintptr_t)b.data);
	return c->entry && c->entry[0].type == CFB_ROOT && find_parents(c);
}

static void read_mini(struct cfb *c)
{
	uint32_t start = le32_at(c->file.data + 60);
	struct bytes b = start < SECTOR_LAST ? read_chain(c, start, c->file.len) : (struct bytes){NULL, 0};

	c->mini = read_chain(c, c->entry[0].start, c->entry[0].size);
	c->mini_fat_count = b.len / 4;
	c->mini_fat = malloc(c->mini_fat_count * sizeof(*c->mini_fat) + 1);
	for (uint32_t i = 0; c->mini_fat && i < c->mini_fat_count; i++)
		c->mini_fat[i] = le32_at(b.data + 4 * i);
	if (!c->mini_fat)
		c->mini_fat_count = 0;
	free((void *)(uintptr_t)b.data);
}

bool cfb_open(struct cfb *c, struct bytes file)
{
	unsigned shift, mini;

	memset(c, 0, sizeof(*c));
	if (!cfb_begins(file))
		return false;
	shift = file.data[30];
	mini = file.data[32];
	if ((shift != 9 && shift != 12) || mini > 9 || mini < 4)
		return false;
	c->file = file;
	c->sector_bytes = 1u << shift;
	c->mini_bytes = 1u << mini;
	c->mini_cutoff = le32_at(file.data + 56);
	c->sectors = file.len / c->sector_bytes; /* the header takes one; the last may be cut */
	if (c->mini_cutoff > 1u << 20)
		c->mini_cutoff = 4096;
	if (!read_fat(c) || !read_folder(c)) {
		cfb_close(c);
		return false;
	}
	read_mini(c);
	return true;
}

void cfb_close(struct cfb *c)
{
	free(c->fat);
	free(c->mini_fat);
	free((void *)(uintptr_t)c->mini.data);
	free(c->entry);
	memset(c, 0, sizeof(*c));
}

static struct bytes read_mini_chain(const struct cfb *c, uint32_t block, uint64_t most)
{
	uint64_t cap = most < c->mini.len ? most : c->mini.len, n = 0;
	uint8_t *data = cap ? malloc(cap) : NULL;

	for (uint32_t turn = 0; data && turn < c->mini_fat_count && block < c->mini_fat_count && n < cap; turn++) {
		uint64_t at = (uint64_t)block * c->mini_bytes;
		uint64_t take = c->mini_bytes < cap - n ? c->mini_bytes : cap - n;

		if (at >= c->mini.len)
			break;
		if (take > c->mini.len - at)
			take = c->mini.len - at;
		memcpy(data + n, c->mini.data + at, take);
		n += take;
		block = c->mini_fat[block];
	}
	if (!n) {
		free(data);
		data = NULL;
	}
	return (struct bytes){data, (uint32_t)n};
}

struct bytes cfb_read(const struct cfb *c, uint32_t entry, uint64_t room)
{
	const struct cfb_entry *e = &c->entry[entry];
	uint64_t most = e->size < room ? e->size : room;

	if (e->type != CFB_STREAM || !most)
		return (struct bytes){NULL, 0};
	return e->size < c->mini_cutoff ? read_mini_chain(c, e->start, most) : read_chain(c, e->start, most);
}

uint32_t cfb_find(const struct cfb *c, uint32_t parent, const char *name)
{
	uint32_t i = c->entry[parent].first;

	while (i != CFB_NONE && strcasecmp(c->entry[i].name, name) != 0)
		i = c->entry[i].next;
	return i;
}
