/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/recording.h"

#include <stdlib.h>
#include <string.h>

#include "dataplane/engine/emit.h"
#include "dataplane/engine/recent.h"
#include "dataplane/flow/flow.h"

#define NOTES_MAX 32         /* alerts of one frame; the EVE file has them all */
#define MSG_MAX 200
#define BEFORE_MAX 1024      /* packets before an alert */
#define SHARES 4096u         /* flows with alerts whose bytes are counted; a new one takes an old one's place */

struct note {
	uint64_t flow;       /* id; 0: the alert is of the packet alone */
	uint32_t gid, sid, rev, len;
	char msg[MSG_MAX];
};

struct recording_notes {
	unsigned count;
	struct note note[NOTES_MAX];
	uint64_t before[BEFORE_MAX]; /* room for recent_take */
} __attribute__((aligned(64)));

/* Of one recording in one worker. */
struct recording_lane {
	struct recent *recent;       /* NULL: none is kept */
	uint64_t file_number, file_bytes, file_begin_ns;
	size_t file_len;             /* of its name; 0: no file has begun */
	char file[RECORDING_FILE_MAX];
	_Atomic uint64_t packets, bytes, before, lost; /* readers: main */
	struct {
		uint64_t flow, bytes;
	} share[SHARES];
} __attribute__((aligned(64)));

struct recording {
	struct recording_order order;
	unsigned workers;
	struct recording_lane lane[]; /* one a worker */
};

/* What is written of a frame. */
struct frame {
	struct recent_packet head;
	const uint8_t *data;
	uint64_t fragments; /* it ends a packet made of fragments: what those before it are found by; 0: not */
};

/* ---- main thread ---- */

struct recording *recording_new(const struct recording_order *o, unsigned workers)
{
	size_t bytes = sizeof(struct recording) + workers * sizeof(struct recording_lane);
	struct recording *r = aligned_alloc(64, (bytes + 63) / 64 * 64);

	if (!r)
		return NULL;
	memset(r, 0, bytes);
	r->order = *o;
	r->workers = workers;
	for (unsigned i = 0; i < workers; i++) {
		struct recording_lane *l = &r->lane[i];

		l->file_len = recording_file_name(l->file, o->name, o->started_s, i, 1);
		l->file_number = 1;
		if (o->alerts_only && o->recent_bytes && !(l->recent = recent_new(o->recent_bytes))) {
			recording_free(r);
			return NULL;
		}
	}
	return r;
}

void recording_free(struct recording *r)
{
	for (unsigned i = 0; r && i < r->workers; i++)
		free(r->lane[i].recent);
	free(r);
}

const struct recording_order *recording_order(const struct recording *r)
{
	return &r->order;
}

struct recordings *recordings_new(const struct recordings *old, unsigned workers, struct recording *more,
				  const struct recording *gone)
{
	struct recordings *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->workers = workers;
	s->notes = aligned_alloc(64, workers * sizeof(*s->notes));
	if (!s->notes) {
		free(s);
		return NULL;
	}
	memset(s->notes, 0, workers * sizeof(*s->notes));
	for (unsigned i = 0; old && i < old->count; i++)
		if (old->at[i] != gone)
			s->at[s->count++] = old->at[i];
	if (more)
		s->at[s->count++] = more;
	return s;
}

void recordings_free(struct recordings *s)
{
	if (s)
		free(s->notes);
	free(s);
}

struct recording *recordings_find(const struct recordings *s, const char *name)
{
	for (unsigned i = 0; s && i < s->count; i++)
		if (strcmp(s->at[i]->order.name, name) == 0)
			return s->at[i];
	return NULL;
}

void recording_row(const struct recording *r, unsigned workers, struct recording_row *out)
{
	const struct recording_order *o = &r->order;

	memset(out, 0, sizeof(*out));
	memcpy(out->name, o->name, sizeof(out->name));
	memcpy(out->filter, o->filter.text, sizeof(out->filter));
	out->started_s = o->started_s;
	out->expires_ns = o->expires_ns;
	out->alerts_only = o->alerts_only;
	out->snaplen = o->snaplen;
	out->cut_off_bytes = o->cut_off_bytes;
	for (unsigned i = 0; i < workers; i++) {
		const struct recording_lane *l = &r->lane[i];

		out->packets += atomic_load_explicit(&l->packets, memory_order_relaxed);
		out->bytes += atomic_load_explicit(&l->bytes, memory_order_relaxed);
		out->before += atomic_load_explicit(&l->before, memory_order_relaxed);
		out->lost += atomic_load_explicit(&l->lost, memory_order_relaxed);
	}
}

/* ---- writing ---- */

/* One writer: no locked instruction. */
static void add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n, memory_order_relaxed);
}

/* What the packet is worth in a file: its block without options. */
#define BLOCK_BYTES 44u

