/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which protocol is this? Both directions of a flow are probed apart, each by its first bytes, of
 * which APP_PROBE_BYTES are kept until the question is settled. A direction is settled when a
 * probe says yes, or all say no (or the bytes are used up); then it follows the other direction,
 * if that one was found out. Neither: the flow has failed. The rules about who may speak first,
 * and what is an event, are those of the reference engine. What goes through a SOCKS proxy
 * (service_socks.c) is probed anew from behind the bytes that led there. Runs in the worker that owns
 * the flow.
 */
#include "dataplane/app/app_state.h"

#include <string.h>
#include <strings.h>

#include "dataplane/app/expect.h"
#include "dataplane/app/service.h"

/* ---- which probes may say anything but no ---- */

static bool may_begin(const struct proto *proto, unsigned byte)
{
	unsigned i = 0;

	for (; i < PROBE_RANGES_MAX && proto->udp_first[i][1]; i++)
		if (byte >= proto->udp_first[i][0] && byte <= proto->udp_first[i][1])
			return true;
	return i == 0;
}

void app_probes_sieve(struct app_state *a)
{
	for (unsigned i = APP_FAILED + 1; i < APP_PROTO_COUNT; i++) {
		const struct proto *proto = app_protos[i];
		uint64_t bit = 1ull << i;

		if (!proto || !proto->probe)
			continue;
		if (a->mode_tcp[i] != APP_MODE_OFF)
			a->probed[APP_OVER_TCP] |= bit;
		if (proto->over_sctp && a->mode_tcp[i] != APP_MODE_OFF)
			a->probed_sctp |= bit;
		if (a->mode_udp[i] != APP_MODE_OFF)
			a->probed[APP_OVER_UDP] |= bit;
		for (unsigned k = 0; k < 2 && proto->udp_ports[k]; k++) {
			a->udp_ported |= bit;
			app_port_want(a, proto->udp_ports[k]);
		}
		for (unsigned byte = 0; byte < 256; byte++)
			if (may_begin(proto, byte))
				a->udp_first[byte] |= bit;
		for (unsigned len = proto->udp_least; len <= UDP_LEAST_MAX; len++)
			a->udp_long[len] |= bit;
	}
}

static uint64_t probes_for(const struct worker *w, const struct probe_input *in)
{
	const struct app_state *a = w->apps;

	if (in->ip_proto == IP_PROTO_SCTP)
		return a->probed_sctp;
	if (in->ip_proto == 6 || !in->len)
		return a->probed[in->ip_proto == 6 ? APP_OVER_TCP : APP_OVER_UDP];
	return a->probed[APP_OVER_UDP] & a->udp_first[in->data[0]] &
	       a->udp_long[in->len < UDP_LEAST_MAX ? in->len : UDP_LEAST_MAX] &
	       ~(app_port_wanted(a, in->client_port, in->server_port) ? 0 : a->udp_ported);
}

/* ---- for the protocols ---- */

enum probe_result probe_word(const struct probe_input *in, const char *word)
{
	uint32_t n = (uint32_t)strlen(word), len = in->len < n ? in->len : n;

	if (strncasecmp((const char *)in->data, word, len) != 0)
		return PROBE_NO;
	return len < n ? PROBE_MORE : PROBE_YES;
}

enum probe_result probe_words(const struct probe_input *in, const char *const *words, size_t count)
{
	enum probe_result best = PROBE_NO;

	for (size_t i = 0; i < count; i++) {
		enum probe_result r = probe_word(in, words[i]);

		if (r == PROBE_YES)
			return r;
		if (r == PROBE_MORE)
			best = r;
	}
	return best;
}

/* ---- bytes against all probes ---- */

/* May the flow's first packet have been an answer, its question not seen? */
static bool reversible(const struct flow *f)
{
	return !(f->app && (f->app->proto || f->app->behind_port)) && (f->ip_proto != 6 || f->flags & FLOW_MIDSTREAM);
}

/* What is known of the flow comes before what it looks like: the other direction's protocol, or the one that was
 * agreed upon. */
