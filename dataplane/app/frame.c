/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Frames of flows: their lists, the bytes they are about, their records. See frame.h.
 *
 * Invariants: runs are in order and do not touch, each but the last ends before a hole; the bytes of
 * a run stand together in side.data. Frames are in the order of their ids.
 */
#include "dataplane/app/frame.h"

#include <string.h>

#include "dataplane/app/app_state.h"
#include "dataplane/engine/emit.h"
#include "dataplane/event/frame.h"

#define LIST_FIRST 8
#define DATA_FIRST 4096u
#define PAYLOAD_MAX 4096     /* of a frame in a record */
#define LOG_ENOUGH 2500      /* bytes of an open frame that are worth a record */

/* ---- who wants what ---- */

void app_frames_want(struct worker *w, enum app_proto proto, uint32_t types)
{
	w->apps->frame_rules[proto] = types;
}

static uint32_t wants(const struct worker *w, const struct flow *f)
{
	const struct app_state *a = w->apps;

	return a->frame_log ? UINT32_MAX : a->frame_rules[f->app->proto->id];
}

static const struct {
	enum app_proto proto;
	const char *name;
} frame_rows[] = {
#define FRAME(proto, name) {APP_##proto, name},
#include "dataplane/event/frame.def"
#undef FRAME
};
#define FRAME_ROWS (sizeof(frame_rows) / sizeof(frame_rows[0]))

const char *app_frame_name(const struct proto *proto, unsigned type)
{
	for (size_t i = 0; type && i < FRAME_ROWS; i++)
		if (frame_rows[i].proto == proto->id && --type == 0)
			return frame_rows[i].name;
	return "stream";
}

int app_frame_type(const struct proto *proto, const char *name)
{
	const char *app = app_proto_names[proto->id];
	int type = APP_FRAME_STREAM;

	if (proto->over_tcp && frame_is(app, "stream", name))
		return APP_FRAME_STREAM;
	for (size_t i = 0; i < FRAME_ROWS; i++)
		if (frame_rows[i].proto == proto->id && ++type && frame_is(app, frame_rows[i].name, name))
			return type;
	return -1;
}

/* ---- the list ---- */

static struct app_frame *frame_add(struct worker *w, struct app_frame_side *side)
{
	if (side->count == APP_FRAMES_MAX) {
		w->counters->app_frames_lost++;
		return NULL;
	}
	if (side->count == side->list_cap) {
		uint32_t cap = side->list_cap ? side->list_cap * 2 : LIST_FIRST;
		struct app_frame *list = heap_realloc(&w->heap, side->list, cap * sizeof(*list));

		if (!list) {
			w->counters->app_memcap++;
			return NULL;
		}
		side->list = list;
		side->list_cap = cap;
	}
	return &side->list[side->count++];
}

uint64_t app_frame_new(struct worker *w, struct flow *f, enum direction d, unsigned type,
		       uint64_t offset, uint64_t len)
{
	struct app_frame_side *side = &f->app->frames->side[d];
	struct app_frame *frame;

	side->last_id++;
	if (!(wants(w, f) >> type & 1))
		return 0;
	frame = frame_add(w, side);
	if (!frame)
		return 0;
	*frame = (struct app_frame){.id = side->last_id, .offset = offset, .len = len,
				    .tx_id = RECORD_NO_TX, .inspected = offset, .type = (uint8_t)type};
	return frame->id;
}

static struct app_frame *frame_find(struct flow *f, enum direction d, uint64_t id)
{
	struct app_frame_side *side;

	if (!id || !f->app->frames)
		return NULL;
	side = &f->app->frames->side[d];
	for (uint32_t i = side->count; i > 0; i--)
		if (side->list[i - 1].id == id)
			return &side->list[i - 1];
	return NULL;
}

void app_frame_close(struct flow *f, enum direction d, uint64_t id, uint64_t len)
{
	struct app_frame *frame = frame_find(f, d, id);

	if (frame)
		frame->len = len;
}