static void file_next(struct worker *w, const struct recording_order *o, struct recording_lane *l, uint64_t ts_ns)
{
	bool full = o->file_bytes && l->file_bytes >= o->file_bytes;
	bool old = o->file_ns && l->file_bytes && ts_ns >= l->file_begin_ns + o->file_ns;

	if (!full && !old)
		return;
	l->file_len = recording_file_name(l->file, o->name, o->started_s, w->id, ++l->file_number);
	l->file_bytes = 0;
}

static void write_alert(struct recorder *rec, const struct note *n)
{
	rec_open(rec, F_recorded_alert);
	rec_uint(rec, F_recorded_gid, n->gid);
	rec_uint(rec, F_recorded_sid, n->sid);
	rec_uint(rec, F_recorded_rev, n->rev);
	rec_bytes(rec, F_recorded_msg, n->msg, n->len);
	rec_close(rec);
}

/* notes: those of the frame; NULL: none. */
static void write_packet(struct worker *w, struct recording *r, const struct recent_packet *p, const uint8_t *data,
			 const struct recording_notes *notes, uint64_t notes_flow)
{
	const struct recording_order *o = &r->order;
	struct recording_lane *l = &r->lane[w->id];
	struct recorder *rec = emit_bare(w, RECORD_recorded);
	struct record_head *head = (struct record_head *)(void *)rec->at;

	head->ts_ns = p->ts_ns;
	head->port_index = p->port_index;
	head->packet_number = p->number;
	head->flow_id = p->flow;
	rec_bytes(rec, F_recorded_file, l->file, l->file_len);
	if (!l->file_bytes) {
		l->file_begin_ns = p->ts_ns;
		rec_text(rec, F_recorded_filter, o->filter.text);
		rec_uint(rec, F_recorded_snaplen, o->snaplen);
	}
	rec_uint(rec, F_recorded_link_type, p->link_type);
	rec_uint(rec, F_recorded_wire_len, p->wire_len);
	rec_uint(rec, F_recorded_drop, p->drop);
	for (unsigned i = 0; notes && i < notes->count; i++)
		if (notes->note[i].flow == 0 || notes->note[i].flow == notes_flow)
			write_alert(rec, &notes->note[i]);
	rec_bytes(rec, F_recorded_data, data, p->len);
	if (!emit_end_packet(w)) {
		add(&l->lost, 1);
		w->counters->recorded_lost++;
		return;
	}
	l->file_bytes += BLOCK_BYTES + p->len;
	add(&l->packets, 1);
	add(&l->bytes, p->len);
	w->counters->recorded_packets++;
}

/* The packets before the alert. notes: they go with the last of them; NULL: the alert's own frame follows. */
static void write_before(struct worker *w, struct recording *r, struct recording_notes *notes, uint64_t flow,
			 bool note_last)
{
	struct recording_lane *l = &r->lane[w->id];
	unsigned n = l->recent ? recent_take(l->recent, flow, notes->before, BEFORE_MAX) : 0;

	for (unsigned i = 0; i < n; i++) {
		const struct recent_packet *p = recent_at(l->recent, notes->before[i]);

		write_packet(w, r, p, p->data, note_last && i + 1 == n ? notes : NULL, flow);
	}
	add(&l->before, n);
	w->counters->recorded_before += n;
}

/* ---- which frames ---- */

/* Is there something left of the flow's share? Counts the frame's bytes. */
static bool share_left(struct recording *r, unsigned worker, uint64_t flow, uint32_t bytes)
{
	struct recording_lane *l = &r->lane[worker];
	unsigned at = (unsigned)(flow * 0x9e3779b97f4a7c15ull >> 52) % SHARES;
	uint64_t before;

	if (l->share[at].flow != flow) {
		l->share[at].flow = flow;
		l->share[at].bytes = 0;
	}
	before = l->share[at].bytes;
	l->share[at].bytes += bytes;
	return before < r->order.cut_off_bytes;
}

static bool within_cut_off(struct worker *w, struct recording *r, const struct frame *f, const struct flow *flow)
{
	bool within = true;

	if (!r->order.cut_off_bytes || !flow)
		return true;
	if (r->order.alerts_only)
		within = share_left(r, w->id, flow_cold(flow)->id, f->head.wire_len);
	else
		within = flow->bytes[0] + flow->bytes[1] < r->order.cut_off_bytes + f->head.wire_len;
	if (!within)
		w->counters->recorded_cut++;
	return within;
}

static void one_recording(struct worker *w, struct recording *r, const struct frame *f, const struct flow *flow,
			  bool alerted, bool noted)
{
	struct recording_notes *notes = &w->recordings->notes[w->id];
	struct recording_lane *l = &r->lane[w->id];
	struct recent_packet head = f->head;

	if (!filter_match(&r->order.filter, head.link_type, f->data, head.len, head.wire_len))
		return;
	if (r->order.snaplen && head.len > r->order.snaplen)
		head.len = r->order.snaplen;
	if (r->order.alerts_only && !alerted) {
		if (l->recent)
			recent_put(l->recent, &head, f->data);
		return;
	}
	if (r->order.alerts_only && f->fragments)
		write_before(w, r, notes, f->fragments, false);
	if (r->order.alerts_only && noted)
		write_before(w, r, notes, head.flow, false);
	/* The frame of an alert is always there. */
	if (within_cut_off(w, r, f, flow) || noted)
		write_packet(w, r, &head, f->data, noted ? notes : NULL, head.flow);
	file_next(w, &r->order, l, head.ts_ns);
}

