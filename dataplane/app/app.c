/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The framework around the protocols: takes bytes in order (or datagrams), has the protocol found
 * out (probe.c), joins pieces that a parser could not use yet, and does after each packet what
 * must wait until the packet has been inspected: write records, free transactions (tx.c), change
 * the protocol, stop the stream. Runs in the worker that owns the flow.
 *
 * Invariants: a parser sees each byte of a direction once and in order, but for those it left with
 * PARSE_MORE, which come again in front of at least .need bytes; so its work is linear in the
 * bytes. What is kept is bounded by proto.max_pending_bytes. After PARSE_BAD no parser is called
 * for the flow any more.
 */
#include "dataplane/app/app_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "dataplane/app/digest.h"
#include "dataplane/app/expect.h"
#include "dataplane/app/file.h"
#include "dataplane/app/frame.h"
#include "dataplane/app/host.h"
#include "dataplane/app/range.h"
#include "dataplane/app/service.h"
#include "dataplane/engine/emit.h"
#include "dataplane/stream/stream.h"

#define KEEP_FIRST_BYTES 256   /* smallest buffer for kept bytes */
#define KEEP_LARGE_BYTES 4096  /* an empty buffer beyond this is given back */

const char *const app_event_names[APP_EVENT_COUNT] = {
#define EVENT(id, name) name,
#include "dataplane/event/app_event/applayer.def"
#undef EVENT
};

/* ---- worker ---- */

static const char *option(const struct config *c, const char *proto, const char *transport,
			  const char *name)
{
	char key[128];

	snprintf(key, sizeof(key), "%s%s%s.%s", proto, transport ? "." : "",
		 transport ? transport : "", name);
	return config_map_get(&c->app, key);
}

const char *app_option(const struct worker *w, enum app_proto proto, const char *name)
{
	return w->config ? option(w->config, app_proto_names[proto], NULL, name) : NULL;
}

static enum app_mode mode_of(const struct worker *w, unsigned proto, const char *transport)
{
	const char *v = NULL;

	if (w->config) {
		v = option(w->config, app_proto_names[proto], transport, "enabled");
		if (!v)
			v = option(w->config, app_proto_names[proto], NULL, "enabled");
	}
	if (v && strcasecmp(v, "detection-only") == 0)
		return APP_MODE_DETECT;
	if (v && (strcasecmp(v, "no") == 0 || strcasecmp(v, "false") == 0))
		return APP_MODE_OFF;
	return APP_MODE_FULL;
}

static uint32_t tx_limit_of(const struct worker *w, const struct proto *proto)
{
	uint32_t most = proto->gives_way ? proto->max_transactions / 2 : proto->max_transactions;
	const char *v = app_option(w, proto->id, "max_tx");
	unsigned long n = v ? strtoul(v, NULL, 10) : 0;

	return n && n < most ? (uint32_t)n : most;
}

uint32_t app_tx_limit(const struct worker *w, enum app_proto proto)
{
	return w->apps->tx_limit[proto];
}

static int proto_new(struct worker *w, unsigned i)
{
	const struct proto *proto = app_protos[i];
	struct app_state *a = w->apps;

	if (proto->over_tcp)
		a->mode_tcp[i] = (uint8_t)mode_of(w, i, "tcp");
	if (proto->over_udp)
		a->mode_udp[i] = (uint8_t)mode_of(w, i, "udp");
	a->tx_limit[i] = tx_limit_of(w, proto);
	if (proto->config_bytes) {
		a->config[i] = worker_memory(w, proto->config_bytes, 64);
		if (!a->config[i])
			return -1;
		if (proto->configure)
			proto->configure(w, a->config[i]);
	}
	if (proto->worker_new && proto->worker_new(w) != 0)
		return -1;
	a->made[i] = 1;
	return 0;
}

