/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The end of a flow, in the order in which the rest may depend on it: what the stream still holds
 * goes up, rules look once more, open transactions are logged, the flow record is written, all is
 * freed. Worker thread only.
 */
#include <string.h>

#include "dataplane/app/app.h"
#include "dataplane/detect/detect.h"
#include "dataplane/engine/contact.h"
#include "dataplane/flow/table.h"
#include "dataplane/stream/stream.h"

#define LAST_LOOKS 8 /* more than a raw window has holes */

struct packet *flow_pseudo_packet(struct worker *w, struct flow *f, enum direction d)
{
	struct packet *p = &w->flows->pseudo;
	bool to_server = d == TO_SERVER;

	packet_clear(p);
	p->flags = PACKET_IP | PACKET_PSEUDO;
	if (f->flags & (FLOW_ESTABLISHED | FLOW_CLOSED))
		p->flags |= PACKET_ESTABLISHED;
	if (f->flags & FLOW_NO_PAYLOAD)
		p->flags |= PACKET_NO_PAYLOAD_INSPECT;
	p->flow = f;
	p->direction = (uint8_t)d;
	p->src = to_server ? f->client : f->server;
	p->dst = to_server ? f->server : f->client;
	p->sport = to_server ? f->client_port : f->server_port;
	p->dport = to_server ? f->server_port : f->client_port;
	p->ip_version = f->ip_version;
	p->ip_proto = f->ip_proto;
	p->tunnel_depth = f->tunnel_depth;
	p->vlan_count = f->vlan_count;
	memcpy(p->vlan, f->vlan, sizeof(p->vlan));
	p->tcp.flags = TCP_ACK;
	return p;
}

static struct packet *timeout_packet(struct worker *w, struct flow *f, enum direction d)
{
	struct packet *p = flow_pseudo_packet(w, f, d);

	p->source = PACKET_FLOW_TIMEOUT;
	p->ts_ns = w->now_ns;
	return p;
}

/* It stands for the end of one direction. */
static struct packet *end_packet(struct worker *w, struct flow *f, enum direction d,
				 enum flow_end_reason reason)
{
	struct packet *p = timeout_packet(w, f, d);

	p->flags |= PACKET_STREAM_END;
	if (reason == FLOW_END_SHUTDOWN)
		p->ts_ns = f->last_ns;
	return p;
}

static bool flow_inspected(const struct flow *f)
{
	return !(f->flags & (FLOW_PASS | FLOW_BYPASSED | FLOW_DROP));
}

/* Has a transaction not been written, or not been inspected in this direction? */
static bool tx_open(const struct flow *f, enum direction d)
{
	for (const struct tx *tx = f->app ? f->app->first : NULL; tx; tx = tx->next)
		if (!tx->logged || !tx->inspected_done[d])
			return true;
	return false;
}

/* Is there anything left to inspect? A session that was not closed is looked at once more in any case. */
static bool look_due(struct worker *w, struct flow *f, enum direction d)
{
	enum tcp_state state = stream_state(f);
	struct stream_raw raw;

	return (state >= TCP_STATE_ESTABLISHED && state != TCP_STATE_CLOSED) ||
	       tx_open(f, d) || (f->app && f->app->frames) || stream_raw_peek(w, f, d, &raw);
}

/* One look for what the parsers have, and one for each part of the raw stream between holes. */
static void direction_end(struct worker *w, struct flow *f, enum direction d,
			  enum flow_end_reason reason)
{
	struct packet *p = end_packet(w, f, d, reason);
	struct stream_raw raw;
	bool look;

	stream_flow_end(w, f, p, d);
	look = look_due(w, f, d);
	for (unsigned i = 0; look && flow_inspected(f) && i < LAST_LOOKS; i++) {
		detect_packet(w, p);
		app_packet_done(w, f, p);
		look = stream_raw_peek(w, f, d, &raw);
		if (look)
			p = end_packet(w, f, d, reason);
	}
}

void flow_look(struct worker *w, struct flow *f)
{
	for (unsigned d = 0; d < 2; d++) {
		struct packet *p;

		if (!f->app || !f->app->changed[d] || f->app->changed[d] == APP_CHANGED_WAITING || !flow_inspected(f))
			continue;
		p = timeout_packet(w, f, (enum direction)d);
		detect_packet(w, p);
		app_packet_done(w, f, p);
	}
}

void flow_end(struct worker *w, struct flow *f, enum flow_end_reason reason)
{
	struct flow_table *t = w->flows;
	struct flow_cold *cold = flow_cold(f);

	if (f->flags & FLOW_AT_REST)
		flow_wake(w, f);
	f->flags |= FLOW_ENDING;
	f->end_reason = (uint8_t)reason;
	if (f->tcp && (f->app || !stream_untouched(f))) {
		direction_end(w, f, TO_SERVER, reason);
		direction_end(w, f, TO_CLIENT, reason);
	}
	if (f->app)
		app_flow_end(w, f, end_packet(w, f, TO_SERVER, reason));
	if (!(f->flags & FLOW_LOG_OFF)) {
		flow_record(w, f);
		if (t->ttl)
			netflow_record(w, f);
	}
	if (f->flags & FLOW_OFFLOADED && w->flow_ended)
		w->flow_ended(w, f);
	if (cold->notes)
		heap_free(&w->heap, cold->notes->forwarded);
	w->counters->flow_end_state[flow_stage_of(f)]++;
	if (f->tcp)
		w->counters->flow_end_tcp_state[stream_state(f)]++;
	contact_end(w, f);
	detect_flow_free(w, f);
	app_flow_free(w, f);
	stream_flow_free(w, f);
	timer_clear(t, f);
	table_remove(t, f);
	cold->id = 0;
	cold->timer_next = t->free_first;
	t->free_first = flow_index(t, f);
	t->active--;
	w->counters->flow_active--;
	w->counters->flow_ended++;
}
