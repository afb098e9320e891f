/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See pdf_filter.h.
 */
#include "control/analysis/pdf_filter.h"

#include <stdlib.h>
#include <string.h>

#include "control/analysis/analyser.h"
#include "dataplane/base/digit.h"

#define LZW_CODES 4096u
#define LZW_CLEAR 256u
#define LZW_END 257u
#define LZW_BITS_MIN 9u
#define LZW_BITS_MAX 12u
#define RUN_END 128u
#define COLUMNS_MAX (1u << 20)

uint8_t pdf_filter_named(const char *name)
{
	static const struct {
		const char *name;
		uint8_t filter;
	} filters[] = {
		{"FlateDecode", PDF_FLATE}, {"Fl", PDF_FLATE}, {"LZWDecode", PDF_LZW}, {"LZW", PDF_LZW},
		{"ASCIIHexDecode", PDF_HEX}, {"AHx", PDF_HEX}, {"ASCII85Decode", PDF_85}, {"A85", PDF_85},
		{"RunLengthDecode", PDF_RUN}, {"RL", PDF_RUN}, {"Crypt", PDF_CRYPT}, {"DCTDecode", PDF_IMAGE},
		{"DCT", PDF_IMAGE}, {"CCITTFaxDecode", PDF_IMAGE}, {"CCF", PDF_IMAGE}, {"JBIG2Decode", PDF_IMAGE},
		{"JPXDecode", PDF_IMAGE},
	};

	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++)
		if (strcmp(name, filters[i].name) == 0)
			return filters[i].filter;
	return 0;
}

/* What comes out. */
struct sink {
	uint8_t *data;
	uint64_t n, cap, room;
	bool full;
};

static bool sink_room(struct sink *s, uint64_t len)
{
	uint64_t cap = s->cap ? s->cap : 4096;
	uint8_t *more;

	if (s->n + len > s->room) {
		s->full = true;
		return false;
	}
	if (s->n + len <= s->cap)
		return true;
	while (cap < s->n + len)
		cap *= 2;
	more = realloc(s->data, cap);
	if (!more) {
		s->full = true;
		return false;
	}
	s->data = more;
	s->cap = cap;
	return true;
}

static bool sink_put(struct sink *s, uint8_t c)
{
	if (!sink_room(s, 1))
		return false;
	s->data[s->n++] = c;
	return true;
}

/* ---- text ---- */

static void undo_hex(struct bytes in, struct sink *s)
{
	int high = -1;

	for (uint32_t i = 0; i < in.len && in.data[i] != '>'; i++) {
		int v = hex_digit(in.data[i]);

		if (v < 0)
			continue;
		if (high >= 0 && !sink_put(s, (uint8_t)(high << 4 | v)))
			return;
		high = high >= 0 ? -1 : v;
	}
	if (high >= 0)
		sink_put(s, (uint8_t)(high << 4));
}

/* A group of digits, of which n are there; they make n - 1 bytes. */
static bool group_put(struct sink *s, const uint8_t *digits, unsigned n)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 5; i++)
		v = v * 85 + (i < n ? digits[i] : 84u);
	for (unsigned i = 0; i + 1 < n; i++)
		if (!sink_put(s, (uint8_t)(v >> (24 - 8 * i))))
			return false;
	return true;
}

static void undo_85(struct bytes in, struct sink *s)
{
	static const uint8_t zeros[5];
	uint8_t digits[5];
	unsigned n = 0;

	for (uint32_t i = in.len >= 2 && memcmp(in.data, "<~", 2) == 0 ? 2 : 0; i < in.len && in.data[i] != '~'; i++) {
		uint8_t c = in.data[i];

		if (c == 'z' && !n) {
			if (!group_put(s, zeros, 5))
				return;
		} else if (c >= '!' && c <= 'u') {
			digits[n++] = c - '!';
			if (n == 5 && !group_put(s, digits, 5))
				return;
			n = n == 5 ? 0 : n;
		}
	}
	if (n > 1)
		group_put(s, digits, n);
}

/* ---- packed ---- */