int app_worker_new(struct worker *w)
{
	struct app_state *a = worker_memory(w, sizeof(*a), 64);

	if (!a)
		return -1;
	w->apps = a;
	a->frame_log = w->config && config_eve_wants(w->config, "frame");
	if (digest_worker_new(w) != 0 || file_worker_new(w) != 0 || host_worker_new(w) != 0 || expect_worker_new(w) != 0 ||
	    range_worker_new(w) != 0) {
		app_worker_free(w);
		return -1;
	}
	for (unsigned i = 0; i < APP_PROTO_COUNT; i++) {
		if (app_protos[i] && proto_new(w, i) != 0) {
			app_worker_free(w);
			return -1;
		}
	}
	app_probes_sieve(w->apps);
	if (service_worker_new(w) != 0) {
		app_worker_free(w);
		return -1;
	}
	return 0;
}

void app_worker_free(struct worker *w)
{
	if (!w->apps)
		return;
	for (unsigned i = 0; i < APP_PROTO_COUNT; i++) {
		if (w->apps->made[i] && app_protos[i]->worker_free)
			app_protos[i]->worker_free(w);
		if (w->apps->config[i])
			worker_memory_free(w, w->apps->config[i]);
	}
	service_worker_free(w);
	digest_worker_free(w);
	range_worker_free(w);
	expect_worker_free(w);
	host_worker_free(w);
	file_worker_free(w);
	worker_memory_free(w, w->apps);
	w->apps = NULL;
}

void app_buffer_wanted(struct worker *w, enum app_proto proto, const char *buffer)
{
	if (app_protos[proto]->wanted)
		app_protos[proto]->wanted(w->apps->config[proto], buffer);
}

uint8_t app_transports(const struct worker *w, enum app_proto proto)
{
	const struct proto *p = app_protos[proto];
	uint8_t over = 0;

	if (p && p->over_tcp && w->apps->mode_tcp[proto] != APP_MODE_OFF)
		over |= 1u << APP_OVER_TCP;
	if (p && p->over_udp && w->apps->mode_udp[proto] != APP_MODE_OFF)
		over |= 1u << APP_OVER_UDP;
	return over;
}

const void *app_config(const struct worker *w, enum app_proto proto)
{
	return w->apps->config[proto];
}

/* ---- a flow's session ---- */

struct app_session *app_session_of(struct worker *w, struct flow *f)
{
	uint8_t ts = app_proto_in(f, TO_SERVER), tc = app_proto_in(f, TO_CLIENT);

	if (f->app)
		return f->app;
	f->app = heap_zalloc(&w->heap, sizeof(*f->app) + (f->ip_proto == IP_PROTO_SCTP ? sizeof(struct sctp_association) : 0));
	if (!f->app) {
		w->counters->app_memcap++;
		f->flags |= FLOW_NO_APP;
		return NULL;
	}
	f->app->proto_ts = ts; /* of datagrams that were looked at before */
	f->app->proto_tc = tc;
	return f->app;
}

void app_note(struct flow *f, enum app_event e)
{
	f->app->events |= (uint8_t)(1u << e);
}

uint32_t app_keep(struct worker *w, struct app_pending *keep, const uint8_t *data, uint32_t len,
		  uint32_t limit, uint64_t offset)
{
	uint32_t room = limit > keep->len ? limit - keep->len : 0;

	if (len > room)
		len = room;
	if (!len)
		return 0;
	if (keep->len + len > keep->cap) {
		uint32_t cap = keep->cap ? keep->cap : KEEP_FIRST_BYTES;
		uint8_t *bigger;

		while (cap < keep->len + len)
			cap *= 2;
		bigger = heap_realloc(&w->heap, keep->data, cap);
		if (!bigger) {
			w->counters->app_memcap++;
			return 0;
		}
		keep->data = bigger;
		keep->cap = cap;
	}
	if (!keep->len)
		keep->offset = offset;
	memcpy(keep->data + keep->len, data, len);
	keep->len += len;
	return len;
}

void app_keep_free(struct worker *w, struct app_pending *keep)
{
	heap_free(&w->heap, keep->data);
	*keep = (struct app_pending){0};
}

