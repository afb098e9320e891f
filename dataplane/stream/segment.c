/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From segments to bytes in order. In the wire what is next in order goes up at once and in place;
 * what comes early is held, and a segment that contradicts earlier bytes is dropped, so that what was
 * inspected is what arrives. On a tap bytes go up when their receiver has acknowledged them, as what
 * is on its way may be lost and come again, or come again otherwise; until then they are held, and
 * the receiver's policy says which of two overlapping segments counts. Worker thread only.
 */
#include <string.h>

#include "dataplane/stream/session.h"

/* ---- upward ---- */

/* Parsers may find that client and server are the other way round (flow_reverse): then the sides
 * have changed places when app_stream returns, and *d with them. */
static void app_give(struct worker *w, struct flow *f, struct packet *p, enum direction *d,
		     const uint8_t *data, uint32_t len, uint32_t flags)
{
	struct tcp_side *side = &f->tcp->side[*d];
	struct app_input in = {.data = data, .len = len, .flags = flags, .offset = side->delivered};
	uint32_t turned = f->flags & FLOW_REVERSED;

	if (!(side->flags & SIDE_STARTED)) {
		side->flags |= SIDE_STARTED;
		in.flags |= INPUT_START;
	}
	side->delivered += len;
	side->expect += len;
	app_stream(w, f, p, *d, &in);
	if ((f->flags & FLOW_REVERSED) != turned)
		*d = direction_other(*d);
}

static bool side_followed(const struct flow *f, enum direction d)
{
	return !(f->tcp->side[d].flags & (SIDE_STOPPED | SIDE_END_SENT));
}

/* Does nothing of this direction wait for acknowledgements? Nor does it where none will be seen, and
 * where nobody looks at the bytes. */
static bool side_at_once(const struct worker *w, const struct flow *f, const struct tcp_side *side)
{
	return w->streams->in_the_wire || (f->tcp->flags & SESSION_ASYNC) ||
	       f->tcp->state == TCP_STATE_CLOSED || (f->flags & FLOW_ENDING) ||
	       ((side->flags & SIDE_RAW_OFF) && (f->flags & FLOW_NO_APP));
}

static void side_end(struct worker *w, struct flow *f, struct packet *p, enum direction *d)
{
	struct tcp_side *side = &f->tcp->side[*d];
	uint32_t cut = side->flags & SIDE_DEPTH ? INPUT_CUT : 0;

	if (side->flags & SIDE_END_SENT)
		return;
	side->flags |= SIDE_END_SENT;
	if (p->direction == *d)
		p->flags |= PACKET_STREAM_END;
	app_give(w, f, p, d, NULL, 0, INPUT_END | cut);
}

/* Nothing more of this direction is followed; what the window has is still inspected. */
static void side_stop(struct worker *w, struct tcp_side *side)
{
	side->flags |= SIDE_STOPPED;
	if (side->bytes)
		held_remove(w, side->bytes, 0, side->bytes->held_count);
}

/* Bytes of each direction that are followed; 0: all. */
static uint64_t depth_of(const struct stream_state *st, const struct flow *f)
{
	return f->tcp->flags & SESSION_STORED ? st->stored_depth : st->depth;
}

static void depth_reached(struct worker *w, struct packet *p, struct tcp_side *side)
{
	if (side->flags & SIDE_DEPTH)
		return;
	side->flags |= SIDE_DEPTH;
	packet_event(w, p, ANOMALY_stream_reassembly_depth_reached);
	w->counters->tcp_stream_depth_reached++;
}

/* Beyond the depth, and nothing waits: the end. */
static void side_depth(struct worker *w, struct flow *f, struct packet *p, enum direction *d)
{
	struct tcp_side *side = &f->tcp->side[*d];
	uint64_t depth = depth_of(w->streams, f);

	if (!side_followed(f, *d))
		return;
	if (depth && side->delivered > depth)
		depth_reached(w, p, side);
	else if (!(side->flags & SIDE_DEPTH) || (side->bytes && side->bytes->held_count))
		return;
	side_end(w, f, p, d);
	side_stop(w, &f->tcp->side[*d]);
}