/* The innermost flow: what tunnels carry is evidence under the flow inside. */
static const struct flow *flow_of(struct packet *const *packets, unsigned count, bool *alerted)
{
	const struct flow *found = NULL;

	for (unsigned i = 0; i < count; i++)
		if (packets[i]->flow) {
			found = packets[i]->flow;
			*alerted |= (found->flags & FLOW_ALERTED) != 0;
		}
	return found;
}

/* Fragments have no flow; those between two hosts are found by what no flow's id can be. */
static uint64_t fragments_of(const struct packet *p)
{
	uint64_t h = 14695981039346656037ull;

	for (unsigned i = 0; i < sizeof(p->src.b); i++)
		h = ((h ^ p->src.b[i]) * 1099511628211ull ^ p->dst.b[i]) * 1099511628211ull;
	return h | 1ull << 63;
}

/* Alerts about a flow that has ended: no frame is theirs. */
static void write_ended(struct worker *w, uint64_t flow)
{
	for (unsigned i = 0; i < w->recordings->count; i++)
		if (w->recordings->at[i]->order.alerts_only)
			write_before(w, w->recordings->at[i], &w->recordings->notes[w->id], flow, true);
}

void recording_frame(struct worker *w, struct packet *const *packets, unsigned count)
{
	const struct recordings *s = w->recordings;
	struct recording_notes *notes = &s->notes[w->id];
	const struct packet *outer = packets[0];
	bool alerted = false, noted = false;
	const struct flow *flow = flow_of(packets, count, &alerted);
	struct frame f = {
		.head = {.ts_ns = outer->ts_ns, .flow = flow ? flow_cold(flow)->id : 0, .number = outer->number,
			 .len = outer->len, .wire_len = outer->wire_len, .link_type = outer->link_type,
			 .port_index = outer->port_index, .drop = outer->drop},
		.data = outer->data,
	};

	for (unsigned i = 0; i < count; i++) {
		if (packets[i]->flags & PACKET_REASSEMBLED)
			f.fragments = fragments_of(packets[i]);
		else if (!flow && packets[i]->flags & PACKET_FRAGMENT)
			f.head.flow = fragments_of(packets[i]);
	}
	for (unsigned i = 0; i < notes->count; i++) {
		if (notes->note[i].flow && notes->note[i].flow != f.head.flow)
			write_ended(w, notes->note[i].flow);
		else
			noted = true;
	}
	for (unsigned i = 0; i < s->count; i++)
		one_recording(w, s->at[i], &f, flow, alerted || noted, noted);
	notes->count = 0;
}

/* ---- alerts ---- */

/* Will the packet in hand, or what is known of the flow, be in a file of it? */
static bool takes(const struct worker *w, const struct recording *r)
{
	const struct packet *p = w->packet;

	while (p && p->outer)
		p = p->outer;
	return !p || filter_match(&r->order.filter, p->link_type, p->data, p->len, p->wire_len);
}

void recording_alert_begin(struct worker *w, struct recorder *rec, const struct record_head *head)
{
	const struct recordings *s = w->recordings;

	for (unsigned i = 0; i < s->count; i++) {
		const struct recording_lane *l = &s->at[i]->lane[w->id];

		if (!takes(w, s->at[i]))
			continue;
		rec_bytes(rec, F_top_capture_file, l->file, l->file_len);
		return;
	}
}

void recording_alert_end(struct worker *w, const struct record_head *head)
{
	struct recording_notes *notes = &w->recordings->notes[w->id];
	struct value_reader r;
	struct value v;
	struct note *n;

	if (notes->count < NOTES_MAX) {
		n = &notes->note[notes->count++];
		*n = (struct note){.flow = head->flow_id};
		value_reader_init(&r, head);
		while (value_next(&r, &v)) {
			if (v.close)
				continue;
			if (v.field == F_alert_gid)
				n->gid = (uint32_t)v.n;
			else if (v.field == F_alert_signature_id)
				n->sid = (uint32_t)v.n;
			else if (v.field == F_alert_rev)
				n->rev = (uint32_t)v.n;
			else if (v.field == F_alert_signature) {
				n->len = v.body.len < MSG_MAX ? (uint32_t)v.body.len : MSG_MAX;
				memcpy(n->msg, v.body.data, n->len);
				break;
			}
		}
	}
	if (!w->packet) { /* a timer ended the flow */
		write_ended(w, head->flow_id);
		notes->count = 0;
	}
}
