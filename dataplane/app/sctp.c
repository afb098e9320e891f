/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SCTP: chunks to bytes in order. What a receiver would not take is not taken: packets with another verification tag, and
 * chunks whose TSN was there before. Chunks that come early are kept, within limits; where those do not do, or a
 * message is given up (FORWARD TSN), how much is missing cannot be known, and the flow is not followed any more. An
 * INIT that contradicts an earlier one leaves open which of them holds: the first data tells. Interleaved messages (RFC 8260)
 * are not followed. Runs in the worker that owns the flow.
 */
#include "dataplane/app/sctp.h"

#include <string.h>

#include "dataplane/app/app_state.h"

#define CHUNK_HEADER_BYTES 4
#define DATA_HEADER_BYTES 16
#define INIT_BYTES 20

enum chunk_type {
	CHUNK_DATA = 0,
	CHUNK_INIT = 1,
	CHUNK_INIT_ACK = 2,
	CHUNK_ABORT = 6,
	CHUNK_SHUTDOWN = 7,
	CHUNK_SHUTDOWN_ACK = 8,
	CHUNK_FORWARD_TSN = 192,
};

static struct sctp_association *association_of(struct app_session *s)
{
	return (struct sctp_association *)(s + 1);
}

static bool before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static void held_free(struct worker *w, struct sctp_side *side)
{
	while (side->held) {
		struct sctp_chunk *next = side->held->next;

		heap_free(&w->heap, side->held);
		side->held = next;
	}
	side->held_bytes = side->held_count = 0;
}

void app_sctp_free(struct worker *w, struct app_session *s)
{
	for (unsigned d = 0; d < 2; d++)
		held_free(w, &association_of(s)->side[d]);
}

void app_sctp_reversed(struct app_session *s)
{
	struct sctp_association *a = association_of(s);
	struct sctp_side side = a->side[0];

	a->side[0] = a->side[1];
	a->side[1] = side;
}

/* The side of the packet's sender; NULL: nothing more is followed. */
static struct sctp_side *side_of(const struct packet *p)
{
	struct flow *f = p->flow;

	return f->app && !(f->flags & FLOW_NO_APP) ? &association_of(f->app)->side[p->direction] : NULL;
}

static void give(struct worker *w, struct packet *p, const uint8_t *data, uint32_t len, uint32_t flags)
{
	struct sctp_side *side = side_of(p);
	struct app_input in = {.data = data, .len = len, .flags = flags};

	if (!side)
		return;
	in.offset = side->offset;
	if (!side->offset && len)
		in.flags |= INPUT_START;
	side->offset += len;
	app_stream(w, p->flow, p, p->direction, &in);
}

static void give_up(struct worker *w, struct packet *p)
{
	give(w, p, NULL, 0, INPUT_END | INPUT_CUT);
	app_stop(w, p->flow);
}

static void hold(struct worker *w, struct packet *p, struct sctp_side *side, uint32_t tsn, const uint8_t *data, uint32_t len)
{
	struct sctp_chunk **at = &side->held, *chunk;

	while (*at && before((*at)->tsn, tsn))
		at = &(*at)->next;
	if (*at && (*at)->tsn == tsn)
		return;
	chunk = side->held_count < SCTP_HELD_CHUNKS && len <= SCTP_HELD_BYTES - side->held_bytes
			? heap_alloc(&w->heap, sizeof(*chunk) + len)
			: NULL;
	if (!chunk) {
		give_up(w, p);
		return;
	}
	*chunk = (struct sctp_chunk){.next = *at, .tsn = tsn, .len = len};
	memcpy(chunk->data, data, len);
	*at = chunk;
	side->held_count++;
	side->held_bytes += len;
}

/* What was held and comes now. The flow may be reversed by what it is given to. */
static void give_held(struct worker *w, struct packet *p)
{
	struct sctp_side *side;

	while ((side = side_of(p)) && side->held && side->held->tsn == side->tsn) {
		struct sctp_chunk *chunk = side->held;

		side->held = chunk->next;
		side->held_count--;
		side->held_bytes -= chunk->len;
		side->tsn++;
		give(w, p, chunk->data, chunk->len, 0);
		heap_free(&w->heap, chunk);
	}
}