void app_frame_tx(struct flow *f, enum direction d, uint64_t id, uint64_t tx_id)
{
	struct app_frame *frame = frame_find(f, d, id);

	if (frame)
		frame->tx_id = tx_id;
}

/* ---- the bytes ---- */

/* Lets all before that place go. */
static void bytes_drop(struct app_frame_side *side, uint64_t edge)
{
	uint32_t gone = 0, cut = 0;

	while (gone < side->run_count && side->runs[gone].offset + side->runs[gone].len <= edge)
		cut += side->runs[gone++].len;
	if (gone < side->run_count && side->runs[gone].offset < edge) {
		struct app_frame_run *run = &side->runs[gone];
		uint32_t n = (uint32_t)(edge - run->offset);

		run->offset += n;
		run->len -= n;
		cut += n;
	}
	if (!cut)
		return;
	side->run_count -= gone;
	memmove(side->runs, side->runs + gone, side->run_count * sizeof(side->runs[0]));
	side->data_len -= cut;
	memmove(side->data, side->data + cut, side->data_len);
	for (uint32_t i = 0, at = 0; i < side->run_count; i++) {
		side->runs[i].at = at;
		at += side->runs[i].len;
	}
}

static bool bytes_room(struct worker *w, struct app_frame_side *side, uint32_t len)
{
	uint32_t cap = side->data_cap ? side->data_cap : DATA_FIRST;
	uint8_t *data;

	while (cap < side->data_len + len)
		cap *= 2;
	if (cap == side->data_cap)
		return true;
	data = heap_realloc(&w->heap, side->data, cap);
	if (!data)
		return false;
	side->data = data;
	side->data_cap = cap;
	return true;
}

static struct app_frame_run *run_for(struct app_frame_side *side, uint64_t offset)
{
	struct app_frame_run *last = side->run_count ? &side->runs[side->run_count - 1] : NULL;

	if (last && last->offset + last->len == offset)
		return last;
	if (side->run_count == APP_FRAME_RUNS_MAX)
		bytes_drop(side, side->runs[0].offset + side->runs[0].len);
	last = &side->runs[side->run_count++];
	*last = (struct app_frame_run){.offset = offset, .at = side->data_len};
	return last;
}

static void bytes_add(struct worker *w, struct app_frame_side *side, const uint8_t *data, uint32_t len,
		      uint64_t offset)
{
	struct app_frame_run *run;

	if (len > APP_FRAME_BYTES_MAX / 2) {
		data += len - APP_FRAME_BYTES_MAX / 2;
		offset += len - APP_FRAME_BYTES_MAX / 2;
		len = APP_FRAME_BYTES_MAX / 2;
	}
	if (side->data_len + len > APP_FRAME_BYTES_MAX)
		bytes_drop(side, offset - APP_FRAME_BYTES_MAX / 2);
	if (!bytes_room(w, side, len)) {
		w->counters->app_memcap++;
		return;
	}
	run = run_for(side, offset);
	memcpy(side->data + side->data_len, data, len);
	side->data_len += len;
	run->len += len;
}

/* Datagrams stand each for itself. */
static void datagram_set(struct app_frame_side *side, const struct app_input *in)
{
	side->count = 0;
	side->datagram = in->data;
	side->run_count = 1;
	side->runs[0] = (struct app_frame_run){.len = in->len};
}

void app_frames_input(struct worker *w, struct flow *f, enum direction d, const struct app_input *in)
{
	struct app_session *s = f->app;
	struct app_frame_side *side;

	if (!s->frames && wants(w, f))
		s->frames = heap_zalloc(&w->heap, sizeof(*s->frames));
	if (!s->frames)
		return;
	side = &s->frames->side[d];
	if (!app_ordered(f)) {
		datagram_set(side, in);
		return;
	}
	if (!side->started && in->len) {
		side->started = true;
		app_frame_new(w, f, d, APP_FRAME_STREAM, in->offset, APP_FRAME_OPEN);
	}
	if (in->len && !(in->flags & INPUT_GAP))
		bytes_add(w, side, in->data, in->len, in->offset);
}

