/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/lab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/app/service.h"
#include "dataplane/detect/detect.h"
#include "dataplane/engine/emit.h"
#include "dataplane/flow/table.h"
#include "dataplane/stream/session.h"

#define START_NS 1700000000000000000ull

void *worker_memory(struct worker *w, size_t bytes, size_t align)
{
	void *at;

	(void)w;
	bytes = (bytes + 63) / 64 * 64;
	if (posix_memalign(&at, align < 64 ? 64 : align, bytes ? bytes : 64) != 0)
		return NULL;
	return memset(at, 0, bytes);
}

void worker_memory_free(struct worker *w, void *memory)
{
	(void)w;
	free(memory);
}

/* ---- what lies above and beside ---- */

static struct lab *lab_of(struct worker *w)
{
	return (struct lab *)w->sink;
}

static void up_add(struct lab_side *s, const void *data, size_t len)
{
	if (s->up_len + len >= sizeof(s->up))
		abort();
	memcpy(s->up + s->up_len, data, len);
	s->up_len += len;
	s->up[s->up_len] = 0;
}

void app_stream(struct worker *w, struct flow *f, struct packet *p, enum direction d,
		const struct app_input *in)
{
	struct lab *l = lab_of(w);
	struct lab_side *s = &l->side[d];
	char text[32];

	s->calls++;
	s->out_of_step |= in->offset != s->offset || s->ends > 0;
	s->offset = in->offset + in->len;
	s->starts += (in->flags & INPUT_START) != 0;
	if (in->flags & INPUT_GAP) {
		s->gaps++;
		snprintf(text, sizeof(text), "[gap %u]", in->len);
		if (!l->quiet)
			up_add(s, text, strlen(text));
	} else if (in->len && !l->quiet) {
		up_add(s, in->data, in->len);
	}
	if (in->flags & INPUT_END) {
		s->ends++;
		s->cuts += (in->flags & INPUT_CUT) != 0;
		if (!l->quiet)
			up_add(s, "[end]", 5);
	}
	if (l->turn_at && --l->turn_at == 0) {
		flow_reverse(w, f);
		p->direction ^= 1;
	}
	if (l->stop_at && --l->stop_at == 0)
		stream_stop(w, f);
}

void app_datagram(struct worker *w, struct packet *p)
{
	(void)w;
	(void)p;
}

void app_packet_done(struct worker *w, struct flow *f, struct packet *p)
{
	(void)w;
	(void)f;
	(void)p;
}

void app_flow_end(struct worker *w, struct flow *f, struct packet *p)
{
	(void)w;
	(void)f;
	(void)p;
}

void app_record(struct recorder *r, const struct flow *f)
{
}

void app_record_direction(struct recorder *r, const struct flow *f, enum direction d)
{
}

void service_record(struct recorder *r, const struct flow *f)
{
}

void app_shrink(struct worker *w, struct flow *f)
{
	(void)w;
	(void)f;
}

bool app_may_pack(const struct flow *f)
{
	(void)f;
	return false;
}

uint8_t *app_pack(struct worker *w, const struct flow *f, uint8_t *at)
{
	(void)w;
	(void)f;
	return at;
}

void app_put_away(struct worker *w, struct flow *f)
{
	(void)w;
	(void)f;
}

const uint8_t *app_unpack(struct worker *w, struct flow *f, const uint8_t *at)
{
	(void)w;
	(void)f;
	return at;
}

void app_flow_free(struct worker *w, struct flow *f)
{
	(void)w;
	(void)f;
}

