/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Values as base64 (RFC 4648, section 4) and UTF-16 (RFC 2781), for the modifiers base64,
 * base64offset, wide and utf16.
 */
#include "control/behaviour/sigma_private.h"

size_t encode_base64(const uint8_t *in, size_t len, char *out)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t n = 0;

	for (size_t i = 0; i < len; i += 3) {
		uint32_t v = (uint32_t)in[i] << 16;

		if (i + 1 < len)
			v |= (uint32_t)in[i + 1] << 8;
		if (i + 2 < len)
			v |= in[i + 2];
		out[n++] = digits[v >> 18];
		out[n++] = digits[v >> 12 & 63];
		out[n++] = i + 1 < len ? digits[v >> 6 & 63] : '=';
		out[n++] = i + 2 < len ? digits[v & 63] : '=';
	}
	return n;
}

/* One character of UTF-8; a byte that is none stands for itself (Latin-1). */
static uint32_t next_character(const uint8_t *in, size_t len, size_t *at)
{
	static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
	uint8_t lead = in[(*at)++];
	unsigned more = lead >= 0xf0 && lead < 0xf8   ? 3
			: lead >= 0xe0 && lead < 0xf0 ? 2
			: lead >= 0xc0 && lead < 0xe0 ? 1
						      : 0;
	uint32_t c = lead & (0x3f >> more);

	if (!more || *at + more > len)
		return lead;
	for (unsigned i = 0; i < more; i++) {
		if ((in[*at + i] & 0xc0) != 0x80)
			return lead;
		c = c << 6 | (in[*at + i] & 0x3f);
	}
	if (c < least[more] || c > 0x10ffff)
		return lead;
	*at += more;
	return c;
}

static size_t put_unit(uint8_t *out, size_t n, uint32_t unit, bool big)
{
	out[n] = (uint8_t)(big ? unit >> 8 : unit);
	out[n + 1] = (uint8_t)(big ? unit : unit >> 8);
	return n + 2;
}

size_t encode_utf16(const uint8_t *in, size_t len, bool big, bool mark, uint8_t *out)
{
	size_t n = mark ? put_unit(out, 0, 0xfeff, big) : 0;

	for (size_t at = 0; at < len;) {
		uint32_t c = next_character(in, len, &at);

		if (c >= 0x10000) {
			n = put_unit(out, n, 0xd800 + ((c - 0x10000) >> 10), big);
			c = 0xdc00 + (c & 0x3ff);
		}
		n = put_unit(out, n, c, big);
	}
	return n;
}
