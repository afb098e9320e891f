/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Elements of the Basic Encoding Rules (X.690, 8.1) with tags of one byte and definite lengths up to
 * 2^32 - 1: what LDAP and DER use. No recursion: an element's contents are a cursor of their own.
 */
#ifndef APP_BER_H
#define APP_BER_H

#include "dataplane/base/cursor.h"

enum {
	BER_BOOLEAN = 0x01,
	BER_INTEGER = 0x02,
	BER_OCTETS = 0x04,
	BER_ENUMERATED = 0x0a,
	BER_SEQUENCE = 0x30,
	BER_SET = 0x31
};

/* Reads tag and length. False: c->bad, or a form that is not known here (.bad too). */
static inline bool ber_head(struct cursor *c, uint8_t *tag, uint32_t *len)
{
	uint32_t n;

	*tag = cursor_u8(c);
	n = cursor_u8(c);
	if (n > 0x84 || n == 0x80)
		c->bad = true;
	if (n >= 0x81 && n <= 0x84) {
		unsigned bytes = n & 7;

		for (n = 0; bytes; bytes--)
			n = n << 8 | cursor_u8(c);
	}
	*len = n;
	return !c->bad;
}

/* The next element, whatever it is. False: none is left, or it cannot be right (c->bad). */
static inline bool ber_next(struct cursor *c, uint8_t *tag, struct cursor *body)
{
	uint32_t len;

	if (!cursor_left(c) || !ber_head(c, tag, &len))
		return false;
	*body = cursor_sub(c, len);
	return !body->bad;
}

/* The next element, which must have that tag; it stays where it is if it has not. */
static inline bool ber_take(struct cursor *c, uint8_t tag, struct cursor *body)
{
	struct cursor at = *c;
	uint8_t is;

	if (!ber_next(&at, &is, body) || is != tag)
		return false;
	*c = at;
	return true;
}

static inline struct bytes ber_rest(const struct cursor *c)
{
	return (struct bytes){c->p, (uint32_t)cursor_left(c)};
}

/* An element's contents as bytes; NULL data: it is not the next one. */
static inline struct bytes ber_bytes(struct cursor *c, uint8_t tag)
{
	struct cursor body;

	return ber_take(c, tag, &body) ? ber_rest(&body) : (struct bytes){NULL, 0};
}

/* A number that is not negative and fits (INTEGER, ENUMERATED, BOOLEAN). False: it is none. */
static inline bool ber_number(struct cursor *c, uint8_t tag, uint32_t *out)
{
	struct bytes b = ber_bytes(c, tag);
	uint64_t n = 0;

	if (!b.len || b.len > 5 || (b.data[0] & 0x80 && tag != BER_BOOLEAN))
		return false;
	for (uint32_t i = 0; i < b.len; i++)
		n = n << 8 | b.data[i];
	*out = (uint32_t)n;
	return n <= UINT32_MAX;
}

#endif
