/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/base/url.h"

#include <stdbool.h>

#include "dataplane/base/digit.h"

/* RFC 3986, 2.3 */
static bool is_unreserved(uint8_t c)
{
	uint8_t letter = c | 0x20;

	return (letter >= 'a' && letter <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
	       c == '_' || c == '~';
}

/* The byte that an escape stands for; -1: there is none. */
static int escaped(const uint8_t *p, size_t len)
{
	int high, low;

	if (len < 3 || p[0] != '%')
		return -1;
	high = hex_digit(p[1]);
	low = hex_digit(p[2]);
	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

size_t url_rest(uint8_t *to, size_t room, const uint8_t *rest, size_t len)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t n = 0, i = 0;

	if (room && (!len || rest[0] != '/'))
		to[n++] = '/';
	while (i < len && n < room && rest[i] != '#') {
		int c = escaped(rest + i, len - i);

		if (c < 0 && rest[i] != '%') {
			to[n++] = rest[i++];
			continue;
		}
		i += c < 0 ? 1 : 3;
		c = c < 0 ? '%' : c; /* one that escapes nothing is itself, and must not begin to */
		if (is_unreserved((uint8_t)c)) {
			to[n++] = (uint8_t)c;
			continue;
		}
		if (room - n < 3)
			break;
		to[n++] = '%';
		to[n++] = (uint8_t)hex[c >> 4];
		to[n++] = (uint8_t)hex[c & 15];
	}
	return n;
}
