/* SPDX-License-Identifier: BSD-3-Clause
 *
 * OneNote sections (MS-ONESTORE): files that lie in them. Each is a FileDataStoreObject (2.6.13), which stands as a
 * whole between two marks, so the tree of revisions need not be followed: also what was deleted is found. How a file is
 * called stands in the properties, which say so as a counted text of UTF-16 (MS-ONE 2.2.71, EmbeddedFileName); names
 * are given to the files in their order, pictures of the page left out.
 */
#include <stdlib.h>
#include <string.h>

#include "control/analysis/analyser.h"

#define HEADER_BYTES 36u     /* of a FileDataStoreObject, before its data */
#define OBJECTS_MAX 1000u
#define NAMES_MAX 64u
#define NAME_UNITS_MAX 120u
#define NAME_UNITS_MIN 4u

static const uint8_t guid_section[16] = {0xe4, 0x52, 0x5c, 0x7b, 0x8c, 0xd8, 0xa7, 0x4d, 0xae, 0xb1, 0x53, 0x78, 0xd0, 0x29, 0x96, 0xd3};
static const uint8_t guid_object[16] = {0xe7, 0x16, 0xe3, 0xbd, 0x65, 0x26, 0x11, 0x45, 0xa4, 0xc4, 0x8d, 0x4d, 0x0b, 0x7a, 0x9e, 0xac};

struct names {
	char *name[NAMES_MAX];
	unsigned count, given;
};

bool onenote_is(const struct part *p)
{
	return bytes_begin(p->data, guid_section, sizeof(guid_section));
}

/* ---- names ---- */

static bool is_new(const struct names *n, const char *name)
{
	for (unsigned i = 0; i < n->count; i++)
		if (strcmp(n->name[i], name) == 0)
			return false;
	return true;
}

/* "invoice.hta": one dot at least, a short ending of letters and digits, no path, nothing that cannot be typed. */
static bool is_name(const char *s)
{
	const char *dot = strrchr(s, '.');
	size_t end = dot ? strlen(dot + 1) : 0;

	return dot && dot != s && end >= 2 && end <= 5 && !strpbrk(s, "\\/:*?\"<>|") &&
	       strspn(dot + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == end;
}

/* A text that its length in bytes stands before, with or without a zero at its end. */
static bool take_name(struct bytes b, uint32_t at, uint32_t bytes, char out[NAME_UNITS_MAX + 1])
{
	uint32_t units = bytes / 2;

	for (uint32_t i = 0; i < units; i++) {
		uint8_t low = b.data[at + 2 * i], high = b.data[at + 2 * i + 1];

		if (i + 1 == units && !low && !high)
			units--;
		else if (high || low < ' ' || low > '~')
			return false;
		else
			out[i] = (char)low;
	}
	out[units] = '\0';
	return units >= NAME_UNITS_MIN && is_name(out);
}

static void find_names(struct analysis *a, struct part *p, struct names *n)
{
	struct bytes b = p->data;
	char name[NAME_UNITS_MAX + 1];

	for (uint32_t at = 0; at + 4 + 2 * NAME_UNITS_MIN <= b.len && n->count < NAMES_MAX; at++) {
		uint32_t bytes = b.data[at] | (uint32_t)b.data[at + 1] << 8;

		if (b.data[at + 2] || b.data[at + 3] || bytes & 1 || bytes < 2 * NAME_UNITS_MIN || bytes > 2 * NAME_UNITS_MAX ||
		    bytes > b.len - at - 4 || !take_name(b, at + 4, bytes, name) || !is_new(n, name))
			continue;
		n->name[n->count] = arena_text(a->arena, name, strlen(name));
		n->count += n->name[n->count] != NULL;
		at += 3 + bytes;
	}
}

/* ---- files ---- */

static bool is_picture(struct bytes b)
{
	return bytes_begin(b, "\x89PNG", 4) || bytes_begin(b, "\xff\xd8\xff", 3) || bytes_begin(b, "GIF8", 4) ||
	       bytes_begin(b, "\x01\0\0\0", 4) || bytes_begin(b, "II*\0", 4);
}

static void add_file(struct analysis *a, struct part *p, struct names *n, struct bytes data)
{
	const char *name = is_picture(data) || n->given == n->count ? "" : n->name[n->given++];

	if (!is_picture(data))
		part_reason(a, p, REASON_embedded_object, "%s", name);
	part_add(a, p, (struct bytes){(const uint8_t *)name, (uint32_t)strlen(name)}, "", data);
}

void onenote_run(struct analysis *a, struct part *p)
{
	struct names n = {.count = 0};
	const uint8_t *at;
	size_t from = sizeof(guid_section);

	p->traits |= PART_DOCUMENT;
	part_fact(a, p, "format", "OneNote");
	find_names(a, p, &n);
	for (unsigned i = 0; i < OBJECTS_MAX && !analysis_over(a) && (at = bytes_find(p->data, from, guid_object, sizeof(guid_object))); i++) {
		struct cursor c = cursor_of(at, p->data.len - (size_t)(at - p->data.data));
		uint64_t len;
		const uint8_t *data;

		from = (size_t)(at - p->data.data) + sizeof(guid_object);
		cursor_skip(&c, sizeof(guid_object));
		len = cursor_le32(&c);
		len |= (uint64_t)cursor_le32(&c) << 32;
		cursor_skip(&c, HEADER_BYTES - sizeof(guid_object) - 8);
		if (c.bad || len > cursor_left(&c)) {
			part_reason(a, p, REASON_broken, "OneNote");
			continue;
		}
		if (!len)
			continue;
		data = cursor_take(&c, len);
		add_file(a, p, &n, (struct bytes){data, (uint32_t)len});
		from = (size_t)(c.p - p->data.data);
	}
}