static void keep_shrink(struct worker *w, struct app_pending *keep)
{
	uint8_t *less;

	if (!keep->len) {
		heap_free(&w->heap, keep->data);
		keep->data = NULL;
		keep->cap = 0;
		return;
	}
	less = keep->len < keep->cap ? heap_realloc(&w->heap, keep->data, keep->len) : NULL;
	if (!less)
		return;
	keep->data = less;
	keep->cap = keep->len;
}

void app_shrink(struct worker *w, struct flow *f)
{
	for (unsigned d = 0; f->app && d < 2; d++)
		keep_shrink(w, &f->app->pending[d]);
}

void app_stop(struct worker *w, struct flow *f)
{
	f->flags |= FLOW_NO_APP;
	if (f->app) {
		app_keep_free(w, &f->app->pending[TO_SERVER]);
		app_keep_free(w, &f->app->pending[TO_CLIENT]);
		f->app->dirty = 1;
	}
}

static bool state_new(struct worker *w, struct flow *f)
{
	struct app_session *s = f->app;

	if (!s->proto->state_bytes)
		return true;
	s->state = heap_zalloc(&w->heap, s->proto->state_bytes);
	if (s->state && s->proto->state_init && !s->proto->state_init(w, f, s->state)) {
		heap_free(&w->heap, s->state);
		s->state = NULL;
	}
	return s->state != NULL;
}

static void state_free(struct worker *w, struct flow *f)
{
	struct app_session *s = f->app;

	if (s->state && s->proto->state_clear)
		s->proto->state_clear(w, f, s->state);
	heap_free(&w->heap, s->state);
	s->state = NULL;
}

bool app_start(struct worker *w, struct flow *f, struct packet *p, enum app_proto id)
{
	struct app_session *s = f->app;

	f->app_proto = (uint8_t)id;
	w->counters->app_flow[app_transport_of(f)][id]++;
	app_port_found(w, f, id);
	if (app_mode_of(w, f, id) != APP_MODE_FULL) {
		app_stop(w, f);
		return false;
	}
	service_forget(f);
	s->proto = app_protos[id];
	if (!state_new(w, f)) {
		w->counters->app_memcap++;
		s->proto = NULL;
		app_stop(w, f);
		return false;
	}
	return true;
}

/* ---- a parser gave up ---- */

static void parser_failed(struct worker *w, struct flow *f, struct packet *p, enum direction d,
			  unsigned event)
{
	struct app_session *s = f->app;

	if (event && s->last)
		tx_event(w, f, s->last, d, event - 1);
	if (app_ordered(f)) { /* the next datagram stands for itself */
		s->failed[TO_SERVER] = s->failed[TO_CLIENT] = 1;
		s->ended[TO_SERVER] = s->ended[TO_CLIENT] = 1;
		tx_end_all(f);
		app_stop(w, f);
	}
	if (p && p->flow)
		flow_exception(w, p, w->config ? w->config->app_error_policy : EXCEPTION_IGNORE,
			       EXCEPTION_APP_ERROR, DROP_applayer_error);
}

/* ---- bytes to the parser ---- */

/* Keeps what the parser left of data. False: it is more than the protocol may leave. */
static bool keep_rest(struct worker *w, struct app_session *s, enum direction d,
		      const struct app_input *in, const struct parse_result *res)
{
	struct app_pending *keep = &s->pending[d];
	uint32_t consumed = res->consumed < in->len ? res->consumed : in->len;
	uint32_t rest = in->len - consumed;
	uint32_t limit = s->change ? UINT32_MAX / 4 : s->proto->max_pending_bytes;

	keep->need = 0;
	if (!rest) {
		keep->len = 0;
	} else if (rest > limit) {
		return false;
	} else if (in->data == keep->data) {
		memmove(keep->data, keep->data + consumed, rest);
		keep->len = rest;
		keep->offset += consumed;
	} else {
		keep->len = 0;
		if (app_keep(w, keep, in->data + consumed, rest, limit, in->offset + consumed) != rest)
			return false;
	}
	keep->need = res->need;
	return true;
}

