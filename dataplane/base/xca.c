/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See xca.h.
 */
#include "dataplane/base/xca.h"

#define BLOCK_BYTES 65536u  /* of output, with a table of codes each */
#define TABLE_BYTES (XCA_SYMBOLS / 2)
#define CHUNK_BYTES 4096u   /* of output, in LZNT1 */
#define MATCH_LEAST 3u

/* Repeats len bytes from distance before `at`; false: there are not so many, or no room. */
static bool match_copy(uint8_t *out, uint32_t *at, uint32_t room, uint64_t distance, uint64_t len)
{
	if (distance > *at || len > room - *at)
		return false;
	for (; len; len--, ++*at)
		out[*at] = out[*at - distance];
	return true;
}

/* ---- LZNT1 ---- */

/* How many bits of a match are its length: fewer, the further on in the chunk it stands (2.5.1.4). */
static unsigned length_bits(uint32_t in_chunk)
{
	unsigned bits = 12;

	for (uint32_t far = in_chunk - 1; far >= 0x10; far >>= 1)
		bits--;
	return bits;
}

static bool chunk_unpack(struct cursor c, uint8_t *out, uint32_t *at, uint32_t room)
{
	uint32_t begin = *at;

	if (room - begin > CHUNK_BYTES)
		room = begin + CHUNK_BYTES;
	while (cursor_left(&c)) {
		uint8_t flags = cursor_u8(&c);

		for (unsigned i = 0; i < 8 && cursor_left(&c); i++, flags >>= 1) {
			uint16_t match;
			unsigned bits;

			if (!(flags & 1)) {
				if (*at == room)
					return false;
				out[(*at)++] = cursor_u8(&c);
				continue;
			}
			match = cursor_le16(&c);
			if (c.bad || *at == begin)
				return false;
			bits = length_bits(*at - begin);
			if ((match >> bits) + 1u > *at - begin ||
			    !match_copy(out, at, room, (match >> bits) + 1u, (match & ((1u << bits) - 1)) + MATCH_LEAST))
				return false;
		}
	}
	return true;
}

uint32_t xca_lznt1(struct bytes in, uint8_t *out, uint32_t room)
{
	enum { PACKED = 0x8000, SIGNATURE = 0x7000, LENGTH = 0x0fff };
	struct cursor c = cursor_of(in.data, in.len);
	uint32_t at = 0;

	while (cursor_left(&c) >= 2) {
		uint16_t head = cursor_le16(&c);
		struct cursor chunk;

		if (!head)
			break;
		chunk = cursor_sub(&c, (head & LENGTH) + 1u);
		if (chunk.bad || (head & SIGNATURE) != 0x3000)
			return XCA_BAD;
		if (head & PACKED) {
			if (!chunk_unpack(chunk, out, &at, room))
				return XCA_BAD;
			continue;
		}
		if (cursor_left(&chunk) > room - at)
			return XCA_BAD;
		memcpy(out + at, chunk.p, cursor_left(&chunk));
		at += (uint32_t)cursor_left(&chunk);
	}
	return at;
}

/* ---- LZ77 ---- */

/* The longer forms of a length of which `least` and more did not fit before: a byte, two, four (2.4.4, 2.2.4). */
static uint64_t length_more(struct cursor *c, uint32_t byte_is, uint32_t least)
{
	uint64_t len = byte_is;

	if (len != 255)
		return len + least;
	len = cursor_le16(c);
	if (!len)
		len = cursor_le32(c);
	if (len < least)
		c->bad = true;
	return len;
}

uint32_t xca_lz77(struct bytes in, uint8_t *out, uint32_t room)
{
	struct cursor c = cursor_of(in.data, in.len);
	const uint8_t *half = NULL; /* a byte of which the upper four bits are the next length */
	uint32_t at = 0, flags = 0;
	unsigned left = 0;

	while (at < room && cursor_left(&c)) {
		uint64_t len;
		uint16_t match;

		if (!left) {
			flags = cursor_le32(&c);
			left = 32;
			if (c.bad)
				return XCA_BAD;
			continue;
		}
		left--;
		if (!(flags >> left & 1)) {
			out[at++] = cursor_u8(&c);
			continue;
		}
		match = cursor_le16(&c);
		len = match & 7;
		if (len == 7) {
			uint32_t nibble = 0;

			if (half) {
				nibble = *half >> 4;
				half = NULL;
			} else if (cursor_left(&c)) {
				half = c.p;
				nibble = cursor_u8(&c) & 15;
			} else {
				c.bad = true;
			}
			len = nibble < 15 ? nibble + 7u : length_more(&c, cursor_u8(&c), 15 + 7);
		}
		if (c.bad || !match_copy(out, &at, room, (match >> 3) + 1u, len + MATCH_LEAST))
			return XCA_BAD;
	}
	return at;
}