static void raw_look(struct lab *l, struct flow *f, enum direction d)
{
	struct stream_raw raw;

	while (stream_raw_peek(&l->w, f, d, &raw)) {
		size_t n = raw.len - raw.fresh;

		l->raw_broken |= n == 0 || raw.fresh > raw.len;
		if (l->raw_len[d] + n >= sizeof(l->raw[d]))
			abort();
		if (raw.fresh && raw.fresh <= l->raw_len[d])
			l->raw_broken |= memcmp(l->raw[d] + l->raw_len[d] - raw.fresh, raw.data,
						raw.fresh) != 0;
		memcpy(l->raw[d] + l->raw_len[d], raw.data + raw.fresh, n);
		l->raw_len[d] += n;
		l->raw[d][l->raw_len[d]] = 0;
		stream_raw_inspected(&l->w, f, d);
	}
}

void detect_packet(struct worker *w, struct packet *p)
{
	struct lab *l = lab_of(w);

	l->detects += (p->flags & PACKET_PSEUDO) != 0;
	if (l->inspect && p->flow)
		raw_look(l, p->flow, (enum direction)p->direction);
}

void detect_flow_free(struct worker *w, struct flow *f)
{
	(void)w;
	(void)f;
}

static void record_text(const struct record_head *r, enum field_id f, char *text, size_t size)
{
	struct value v;

	text[0] = 0;
	if (record_find(r, f, &v))
		snprintf(text, size, "%.*s", (int)v.body.len, (const char *)v.body.data);
}

static uint64_t record_number(const struct record_head *r, enum field_id f)
{
	struct value v;

	return record_find(r, f, &v) ? v.n : 0;
}

static void sink(struct worker *w, const struct record_head *r)
{
	struct lab *l = lab_of(w);
	struct lab_record *out = &l->records[l->record_count % 1024];

	l->contacts += r->type == RECORD_contact;
	if (r->type == RECORD_netflow) {
		unsigned d = r->flags & RECORD_TO_CLIENT ? TO_CLIENT : TO_SERVER;

		l->netflow_count++;
		l->netflow[d] = (struct lab_netflow){
			record_number(r, F_netflow_pkts), record_number(r, F_netflow_bytes),
			record_number(r, F_netflow_min_ttl), record_number(r, F_netflow_max_ttl), r->sport};
	}
	if (r->type != RECORD_flow)
		return;
	l->record_count++;
	out->head = *r;
	out->packets[0] = record_number(r, F_flow_pkts_toserver);
	out->packets[1] = record_number(r, F_flow_pkts_toclient);
	out->bytes[0] = record_number(r, F_flow_bytes_toserver);
	out->bytes[1] = record_number(r, F_flow_bytes_toclient);
	record_text(r, F_flow_state, out->state, sizeof(out->state));
	record_text(r, F_flow_reason, out->reason, sizeof(out->reason));
	record_text(r, F_flow_tcp_state, out->tcp_state, sizeof(out->tcp_state));
	record_text(r, F_flow_tcp_flags, out->tcp_flags, sizeof(out->tcp_flags));
}

/* ---- frames: each keeps a copy of the payload, spoilt when it is let go ---- */

struct lab_frame {
	struct lab *lab;
	int count;
	uint32_t len;
	uint8_t data[];
};

static void frame_hold(void *frame)
{
	struct lab_frame *f = frame;

	f->count++;
	f->lab->held++;
}

static void frame_drop(struct lab_frame *f)
{
	if (--f->count == 0) {
		memset(f->data, '#', f->len);
		free(f);
	}
}

static void frame_release(void *frame)
{
	struct lab_frame *f = frame;

	f->lab->held--;
	frame_drop(f);
}

/* ---- the lab ---- */

static void set(struct config *c, const char *setting)
{
	const char *equals = strchr(setting, '=');
	char path[128], error[256];

	if (!equals || (size_t)(equals - setting) >= sizeof(path))
		abort();
	memcpy(path, setting, (size_t)(equals - setting));
	path[equals - setting] = 0;
	if (config_set(c, path, equals + 1, error, sizeof(error)) != 0) {
		fprintf(stderr, "%s: %s\n", setting, error);
		abort();
	}
}

struct lab *lab_new(const char *const *settings)
{
	struct lab *l = aligned_alloc(64, (sizeof(*l) + 63) / 64 * 64);
	struct worker *w;

