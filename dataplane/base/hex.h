/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Bytes as small hexadecimal digits, two each, without a zero byte at the end.
 */
#ifndef BASE_HEX_H
#define BASE_HEX_H

#include <stddef.h>
#include <stdint.h>

static inline char hex_char(unsigned v)
{
	return "0123456789abcdef"[v & 15];
}

/* Writes 2 * len characters; returns where they end. */
static inline char *hex_put(char *at, const void *bytes, size_t len)
{
	const uint8_t *b = bytes;

	for (size_t i = 0; i < len; i++) {
		*at++ = hex_char(b[i] >> 4);
		*at++ = hex_char(b[i]);
	}
	return at;
}

#endif