/* Bytes next in order. */
static void side_bytes(struct worker *w, struct flow *f, struct packet *p, enum direction *d,
		       const uint8_t *data, uint32_t len)
{
	struct tcp_side *side = &f->tcp->side[*d];
	uint64_t depth = depth_of(w->streams, f);
	uint64_t left = depth > side->delivered ? depth - side->delivered : 0;

	if (depth && len > left)
		len = (uint32_t)left;
	if (len) {
		raw_append(w, side, data, len);
		app_give(w, f, p, d, data, len, 0);
	}
	side_depth(w, f, p, d);
}

/* The next len bytes will not come. They are missed only if the receiver had them: what was never
 * acknowledged may never have arrived. */
static void side_gap(struct worker *w, struct flow *f, struct packet *p, enum direction *d,
		     uint32_t len)
{
	struct tcp_side *side = &f->tcp->side[*d];

	if (seq_after(side->last_ack, side->expect)) {
		packet_event(w, p, ANOMALY_stream_reassembly_seq_gap);
		w->counters->tcp_reassembly_gap++;
	}
	side->flags |= SIDE_GAP;
	raw_gap(w, side, len);
	app_give(w, f, p, d, NULL, len, INPUT_GAP);
	side_depth(w, f, p, d);
}

/* Takes up to `upto` what the first held piece has of the next bytes in order; what it has beyond stays.
 * False: nothing. */
static bool piece_take(struct worker *w, struct tcp_side *side, uint32_t upto, struct tcp_piece *out)
{
	struct tcp_bytes *b = side->bytes;
	struct tcp_piece *held = piece_of(w->streams, b, 0);
	uint32_t end = held->seq + held->len, len;

	*out = *held;
	if (seq_after(held->seq, side->expect) || seq_upto(upto, held->seq))
		return false;
	if (seq_upto(end, upto)) {
		/* off the list before it goes up: that may free the list */
		held->owner = NULL;
		held->framed = false;
		held_remove(w, b, 0, 1);
		return true;
	}
	len = upto - held->seq;
	held->seq += len;
	held->data += len;
	held->len -= len;
	b->held[b->held_first].seq = held->seq;
	b->held_bytes -= len;
	out->len = len;
	out->owner = NULL;
	out->framed = false;
	return true;
}

/* What is held of the next bytes in order. Rules that saw it behind its hole need not see it again when
 * they saw all before it too. */
static void side_piece(struct worker *w, struct flow *f, struct packet *p, enum direction *d,
		       const struct tcp_piece *piece, uint32_t skip)
{
	bool seen = piece->shown && raw_all_seen(&f->tcp->side[*d]);

	side_bytes(w, f, p, d, piece->data + skip, piece->len - skip);
	if (seen)
		raw_see_all(&f->tcp->side[*d]);
}

/* Hands on what is held and next in order, as far as it may go up; then the end, if this was all. */
static void side_drain(struct worker *w, struct flow *f, struct packet *p, enum direction *d, bool all)
{
	struct tcp_side *side = &f->tcp->side[*d];

	while (side_followed(f, *d) && side->bytes && side->bytes->held_count) {
		uint32_t last = side->expect + side->bytes->held_bytes, skip;
		struct tcp_piece piece;

		if (!all && !side_at_once(w, f, side) && seq_before(side->last_ack, last))
			last = side->last_ack;
		if (!piece_take(w, side, last, &piece))
			break;
		skip = side->expect - piece.seq;
		w->sent_ns = piece.ts_ns;
		if (piece.urgent)
			side->expect = piece.seq + piece.len;
		else if (skip < piece.len)
			side_piece(w, f, p, d, &piece, skip);
		w->sent_ns = 0;
		if (piece.framed)
			w->frame_release(piece.owner);
		else
			heap_free(&w->heap, piece.owner);
		side = &f->tcp->side[*d];
	}
	if ((side->flags & SIDE_FIN) && side_followed(f, *d) &&
	    seq_from(side->expect, side->fin_seq) && side_at_once(w, f, side))
		side_end(w, f, p, d);
}