	if (!l)
		abort();
	memset(l, 0, sizeof(*l));
	w = &l->w;
	l->config = config_new();
	set(l->config, "flow.max=1024");
	for (; settings && *settings; settings++)
		set(l->config, *settings);
	w->config = l->config;
	w->counters = &l->counters;
	w->in_the_wire = l->config->mode == MODE_INLINE;
	w->offline = true;
	w->record_sink = sink;
	w->sink = l;
	w->now_ns = START_NS;
	w->record_memory = malloc(RECORD_MAX_BYTES);
	if (!w->record_memory || heap_init(&w->heap, l->config->app_heap) != 0 ||
	    flow_worker_new(w) != 0 || stream_worker_new(w) != 0)
		abort();
	addr_parse("10.0.0.1", &l->client);
	addr_parse("192.0.2.2", &l->server);
	l->client_port = 40000;
	l->server_port = 80;
	l->window = 65535;
	l->p = &l->keep;
	return l;
}

void lab_end(struct lab *l)
{
	flow_end_all(&l->w);
	l->flow = NULL;
}

void lab_free(struct lab *l)
{
	lab_end(l);
	if (l->w.heap.used_bytes || l->held || l->counters.flow_active) {
		fprintf(stderr, "left behind: %llu bytes, %d frames, %llu flows\n",
			(unsigned long long)l->w.heap.used_bytes, l->held,
			(unsigned long long)l->counters.flow_active);
		abort();
	}
	stream_worker_free(&l->w);
	flow_worker_free(&l->w);
	heap_fini(&l->w.heap);
	free(l->w.record_memory);
	config_free(l->config);
	free(l);
}

void lab_clear(struct lab *l)
{
	for (unsigned d = 0; d < 2; d++) {
		struct lab_side *s = &l->side[d];

		s->up[0] = 0;
		s->up_len = 0;
		s->offset = 0;
		s->starts = s->ends = s->cuts = s->gaps = s->calls = 0;
		s->out_of_step = false;
	}
	l->raw_broken = false;
	memset(l->counters.anomaly, 0, sizeof(l->counters.anomaly));
	memset(l->raw_len, 0, sizeof(l->raw_len));
	l->raw[0][0] = l->raw[1][0] = 0;
	l->record_count = 0;
}

void lab_wait(struct lab *l, double seconds)
{
	l->w.now_ns += (uint64_t)(seconds * 1e9);
}

/* ---- at rest ---- */

/* A session as it is, without addresses. */
struct session_image {
	struct tcp_session session;
	bool has[2];
	struct tcp_bytes bytes[2];
	uint8_t *raw[2];
};

static void image_take(struct session_image *image, const struct tcp_session *s)
{
	memset(image, 0, sizeof(*image));
	memcpy(&image->session, s, sizeof(*s)); /* padding too */
	for (unsigned d = 0; d < 2; d++) {
		const struct tcp_bytes *b = s->side[d].bytes;

		image->session.side[d].bytes = NULL;
		image->has[d] = b != NULL;
		if (!b)
			continue;
		memcpy(&image->bytes[d], b, sizeof(*b));
		image->bytes[d].raw = NULL;
		image->bytes[d].held = NULL;
		for (unsigned i = b->gap_count; i < TCP_RAW_GAPS; i++) /* of holes that are gone */
			image->bytes[d].gap_at[i] = image->bytes[d].gap_len[i] = 0;
		image->raw[d] = malloc(b->raw_len + 1);
		if (b->raw_len)
			memcpy(image->raw[d], b->raw + b->raw_head, b->raw_len);
	}
}

