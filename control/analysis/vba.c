/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/analysis/vba.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONTAINER_SIGNATURE 1
#define CHUNK_BYTES 4096u
#define CHUNK_SIGNATURE 3u
/* Records of the dir stream (MS-OVBA 2.3.4.2). */
#define DIR_MODULE_STREAM 0x1au
#define DIR_MODULE_OFFSET 0x31u
#define DIR_MODULE_END 0x2bu
#define DIR_PROJECT_VERSION 0x09u
#define DIR_MODULE_NAME 0x19u

/* One chunk (2.4.1.3.2 … 2.4.1.3.5): tokens that copy from what this chunk has already. */
static void chunk_expand(struct cursor *c, uint8_t *out, uint32_t *n, uint32_t start)
{
	while (cursor_left(c) && *n - start < CHUNK_BYTES) {
		uint8_t flags = cursor_u8(c);

		for (unsigned bit = 0; bit < 8 && cursor_left(c) && *n - start < CHUNK_BYTES; bit++) {
			unsigned width = 4, length_bits;
			uint16_t token;
			uint32_t offset, length;

			if (!(flags >> bit & 1)) {
				out[(*n)++] = cursor_u8(c);
				continue;
			}
			token = cursor_le16(c);
			while (width < 12 && 1u << width < *n - start)
				width++;
			length_bits = 16 - width;
			length = (token & ((1u << length_bits) - 1)) + 3;
			offset = (token >> length_bits) + 1u;
			if (c->bad || offset > *n - start)
				return;
			for (; length && *n - start < CHUNK_BYTES; length--, (*n)++)
				out[*n] = out[*n - offset];
		}
	}
}

struct bytes vba_decompress(struct bytes in)
{
	struct cursor c = cursor_of(in.data, in.len);
	uint8_t *out = NULL;
	uint32_t n = 0, cap = 0;

	if (cursor_u8(&c) != CONTAINER_SIGNATURE)
		return (struct bytes){NULL, 0};
	while (cursor_left(&c) >= 2 && n + CHUNK_BYTES <= VBA_SOURCE_MAX) {
		uint16_t head = cursor_le16(&c);
		uint32_t size = (head & 0xfffu) + 1;
		struct cursor chunk;
		uint8_t *more;

		if ((head >> 12 & 7) != CHUNK_SIGNATURE)
			break;
		if (size > cursor_left(&c))
			size = (uint32_t)cursor_left(&c);
		chunk = cursor_sub(&c, size);
		if (n + CHUNK_BYTES > cap) {
			cap = cap ? cap * 2 : 4 * CHUNK_BYTES;
			more = realloc(out, cap);
			if (!more)
				break;
			out = more;
		}
		if (head & 0x8000) {
			chunk_expand(&chunk, out, &n, n);
		} else {
			size = size < CHUNK_BYTES ? size : CHUNK_BYTES;
			memcpy(out + n, chunk.p, size);
			n += size;
		}
	}
	if (!n) {
		free(out);
		out = NULL;
	}
	return (struct bytes){out, n};
}

/* ---- a module ---- */

struct module {
	char stream[CFB_NAME_MAX];
	uint32_t offset;
	bool has_offset;
};

/* The place where source begins that no list names: a container whose first words are "Attribut". */
static uint32_t source_place(struct bytes stream)
{
	static const char mark[] = "\0Attribut";
	const uint8_t *at = stream.data;
	size_t from = 0;

	while ((at = bytes_find(stream, from, mark, sizeof(mark) - 1))) {
		size_t i = (size_t)(at - stream.data);

		if (i >= 3 && stream.data[i - 3] == CONTAINER_SIGNATURE)
			return (uint32_t)(i - 3);
		from = i + 1;
	}
	return UINT32_MAX;
}

static void add_source(struct analysis *a, struct part *p, const char *stream, struct bytes source)
{
	char name[CFB_NAME_MAX + 8];

	snprintf(name, sizeof(name), "%s.bas", stream);
	part_add(a, p, (struct bytes){(const uint8_t *)name, (uint32_t)strlen(name)}, "text/x-vba", source);
}