static void undo_run(struct bytes in, struct sink *s)
{
	for (uint32_t i = 0; i + 1 < in.len && in.data[i] != RUN_END;) {
		uint32_t n = in.data[i], left = in.len - i - 1;

		n = n < RUN_END ? n + 1 : 257 - n;
		if (!sink_room(s, n))
			return;
		if (in.data[i] > RUN_END) {
			memset(s->data + s->n, in.data[i + 1], n);
			i += 2;
		} else {
			n = n < left ? n : left;
			memcpy(s->data + s->n, in.data + i + 1, n);
			i += 1 + n;
		}
		s->n += n;
	}
}

/* Strings of LZW: each code is another's string and a byte. */
struct lzw {
	uint16_t prefix[LZW_CODES], len[LZW_CODES];
	uint8_t last[LZW_CODES];
	uint32_t next, width;
};

static void lzw_clear(struct lzw *z)
{
	z->next = LZW_END + 1;
	z->width = LZW_BITS_MIN;
}

/* Appends the code's string; its first byte in *first. */
static bool lzw_put(const struct lzw *z, struct sink *s, uint32_t code, uint8_t *first)
{
	uint32_t len = code < LZW_CLEAR ? 1 : z->len[code];

	if (!sink_room(s, len))
		return false;
	for (uint32_t i = len; i > 1; i--) {
		s->data[s->n + i - 1] = z->last[code];
		code = z->prefix[code];
	}
	s->data[s->n] = *first = (uint8_t)code;
	s->n += len;
	return true;
}

static void lzw_add(struct lzw *z, uint32_t prefix, uint8_t last, uint32_t early)
{
	if (z->next >= LZW_CODES)
		return;
	z->prefix[z->next] = (uint16_t)prefix;
	z->len[z->next] = prefix < LZW_CLEAR ? 2 : (uint16_t)(z->len[prefix] + 1);
	z->last[z->next++] = last;
	if (z->next + early >= 1u << z->width && z->width < LZW_BITS_MAX)
		z->width++;
}

static void undo_lzw(struct bytes in, struct sink *s, bool late)
{
	struct lzw *z = malloc(sizeof(*z));
	uint32_t bits = 0, have = 0, before = LZW_CLEAR;

	if (!z)
		return;
	lzw_clear(z);
	for (uint32_t i = 0; i < in.len;) {
		uint32_t code;
		uint8_t first;

		while (have < z->width && i < in.len) {
			bits = bits << 8 | in.data[i++];
			have += 8;
		}
		if (have < z->width)
			break;
		have -= z->width;
		code = bits >> have & ((1u << z->width) - 1);
		if (code == LZW_END)
			break;
		if (code == LZW_CLEAR) {
			lzw_clear(z);
			before = LZW_CLEAR;
			continue;
		}
		if (before == LZW_CLEAR) {
			if (code > LZW_CLEAR || !lzw_put(z, s, code, &first))
				break;
		} else if (code < z->next) {
			if (!lzw_put(z, s, code, &first))
				break;
			lzw_add(z, before, first, !late);
		} else { /* the string that is being made: the one before, and its first byte */
			if (code > z->next || !lzw_put(z, s, before, &first) || !sink_put(s, first))
				break;
			lzw_add(z, before, first, !late);
		}
		before = code;
	}
	free(z);
}

/* ---- predictors (7.4.4.4) ---- */

static uint8_t paeth(uint8_t a, uint8_t b, uint8_t c)
{
	int p = a + b - c, pa = abs(p - a), pb = abs(p - b), pc = abs(p - c);

	return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
}