static bool image_equal(const struct session_image *a, const struct session_image *b)
{
	bool equal = memcmp(&a->session, &b->session, sizeof(a->session)) == 0;

	for (unsigned d = 0; d < 2; d++) {
		equal &= a->has[d] == b->has[d];
		equal &= memcmp(&a->bytes[d], &b->bytes[d], sizeof(a->bytes[d])) == 0;
		equal = equal && (!a->bytes[d].raw_len || memcmp(a->raw[d], b->raw[d], a->bytes[d].raw_len) == 0);
	}
	return equal;
}

static void image_free(struct session_image *image)
{
	free(image->raw[0]);
	free(image->raw[1]);
}

/* At any time a flow may be put to rest, and is as it was when it wakes, whatever its state. */
static void rest_and_wake(struct lab *l, struct flow *f)
{
	struct flow_cold cold_before = *flow_cold(f), cold_after;
	struct flow before = *f, after;
	struct session_image image, woken;
	uint64_t active = l->counters.tcp_active_sessions, resting = l->counters.tcp_resting_sessions;

	if (!f->tcp)
		return;
	stream_shrink(&l->w, f);
	image_take(&image, f->tcp);
	if (!flow_rest(&l->w, f)) {
		image_free(&image);
		return;
	}
	l->rests++;
	flow_wake(&l->w, f);
	after = *f;
	cold_after = *flow_cold(f);
	after.tcp = before.tcp;
	image_take(&woken, f->tcp);
	if (memcmp(&before, &after, sizeof(before)) != 0 || memcmp(&cold_before, &cold_after, sizeof(cold_before)) != 0 ||
	    !image_equal(&image, &woken) || active != l->counters.tcp_active_sessions ||
	    resting != l->counters.tcp_resting_sessions) {
		fprintf(stderr, "a flow that was at rest is not what it was: %s %s %s %s\n",
			memcmp(&before, &after, sizeof(before)) == 0 ? "" : "flow",
			memcmp(&cold_before, &cold_after, sizeof(cold_before)) == 0 ? "" : "cold",
			image_equal(&image, &woken) ? "" : "stream",
			memcmp(&image.session, &woken.session, sizeof(image.session)) == 0 ? "" : "session");
		abort();
	}
	image_free(&image);
	image_free(&woken);
}

void lab_packet(struct lab *l, struct packet *p)
{
	struct worker *w = &l->w;

	p->ts_ns = w->now_ns;
	p->number = l->keep.number + 1;
	flow_prefetch(w, &p, 1);
	flow_prefetch_flows(w, &p, 1);
	flow_packet(w, p);
	l->flow = p->flow;
	if (p->flow && !(p->flags & PACKET_NO_INSPECT)) {
		if (p->ip_proto == 6 && w->config->inspection)
			stream_packet(w, p);
		detect_packet(w, p);
	}
	if (p->flow)
		flow_packet_done(w, p);
	if (p->flow && !l->wakeful)
		rest_and_wake(l, p->flow);
	l->keep = *p;
	l->p = &l->keep;
}

static void addresses(struct lab *l, struct packet *p, enum direction d, uint8_t ip_proto)
{
	bool to_server = d == TO_SERVER;

	p->flags = PACKET_IP | PACKET_L4;
	p->ip_version = 4;
	p->ip_proto = ip_proto;
	p->ttl = l->ttl ? l->ttl : 64;
	p->src = to_server ? l->client : l->server;
	p->dst = to_server ? l->server : l->client;
	p->sport = to_server ? l->client_port : l->server_port;
	p->dport = to_server ? l->server_port : l->client_port;
}