/* Is something held behind a hole? */
static bool side_hole(const struct worker *w, const struct flow *f, enum direction d)
{
	const struct tcp_side *side = &f->tcp->side[d];

	return side_followed(f, d) && side->bytes && side->bytes->held_count &&
	       seq_after(piece_of(w->streams, side->bytes, 0)->seq, side->expect);
}

/* Gives up the first hole. */
static void side_skip(struct worker *w, struct flow *f, struct packet *p, enum direction *d, bool all)
{
	struct tcp_side *side = &f->tcp->side[*d];

	side_gap(w, f, p, d, piece_of(w->streams, side->bytes, 0)->seq - side->expect);
	side_drain(w, f, p, d, all);
}

/* After bytes went up: which side is whose? */
static void seen_turn(struct tcp_seen *t, enum direction d)
{
	t->d = d;
	t->own = &t->s->side[d];
	t->other = &t->s->side[direction_other(d)];
}

static void own_bytes(struct tcp_seen *t, const uint8_t *data, uint32_t len)
{
	enum direction d = t->d;

	side_bytes(t->w, t->f, t->p, &d, data, len);
	seen_turn(t, d);
}

static void own_drain(struct tcp_seen *t, bool all)
{
	enum direction d = t->d;

	side_drain(t->w, t->f, t->p, &d, all);
	seen_turn(t, d);
}

static void own_depth(struct tcp_seen *t)
{
	enum direction d = t->d;

	side_depth(t->w, t->f, t->p, &d);
	seen_turn(t, d);
}

/* On a tap, to make room: what is next in order goes up, acknowledged or not; where nothing is, the
 * first hole is given up. */
static void own_make_room(struct tcp_seen *t)
{
	enum direction d = t->d;

	if (side_hole(t->w, t->f, d))
		side_skip(t->w, t->f, t->p, &d, true);
	else
		side_drain(t->w, t->f, t->p, &d, true);
	seen_turn(t, d);
}

/* The receiver has had what is missing before these bytes: in the wire they need not wait for it. */
static void own_skip_acked(struct tcp_seen *t)
{
	enum direction d = t->d;

	while (t->st->in_the_wire && side_hole(t->w, t->f, d) &&
	       seq_from(t->s->side[d].last_ack, piece_of(t->st, t->s->side[d].bytes, 0)->seq))
		side_skip(t->w, t->f, t->p, &d, false);
	seen_turn(t, d);
}

/* ---- holding ---- */

/* One run of a segment: bytes, or one out-of-band byte. */
struct run {
	const uint8_t *data;
	uint32_t seq, len;
	uint32_t from, to; /* the segment it is of */
	bool urgent;
};

enum hold_result { HOLD_OK, HOLD_FULL };

static enum hold_result run_hold(struct tcp_seen *t, uint32_t at, const struct run *r)
{
	struct tcp_bytes *b = t->own->bytes;
	struct tcp_piece piece = {
		.data = r->data,
		.ts_ns = t->p->ts_ns,
		.seq = r->seq,
		.len = r->len,
		.from = r->from,
		.to = r->to,
		.urgent = r->urgent,
	};

	if (t->p->frame && t->w->frame_hold && t->w->frame_release) {
		piece.owner = t->p->frame;
		piece.framed = true;
	} else {
		piece.owner = heap_dup(&t->w->heap, r->data, r->len);
		if (!piece.owner)
			return HOLD_FULL;
		piece.data = piece.owner;
	}
	if (!held_insert(t->w, b, at, &piece)) {
		if (!piece.framed)
			heap_free(&t->w->heap, piece.owner);
		return HOLD_FULL;
	}
	if (piece.framed)
		t->w->frame_hold(piece.owner);
	return HOLD_OK;
}

/* The held piece `at` keeps only its first `keep` bytes. */
static void piece_cut(struct tcp_seen *t, uint32_t at, uint32_t keep)
{
	struct tcp_piece *piece = piece_of(t->st, t->own->bytes, at);

	t->own->bytes->held_bytes -= piece->len - keep;
	piece->len = keep;
}

