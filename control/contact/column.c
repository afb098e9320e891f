/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/contact/column.h"

#include "control/store/bytes.h"

#define EXCEPTION_BITS 20 /* roughly what one costs */

static unsigned bits_of(uint64_t v)
{
	return v ? 64 - (unsigned)__builtin_clzll(v) : 0;
}

static void put_number(struct text *out, uint64_t v)
{
	uint8_t *at = text_room(out, VARINT_MAX);

	if (at)
		out->len += (size_t)(put_varint(at, v) - at);
}

void bits_put(struct bit_writer *w, uint64_t value, unsigned bits)
{
	/* At most 7 bits are left over, so 32 more fit. */
	w->word |= (value & ((1ull << bits) - 1)) << w->have;
	for (w->have += bits; w->have >= 8; w->have -= 8, w->word >>= 8)
		text_char(w->out, (char)w->word);
}

void bits_end(struct bit_writer *w)
{
	if (w->have)
		text_char(w->out, (char)w->word);
	w->word = 0;
	w->have = 0;
}

uint64_t bits_get(struct bit_reader *r, unsigned bits)
{
	uint64_t v;

	while (r->have < bits) {
		if (r->p == r->end) {
			r->bad = true;
			return 0;
		}
		r->word |= (uint64_t)*r->p++ << r->have;
		r->have += 8;
	}
	v = r->word & ((1ull << bits) - 1);
	r->word >>= bits;
	r->have -= bits;
	return v;
}

/* The width for which packed bits and exceptions together take least. */
static unsigned best_width(const uint64_t *values, size_t count, uint64_t least)
{
	size_t of_width[65] = {0}, above = 0, best_cost = SIZE_MAX;
	unsigned best = 0;

	for (size_t i = 0; i < count; i++)
		of_width[bits_of(values[i] - least)]++;
	for (int b = 64; b >= 0; b--) {
		size_t cost = count * (unsigned)b + above * EXCEPTION_BITS;

		if (cost < best_cost) {
			best_cost = cost;
			best = (unsigned)b;
		}
		above += of_width[b];
	}
	return best;
}

void column_put(struct text *out, const uint64_t *values, size_t count)
{
	uint64_t least = count ? values[0] : 0; /* values of no count are not looked at */
	struct bit_writer w = {.out = out};
	size_t exceptions = 0, last = 0;
	unsigned b;

	for (size_t i = 1; i < count; i++)
		least = values[i] < least ? values[i] : least;
	b = best_width(values, count, least);
	for (size_t i = 0; i < count; i++)
		exceptions += bits_of(values[i] - least) > b;
	put_number(out, least);
	text_char(out, (char)b);
	put_number(out, exceptions);
	for (size_t i = 0; i < count; i++) {
		uint64_t v = values[i] - least;

		bits_put(&w, v, b < 32 ? b : 32);
		if (b > 32)
			bits_put(&w, v >> 32, b - 32);
	}
	bits_end(&w);
	for (size_t i = 0; i < count && exceptions; i++) {
		uint64_t v = values[i] - least;

		if (bits_of(v) <= b)
			continue;
		put_number(out, i - last);
		put_number(out, v >> b); /* b < 64: something is above */
		last = i;
	}
}

static void unpack(const uint8_t *p, uint64_t least, unsigned b, uint64_t *values, size_t count)
{
	uint64_t word = 0, mask = b == 64 ? UINT64_MAX : (1ull << b) - 1;
	unsigned have = 0;

	for (size_t i = 0; i < count; i++) {
		uint64_t v;

		if (b > 32) {
			struct bit_reader r = {.p = p + i * b / 8, .end = p + (count * b + 7) / 8};

			bits_get(&r, (unsigned)(i * b % 8));
			v = bits_get(&r, 32);
			v |= bits_get(&r, b - 32) << 32;
			values[i] = least + (v & mask);
			continue;
		}
		while (have < b) {
			word |= (uint64_t)*p++ << have;
			have += 8;
		}
		values[i] = least + (word & mask);
		word >>= b;
		have -= b;
	}
}

bool column_get(const uint8_t **p, const uint8_t *end, uint64_t *values, size_t count)
{
	uint64_t least, exceptions, at = 0;
	size_t packed;
	unsigned b;

	if (!get_varint(p, end, &least) || *p == end)
		return false;
	b = *(*p)++;
	if (b > 64 || !get_varint(p, end, &exceptions) || exceptions > count)
		return false;
	packed = (count * b + 7) / 8;
	if ((size_t)(end - *p) < packed)
		return false;
	unpack(*p, least, b, values, count);
	*p += packed;
	for (uint64_t i = 0; i < exceptions; i++) {
		uint64_t step, high;

		if (!get_varint(p, end, &step) || !get_varint(p, end, &high) || b >= 64)
			return false;
		at += step;
		if (at >= count)
			return false;
		values[at] += high << b;
	}
	return true;
}