static enum app_proto probe_likely(struct worker *w, const struct flow *f, struct probe_input *in)
{
	const struct app_session *s = f->app;

	if (s->proto) {
		in->known = true;
		in->config = w->apps->config[s->proto->id];
		if (s->proto->probe && s->proto->probe(in) == PROBE_YES)
			return s->proto->id;
		in->known = false;
		return APP_UNKNOWN;
	}
	in->config = w->apps->config[s->proto_expected];
	if (app_known(s->proto_expected) && app_protos[s->proto_expected] &&
	    app_mode_of(w, f, s->proto_expected) != APP_MODE_OFF &&
	    app_protos[s->proto_expected]->probe(in) == PROBE_YES)
		return s->proto_expected;
	return APP_UNKNOWN;
}

/* s: NULL where nothing is kept between the calls. */
static enum app_proto probe_bytes(struct worker *w, struct flow *f, enum direction d,
				  const uint8_t *data, uint32_t len, bool *reversed, bool *settled)
{
	struct app_session *s = f->app;
	struct probe_input in = {
		.data = data,
		.len = len,
		.direction = d,
		.ip_proto = f->ip_proto,
		.client_port = f->client_port,
		.server_port = app_server_port(f),
		.expected = s ? s->proto_expected : APP_UNKNOWN,
		.midstream = w->config && w->config->stream_midstream,
	};
	enum app_proto likely = s ? probe_likely(w, f, &in) : APP_UNKNOWN;
	uint64_t no = s && app_ordered(f) ? s->no[d] : 0; /* a datagram stands for itself */

	*reversed = false;
	*settled = true;
	if (likely != APP_UNKNOWN)
		return likely;
	for (uint64_t left = probes_for(w, &in) & ~no; left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);

		in.config = w->apps->config[i];
		switch (app_protos[i]->probe(&in)) {
		case PROBE_NO:
			no |= 1ull << i;
			break;
		case PROBE_MORE:
			*settled = false;
			break;
		case PROBE_YES_REVERSED:
			*reversed = reversible(f);
			return i;
		case PROBE_YES:
			return i;
		}
	}
	if (s)
		s->no[d] = no;
	if (len >= APP_PROBE_BYTES)
		*settled = true;
	return APP_UNKNOWN;
}

/* ---- TCP ---- */

/* What was kept of a direction goes to the parser, then a gap for what was not kept, then the
 * part of `in` that is not among the kept bytes. in: NULL, nothing new. */
static void deliver(struct worker *w, struct flow *f, struct packet *p, enum direction d,
		    const struct app_input *in, uint32_t in_kept)
{
	struct app_session *s = f->app;
	struct app_pending kept = s->pending[d];
	bool rest = in && (in->len > in_kept || in->flags & INPUT_END);

	s->pending[d] = (struct app_pending){0};
	if (kept.len) {
		const struct app_input first = {
			.data = kept.data,
			.len = kept.len,
			.flags = kept.offset == 0 ? INPUT_START : 0,
			.offset = kept.offset,
		};

		app_feed(w, f, p, d, &first);
	}
	if (kept.skipped && !(f->flags & FLOW_NO_APP)) {
		const struct app_input gap = {
			.len = (uint32_t)kept.skipped,
			.flags = INPUT_GAP,
			.offset = kept.offset + kept.len,
		};

		app_feed(w, f, p, d, &gap);
	}
	heap_free(&w->heap, kept.data);
	if (rest && !(f->flags & FLOW_NO_APP)) {
		struct app_input more = *in;

		if (in_kept) {
			more.data += in_kept;
			more.len -= in_kept;
			more.offset += in_kept;
			more.flags &= ~(uint32_t)INPUT_START;
		}
		app_feed(w, f, p, d, &more);
	}
}

static void count_failed(struct worker *w, struct flow *f)
{
	if (f->app_proto == APP_UNKNOWN) {
		f->app_proto = APP_FAILED;
		w->counters->app_flow[app_transport_of(f)][APP_FAILED]++;
	}
}