/* Rows with a byte before each that says how it was predicted, in place. Returns the length without those. */
static uint64_t undo_png(uint8_t *data, uint64_t len, uint32_t row, uint32_t pixel)
{
	uint64_t n = 0;

	for (uint64_t at = 0; at + 1 < len; at += row + 1ull) {
		uint64_t size = len - at - 1 < row ? len - at - 1 : row;
		uint8_t kind = data[at];

		for (uint64_t i = 0; i < size; i++) {
			uint8_t left = i >= pixel ? data[n + i - pixel] : 0, up = n >= row ? data[n + i - row] : 0;
			uint8_t corner = i >= pixel && n >= row ? data[n + i - row - pixel] : 0, c = data[at + 1 + i];

			c = (uint8_t)(c + (kind == 1 ? left : kind == 2 ? up : kind == 3 ? (left + up) / 2 : kind == 4 ?
					   paeth(left, up, corner) : 0));
			data[n + i] = c;
		}
		n += size;
	}
	return n;
}

static void undo_tiff(uint8_t *data, uint64_t len, uint32_t row, uint32_t pixel)
{
	for (uint64_t at = 0; at < len; at++)
		if (at % row >= pixel)
			data[at] = (uint8_t)(data[at] + data[at - pixel]);
}

static void undo_predictor(const struct pdf_chain *c, struct bytes *b)
{
	uint32_t colors = c->colors ? c->colors : 1, bits = c->bits ? c->bits : 8, columns = c->columns ? c->columns : 1;
	uint64_t row = ((uint64_t)columns * colors * bits + 7) / 8;
	uint32_t pixel = colors * bits < 8 ? 1 : colors * bits / 8;

	if (c->predictor < 2 || columns > COLUMNS_MAX || !row)
		return;
	if (c->predictor >= 10)
		b->len = (uint32_t)undo_png((uint8_t *)(uintptr_t)b->data, b->len, (uint32_t)row, pixel);
	else if (c->predictor == 2 && bits == 8)
		undo_tiff((uint8_t *)(uintptr_t)b->data, b->len, (uint32_t)row, pixel);
}

/* ---- chains ---- */

static bool undo(uint8_t filter, const struct pdf_chain *c, struct bytes in, uint64_t room, struct bytes *out, bool *whole)
{
	struct sink s = {.room = room < UINT32_MAX ? room : UINT32_MAX};
	bool ended;

	*out = (struct bytes){NULL, 0};
	*whole = true;
	switch (filter) {
	case PDF_FLATE:
		if (!bytes_inflate(in, true, room, out, &ended))
			return false;
		*whole = ended || out->len < room;
		break;
	case PDF_LZW:
		undo_lzw(in, &s, c->late);
		break;
	case PDF_HEX:
		undo_hex(in, &s);
		break;
	case PDF_85:
		undo_85(in, &s);
		break;
	case PDF_RUN:
		undo_run(in, &s);
		break;
	}
	if (filter != PDF_FLATE) {
		*out = (struct bytes){s.data, (uint32_t)s.n};
		*whole = !s.full;
	}
	if (out->len && (filter == PDF_FLATE || filter == PDF_LZW))
		undo_predictor(c, out);
	if (out->len)
		return true;
	free((void *)(uintptr_t)out->data);
	out->data = NULL;
	return false;
}

static bool copy(struct bytes in, uint64_t room, struct bytes *out)
{
	uint8_t *data = in.len && in.len <= room ? malloc(in.len) : NULL;

	if (data)
		memcpy(data, in.data, in.len);
	*out = (struct bytes){data, data ? in.len : 0};
	return data != NULL;
}

bool pdf_decode(struct bytes in, const struct pdf_chain *c, uint64_t room, struct bytes *out, bool *whole, uint64_t *work)
{
	struct bytes now = in, next;
	bool fits, fine = true;

	*whole = true;
	*work = 0;
	*out = (struct bytes){NULL, 0};
	if (c->too_many)
		return false;
	for (unsigned i = 0; i < c->count && fine; i++) {
		if (c->filter[i] == PDF_CRYPT)
			continue;
		fine = c->filter[i] != PDF_IMAGE && undo(c->filter[i], c, now, room, &next, &fits);
		if (now.data != in.data)
			free((void *)(uintptr_t)now.data);
		now = fine ? next : in;
		*work += fine ? next.len : 0;
		*whole &= !fine || fits;
	}
	if (!fine)
		return false;
	if (now.data == in.data)
		return copy(in, room, out);
	*out = now;
	return true;
}