uint64_t app_frame_reached(const struct app_frame_side *side)
{
	const struct app_frame_run *last = side->run_count ? &side->runs[side->run_count - 1] : NULL;

	return last ? last->offset + last->len : 0;
}

bool app_frames_ended(const struct flow *f, enum direction d)
{
	return !app_ordered(f) || (f->flags & FLOW_ENDING) || f->app->ended[d];
}

static uint64_t frame_end(const struct app_frame *frame)
{
	return frame->len == APP_FRAME_OPEN || frame->len > APP_FRAME_OPEN - frame->offset
		       ? APP_FRAME_OPEN
		       : frame->offset + frame->len;
}

bool app_frame_view(const struct flow *f, enum direction d, const struct app_frame *frame, uint64_t first,
		    unsigned part, struct buffer_view *out)
{
	const struct app_frame_side *side = &f->app->frames->side[d];
	const uint8_t *data = side->datagram ? side->datagram : side->data;
	uint64_t end = frame_end(frame);

	if (first < frame->offset)
		first = frame->offset;
	for (uint32_t i = 0; i < side->run_count; i++) {
		const struct app_frame_run *run = &side->runs[i];
		uint64_t from = run->offset > first ? run->offset : first;
		uint64_t to = run->offset + run->len < end ? run->offset + run->len : end;

		if (from >= to || part-- > 0)
			continue;
		*out = (struct buffer_view){
			.data = data + run->at + (from - run->offset),
			.len = (uint32_t)(to - from),
			.offset = from - frame->offset,
			.complete = to == end || (i + 1 == side->run_count && app_frames_ended(f, d)),
		};
		return true;
	}
	return false;
}

/* ---- records ---- */

/* " bytes missing" behind the number, in brackets. */
static uint32_t put_missing(char *out, uint64_t n)
{
	static const char words[] = " bytes missing]";
	char digits[24];
	uint32_t len = 0, at = 0;

	do
		digits[len++] = (char)('0' + n % 10);
	while ((n /= 10));
	out[at++] = '[';
	while (len)
		out[at++] = digits[--len];
	memcpy(out + at, words, sizeof(words) - 1);
	return at + (uint32_t)sizeof(words) - 1;
}

/* What is there of it, with words for the holes; at most PAYLOAD_MAX bytes. True: that is all of it. */
static bool payload_join(const struct flow *f, enum direction d, const struct app_frame *frame,
			 uint8_t *out, uint32_t *out_len)
{
	uint64_t next = 0;
	uint32_t n = 0;
	bool whole = true;
	struct buffer_view view;

	for (unsigned i = 0; app_frame_view(f, d, frame, 0, i, &view); i++) {
		uint32_t room;

		if (view.offset != next) {
			if (n + 48 > PAYLOAD_MAX || i == 0) {
				whole = false;
				if (i)
					break;
			} else {
				n += put_missing((char *)out + n, view.offset - next);
				whole = false;
			}
		}
		room = PAYLOAD_MAX - n < view.len ? PAYLOAD_MAX - n : view.len;
		memcpy(out + n, view.data, room);
		n += room;
		next = view.offset + view.len;
		if (room < view.len)
			whole = false;
	}
	*out_len = n;
	return whole && next == frame->len;
}