static void failed(struct worker *w, struct flow *f)
{
	count_failed(w, f);
	app_stop(w, f);
}

/* What carries DNS in it (doh2) looks like what it is made of. */
static bool differ(enum app_proto one, enum app_proto other)
{
	return one != other && !(one == APP_doh2 && other == APP_http2) && !(one == APP_http2 && other == APP_doh2);
}

/* The direction that has been waiting, now that the other one is known. */
static void look_at_other(struct worker *w, struct flow *f, struct packet *p, enum direction d)
{
	struct app_session *s = f->app;
	struct app_pending *kept = &s->pending[d];
	bool reversed, settled = true;
	enum app_proto found = APP_UNKNOWN;

	if (!kept->len || f->flags & FLOW_NO_APP || !s->proto)
		return;
	if (!s->probe_done[d] || !*app_proto_slot(s, d))
		found = probe_bytes(w, f, d, kept->data, kept->len, &reversed, &settled);
	if (app_known(found) && differ(found, f->app_proto))
		app_note(f, APP_EVENT_MISMATCH_PROTOCOL_BOTH_DIRECTIONS);
	else if (found == APP_UNKNOWN && settled)
		app_note(f, APP_EVENT_DETECT_PROTOCOL_ONLY_ONE_DIRECTION);
	else if (found == APP_UNKNOWN)
		return;
	*app_proto_slot(s, d) = (uint8_t)(app_known(found) ? found : f->app_proto);
	deliver(w, f, p, d, NULL, 0);
}

static void check_expected(struct flow *f, enum app_proto found)
{
	struct app_session *s = f->app;

	if (s->proto_expected == APP_UNKNOWN || s->proto_expected == found)
		return;
	app_note(f, APP_EVENT_UNEXPECTED_PROTOCOL);
	if (strcmp(app_proto_names[s->proto_expected], "tls") == 0)
		app_note(f, APP_EVENT_NO_TLS_AFTER_STARTTLS);
}

/* A probe said yes for direction d. False: the flow is not to be followed. */
static bool found_in(struct worker *w, struct flow *f, struct packet *p, enum direction d,
		     enum app_proto found)
{
	struct app_session *s = f->app;
	enum app_proto other = *app_proto_slot(s, direction_other(d));

	*app_proto_slot(s, d) = (uint8_t)(app_known(other) && !differ(found, other) ? other : found);
	if (app_known(other) && differ(found, other)) {
		app_note(f, APP_EVENT_MISMATCH_PROTOCOL_BOTH_DIRECTIONS);
		if (s->first_data == APP_FIRST_DATA_SENT || d == TO_SERVER)
			found = other;
	}
	if (s->proto)
		return true;
	check_expected(f, found);
	/* of a flow met midway the question may have gone before */
	if (app_protos[found]->client_first && s->first_data == 1 + TO_CLIENT &&
	    !(f->flags & FLOW_MIDSTREAM)) {
		app_note(f, APP_EVENT_WRONG_DIRECTION_FIRST_DATA);
		failed(w, f);
		return false;
	}
	return app_start(w, f, p, found);
}

/* No probe said yes (yet) for direction d. True: its bytes may go to the parser. */
static bool not_found_in(struct worker *w, struct flow *f, enum direction d, uint64_t seen, bool end)
{
	struct app_session *s = f->app;

	if (s->proto) {
		if (!s->probe_done[d] && !end)
			return false;
		if (seen || !s->proto->client_alone)
			app_note(f, APP_EVENT_DETECT_PROTOCOL_ONLY_ONE_DIRECTION);
		*app_proto_slot(s, d) = f->app_proto;
		return true;
	}
	if (s->probe_done[TO_SERVER] && s->probe_done[TO_CLIENT] && service_waits(f) && !end) {
		count_failed(w, f);
	} else if (s->probe_done[TO_SERVER] && s->probe_done[TO_CLIENT]) {
		app_port_failed(w, f);
		failed(w, f);
	} else if (seen > APP_PROBE_LIMIT_BYTES) {
		app_note(f, APP_EVENT_PROTO_DETECTION_SKIPPED);
		app_port_failed(w, f);
		failed(w, f);
	}
	return false;
}