static void parse(struct worker *w, struct flow *f, struct packet *p, enum direction d,
		  const struct app_input *in)
{
	struct app_session *s = f->app;
	struct app_pending *keep = &s->pending[d];
	struct parse_result res = s->proto->parse(w, f, s->state, d, in);
	enum direction other = direction_other(d);

	s->dirty = 1;
	if (res.status != PARSE_MORE || res.consumed)
		s->changed[d] = 1;
	else if (!s->changed[d])
		s->changed[d] = APP_CHANGED_WAITING;
	/* an answer without its request ends that too, and rules on requests have not seen it */
	if (s->last && !s->last->inspected_done[other] && s->last->progress[other] >= s->proto->done[other])
		s->changed[other] = 1;
	s->first_data = APP_FIRST_DATA_SENT;
	if (in->flags & INPUT_END)
		s->ended[d] = 1;
	if (res.status == PARSE_MORE && !(in->flags & INPUT_GAP) && app_ordered(f)) {
		if (keep_rest(w, s, d, in, &res))
			return;
		res.status = PARSE_BAD;
	}
	keep->len = keep->need = 0;
	if (keep->cap > KEEP_LARGE_BYTES)
		app_keep_free(w, keep);
	if (res.status == PARSE_BAD) {
		if (in->flags & INPUT_GAP)
			w->counters->app_error_gap[app_transport_of(f)][s->proto->id]++;
		else
			w->counters->app_error_parser[app_transport_of(f)][s->proto->id]++;
		parser_failed(w, f, p, d, res.event);
	} else if (res.status == PARSE_DONE) {
		s->stop = 1;
		s->ended[TO_SERVER] = s->ended[TO_CLIENT] = 1;
		tx_end_all(f);
		app_stop(w, f);
	}
}

void app_feed(struct worker *w, struct flow *f, struct packet *p, enum direction d,
	      const struct app_input *in)
{
	struct app_session *s = f->app;
	struct app_pending *keep = &s->pending[d];
	struct app_input joined;

	if (f->flags & FLOW_NO_APP || s->failed[d] || !s->proto)
		return;
	if (s->change) { /* belongs to what comes next */
		if (!(in->flags & INPUT_GAP))
			app_keep(w, keep, in->data, in->len, APP_PROBE_BYTES, in->offset);
		return;
	}
	app_frames_input(w, f, d, in);
	if (in->flags & INPUT_GAP || !keep->len) {
		keep->len = keep->need = 0;
		parse(w, f, p, d, in);
		return;
	}
	if (app_keep(w, keep, in->data, in->len, UINT32_MAX / 4, in->offset) != in->len) {
		parser_failed(w, f, p, d, 0);
		return;
	}
	if (keep->len < keep->need && !(in->flags & INPUT_END))
		return;
	joined = (struct app_input){
		.data = keep->data,
		.len = keep->len,
		.flags = in->flags & ~(uint32_t)INPUT_START,
		.offset = keep->offset,
	};
	if (keep->offset == 0)
		joined.flags |= INPUT_START;
	parse(w, f, p, d, &joined);
}

/* What goes on unseen is not whole, whatever the end would say to the protocol. */
static void cut_files(struct worker *w, struct app_session *s, enum direction d)
{
	for (struct tx *tx = s->first; tx; tx = tx->next)
		file_close_all(w, tx, d, FILE_TRUNCATED);
}

void app_stream(struct worker *w, struct flow *f, struct packet *p, enum direction d,
		const struct app_input *in)
{
	struct app_session *s;

	if (f->flags & (FLOW_NO_APP | FLOW_BYPASSED))
		return;
	if (!f->app && !in->len)
		return;
	s = app_session_of(w, f);
	if (!s || s->ended[d])
		return;
	if (d == TO_SERVER && f->server_port == KRB5_PORT)
		host_stream(w, f, &s->pending[d], in);
	if (in->flags & INPUT_CUT)
		cut_files(w, s, d);
	if (s->proto && app_known(*app_proto_slot(s, d)))
		app_feed(w, f, p, d, in);
	else
		app_probe_stream(w, f, p, d, in);
}