static void take_data(struct worker *w, struct packet *p, const uint8_t *chunk, uint32_t len)
{
	struct sctp_side *side = side_of(p);
	uint32_t tsn;

	if (!side || len <= DATA_HEADER_BYTES)
		return;
	tsn = get_be32(chunk + 4);
	if (!side->known) {
		side->known = true;
		side->tsn = tsn;
	}
	side->begun = true;
	if (before(tsn, side->tsn))
		return;
	if (tsn != side->tsn) {
		hold(w, p, side, tsn, chunk + DATA_HEADER_BYTES, len - DATA_HEADER_BYTES);
		return;
	}
	side->tsn++;
	give(w, p, chunk + DATA_HEADER_BYTES, len - DATA_HEADER_BYTES, 0);
	give_held(w, p);
}

/* INIT, INIT ACK: where its sender's numbers begin, and what the other's packets will carry. */
static void take_init(struct packet *p, const uint8_t *chunk, uint32_t len)
{
	struct sctp_side *side = side_of(p);
	struct sctp_side *other = side ? &association_of(p->flow->app)->side[direction_other(p->direction)] : NULL;
	uint32_t tag, tsn;

	if (!side || len < INIT_BYTES || side->begun || other->begun)
		return;
	tag = get_be32(chunk + 4);
	tsn = get_be32(chunk + 16);
	if (side->known && (side->tsn != tsn || other->tag != tag)) {
		side->known = false;
		other->tag = 0;
		return;
	}
	side->known = true;
	side->tsn = tsn;
	other->tag = tag;
}

static void take_end(struct worker *w, struct packet *p)
{
	struct sctp_side *side = side_of(p);

	if (!side || side->ended)
		return;
	side->ended = true;
	give(w, p, NULL, 0, INPUT_END);
}

void app_sctp_end(struct worker *w, struct flow *f, struct packet *p)
{
	for (enum direction d = TO_SERVER; d <= TO_CLIENT; d++) {
		const struct app_input in = {.flags = INPUT_END, .offset = association_of(f->app)->side[d].offset};

		if (!association_of(f->app)->side[d].ended && !(f->flags & FLOW_NO_APP))
			app_stream(w, f, p, d, &in);
	}
}

static bool tag_holds(struct sctp_side *side, uint32_t tag)
{
	if (!side->tag)
		side->tag = tag;
	return side->tag == tag;
}

static void take_chunk(struct worker *w, struct packet *p, const uint8_t *chunk, uint32_t len)
{
	struct sctp_side *side = side_of(p);

	if (!side)
		return;
	if (chunk[0] == CHUNK_INIT || chunk[0] == CHUNK_INIT_ACK) {
		take_init(p, chunk, len);
		return;
	}
	if (!tag_holds(side, get_be32(p->l4 + 4)))
		return;
	switch (chunk[0]) {
	case CHUNK_DATA:
		take_data(w, p, chunk, len);
		break;
	case CHUNK_FORWARD_TSN:
		if (len >= 8 && side->known && !before(get_be32(chunk + 4), side->tsn))
			give_up(w, p);
		break;
	case CHUNK_ABORT:
	case CHUNK_SHUTDOWN:
	case CHUNK_SHUTDOWN_ACK:
		take_end(w, p);
		break;
	}
}

void app_sctp(struct worker *w, struct packet *p)
{
	struct flow *f = p->flow;
	struct cursor c = cursor_of(p->payload, p->payload_len);

	if (f->flags & (FLOW_NO_APP | FLOW_BYPASSED) || !w->config || !w->config->app_sctp || !app_session_of(w, f))
		return;
	while (cursor_left(&c) >= CHUNK_HEADER_BYTES) {
		uint32_t len = get_be16(c.p + 2), padded = (len + 3) & ~3u;

		if (len < CHUNK_HEADER_BYTES || len > cursor_left(&c))
			return;
		take_chunk(w, p, c.p, len);
		if (padded > cursor_left(&c))
			return;
		cursor_skip(&c, padded);
	}
}
