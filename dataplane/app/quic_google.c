/* SPDX-License-Identifier: BSD-3-Clause
 *
 * QUIC as Google had it before the IETF ("QUIC Wire Layout Specification", 2016; "QUIC Crypto", 2016):
 * frames in clear text, of which STREAM frames with a client hello (CHLO) are read: server name,
 * user agent, and the CYU fingerprint (version and tags in their order). Runs in the worker that
 * owns the flow.
 */
#include "dataplane/app/quic.h"
#include "dataplane/app/digest.h"

#define CHLO_PAIR_BYTES 8

static void put(char *text, uint32_t *n, const char *from, uint32_t len)
{
	for (uint32_t i = 0; i < len && *n < QUIC_CYU_MAX; i++)
		if (from[i])
			text[(*n)++] = from[i];
}

static void keep(struct worker *w, struct bytes *to, const uint8_t *data, uint32_t len)
{
	uint32_t n = len < QUIC_NAME_MAX ? len : QUIC_NAME_MAX;

	if (to->data || !n)
		return;
	to->data = heap_dup(&w->heap, data, n);
	to->len = to->data ? n : 0;
}

/* "CHLO", number of tags, two bytes, then tags with the ends of their values, then the values. */
static void read_chlo(struct worker *w, struct quic_tx *t, struct cursor c)
{
	const uint8_t *word = cursor_take(&c, 4);
	uint32_t count = cursor_le16(&c), start = 0, n = 0;
	char text[QUIC_CYU_MAX];
	struct cursor pairs, values;

	cursor_skip(&c, 2);
	if (c.bad || memcmp(word, "CHLO", 4) != 0 || count > QUIC_TAGS_MAX || t->cyu)
		return;
	pairs = cursor_sub(&c, count * CHLO_PAIR_BYTES);
	values = c;
	put(text, &n, (const char *)t->version_bytes + 2, 2);
	for (uint32_t i = 0; i < count && !pairs.bad; i++) {
		const uint8_t *tag = cursor_take(&pairs, 4);
		uint32_t end = cursor_le32(&pairs);
		const uint8_t *value = tag && end >= start ? cursor_take(&values, end - start) : NULL;

		if (!tag)
			return;
		put(text, &n, i ? "-" : ",", 1);
		put(text, &n, (const char *)tag, 4);
		if (value && memcmp(tag, "SNI\0", 4) == 0)
			keep(w, &t->sni, value, end - start);
		if (value && memcmp(tag, "UAID", 4) == 0)
			keep(w, &t->ua, value, end - start);
		start = end;
	}
	t->cyu = heap_dup(&w->heap, text, n);
	if (!t->cyu)
		return;
	t->cyu_len = n;
	md5_hex(w, text, n, t->cyu_hash);
}

/* 1fdooossB: fin, length there, bytes of the offset (0, or one more than that), of the stream's id. */
static bool stream_frame(struct worker *w, struct quic_tx *t, uint8_t type, struct cursor *c)
{
	uint32_t offset = type >> 2 & 7, len;
	struct cursor data;

	cursor_skip(c, (type & 3) + 1u);
	cursor_skip(c, offset ? offset + 1 : 0);
	len = type & 0x20 ? cursor_be16(c) : (uint32_t)cursor_left(c);
	data = cursor_sub(c, len);
	if (c->bad)
		return false;
	read_chlo(w, t, data);
	return true;
}

/* 01ntllmmB: more than one range, bytes of the largest number, of the lengths of ranges. */
static bool ack_frame(uint8_t type, struct cursor *c)
{
	static const uint8_t sizes[4] = {1, 2, 4, 6};
	uint32_t ranges = 0, stamps;

	cursor_skip(c, sizes[type >> 2 & 3]);
	cursor_skip(c, 2);
	if (type & 0x20)
		ranges = cursor_u8(c);
	cursor_skip(c, sizes[type & 3]);
	cursor_skip(c, (size_t)ranges * (1u + sizes[type & 3]));
	stamps = cursor_u8(c);
	if (stamps)
		cursor_skip(c, 5 + 3 * (stamps - 1));
	return !c->bad;
}

void quic_google_frames(struct worker *w, struct quic_tx *t, struct bytes frames)
{
	struct cursor c = cursor_of(frames.data, frames.len);

	for (unsigned i = 0; i < QUIC_FRAMES_MAX && cursor_left(&c); i++) {
		uint8_t type = cursor_u8(&c);

		if (type & 0x80) {
			if (!stream_frame(w, t, type, &c))
				return;
		} else if (type & 0x40) {
			if (!ack_frame(type, &c))
				return;
		} else if (type == 7) { /* PING */
			continue;
		} else { /* PADDING to the end, or what ends the connection */
			return;
		}
	}
}