void app_datagram(struct worker *w, struct packet *p)
{
	struct flow *f = p->flow;
	struct app_session *s;

	if (f->flags & (FLOW_NO_APP | FLOW_BYPASSED) || !p->payload_len)
		return;
	if (!app_known(app_proto_in(f, p->direction)))
		app_probe_datagram(w, f, p);
	s = f->app;
	if (s && s->proto && !(f->flags & FLOW_NO_APP)) {
		const struct app_input in = {
			.data = p->payload,
			.len = p->payload_len,
			.flags = INPUT_START | INPUT_END,
		};

		app_frames_input(w, f, p->direction, &in);
		parse(w, f, p, p->direction, &in);
		s->ended[TO_SERVER] = s->ended[TO_CLIENT] = 0;
	}
}

/* ---- after the packet ---- */

bool app_change_protocol(struct worker *w, struct flow *f, enum app_proto expected)
{
	struct app_session *s = f->app;

	if (s->proto_expected != APP_UNKNOWN && s->proto_expected != f->app_proto)
		return false;
	s->change = 1;
	s->proto_expected = (uint8_t)expected;
	return true;
}

void app_bypass(struct flow *f)
{
	f->app->bypass = 1;
}

void app_carry(struct worker *w, struct flow *f, const void *data, uint32_t len)
{
	struct bytes *carry = &f->app->carry;

	heap_free(&w->heap, (void *)(uintptr_t)carry->data);
	*carry = (struct bytes){len ? heap_dup(&w->heap, data, len) : NULL, len};
}

static void change_now(struct worker *w, struct flow *f, struct packet *p)
{
	struct app_session *s = f->app;

	tx_settle(w, f, p, true);
	tx_free_all(w, f);
	app_frames_free(w, s);
	state_free(w, f);
	s->proto = NULL;
	s->proto_original = f->app_proto;
	app_probe_anew(s);
	s->change = 0;
	s->tx_count = 0; /* the next protocol counts its own */
	s->pending[TO_SERVER].need = s->pending[TO_CLIENT].need = 0;
}

static void write_events(struct worker *w, struct flow *f, struct packet *p)
{
	for (unsigned e = 0; e < APP_EVENT_COUNT; e++) {
		struct recorder *r;

		if (!app_has_event(f, e))
			continue;
		r = p && !(p->flags & PACKET_PSEUDO) ?
			    emit_packet(w, RECORD_anomaly, p) :
			    emit_flow(w, RECORD_anomaly, f, p ? p->direction : TO_SERVER,
				      RECORD_NO_TX, p);
		if (!r)
			continue;
		rec_open(r, F_anomaly_anomaly);
		rec_text(r, F_anomaly_app_proto, app_proto_names[f->app_proto]);
		rec_text(r, F_anomaly_type, "applayer");
		rec_text(r, F_anomaly_event, app_event_names[e]);
		rec_text(r, F_anomaly_layer, "proto_detect");
		rec_close(r);
		emit_end(w);
	}
	f->app->events = 0;
}

/* Looking for a protocol has ended without one: nothing of the session will be asked for again. */
static bool session_spent(const struct flow *f)
{
	const struct app_session *s = f->app;

	return f->app_proto == APP_FAILED && !s->proto && !s->frames && !s->service && !s->carry.len &&
	       s->proto_original == APP_UNKNOWN && s->proto_expected == APP_UNKNOWN && !app_known(s->proto_ts) &&
	       !app_known(s->proto_tc);
}

void app_packet_done(struct worker *w, struct flow *f, struct packet *p)
{
	struct app_session *s = f->app;

	if (!s)
		return;
	if (s->events)
		write_events(w, f, p);
	if (s->frames)
		app_frames_done(w, f, p);
	if (s->dirty)
		tx_settle(w, f, p, false);
	if (s->bypass && !s->live)
		f->flags |= FLOW_BYPASSED;
	if (s->change && s->proto)
		change_now(w, f, p);
	if (s->stop) {
		s->stop = 0;
		f->flags |= FLOW_NO_PAYLOAD;
		stream_stop(w, f);
	}
	if (f->flags & FLOW_NO_APP && session_spent(f))
		app_flow_free(w, f);
}

