/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/steer.h"

#include "dataplane/base/cursor.h"

/* LINKTYPE_* numbers; types without a line here are taken as raw IP if they look like it. */
#define LINK_NULL 0
#define LINK_ETHERNET 1
#define LINK_PPP 9
#define LINK_LOOP 108
#define LINK_SLL 113
#define LINK_SLL2 276

#define TAGS_MAX 4
#define LABELS_MAX 8

static uint32_t mix(uint32_t h)
{
	h ^= h >> 16;
	h *= 0x85ebca6bu;
	h ^= h >> 13;
	h *= 0xc2b2ae35u;
	return h ^ h >> 16;
}

/* Sum and exclusive or do not change when the two addresses change places. */
static uint32_t pair_hash(const uint8_t *src, const uint8_t *dst, unsigned len)
{
	uint32_t h = len;

	for (unsigned i = 0; i < len; i += 4) {
		uint32_t s = get_be32(src + i), d = get_be32(dst + i);

		h = mix(h ^ (s ^ d)) + (s + d) * 0x9e3779b1u;
	}
	return mix(h) | 1;
}

static uint32_t ip_hash(struct cursor c)
{
	const uint8_t *head = cursor_peek(&c, 20);

	if (head && head[0] >> 4 == 4)
		return pair_hash(head + 12, head + 16, 4);
	head = cursor_peek(&c, 40);
	if (head && head[0] >> 4 == 6)
		return pair_hash(head + 8, head + 24, 16);
	return 0;
}

static uint32_t mpls_hash(struct cursor c)
{
	for (unsigned i = 0; i < LABELS_MAX && !c.bad; i++)
		if (cursor_be32(&c) & 0x100)
			return ip_hash(c);
	return 0;
}

static uint32_t type_hash(uint16_t type, struct cursor c)
{
	for (unsigned i = 0; i < TAGS_MAX; i++) {
		switch (type) {
		case 0x8100:
		case 0x88a8:
		case 0x9100:
			cursor_skip(&c, 2);
			type = cursor_be16(&c);
			continue;
		case 0x8847:
		case 0x8848:
			return mpls_hash(c);
		case 0x8864: /* PPPoE session: header, protocol */
			cursor_skip(&c, 8);
			return ip_hash(c);
		case 0x0800:
		case 0x86dd:
			return ip_hash(c);
		default:
			return 0;
		}
	}
	return 0;
}

uint32_t steer_hash(unsigned link_type, const uint8_t *data, uint32_t len)
{
	struct cursor c = cursor_of(data, len);
	uint16_t type;

	switch (link_type) {
	case LINK_ETHERNET:
		cursor_skip(&c, 12);
		type = cursor_be16(&c);
		return type_hash(type, c);
	case LINK_SLL:
		cursor_skip(&c, 14);
		type = cursor_be16(&c);
		return type_hash(type, c);
	case LINK_SLL2:
		type = cursor_be16(&c);
		cursor_skip(&c, 18);
		return type_hash(type, c);
	case LINK_NULL:
	case LINK_LOOP:
		cursor_skip(&c, 4);
		return ip_hash(c);
	case LINK_PPP:
		/* Address and control may be left out. */
		if (cursor_peek(&c, 2) && c.p[0] == 0xff && c.p[1] == 0x03)
			cursor_skip(&c, 2);
		cursor_skip(&c, 2);
		return ip_hash(c);
	default:
		return ip_hash(c);
	}
}
