/* SPDX-License-Identifier: BSD-3-Clause
 *
 * MySQL's compressed protocol: from the login on packets come inside others, of three bytes of length, a
 * number, three bytes of the length before compression (0: the bytes are as they are). Where one ends
 * says nothing of where those inside do. zlib or zstd, each packet by itself. What does not unpack, or
 * has a hole, ends the reading. Runs in the worker that owns the flow.
 */
#include "dataplane/app/mysql.h"

#define KEPT_BYTES_MAX (2 * MYSQL_PACKET_MAX)

struct unpacking {
	struct worker *w;
	struct flow *f;
	struct mysql_state *s;
	enum direction d;
	bool bad;
};

static uint32_t le24(const uint8_t *b)
{
	return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16;
}

/* Hands over what is whole of `data`; what is left stands in kept afterwards, be it there already or not. */
static void hand_over(struct unpacking *u, const uint8_t *data, uint32_t len)
{
	struct app_pending *kept = &u->s->side[u->d].pack.kept;
	const struct app_input in = {.data = data, .len = len};
	struct parse_result res = mysql_packets(u->w, u->f, u->s, u->d, &in);
	uint32_t rest = res.status == PARSE_MORE ? len - res.consumed : 0;

	u->bad = res.status == PARSE_BAD;
	if (data == kept->data) {
		memmove(kept->data, kept->data + (len - rest), rest);
		kept->len = rest;
	} else if (app_keep(u->w, kept, data + (len - rest), rest, KEPT_BYTES_MAX, 0) != rest) {
		u->s->blind = true;
	}
}

static void unpacked(void *context, const uint8_t *data, uint32_t len)
{
	struct unpacking *u = context;
	struct app_pending *kept = &u->s->side[u->d].pack.kept;

	if (u->bad || u->s->blind)
		return;
	if (!kept->len)
		hand_over(u, data, len);
	else if (app_keep(u->w, kept, data, len, KEPT_BYTES_MAX, 0) == len)
		hand_over(u, kept->data, kept->len);
	else
		u->s->blind = true;
}

/* The header of a packet, as far as it is there. Returns how many bytes were taken. */
static uint32_t take_head(struct unpacking *u, const uint8_t *data, uint32_t len)
{
	enum content_coding coding = mysql_both(u->s, MYSQL_CAN_COMPRESS) ? CONTENT_DEFLATE : CONTENT_ZSTD;
	struct mysql_pack *pack = &u->s->side[u->d].pack;
	uint32_t room = MYSQL_PACK_HEAD_BYTES - pack->have, n = len < room ? len : room;

	memcpy(pack->head + pack->have, data, n);
	pack->have = (uint8_t)(pack->have + n);
	if (pack->have < MYSQL_PACK_HEAD_BYTES)
		return n;
	pack->have = 0;
	pack->left = le24(pack->head);
	if (!pack->left || !le24(pack->head + 4))
		return n;
	pack->decoder = content_decoder_new(&u->w->heap, coding);
	if (pack->decoder)
		pack->decoder->fell_back = true; /* agreed upon: nothing else can come */
	u->s->blind = !pack->decoder;
	return n;
}

static uint32_t take_body(struct unpacking *u, const uint8_t *data, uint32_t len)
{
	struct mysql_pack *pack = &u->s->side[u->d].pack;
	uint32_t n = len < pack->left ? len : pack->left;

	if (!pack->decoder)
		unpacked(u, data, n);
	else if (content_decode(pack->decoder, data, n, unpacked, u) != CONTENT_GOOD)
		u->s->blind = true;
	pack->left -= n;
	if (!pack->left) {
		content_decoder_free(&u->w->heap, pack->decoder);
		pack->decoder = NULL;
	}
	return n;
}

struct parse_result mysql_unpack(struct worker *w, struct flow *f, struct mysql_state *s, enum direction d,
				 const struct app_input *in)
{
	struct unpacking u = {.w = w, .f = f, .s = s, .d = d};

	if (in->flags & INPUT_GAP)
		s->blind = true;
	for (uint32_t at = 0; at < in->len && !s->blind && !u.bad;)
		at += s->side[d].pack.left ? take_body(&u, in->data + at, in->len - at)
					   : take_head(&u, in->data + at, in->len - at);
	return (struct parse_result){.status = u.bad ? PARSE_BAD : PARSE_OK};
}

void mysql_unpack_clear(struct worker *w, struct mysql_state *s)
{
	for (unsigned d = 0; d < 2; d++) {
		content_decoder_free(&w->heap, s->side[d].pack.decoder);
		app_keep_free(w, &s->side[d].pack.kept);
	}
}