static void gap_while_probing(struct worker *w, struct flow *f, struct packet *p, enum direction d,
			      const struct app_input *in)
{
	struct app_session *s = f->app;

	s->probe_done[d] = 1;
	if (!s->proto) {
		failed(w, f);
		return;
	}
	*app_proto_slot(s, d) = f->app_proto;
	deliver(w, f, p, d, in, 0);
}

/* The flow is one that another has announced: no need to look at its bytes. */
static bool announced(struct worker *w, struct flow *f, struct packet *p)
{
	struct app_session *s = f->app;
	struct expectation e;

	if ((s && s->proto) || !expect_take(w, f, &e))
		return false;
	s = app_session_of(w, f);
	if (!s) {
		text_free(w, &e.name);
		return true;
	}
	s->announced = &e;
	s->proto_ts = s->proto_tc = e.proto;
	s->first_data = APP_FIRST_DATA_SENT;
	if (app_start(w, f, p, (enum app_proto)e.proto) && f->ip_proto == 6) {
		deliver(w, f, p, TO_SERVER, NULL, 0);
		deliver(w, f, p, TO_CLIENT, NULL, 0);
	}
	s->announced = NULL;
	text_free(w, &e.name);
	return true;
}

static void probe_stream(struct worker *w, struct flow *f, struct packet *p, enum direction d,
			 const struct app_input *in)
{
	struct app_session *s = f->app;
	struct app_pending *kept = &s->pending[d];
	bool reversed = false, settled = true, go;
	enum app_proto found = APP_UNKNOWN;
	uint32_t in_kept = 0;

	if (announced(w, f, p)) {
		app_feed(w, f, p, d, in);
		return;
	}
	if (in->flags & INPUT_GAP) {
		gap_while_probing(w, f, p, d, in);
		return;
	}
	if (!s->first_data && in->len)
		s->first_data = (uint8_t)(1 + d);
	if (kept->len && !kept->skipped)
		in_kept = app_keep(w, kept, in->data, in->len, APP_PROBE_BYTES, in->offset);
	if (!s->probe_done[d] && (kept->len || in->len)) {
		if (kept->len)
			found = probe_bytes(w, f, d, kept->data, kept->len, &reversed, &settled);
		else
			found = probe_bytes(w, f, d, in->data, in->len, &reversed, &settled);
		s->probe_done[d] = settled || app_known(found);
	}
	if (!s->proto && !app_known(found))
		service_look(w, f, d, kept->len ? kept->data : in->data, kept->len ? kept->len : in->len);
	if (reversed && p) {
		flow_reverse(w, f);
		app_flow_reversed(w, f);
		d = direction_other(d);
		p->direction = !p->direction; /* it may be the one that acknowledged these bytes */
		kept = &s->pending[d];
	}
	if (app_known(found))
		go = found_in(w, f, p, d, found);
	else
		go = not_found_in(w, f, d, kept->len + kept->skipped + in->len - in_kept,
				  in->flags & INPUT_END);
	if (f->flags & FLOW_NO_APP)
		return;
	if (!go) {
		if (!kept->len && !kept->skipped)
			in_kept = app_keep(w, kept, in->data, in->len, APP_PROBE_BYTES, in->offset);
		kept->skipped += in->len - in_kept;
		if (in->flags & INPUT_END)
			s->ended[d] = 1;
		return;
	}
	if (s->first_data == 1 + direction_other(d))
		look_at_other(w, f, p, direction_other(d));
	deliver(w, f, p, d, in, in_kept);
	if (!app_known(*app_proto_slot(s, direction_other(d))))
		look_at_other(w, f, p, direction_other(d));
}

/* ---- behind a proxy ---- */