void lab_tcp(struct lab *l, const struct lab_tcp *t)
{
	struct packet p = {0};
	struct lab_frame *f = malloc(sizeof(*f) + t->len + 1);

	if (!f)
		abort();
	*f = (struct lab_frame){.lab = l, .count = 1, .len = t->len};
	if (t->len)
		memcpy(f->data, t->data, t->len);
	addresses(l, &p, t->d, 6);
	p.data = p.payload = f->data;
	p.payload_len = t->len;
	p.len = t->len + 54;
	p.tcp.flags = t->flags;
	p.tcp.seq = t->seq;
	p.tcp.ack = t->flags & TCP_ACK ? t->ack : 0;
	p.tcp.window = t->window < 0 ? 0 : t->window ? (uint16_t)t->window : l->window;
	p.tcp.urgent = t->urgent;
	p.tcp.has_timestamp = t->has_ts;
	p.tcp.ts_value = t->ts;
	p.tcp.ts_echo = t->ts_echo;
	p.tcp.has_window_scale = t->has_scale;
	p.tcp.window_scale = t->scale;
	p.tcp.has_tfo = t->has_tfo;
	p.tcp.has_md5 = t->has_md5;
	if (l->frames) {
		l->w.frame_hold = frame_hold;
		l->w.frame_release = frame_release;
		p.frame = f;
	}
	lab_packet(l, &p);
	l->keep.data = l->keep.payload = NULL;
	l->keep.frame = NULL;
	frame_drop(f);
}

void lab_udp(struct lab *l, enum direction d, uint32_t len)
{
	struct packet p = {0};

	addresses(l, &p, d, 17);
	p.len = len + 42;
	p.payload_len = len;
	lab_packet(l, &p);
}

void lab_icmp(struct lab *l, enum direction d, uint8_t type, uint8_t code)
{
	struct packet p = {0};

	addresses(l, &p, d, 1);
	p.sport = p.icmp_type = type;
	p.dport = p.icmp_code = code;
	p.len = 60;
	lab_packet(l, &p);
}

void lab_open(struct lab *l, uint32_t client_isn, uint32_t server_isn)
{
	lab_tcp(l, &(struct lab_tcp){.d = TO_SERVER, .flags = TCP_SYN, .seq = client_isn});
	lab_tcp(l, &(struct lab_tcp){.d = TO_CLIENT, .flags = TCP_SYN | TCP_ACK,
				     .seq = server_isn, .ack = client_isn + 1});
	lab_tcp(l, &(struct lab_tcp){.d = TO_SERVER, .flags = TCP_ACK, .seq = client_isn + 1,
				     .ack = server_isn + 1});
}

void lab_say(struct lab *l, enum direction d, uint32_t seq, uint32_t ack, const char *text)
{
	lab_tcp(l, &(struct lab_tcp){.d = d, .flags = TCP_ACK | TCP_PSH, .seq = seq, .ack = ack,
				     .data = text, .len = (uint32_t)strlen(text)});
}

bool lab_event(const struct lab *l, enum anomaly_id id)
{
	for (unsigned i = 0; i < l->p->event_count; i++) {
		if (l->p->events[i] == id)
			return true;
	}
	return false;
}

uint64_t lab_events(const struct lab *l, enum anomaly_id id)
{
	return l->counters.anomaly[id];
}

const char *lab_given(struct lab *l, enum direction d)
{
	return l->side[d].up;
}

const char *lab_up(struct lab *l, enum direction d)
{
	const struct tcp_side *side = l->flow && l->flow->tcp ? &l->flow->tcp->side[d] : NULL;
	struct lab_side *view = &l->view;
	uint32_t at;

	if (!side || (side->flags & (SIDE_STOPPED | SIDE_END_SENT)))
		return l->side[d].up;
	memcpy(view->up, l->side[d].up, l->side[d].up_len + 1);
	view->up_len = l->side[d].up_len;
	at = side->expect;
	for (uint32_t i = 0; side->bytes && i < side->bytes->held_count; i++) {
		const struct tcp_piece *piece = piece_of(l->w.streams, side->bytes, i);

		if (piece->seq != at)
			break;
		if (!piece->urgent)
			up_add(view, piece->data, piece->len);
		at += piece->len;
	}
	if ((side->flags & SIDE_FIN) && at == side->fin_seq)
		up_add(view, "[end]", 5);
	return view->up;
}

const char *lab_raw(struct lab *l, enum direction d)
{
	return l->raw[d];
}
