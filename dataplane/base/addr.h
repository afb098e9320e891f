/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An IP address of either family in 16 bytes. IPv4 stands in the first four bytes, the other
 * twelve are zero; the family is kept beside it, never guessed, so that ::ffff:1.2.3.4 and
 * 1.2.3.4 stay two addresses. Any process, any thread.
 */
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define ADDR_TEXT_MAX 46 /* INET6_ADDRSTRLEN */

struct addr {
	uint8_t b[16]; /* network order; IPv4 in b[0..3] */
};

struct addr_prefix {
	struct addr addr;  /* host bits are zero */
	uint8_t ip_version; /* 4 or 6 */
	uint8_t bits;
};

static inline bool addr_equal(const struct addr *a, const struct addr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* "192.0.2.1" or "2001:db8::1" → *out and 4 or 6; 0 if it is neither. */
int addr_parse(const char *text, struct addr *out);
/* Short form (RFC 5952): "2001:db8::1". text holds ADDR_TEXT_MAX bytes. Returns text. */
char *addr_format(const struct addr *a, int ip_version, char *text);
/* All eight groups with four digits, as EVE prints IPv6: "2001:0db8:0000:…". Returns text. */
char *addr_format_long(const struct addr *a, int ip_version, char *text);
/* "10.0.0.0/8", "2001:db8::/32", or an address alone. 0, or -EINVAL. */
int addr_prefix_parse(const char *text, struct addr_prefix *out);
bool addr_prefix_covers(const struct addr_prefix *p, const struct addr *a, int ip_version);

/* In the order of their bytes. */
static inline bool addr_less(const struct addr *a, const struct addr *b)
{
	uint64_t x[2], y[2];

	memcpy(x, a->b, sizeof(x));
	memcpy(y, b->b, sizeof(y));
	if (x[0] != y[0])
		return __builtin_bswap64(x[0]) < __builtin_bswap64(y[0]);
	return __builtin_bswap64(x[1]) < __builtin_bswap64(y[1]);
}

#endif