/* Replaces [seq, end) of the held piece `at` by the run's bytes; *at is then the piece after. */
static enum hold_result piece_replace(struct tcp_seen *t, uint32_t *at, const struct run *r,
				      uint32_t seq, uint32_t end)
{
	struct tcp_bytes *b = t->own->bytes;
	struct tcp_piece old = *piece_of(t->st, b, *at);
	struct run part = *r;
	uint32_t old_end = old.seq + old.len;

	if (seq_after(old_end, end)) {
		/* its tail becomes a piece of its own */
		struct tcp_piece tail = old;

		tail.data += end - old.seq;
		tail.seq = end;
		tail.len = old_end - end;
		if (!old.framed) {
			tail.owner = heap_dup(&t->w->heap, tail.data, tail.len);
			if (!tail.owner)
				return HOLD_FULL;
			tail.data = tail.owner;
		}
		if (!held_insert(t->w, b, *at + 1, &tail)) {
			if (!old.framed)
				heap_free(&t->w->heap, tail.owner);
			return HOLD_FULL;
		}
		if (old.framed)
			t->w->frame_hold(tail.owner);
		piece_cut(t, *at, end - old.seq);
	}
	if (old.seq == seq)
		held_remove(t->w, b, *at, 1);
	else
		piece_cut(t, (*at)++, seq - old.seq);
	part.data += seq - r->seq;
	part.seq = seq;
	part.len = end - seq;
	if (run_hold(t, *at, &part) != HOLD_OK)
		return HOLD_FULL;
	(*at)++;
	return HOLD_OK;
}

/* Does the run contradict what is held? */
static bool run_differs(struct tcp_seen *t, const struct run *r)
{
	const struct tcp_bytes *b = t->own->bytes;
	uint32_t end = r->seq + r->len;

	for (uint32_t i = held_find(t->st, b, r->seq); i < b->held_count; i++) {
		const struct tcp_piece *piece = piece_of(t->st, b, i);
		uint32_t from = seq_after(piece->seq, r->seq) ? piece->seq : r->seq;
		uint32_t to = piece->seq + piece->len;

		if (seq_from(piece->seq, end))
			break;
		if (seq_after(to, end))
			to = end;
		t->w->counters->tcp_overlap++;
		if (piece->urgent != r->urgent ||
		    memcmp(piece->data + (from - piece->seq), r->data + (from - r->seq),
			   to - from) != 0)
			return true;
	}
	return false;
}

/* Puts the run among the held pieces; differs: overlaps are decided by the receiver's policy. */
static enum hold_result run_insert(struct tcp_seen *t, const struct run *r, bool differs)
{
	struct tcp_bytes *b = t->own->bytes;
	enum os_policy policy = tcp_policy(t, t->own, t->d == TO_SERVER);
	uint32_t at = held_find(t->st, b, r->seq), cur = r->seq, end = r->seq + r->len;

	while (seq_before(cur, end)) {
		struct tcp_piece *old = at < b->held_count ? piece_of(t->st, b, at) : NULL;
		uint32_t until;

		if (old && seq_upto(old->seq, cur)) {
			until = old->seq + old->len;
			if (seq_after(until, end))
				until = end;
			if (differs &&
			    tcp_policy_new_wins(policy, r->from, r->to, old->from, old->to)) {
				if (piece_replace(t, &at, r, cur, until) != HOLD_OK)
					return HOLD_FULL;
			} else {
				at++;
			}
		} else {
			struct run part = *r;

			until = old && seq_before(old->seq, end) ? old->seq : end;
			part.data += cur - r->seq;
			part.seq = cur;
			part.len = until - cur;
			if (run_hold(t, at, &part) != HOLD_OK)
				return HOLD_FULL;
			at++;
		}
		cur = until;
	}
	return HOLD_OK;
}

/* How many runs of bytes stand apart, the one handed on counted as one. */
static void regions_note(struct tcp_seen *t)
{
	const struct tcp_bytes *b = t->own->bytes;
	uint32_t regions = 1, at = t->own->expect;

	if (b->held_count > TCP_REGIONS_COUNTED)
		return;
	for (uint32_t i = 0; i < b->held_count; i++) {
		const struct tcp_piece *piece = piece_of(t->st, b, i);

		regions += piece->seq != at;
		at = piece->seq + piece->len;
	}
	if (regions > UINT8_MAX)
		regions = UINT8_MAX;
	if (regions > t->s->max_regions[t->d])
		t->s->max_regions[t->d] = (uint8_t)regions;
}