void app_probe_anew(struct app_session *s)
{
	s->proto_ts = s->proto_tc = APP_UNKNOWN;
	memset(s->probe_done, 0, sizeof(s->probe_done));
	memset(s->no, 0, sizeof(s->no));
}

static void feed_or_probe(struct worker *w, struct flow *f, struct packet *p, enum direction d,
			  const struct app_input *in)
{
	if (f->flags & FLOW_NO_APP || (!in->len && !in->flags))
		return;
	if (f->app->proto && app_known(*app_proto_slot(f->app, d)))
		app_feed(w, f, p, d, in);
	else
		probe_stream(w, f, p, d, in);
}

/* The flow begins again behind so many bytes of each direction. */
static void lead_on(struct worker *w, struct flow *f, struct packet *p, const uint32_t hello[2])
{
	struct app_session *s = f->app;
	struct app_pending kept[2] = {s->pending[0], s->pending[1]};
	const uint8_t ended[2] = {s->ended[0], s->ended[1]};

	memset(s->pending, 0, sizeof(s->pending));
	memset(s->ended, 0, sizeof(s->ended));
	app_probe_anew(s);
	s->first_data = 0;
	for (unsigned d = 0; d < 2; d++) {
		uint32_t past = hello[d] < kept[d].len ? hello[d] : kept[d].len;
		struct app_input in = {
			.data = kept[d].data + past,
			.len = kept[d].len - past,
			.flags = ended[d] && !kept[d].skipped ? INPUT_END : 0,
			.offset = kept[d].offset + past,
		};

		feed_or_probe(w, f, p, d, &in);
		if (kept[d].skipped) {
			in = (struct app_input){.len = (uint32_t)kept[d].skipped, .flags = INPUT_GAP,
						.offset = in.offset + in.len};
			feed_or_probe(w, f, p, d, &in);
		}
		heap_free(&w->heap, kept[d].data);
	}
}

void app_probe_stream(struct worker *w, struct flow *f, struct packet *p, enum direction d,
		      const struct app_input *in)
{
	uint32_t hello[2];

	probe_stream(w, f, p, d, in);
	if (service_leads_on(f, hello))
		lead_on(w, f, p, hello);
}

/* ---- UDP ---- */

/* No session is made for a flow whose datagrams no probe knows. */
static void datagram_unknown(struct worker *w, struct flow *f, struct packet *p)
{
	enum direction d = p->direction;
	enum app_proto other = app_proto_in(f, direction_other(d));

	if (!f->app || !f->app->proto)
		service_look(w, f, d, p->payload, p->payload_len);
	if (f->app)
		*app_proto_slot(f->app, d) = (uint8_t)(app_known(other) ? other : APP_FAILED);
	count_failed(w, f);
}

void app_probe_datagram(struct worker *w, struct flow *f, struct packet *p)
{
	struct app_session *s;
	enum direction d = p->direction;
	enum app_proto found;
	bool reversed, settled;

	if (announced(w, f, p))
		return;
	if (f->datagrams[d] >= APP_PROBE_DATAGRAMS) {
		if (!(f->app && f->app->proto) && f->datagrams[direction_other(d)] >= APP_PROBE_DATAGRAMS) {
			app_port_failed(w, f);
			app_stop(w, f);
		}
		return;
	}
	found = probe_bytes(w, f, d, p->payload, p->payload_len, &reversed, &settled);
	if (!app_known(found)) {
		f->datagrams[d]++;
		datagram_unknown(w, f, p);
		return;
	}
	s = app_session_of(w, f);
	f->datagrams[d]++;
	if (!s)
		return;
	if (s->proto) {
		*app_proto_slot(s, d) = (uint8_t)found;
		if (found != f->app_proto)
			app_note(f, APP_EVENT_MISMATCH_PROTOCOL_BOTH_DIRECTIONS);
		return;
	}
	if (reversed) {
		flow_reverse(w, f);
		app_flow_reversed(w, f);
		d = direction_other(d);
		p->direction = (uint8_t)d;
	}
	*app_proto_slot(s, d) = (uint8_t)found;
	app_start(w, f, p, found);
}