void app_frame_record(struct worker *w, struct recorder *r, const struct flow *f, enum direction d,
		      const struct app_frame *frame)
{
	uint64_t reached = app_frame_reached(&f->app->frames->side[d]), len = frame->len;
	uint8_t payload[PAYLOAD_MAX];
	uint32_t payload_len;
	bool complete = payload_join(f, d, frame, payload, &payload_len);

	if (len == APP_FRAME_OPEN)
		len = reached > frame->offset ? reached - frame->offset : 0;
	rec_open(r, F_frame_frame);
	rec_text(r, F_frame_type, app_frame_name(f->app->proto, frame->type));
	rec_uint(r, F_frame_id, frame->id);
	rec_text(r, F_frame_direction, d == TO_SERVER ? "toserver" : "toclient");
	if (app_ordered(f))
		rec_uint(r, F_frame_stream_offset, frame->offset);
	rec_uint(r, F_frame_length, len);
	rec_bool(r, F_frame_complete, complete);
	if (payload_len) {
		rec_bytes(r, F_frame_payload, payload, payload_len);
		rec_bytes(r, F_frame_payload_printable, payload, payload_len);
	}
	if (frame->tx_id != RECORD_NO_TX)
		rec_uint(r, F_frame_tx_id, frame->tx_id);
	rec_close(r);
}

static void frame_log(struct worker *w, struct flow *f, enum direction d, struct app_frame *frame,
		      const struct packet *p)
{
	struct recorder *r = p && !(p->flags & PACKET_PSEUDO)
				     ? emit_packet(w, RECORD_frame, p)
				     : emit_flow(w, RECORD_frame, f, d, RECORD_NO_TX, p);

	frame->logged = 1;
	if (!r)
		return;
	app_record(r, f);
	app_frame_record(w, r, f, d, frame);
	emit_end(w);
}

/* ---- after the packet ---- */

static bool is_worth_a_record(const struct app_frame *frame, uint64_t reached, bool ended)
{
	uint64_t there = reached > frame->offset ? reached - frame->offset : 0;

	return there && (ended || there >= frame->len || there >= LOG_ENOUGH);
}

static void side_done(struct worker *w, struct flow *f, enum direction d, const struct packet *p)
{
	struct app_frame_side *side = &f->app->frames->side[d];
	uint64_t reached = app_frame_reached(side), edge = reached;
	bool ended = app_frames_ended(f, d);
	uint32_t kept = 0;

	for (uint32_t i = 0; i < side->count; i++) {
		struct app_frame *frame = &side->list[i];
		uint64_t need = frame->offset;

		if (w->apps->frame_log && !frame->logged && is_worth_a_record(frame, reached, ended))
			frame_log(w, f, d, frame, p);
		if (frame_end(frame) <= reached || ended)
			continue; /* detect has had its look at this packet's direction */
		if (reached > APP_FRAME_KEEP && need < reached - APP_FRAME_KEEP)
			need = reached - APP_FRAME_KEEP;
		if (need < edge)
			edge = need;
		side->list[kept++] = *frame;
	}
	side->count = kept;
	if (side->datagram) {
		side->datagram = NULL;
		side->run_count = 0;
		return;
	}
	/* Of a frame that is told of later the start may have come already. */
	if (reached <= APP_FRAME_KEEP)
		return;
	if (f->app->pending[d].len && f->app->pending[d].offset < edge)
		edge = f->app->pending[d].offset;
	if (edge > reached - APP_FRAME_KEEP)
		edge = reached - APP_FRAME_KEEP;
	if (side->run_count && side->runs[0].offset + APP_FRAME_KEEP <= edge)
		bytes_drop(side, edge);
}

void app_frames_done(struct worker *w, struct flow *f, const struct packet *p)
{
	if (!f->app->proto) {
		f->app->frames->side[TO_SERVER].datagram = f->app->frames->side[TO_CLIENT].datagram = NULL;
		return;
	}
	if (p)
		side_done(w, f, (enum direction)p->direction, p);
	else
		for (int d = 0; d < 2; d++)
			side_done(w, f, (enum direction)d, NULL);
}

void app_frames_free(struct worker *w, struct app_session *s)
{
	if (!s->frames)
		return;
	for (int d = 0; d < 2; d++) {
		heap_free(&w->heap, s->frames->side[d].list);
		heap_free(&w->heap, s->frames->side[d].data);
	}
	heap_free(&w->heap, s->frames);
	s->frames = NULL;
}