static void overlap_differs(struct tcp_seen *t)
{
	t->w->counters->tcp_overlap_diff_data++;
	tcp_event(t, ANOMALY_stream_reassembly_overlap_different_data);
}

/* No room: on a tap the oldest hole is given up; in the wire the segment must come again. */
static void held_full(struct tcp_seen *t)
{
	t->w->counters->tcp_segment_memcap_drop++;
	tcp_event(t, ANOMALY_stream_reassembly_insert_memcap);
	flow_exception(t->w, t->p, t->w->config->stream_memcap_policy,
		       EXCEPTION_REASSEMBLY_MEMCAP, DROP_stream_memcap);
	if (t->st->in_the_wire)
		packet_drop(t->p, DROP_stream_memcap);
	else if (t->own->bytes && t->own->bytes->held_count)
		own_make_room(t);
}

/* No room for what only waits for an acknowledgement: then it goes up without. False: it stands behind
 * a hole. */
static bool run_unheld(struct tcp_seen *t, const struct run *r)
{
	uint32_t skip;

	if (t->st->in_the_wire || side_hole(t->w, t->f, t->d))
		return false;
	own_drain(t, true);
	skip = t->own->expect - r->seq;
	if (seq_after(r->seq, t->own->expect))
		return false;
	if (!side_followed(t->f, t->d) || skip >= r->len)
		return true;
	if (r->urgent)
		t->own->expect = r->seq + r->len;
	else
		own_bytes(t, r->data + skip, r->len - skip);
	return true;
}

static bool held_too_many(const struct tcp_seen *t)
{
	const struct tcp_bytes *b = t->own->bytes;

	return b->held_count >= TCP_HELD_MAX - 2 ||
	       ((t->s->flags & SESSION_ASYNC) && b->held_count >= TCP_ASYNC_HELD_MAX);
}

/* On a tap most come behind all that is held, and only wait. True: it is held. */
static bool run_append(struct tcp_seen *t, const struct tcp_bytes *b, const struct run *r)
{
	const struct tcp_piece *last;

	if (b->held_count == 0) {
		if (r->seq != t->own->expect)
			return false;
	} else {
		last = piece_of(t->st, b, b->held_count - 1);
		if (r->seq != last->seq + last->len || b->held_count >= TCP_HELD_MAX - 3 ||
		    side_hole(t->w, t->f, t->d))
			return false;
	}
	return run_hold(t, b->held_count, r) == HOLD_OK;
}

static void run_early(struct tcp_seen *t, const struct run *r)
{
	struct tcp_bytes *b = tcp_bytes_get(t->w, t->own);
	bool differs, hole;

	if (!b) {
		if (!run_unheld(t, r))
			held_full(t);
		return;
	}
	if (run_append(t, b, r)) {
		t->p->flags |= PACKET_STREAM_ADDED;
		return;
	}
	differs = run_differs(t, r);
	if (differs) {
		overlap_differs(t);
		if (t->st->in_the_wire) {
			packet_drop(t->p, DROP_stream_reassembly);
			return;
		}
	}
	t->p->flags |= PACKET_STREAM_ADDED;
	hole = r->seq - t->own->expect > b->held_bytes;
	if (run_insert(t, r, differs) != HOLD_OK) {
		if (!run_unheld(t, r))
			held_full(t);
		return;
	}
	if (hole || side_hole(t->w, t->f, t->d)) {
		if (t->st->in_the_wire)
			t->p->flags |= PACKET_STREAM_EARLY;
		t->w->counters->tcp_segments_held++;
		regions_note(t);
	}
	if (held_too_many(t)) {
		if (t->st->in_the_wire)
			packet_drop(t->p, DROP_stream_memcap);
		else
			own_make_room(t);
	}
}

/* ---- a segment ---- */

