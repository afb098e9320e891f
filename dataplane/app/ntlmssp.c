/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See ntlmssp.h.
 */
#include "dataplane/app/ntlmssp.h"

#include "dataplane/base/digit.h"
#include "dataplane/base/put.h"

#define AUTHENTICATE 3
#define FLAG_UNICODE (1u << 0)
#define FLAG_VERSION (1u << 25)

/* ---- texts ---- */

static uint32_t utf8_put(uint8_t *to, uint32_t c)
{
	if (c < 0x80) {
		to[0] = (uint8_t)c;
		return 1;
	}
	if (c < 0x800) {
		to[0] = (uint8_t)(0xc0 | c >> 6);
		to[1] = (uint8_t)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		to[0] = (uint8_t)(0xe0 | c >> 12);
		to[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
		to[2] = (uint8_t)(0x80 | (c & 0x3f));
		return 3;
	}
	to[0] = (uint8_t)(0xf0 | c >> 18);
	to[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
	to[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
	to[3] = (uint8_t)(0x80 | (c & 0x3f));
	return 4;
}

/* The next character of UTF-16; a surrogate without its other half is U+FFFD. */
static uint32_t utf16_take(struct cursor *c)
{
	uint32_t high = cursor_le16(c), low;
	const uint8_t *next = cursor_peek(c, 2);

	if (high < 0xd800 || high > 0xdfff)
		return high;
	low = next ? (uint32_t)(next[1] << 8 | next[0]) : 0;
	if (high > 0xdbff || low < 0xdc00 || low > 0xdfff)
		return 0xfffd;
	cursor_skip(c, 2);
	return 0x10000 + ((high - 0xd800) << 10 | (low - 0xdc00));
}

uint32_t ntlmssp_text(struct bytes name, bool unicode, uint8_t out[NTLMSSP_TEXT_MAX])
{
	struct cursor c = cursor_of(name.data, unicode ? name.len & ~1u : name.len);
	uint32_t n = 0;

	while (cursor_left(&c) && n + 4 <= NTLMSSP_TEXT_MAX) {
		uint32_t one = unicode ? utf16_take(&c) : cursor_u8(&c);

		if (one && unicode)
			n += utf8_put(out + n, one);
		else if (one)
			out[n++] = (uint8_t)one;
	}
	return n;
}

void ntlmssp_version(const struct ntlmssp *n, char out[NTLMSSP_VERSION_CHARS])
{
	struct put p = put_uint(put_to(out, NTLMSSP_VERSION_CHARS), n->major);

	p = put_uint(put_char(p, '.'), n->minor);
	p = put_uint(put_text(p, " build "), n->build);
	put_uint(put_text(p, " rev "), n->revision);
}

/* ---- the message ---- */

/* False: it is not within the message. Empty: NULL. */
static bool field_take(struct cursor *c, struct bytes message, struct bytes *out)
{
	uint32_t len = cursor_le16(c), at;

	cursor_skip(c, 2);
	at = cursor_le32(c);
	*out = (struct bytes){NULL, 0};
	if (!len)
		return true;
	if (at > message.len || len > message.len - at)
		return false;
	*out = (struct bytes){message.data + at, len};
	return true;
}

enum ntlmssp_found ntlmssp_read(struct bytes blob, struct ntlmssp *out)
{
	static const char mark[] = "NTLMSSP";
	const uint8_t *at = blob.len ? memmem(blob.data, blob.len, mark, sizeof(mark)) : NULL;
	struct bytes message;
	struct cursor c;
	uint32_t flags;
	bool within;

	*out = (struct ntlmssp){.unicode = false};
	if (!at)
		return NTLMSSP_NONE;
	message = (struct bytes){at, blob.len - (uint32_t)(at - blob.data)};
	c = cursor_of(message.data, message.len);
	cursor_skip(&c, 8);
	if (cursor_le32(&c) != AUTHENTICATE)
		return NTLMSSP_OTHER;
	cursor_skip(&c, 16);
	within = field_take(&c, message, &out->domain);
	within &= field_take(&c, message, &out->user);
	within &= field_take(&c, message, &out->host);
	cursor_skip(&c, 8);
	flags = cursor_le32(&c);
	if (c.bad || !within)
		return NTLMSSP_MALFORMED;
	out->unicode = flags & FLAG_UNICODE;
	if (!(flags & FLAG_VERSION) || cursor_left(&c) < 8)
		return NTLMSSP_AUTHENTICATE;
	out->major = cursor_u8(&c);
	out->minor = cursor_u8(&c);
	out->build = cursor_le16(&c);
	cursor_skip(&c, 3);
	out->revision = cursor_u8(&c);
	out->has_version = true;
	return NTLMSSP_AUTHENTICATE;
}

static void name_record(struct recorder *r, enum field_id field, struct bytes name, bool unicode)
{
	uint8_t text[NTLMSSP_TEXT_MAX];

	if (name.len)
		rec_bytes(r, field, text, ntlmssp_text(name, unicode, text));
}

void ntlmssp_record(struct recorder *r, const struct ntlmssp_fields *fields, struct bytes blob)
{
	char version[NTLMSSP_VERSION_CHARS];
	struct ntlmssp n;

	if (ntlmssp_read(blob, &n) != NTLMSSP_AUTHENTICATE)
		return;
	rec_open(r, fields->object);
	name_record(r, fields->domain, n.domain, n.unicode);
	name_record(r, fields->user, n.user, n.unicode);
	name_record(r, fields->host, n.host, n.unicode);
	if (n.has_version) {
		ntlmssp_version(&n, version);
		rec_text(r, fields->version, version);
	}
	rec_close(r);
}

void ntlmssp_record_base64(struct recorder *r, const struct ntlmssp_fields *fields, struct bytes text)
{
	uint8_t blob[NTLMSSP_BLOB_MAX];

	ntlmssp_record(r, fields, (struct bytes){blob, (uint32_t)base64_bytes(text.data, text.len, blob, sizeof(blob))});
}
