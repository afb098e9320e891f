/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Digits, decimal; by value: hexadecimal in either case, base64 (RFC 4648, 4). -1: it is none. And base64 digit by digit.
 */
#ifndef BASE_DIGIT_H
#define BASE_DIGIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static inline int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static inline int base64_digit(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Bits of base64 that are no byte yet. All zero: none. */
struct base64_rest {
	uint32_t bits, have;
};

/* The byte that a digit of this value completes, or -1. */
static inline int base64_next(struct base64_rest *r, int value)
{
	if (value < 0)
		return -1;
	r->bits = r->bits << 6 | (uint32_t)value;
	r->have += 6;
	if (r->have < 8)
		return -1;
	r->have -= 8;
	return (uint8_t)(r->bits >> r->have);
}

/* The bytes that the digits of a text say, at most room; what is no digit is passed over. Returns how many. */
static inline uint64_t base64_bytes(const uint8_t *text, size_t len, uint8_t *out, uint64_t room)
{
	struct base64_rest rest = {0};
	uint64_t n = 0;

	for (size_t i = 0; i < len && n < room; i++) {
		int c = base64_next(&rest, base64_digit(text[i]));

		if (c >= 0)
			out[n++] = (uint8_t)c;
	}
	return n;
}

#endif