/* ---- LZ77 with Huffman codes ---- */

/* Bits come in words of 16, of which two are held at the most. */
struct bits {
	struct cursor c;
	uint32_t next;
	int extra; /* bits of next beyond the upper 16 */
	unsigned beyond; /* words that were asked for behind the end */
};

static uint16_t word_take(struct bits *b)
{
	if (cursor_left(&b->c) >= 2)
		return cursor_le16(&b->c);
	b->beyond++;
	return 0;
}

static void bits_begin(struct bits *b)
{
	b->next = (uint32_t)word_take(b) << 16;
	b->next |= word_take(b);
	b->extra = 16;
}

static void bits_drop(struct bits *b, unsigned n)
{
	b->next = n < 32 ? b->next << n : 0;
	b->extra -= (int)n;
	if (b->extra < 0) {
		b->next |= (uint32_t)word_take(b) << -b->extra;
		b->extra += 16;
	}
}

/* Four bits for the length of each symbol's code, whose codes must fill what there is (2.2.4). */
static bool codes_read(struct xca_work *w, const uint8_t *table)
{
	uint16_t next[XCA_CODE_MAX + 2] = {0};
	uint32_t used = 0;

	memset(w->count, 0, sizeof(w->count));
	for (unsigned i = 0; i < XCA_SYMBOLS; i++)
		w->count[table[i / 2] >> (i & 1) * 4 & 15]++;
	w->count[0] = 0;
	for (unsigned len = 1; len <= XCA_CODE_MAX; len++) {
		next[len + 1] = next[len] + w->count[len];
		used += (uint32_t)w->count[len] << (XCA_CODE_MAX - len);
	}
	if (used != 1u << XCA_CODE_MAX)
		return false;
	for (unsigned i = 0; i < XCA_SYMBOLS; i++) {
		unsigned len = table[i / 2] >> (i & 1) * 4 & 15;

		if (len)
			w->symbols[next[len]++] = (uint16_t)i;
	}
	return true;
}

static unsigned symbol_take(struct bits *b, const struct xca_work *w)
{
	uint32_t code = 0, first = 0, index = 0;

	for (unsigned len = 1; len <= XCA_CODE_MAX; len++) {
		code = b->next >> (32 - len);
		if (code - first < w->count[len]) {
			bits_drop(b, len);
			return w->symbols[index + code - first];
		}
		index += w->count[len];
		first = (first + w->count[len]) << 1;
	}
	return XCA_SYMBOLS; /* not with codes that fill what there is */
}

/* A symbol from 256 on: how long, and how many bits its distance has. */
static bool match_take(struct bits *b, unsigned symbol, uint8_t *out, uint32_t *at, uint32_t room)
{
	unsigned distance_bits = symbol >> 4 & 15;
	uint64_t len = symbol & 15, distance;

	if (len == 15)
		len = length_more(&b->c, cursor_u8(&b->c), 15);
	distance = (1u << distance_bits) + (distance_bits ? b->next >> (32 - distance_bits) : 0);
	bits_drop(b, distance_bits);
	return !b->c.bad && match_copy(out, at, room, distance, len + MATCH_LEAST);
}

uint32_t xca_huffman(struct bytes in, uint8_t *out, uint32_t room, struct xca_work *work)
{
	struct bits b = {.c = cursor_of(in.data, in.len)};
	uint32_t at = 0;

	while (at < room && cursor_left(&b.c)) {
		const uint8_t *table = cursor_take(&b.c, TABLE_BYTES);
		uint64_t end = (uint64_t)at + BLOCK_BYTES;

		if (!table || !codes_read(work, table))
			return XCA_BAD;
		bits_begin(&b);
		while (at < room && at < end) {
			unsigned symbol = symbol_take(&b, work);

			if (symbol == 256 && !cursor_left(&b.c) && (b.beyond || b.next == 0))
				return at;
			if (b.beyond > 2)
				return XCA_BAD;
			if (symbol < 256)
				out[at++] = (uint8_t)symbol;
			else if (symbol == XCA_SYMBOLS || !match_take(&b, symbol - 256, out, &at, room))
				return XCA_BAD;
		}
	}
	return at;
}
