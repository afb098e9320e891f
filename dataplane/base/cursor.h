/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The only way parsers read packet bytes. A cursor knows its end; a read past it returns zero,
 * moves the cursor to its end and sets .bad, which stays set, so a parser may read a whole
 * header and ask once. Any process, any thread.
 */
#ifndef BASE_CURSOR_H
#define BASE_CURSOR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

/* A borrowed run of bytes; not terminated. */
struct bytes {
	const uint8_t *data;
	uint32_t len;
};

/* This word, in any case? */
static inline bool bytes_are(struct bytes b, const char *word)
{
	return b.len == strlen(word) && strncasecmp((const char *)b.data, word, b.len) == 0;
}

struct cursor {
	const uint8_t *p;
	const uint8_t *end;
	bool bad; /* a read went past the end */
};

/* data may be NULL where len is 0. */
static inline struct cursor cursor_of(const void *data, size_t len)
{
	const uint8_t *p = (const uint8_t *)data;

	return (struct cursor){.p = p, .end = len ? p + len : p};
}

static inline size_t cursor_left(const struct cursor *c)
{
	return (size_t)(c->end - c->p);
}

/* Borrows n bytes and moves on; NULL if fewer are left. */
static inline const uint8_t *cursor_take(struct cursor *c, size_t n)
{
	const uint8_t *at = c->p;

	if (cursor_left(c) < n) {
		c->p = c->end;
		c->bad = true;
		return NULL;
	}
	c->p += n;
	return at;
}

/* Looks at n bytes ahead without moving; NULL if fewer are left; never sets .bad. */
static inline const uint8_t *cursor_peek(const struct cursor *c, size_t n)
{
	return cursor_left(c) < n ? NULL : c->p;
}

static inline bool cursor_skip(struct cursor *c, size_t n)
{
	return cursor_take(c, n) != NULL;
}

/* A cursor over the next n bytes, which this one moves past. Too few left: an empty, bad one. */
static inline struct cursor cursor_sub(struct cursor *c, size_t n)
{
	const uint8_t *at = cursor_take(c, n);

	return (struct cursor){.p = at ? at : c->end, .end = at ? at + n : c->end, .bad = !at};
}

static inline uint8_t cursor_u8(struct cursor *c)
{
	const uint8_t *b = cursor_take(c, 1);

	return b ? b[0] : 0;
}

static inline uint16_t cursor_be16(struct cursor *c)
{
	const uint8_t *b = cursor_take(c, 2);

	return b ? (uint16_t)(b[0] << 8 | b[1]) : 0;
}

static inline uint32_t cursor_be24(struct cursor *c)
{
	const uint8_t *b = cursor_take(c, 3);

	return b ? (uint32_t)b[0] << 16 | (uint32_t)b[1] << 8 | b[2] : 0;
}

static inline uint32_t cursor_be32(struct cursor *c)
{
	const uint8_t *b = cursor_take(c, 4);

	return b ? (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3] : 0;
}

static inline uint64_t cursor_be64(struct cursor *c)
{
	uint64_t high = cursor_be32(c);

	return high << 32 | cursor_be32(c);
}

static inline uint16_t cursor_le16(struct cursor *c)
{
	const uint8_t *b = cursor_take(c, 2);

	return b ? (uint16_t)(b[1] << 8 | b[0]) : 0;
}

static inline uint32_t cursor_le32(struct cursor *c)
{
	const uint8_t *b = cursor_take(c, 4);

	return b ? (uint32_t)b[3] << 24 | (uint32_t)b[2] << 16 | (uint32_t)b[1] << 8 | b[0] : 0;
}

static inline uint64_t cursor_le64(struct cursor *c)
{
	uint64_t low = cursor_le32(c);

	return (uint64_t)cursor_le32(c) << 32 | low;
}

/* Unaligned big-endian reads where the length has been checked already. */
static inline uint16_t get_be16(const uint8_t *b)
{
	return (uint16_t)(b[0] << 8 | b[1]);
}

static inline uint32_t get_be32(const uint8_t *b)
{
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

#endif