static void run_take(struct tcp_seen *t, struct run r)
{
	struct tcp_side *own = t->own;
	uint32_t old;

	if (!side_followed(t->f, t->d) || r.len == 0)
		return;
	if (seq_before(r.seq, own->expect)) {
		/* handed on already: only compared */
		t->p->flags |= PACKET_STREAM_ADDED;
		old = own->expect - r.seq;
		if (old > r.len)
			old = r.len;
		t->w->counters->tcp_overlap++;
		if (!r.urgent && raw_differs(own, r.seq, r.data, old)) {
			overlap_differs(t);
			if (t->st->in_the_wire) {
				packet_drop(t->p, DROP_stream_reassembly);
				return;
			}
		}
		r.data += old;
		r.seq += old;
		r.len -= old;
		if (r.len == 0)
			return;
	}
	if (r.seq == own->expect &&
	    (seq_upto(r.seq + r.len, own->last_ack) || side_at_once(t->w, t->f, own)) &&
	    !(own->bytes && own->bytes->held_count &&
	      seq_before(piece_of(t->st, own->bytes, 0)->seq, r.seq + r.len))) {
		t->p->flags |= PACKET_STREAM_ADDED;
		if (r.urgent)
			own->expect += r.len;
		else
			own_bytes(t, r.data, r.len);
	} else {
		run_early(t, &r);
		own_skip_acked(t);
	}
	own_drain(t, false);
	if (seq_from(t->own->expect, r.seq + r.len))
		t->p->flags &= ~(uint32_t)PACKET_STREAM_EARLY;
}

/* The out-of-band byte of a segment with URG: the one before the pointer; a pointer of 0 means the
 * first (as Linux takes it). False: it is not in this segment. */
static bool urgent_at(const struct tcp_seen *t, uint32_t *at)
{
	uint32_t offset = t->p->tcp.urgent ? t->p->tcp.urgent - 1u : 0;

	if (!(t->flags & TCP_URG) || offset >= t->p->payload_len)
		return false;
	*at = offset;
	return true;
}

static void segment_urgent(struct tcp_seen *t, struct run r, uint32_t at)
{
	struct run byte = r, rest = r;
	struct tcp_bytes *b = tcp_bytes_get(t->w, t->own);

	if (!b || b->urgent_count >= TCP_URGENT_OOB_MAX) {
		tcp_event(t, ANOMALY_stream_reassembly_urgent_oob_limit_reached);
		if (t->st->in_the_wire) {
			packet_drop(t->p, DROP_stream_urgent);
			return;
		}
		run_take(t, r);
		return;
	}
	if (seq_from(r.seq + at, t->own->expect))
		b->urgent_count++;
	r.len = at;
	run_take(t, r);
	byte.data += at;
	byte.seq += at;
	byte.len = 1;
	byte.urgent = true;
	run_take(t, byte);
	rest.data += at + 1;
	rest.seq += at + 1;
	rest.len -= at + 1;
	run_take(t, rest);
}

/* A segment that would go beyond the depth is left out as a whole, as the reference does. */
static bool within_depth(struct tcp_seen *t, uint32_t len)
{
	uint64_t depth = depth_of(t->st, t->f);
	uint32_t end = t->seq + len;

	if (!len || !depth || !seq_after(end, t->own->expect) || t->own->delivered + (end - t->own->expect) <= depth)
		return true;
	depth_reached(t->w, t->p, t->own);
	return false;
}

void tcp_segment(struct tcp_seen *t)
{
	struct tcp_side *own = t->own;
	uint32_t at;
	struct run r = {
		.data = t->p->payload,
		.seq = t->seq,
		.len = t->p->payload_len,
		.from = t->seq,
		.to = t->end,
	};

	if ((t->flags & TCP_FIN) && !(own->flags & SIDE_FIN)) {
		own->flags |= SIDE_FIN;
		own->fin_seq = t->end;
	}
	if (!side_followed(t->f, t->d))
		return;
	/* a session met midway begins with the first byte seen of each side */
	if ((t->s->flags & SESSION_MIDSTREAM) && !(own->flags & SIDE_STARTED) && r.len &&
	    !(own->bytes && own->bytes->held_count) && seq_after(t->seq, own->expect))
		own->expect = t->seq;
	/* where windows are not known: numbers farther apart than any window cannot be put in order */
	if (t->end - own->expect > TCP_REACH && own->expect - t->seq > TCP_REACH) {
		if (r.len)
			tcp_event(t, ANOMALY_stream_reassembly_insert_invalid);
		return;
	}
	if (!within_depth(t, r.len)) {
		r.len = 0;
		if (t->st->bypass)
			t->f->flags |= FLOW_BYPASSED; /* from the next packet on */
	}
	if (r.len == 0) {
		own_drain(t, false);
		own_depth(t);
	} else if (!(t->flags & TCP_URG) || t->st->urgent == URGENT_INLINE) {
		run_take(t, r);
	} else if (t->st->urgent == URGENT_DROP || t->st->urgent == URGENT_GAP) {
		if (t->st->urgent == URGENT_DROP && t->st->in_the_wire)
			packet_drop(t->p, DROP_stream_urgent);
	} else if (urgent_at(t, &at)) {
		segment_urgent(t, r, at);
	} else {
		run_take(t, r);
	}
}

