/* SPDX-License-Identifier: BSD-3-Clause
 *
 * In the wire a segment that comes before its turn passes all the same, so rules on the stream must see it
 * now: the run of held bytes that it stands in, put together in a buffer of the worker. When the hole is
 * filled the run is seen again with what was missing. Worker thread only.
 */
#include <errno.h>
#include <string.h>

#include "dataplane/stream/session.h"

#define EARLY_CHUNK_MAX UINT16_MAX
#define EARLY_MAX (UINT16_MAX + EARLY_CHUNK_MAX) /* a payload and a chunk around it */

int tcp_early_new(struct worker *w, struct stream_state *st)
{
	if (!st->in_the_wire)
		return 0;
	st->early = worker_memory(w, EARLY_MAX, 64);
	return st->early ? 0 : -ENOMEM;
}

/* How many bytes before and after the payload are shown with it: a chunk in all, and if the payload is
 * most of a chunk, a third of one. */
static void spare_share(const struct stream_state *st, uint32_t payload, uint32_t *before, uint32_t *after)
{
	uint32_t chunk = st->chunk < EARLY_CHUNK_MAX ? st->chunk : EARLY_CHUNK_MAX;
	uint32_t spare = chunk / 3 * 2 < payload ? chunk / 3 : chunk - payload, half = spare / 2;

	if (*before + *after <= spare)
		return;
	if (*before < half)
		*after = spare - *before;
	else if (*after < half)
		*before = spare - *after;
	else
		*before = *after = half;
}

/* Bytes held without a break before `seq`; i: the first piece that ends behind it. */
static uint32_t run_before(const struct stream_state *st, const struct tcp_bytes *b, uint32_t i, uint32_t seq)
{
	uint32_t from = seq;

	for (uint32_t k = i < b->held_count ? i + 1 : b->held_count; k-- > 0;) {
		const struct tcp_piece *piece = piece_of(st, b, k);

		if (seq_from(piece->seq, seq))
			continue;
		if (piece->urgent || seq_before(piece->seq + piece->len, from) || seq - from >= EARLY_CHUNK_MAX)
			break;
		from = piece->seq;
	}
	return seq - from;
}

static uint32_t run_after(const struct stream_state *st, const struct tcp_bytes *b, uint32_t i, uint32_t seq)
{
	uint32_t to = seq;

	for (; i < b->held_count; i++) {
		const struct tcp_piece *piece = piece_of(st, b, i);

		if (seq_upto(piece->seq + piece->len, to))
			continue;
		if (piece->urgent || seq_after(piece->seq, to) || to - seq >= EARLY_CHUNK_MAX)
			break;
		to = piece->seq + piece->len;
	}
	return to - seq;
}

bool stream_raw_early(struct worker *w, const struct packet *p, struct stream_raw *out)
{
	struct stream_state *st = w->streams;
	enum direction d = (enum direction)p->direction;
	struct tcp_side *side = &p->flow->tcp->side[d];
	struct tcp_bytes *b = side->bytes;
	uint32_t seq = p->tcp.seq, end = seq + p->payload_len, before, after, from, len = 0;

	if (!st->early || !b || (side->flags & SIDE_RAW_OFF) || !b->held_count)
		return false;
	if (seq_before(seq, side->expect))
		seq = side->expect;
	before = run_before(st, b, held_find(st, b, seq), seq);
	after = run_after(st, b, held_find(st, b, end), end);
	spare_share(st, end - seq, &before, &after);
	from = seq - before;
	for (uint32_t i = held_find(st, b, from); i < b->held_count; i++) {
		struct tcp_piece *piece = piece_of(st, b, i);
		uint32_t skip = seq_before(piece->seq, from) ? from - piece->seq : 0, n = piece->len - skip;

		if (piece->urgent || piece->seq + skip != from + len || seq_from(piece->seq, end + after))
			break;
		if (len + n > before + (end - seq) + after)
			n = before + (end - seq) + after - len;
		memcpy(st->early + len, piece->data + skip, n);
		len += n;
		piece->shown = skip == 0 && n == piece->len;
	}
	*out = (struct stream_raw){.data = st->early, .len = len, .offset = side->delivered + (from - side->expect)};
	return len > 0;
}
