/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Short texts put together in a buffer of fixed size, for the packet path: names, numbers, digits. What
 * does not fit is cut; the text always ends with a zero byte. The buffer is the caller's and has room
 * for that byte at least.
 *
 *     char text[12];
 *     put_uint(put_text(put_uint(put_to(text, sizeof(text)), major), "."), minor);
 */
#ifndef BASE_PUT_H
#define BASE_PUT_H

#include <stddef.h>
#include <stdint.h>

#include "dataplane/base/hex.h"

struct put {
	char *at;   /* where the zero byte stands */
	char *last; /* the last one it may stand in */
};

static inline struct put put_to(char *buffer, size_t size)
{
	*buffer = 0;
	return (struct put){buffer, buffer + size - 1};
}

static inline struct put put_char(struct put p, char c)
{
	if (p.at < p.last) {
		*p.at++ = c;
		*p.at = 0;
	}
	return p;
}

static inline struct put put_text(struct put p, const char *text)
{
	while (*text)
		p = put_char(p, *text++);
	return p;
}

/* With at least so many digits, zeros in front. base: 10 or 16 (small letters). */
static inline struct put put_digits(struct put p, uint64_t v, unsigned base, unsigned digits_min)
{
	char digits[20];
	unsigned n = 0;

	do {
		digits[n++] = hex_char((unsigned)(v % base));
		v /= base;
	} while (v);
	for (unsigned i = n; i < digits_min; i++)
		p = put_char(p, '0');
	while (n)
		p = put_char(p, digits[--n]);
	return p;
}

static inline struct put put_uint(struct put p, uint64_t v)
{
	return put_digits(p, v, 10, 1);
}

static inline struct put put_hex(struct put p, uint64_t v, unsigned digits_min)
{
	return put_digits(p, v, 16, digits_min);
}

#endif