static void side_acked(struct tcp_seen *t, enum direction *d)
{
	side_drain(t->w, t->f, t->p, d, false);
	while (side_hole(t->w, t->f, *d)) {
		const struct tcp_side *side = &t->s->side[*d];

		if (seq_before(side->last_ack, piece_of(t->st, side->bytes, 0)->seq))
			break;
		side_skip(t->w, t->f, t->p, d, false);
	}
}

void tcp_acked(struct tcp_seen *t, enum direction d)
{
	bool own = d == t->d;

	side_acked(t, &d);
	seen_turn(t, own ? d : direction_other(d));
}

void tcp_closed(struct tcp_seen *t)
{
	enum direction d = t->d;

	side_drain(t->w, t->f, t->p, &d, false);
	d = direction_other(d);
	side_drain(t->w, t->f, t->p, &d, false);
	seen_turn(t, direction_other(d));
}

/* On a tap: has the receiver all that stands before number seq? What is behind a hole that it never
 * acknowledged it has not handed on to anybody. Where no acknowledgements were seen nobody knows. */
static bool receiver_has(const struct worker *w, const struct tcp_side *side, uint32_t seq)
{
	return w->streams->in_the_wire || seq_from(side->last_ack, seq) ||
	       seq_upto(side->last_ack, side->isn + 1);
}

/* What no parser is given, rules on the raw stream see all the same. */
static void side_rest(struct worker *w, struct tcp_side *side)
{
	for (uint32_t i = 0; side->bytes && i < side->bytes->held_count; i++) {
		struct tcp_piece *piece = piece_of(w->streams, side->bytes, i);
		uint32_t missing = piece->seq - side->expect;
		bool seen;

		if (missing)
			raw_gap(w, side, missing);
		side->delivered += missing;
		if (!piece->urgent) {
			seen = piece->shown && raw_all_seen(side);
			raw_append(w, side, piece->data, piece->len);
			side->delivered += piece->len;
			if (seen)
				raw_see_all(side);
		}
		side->expect = piece->seq + piece->len;
	}
	if (side->bytes)
		held_remove(w, side->bytes, 0, side->bytes->held_count);
}

void tcp_finish(struct worker *w, struct flow *f, struct packet *p, enum direction d)
{
	struct tcp_side *side = &f->tcp->side[d];

	side_drain(w, f, p, &d, true);
	for (bool last = held_since(w, f->tcp->side[d].bytes, f->last_ns); side_hole(w, f, d); side_skip(w, f, p, &d, true)) {
		side = &f->tcp->side[d];
		if (!last && !receiver_has(w, side, piece_of(w->streams, side->bytes, 0)->seq))
			break;
	}
	side = &f->tcp->side[d];
	/* a FIN far off may be anybody's */
	if (side_followed(f, d) && (side->flags & SIDE_FIN) &&
	    seq_before(side->expect, side->fin_seq) &&
	    side->fin_seq - side->expect < side->window + (1u << 16) &&
	    !(side->bytes && side->bytes->held_count))
		side_gap(w, f, p, &d, side->fin_seq - side->expect);
	if (f->tcp->side[d].flags & SIDE_STARTED)
		side_end(w, f, p, &d);
	side_rest(w, &f->tcp->side[d]);
}
