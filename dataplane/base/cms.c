/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See cms.h. An element that does not lead to the content, and says how long it is, is passed over as a whole.
 */
#include "dataplane/base/cms.h"

enum state { HEAD, BODY, OVER };

enum { TAG_CONSTRUCTED = 0x20, TAG_LONG = 0x1f, TAG_OCTETS = 0x04, TAG_OID = 0x06, INDEFINITE = 0x80 };

/* ContentInfo → [0] → SignedData or CompressedData → encapContentInfo → [0] (RFC 5652, 3, 5.1 and 5.2; RFC 3274, 1.1). */
static const struct {
	uint8_t tag, child;
} path[] = {{0x30, 0}, {0xa0, 1}, {0x30, 0}, {0x30, 2}, {0xa0, 1}};

#define PATH_LEN (sizeof(path) / sizeof(path[0]))

static const struct {
	uint8_t len, oid[CMS_OID_MAX];
	enum cms_kind kind;
} kinds[] = {
#define PKCS7(last) 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, last      /* 1.2.840.113549.1.7 */
#define SMIME(last) 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, last /* 1.2.840.113549.1.9.16.1 */
	{9, {PKCS7(2)}, CMS_SIGNED},
	{9, {PKCS7(3)}, CMS_ENCRYPTED},
	{9, {PKCS7(4)}, CMS_ENCRYPTED}, /* signedAndEnvelopedData (RFC 2315, 11) */
	{9, {PKCS7(6)}, CMS_ENCRYPTED},
	{11, {SMIME(9)}, CMS_COMPRESSED},
	{11, {SMIME(23)}, CMS_ENCRYPTED}, /* AuthEnvelopedData (RFC 5083) */
};

bool cms_is_over(const struct cms *c)
{
	return c->state == OVER;
}

static void kind_settle(struct cms *c)
{
	c->kind = CMS_OTHER;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (c->oid_len == kinds[i].len && memcmp(c->oid, kinds[i].oid, c->oid_len) == 0)
			c->kind = (uint8_t)kinds[i].kind;
	if (c->kind != CMS_SIGNED && c->kind != CMS_COMPRESSED)
		c->state = OVER;
}

/* One that is too long is none of ours. */
static void oid_add(struct cms *c, uint8_t byte)
{
	if (c->oid_len < CMS_OID_MAX)
		c->oid[c->oid_len] = byte;
	if (c->oid_len <= CMS_OID_MAX)
		c->oid_len++;
}

/* The innermost open element is over. */
static void element_close(struct cms *c)
{
	c->child = c->open[--c->depth].child;
	if (c->on_path <= c->depth)
		return;
	c->on_path = c->depth;
	if (c->depth < PATH_LEN) { /* the content, or what should have held it */
		c->whole = c->depth == PATH_LEN - 1;
		c->state = OVER;
	}
}

/* Ends that are reached by now. */
static void ends_close(struct cms *c)
{
	while (c->state != OVER && c->depth && c->open[c->depth - 1].end && c->at >= c->open[c->depth - 1].end) {
		if (c->at > c->open[c->depth - 1].end) {
			c->state = OVER;
			return;
		}
		element_close(c);
	}
}

static void element_open(struct cms *c, uint8_t tag, uint64_t end)
{
	bool leads = c->on_path == c->depth && c->depth < PATH_LEN && tag == path[c->depth].tag && c->child == path[c->depth].child;

	if (c->depth == CMS_DEPTH_MAX) {
		c->state = OVER;
		return;
	}
	c->open[c->depth] = (struct cms_open){end, (uint16_t)(c->child + 1)};
	c->depth++;
	c->on_path = (uint8_t)(c->on_path + leads);
	c->child = 0;
	c->state = HEAD;
	ends_close(c);
}

static void body_end(struct cms *c, bool oid)
{
	c->state = HEAD;
	c->child++;
	if (oid)
		kind_settle(c);
	ends_close(c);
}

/* The head of an element is there. */
static void head_take(struct cms *c)
{
	uint8_t tag = c->head[0];
	bool indefinite = c->head[1] == INDEFINITE, within = c->on_path == PATH_LEN;
	uint64_t len = c->head[1] & 0x7f, end;

	c->head_len = 0;
	if (c->head[1] & 0x80) {
		uint64_t n = len;

		for (len = 0; n; n--)
			len = len << 8 | c->head[1 + (c->head[1] & 0x7f) - n + 1];
	}
	end = c->at + len;
	if (!tag && !c->head[1]) { /* the end of an indefinite one */
		if (!c->depth || c->open[c->depth - 1].end) {
			c->state = OVER;
			return;
		}
		element_close(c);
		ends_close(c);
		return;
	}
	if ((tag & TAG_LONG) == TAG_LONG || (indefinite && !(tag & TAG_CONSTRUCTED)) || (!c->depth && tag != path[0].tag) ||
	    (c->depth && !indefinite && c->open[c->depth - 1].end && end > c->open[c->depth - 1].end)) {
		c->state = OVER;
		return;
	}
	if (indefinite || (tag & TAG_CONSTRUCTED && (within || (c->on_path == c->depth && c->depth < PATH_LEN &&
								 tag == path[c->depth].tag && c->child == path[c->depth].child)))) {
		element_open(c, tag, indefinite ? 0 : end);
		return;
	}
	c->takes = within && tag == TAG_OCTETS;
	c->left = len;
	c->state = BODY;
	if (!len)
		body_end(c, false);
}

static bool body_is_kind(const struct cms *c)
{
	return c->head[0] == TAG_OID && c->depth == 1 && c->on_path == 1 && !c->child;
}

/* How long the head is that begins with these bytes; 0: it cannot be. */
static unsigned head_want(const struct cms *c)
{
	if (c->head_len < 2 || c->head[1] <= INDEFINITE)
		return 2;
	return c->head[1] <= 0x84 ? 2 + (c->head[1] & 0x7fu) : 0;
}

void cms_data(struct cms *c, const uint8_t *data, uint32_t len, cms_content *take, void *context)
{
	while (len && c->state != OVER) {
		uint32_t n = c->left < len ? (uint32_t)c->left : len;

		if (c->state == HEAD) {
			c->head[c->head_len++] = *data++;
			len--;
			c->at++;
			if (!head_want(c))
				c->state = OVER;
			else if (c->head_len == head_want(c) && c->head_len >= 2)
				head_take(c);
			continue;
		}
		if (c->takes)
			take(context, data, n);
		else if (body_is_kind(c))
			for (uint32_t i = 0; i < n; i++)
				oid_add(c, data[i]);
		data += n;
		len -= n;
		c->at += n;
		c->left -= n;
		if (!c->left)
			body_end(c, body_is_kind(c));
	}
}

bool cms_gap(struct cms *c, uint64_t len)
{
	bool takes = c->takes;

	if (c->state != BODY || len > c->left || body_is_kind(c)) {
		c->state = OVER;
		return false;
	}
	c->at += len;
	c->left -= len;
	if (!c->left)
		body_end(c, false);
	return takes;
}