static void take_module(struct analysis *a, struct part *p, const struct cfb *c, uint32_t storage,
			const struct module *m)
{
	uint32_t entry = cfb_find(c, storage, m->stream), at;
	enum reason_code code;
	struct bytes stream, source = {NULL, 0};

	if (entry == CFB_NONE)
		return;
	stream = cfb_read(c, entry, analysis_room(a, p->data.len, &code));
	at = m->has_offset && m->offset < stream.len ? m->offset : UINT32_MAX;
	if (at != UINT32_MAX)
		source = vba_decompress((struct bytes){stream.data + at, stream.len - at});
	if (!source.data && stream.data && (at = source_place(stream)) != UINT32_MAX)
		source = vba_decompress((struct bytes){stream.data + at, stream.len - at});
	if (source.data)
		add_source(a, p, m->stream, source);
	else if (stream.len)
		part_reason(a, p, REASON_macro_no_source, "%.100s", m->stream);
	free((void *)(uintptr_t)source.data);
	free((void *)(uintptr_t)stream.data);
}

/* ---- the list of modules ---- */

static uint32_t read_list(struct bytes dir, struct module *list)
{
	struct cursor c = cursor_of(dir.data, dir.len);
	struct module m = {.stream = ""};
	uint32_t n = 0;

	while (cursor_left(&c) >= 6 && n < VBA_MODULES_MAX) {
		uint16_t id = cursor_le16(&c);
		uint32_t size = cursor_le32(&c);
		const uint8_t *body;

		if (id == DIR_PROJECT_VERSION) /* its size does not count the minor version (2.3.4.2.1.11) */
			size = 6;
		body = cursor_take(&c, size);
		if (!body)
			break;
		if (id == DIR_MODULE_NAME)
			m = (struct module){.stream = ""};
		else if (id == DIR_MODULE_STREAM)
			snprintf(m.stream, sizeof(m.stream), "%.*s", (int)(size < 90 ? size : 90), (const char *)body);
		else if (id == DIR_MODULE_OFFSET && size == 4) {
			struct cursor v = cursor_of(body, 4);

			m.offset = cursor_le32(&v);
			m.has_offset = true;
		} else if (id == DIR_MODULE_END && *m.stream)
			list[n++] = m;
	}
	return n;
}

static bool is_own_stream(const char *name)
{
	return strcmp(name, "dir") == 0 || strcmp(name, "_VBA_PROJECT") == 0 || strncmp(name, "__SRP_", 6) == 0;
}

/* Without a list: every other stream of the storage. */
static uint32_t guess_list(const struct cfb *c, uint32_t storage, struct module *list)
{
	uint32_t n = 0;

	for (uint32_t i = c->entry[storage].first; i != CFB_NONE && n < VBA_MODULES_MAX; i = c->entry[i].next) {
		const struct cfb_entry *e = &c->entry[i];

		if (e->type != CFB_STREAM || is_own_stream(e->name))
			continue;
		list[n] = (struct module){.has_offset = false};
		snprintf(list[n++].stream, CFB_NAME_MAX, "%s", e->name);
	}
	return n;
}

void vba_project(struct analysis *a, struct part *p, const struct cfb *c, uint32_t storage)
{
	struct module *list = calloc(VBA_MODULES_MAX, sizeof(*list));
	uint32_t dir = cfb_find(c, storage, "dir"), n = 0;
	struct bytes packed, unpacked;

	if (!list)
		return;
	if (dir != CFB_NONE) {
		packed = cfb_read(c, dir, VBA_SOURCE_MAX);
		unpacked = vba_decompress(packed);
		n = read_list(unpacked, list);
		free((void *)(uintptr_t)packed.data);
		free((void *)(uintptr_t)unpacked.data);
	}
	if (!n)
		n = guess_list(c, storage, list);
	if (n)
		part_fact(a, p, "modules", "%u", n);
	for (uint32_t i = 0; i < n && !analysis_over(a); i++)
		take_module(a, p, c, storage, &list[i]);
	if (n && !p->first) { /* names of the list in a code page of their own: by what is there */
		n = guess_list(c, storage, list);
		for (uint32_t i = 0; i < n && !analysis_over(a); i++)
			take_module(a, p, c, storage, &list[i]);
	}
	free(list);
}
