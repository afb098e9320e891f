/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Compressed messages of SMB 3.1.1 (MS-SMB2, 2.2.42): LZNT1, LZ77, LZ77 with Huffman codes (base/xca.h) and Pattern_V1, alone
 * or in a chain. What comes out is bounded for each message, and for a flow by what went in. Runs in the worker that owns
 * the flow.
 */
#include "dataplane/app/smb.h"
#include "dataplane/base/xca.h"

enum algorithm { NONE, LZNT1, LZ77, LZ77_HUFFMAN, PATTERN_V1 };
enum { FLAG_CHAINED = 1 };

struct unpacking {
	struct smb_state *s;
	uint8_t *out;
	uint32_t len, room;
};

/* May so much come out? The flow's account says so. */
static bool allowed(struct smb_state *s, uint64_t packed, uint64_t unpacked)
{
	if (unpacked > SMB_UNPACKED_MAX ||
	    s->unpacked + unpacked > SMB_UNPACKED_FREE + (s->packed + packed) * SMB_UNPACKED_RATIO)
		return false;
	s->packed += packed;
	s->unpacked += unpacked;
	return true;
}

static bool add(struct unpacking *u, struct bytes plain)
{
	if (plain.len > u->room - u->len)
		return false;
	if (plain.len)
		memcpy(u->out + u->len, plain.data, plain.len);
	u->len += plain.len;
	return true;
}

/* Of so many bytes that are said to come out. */
static bool add_packed(struct unpacking *u, unsigned algorithm, struct bytes packed, uint32_t said)
{
	struct xca_work *work;
	uint8_t *at = u->out + u->len;
	uint32_t came = XCA_BAD;

	if (said > u->room - u->len)
		return false;
	if (algorithm == LZNT1)
		came = xca_lznt1(packed, at, said);
	else if (algorithm == LZ77)
		came = xca_lz77(packed, at, said);
	work = algorithm == LZ77_HUFFMAN ? heap_alloc(&u->s->w->heap, sizeof(*work)) : NULL;
	if (work)
		came = xca_huffman(packed, at, said, work);
	heap_free(&u->s->w->heap, work);
	if (came != said)
		return false;
	u->len += said;
	return true;
}

static bool add_pattern(struct unpacking *u, struct cursor c)
{
	uint8_t pattern = cursor_u8(&c);
	uint32_t times;

	cursor_skip(&c, 3);
	times = cursor_le32(&c);
	if (c.bad || times > u->room - u->len)
		return false;
	memset(u->out + u->len, pattern, times);
	u->len += times;
	return true;
}

/* The parts of a chain: algorithm, flags, length, for some the length of what comes out, bytes. */
static bool chain_unpack(struct unpacking *u, struct cursor c)
{
	for (unsigned i = 0; i < SMB_CHAIN_MAX && cursor_left(&c); i++) {
		uint16_t algorithm = cursor_le16(&c);
		struct cursor part;
		uint32_t said;

		cursor_skip(&c, 2);
		part = cursor_sub(&c, cursor_le32(&c));
		if (part.bad)
			return false;
		if (algorithm == NONE) {
			if (!add(u, (struct bytes){part.p, (uint32_t)cursor_left(&part)}))
				return false;
		} else if (algorithm == PATTERN_V1) {
			if (!add_pattern(u, part))
				return false;
		} else {
			said = cursor_le32(&part);
			if (part.bad || !add_packed(u, algorithm, (struct bytes){part.p, (uint32_t)cursor_left(&part)}, said))
				return false;
		}
	}
	return !cursor_left(&c);
}

enum smb_unpacked smb_unpack(struct smb_state *s, const uint8_t *data, uint32_t len, struct bytes *out)
{
	struct unpacking u = {.s = s};
	struct cursor c = cursor_of(data, len), chain;
	uint16_t algorithm, flags;
	uint32_t said, offset;
	uint64_t room;
	bool good;

	cursor_skip(&c, 4);
	said = cursor_le32(&c);
	chain = c;
	algorithm = cursor_le16(&c);
	flags = cursor_le16(&c);
	offset = cursor_le32(&c);
	if (c.bad || (!(flags & FLAG_CHAINED) && offset > cursor_left(&c)))
		return SMB_UNPACK_BAD;
	room = said + (flags & FLAG_CHAINED ? (uint64_t)0 : offset);
	if (!allowed(s, len, room))
		return SMB_UNPACK_LARGE;
	u.room = (uint32_t)room;
	u.out = heap_alloc(&s->w->heap, u.room + 1);
	if (!u.out)
		return SMB_UNPACK_LARGE;
	if (flags & FLAG_CHAINED)
		good = chain_unpack(&u, chain);
	else
		good = add(&u, (struct bytes){cursor_take(&c, offset), offset}) &&
		       add_packed(&u, algorithm, (struct bytes){c.p, (uint32_t)cursor_left(&c)}, said);
	*out = (struct bytes){u.out, u.len};
	if (good && u.len == u.room)
		return SMB_UNPACKED;
	heap_free(&s->w->heap, u.out);
	return SMB_UNPACK_BAD;
}