void app_flow_reversed(struct worker *w, struct flow *f)
{
	struct app_session *s = f->app;

	if (!s)
		return;
#define SWAP(a, b)                                                                                 \
	do {                                                                                       \
		__typeof__(a) swap_ = (a);                                                         \
		(a) = (b);                                                                         \
		(b) = swap_;                                                                       \
	} while (0)
	SWAP(s->probe_done[0], s->probe_done[1]);
	SWAP(s->ended[0], s->ended[1]);
	SWAP(s->failed[0], s->failed[1]);
	SWAP(s->changed[0], s->changed[1]);
	SWAP(s->proto_ts, s->proto_tc);
	SWAP(s->no[0], s->no[1]);
	SWAP(s->pending[0], s->pending[1]);
	if (s->frames)
		SWAP(s->frames->side[0], s->frames->side[1]);
#undef SWAP
	if (f->ip_proto == IP_PROTO_SCTP)
		app_sctp_reversed(s);
	if (s->first_data == 1 + TO_SERVER)
		s->first_data = 1 + TO_CLIENT;
	else if (s->first_data == 1 + TO_CLIENT)
		s->first_data = 1 + TO_SERVER;
}

void app_flow_end(struct worker *w, struct flow *f, struct packet *p)
{
	struct app_session *s = f->app;

	if (!s)
		return;
	if (f->ip_proto == IP_PROTO_SCTP)
		app_sctp_end(w, f, p);
	if (s->events)
		write_events(w, f, p);
	s->ended[TO_SERVER] = s->ended[TO_CLIENT] = 1;
	if (s->frames)
		app_frames_done(w, f, NULL);
	tx_settle(w, f, p, true);
}

void app_session_clear(struct worker *w, struct flow *f)
{
	struct app_session *s = f->app;

	tx_free_all(w, f);
	app_frames_free(w, s);
	if (s->proto)
		state_free(w, f);
	app_keep_free(w, &s->pending[TO_SERVER]);
	app_keep_free(w, &s->pending[TO_CLIENT]);
	app_carry(w, f, NULL, 0);
	service_free(w, f);
	if (f->ip_proto == IP_PROTO_SCTP)
		app_sctp_free(w, s);
}

void app_flow_free(struct worker *w, struct flow *f)
{
	if (!f->app)
		return;
	app_session_clear(w, f);
	heap_free(&w->heap, f->app);
	f->app = NULL;
}

void app_record_direction(struct recorder *r, const struct flow *f, enum direction d)
{
	uint8_t own = app_proto_in(f, d);

	if (own == APP_UNKNOWN)
		own = f->app_proto;
	if (own != APP_UNKNOWN)
		rec_text(r, F_top_app_proto, app_proto_names[own]);
}

void app_record(struct recorder *r, const struct flow *f)
{
	const struct app_session *s = f->app;

	if (f->app_proto != APP_UNKNOWN)
		rec_text(r, F_top_app_proto, app_proto_names[f->app_proto]);
	if (!s)
		return;
	if (s->proto_ts != APP_UNKNOWN && s->proto_ts != f->app_proto)
		rec_text(r, F_top_app_proto_ts, app_proto_names[s->proto_ts]);
	if (s->proto_tc != APP_UNKNOWN && s->proto_tc != f->app_proto)
		rec_text(r, F_top_app_proto_tc, app_proto_names[s->proto_tc]);
	if (s->proto_original != APP_UNKNOWN && s->proto_original != f->app_proto)
		rec_text(r, F_top_app_proto_orig, app_proto_names[s->proto_original]);
	if (s->proto_expected != APP_UNKNOWN && s->proto_expected != f->app_proto)
		rec_text(r, F_top_app_proto_expected, app_proto_names[s->proto_expected]);
}
