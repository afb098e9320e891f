/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/verdict.h"

#include "dataplane/engine/live.h"
#include "dataplane/engine/reject.h"
#include "dataplane/engine/report.h"
#include "dataplane/flow/flow.h"
#include "drivers/frame.h"

#define NS_PER_SECOND 1000000000ull
#define DROPS_TOLD_MAX 1000 /* a second and lane, of packets without a flow */

static void send_reject(struct lane *l, const struct packet *p, bool to_source)
{
	struct rte_mbuf *m = live_frame_new(l);
	unsigned in = p->port_index;
	uint8_t *room;
	uint32_t len;

	if (!m)
		return;
	room = (uint8_t *)rte_pktmbuf_append(m, REJECT_MAX_BYTES);
	len = reject_build(p, to_source, room);
	if (len == 0) {
		frame_free(m);
		return;
	}
	rte_pktmbuf_trim(m, (uint16_t)(REJECT_MAX_BYTES - len));
	live_send_own(l, to_source ? in : !in, m);
}

static void reject(struct lane *l, const struct packet *p)
{
	unsigned whom = p->reject ? p->reject : REJECT_SOURCE;

	l->w.counters->ips_rejected++;
	/* Captures: nobody is there to be told. */
	if (!l->engine->live)
		return;
	if (whom & REJECT_SOURCE)
		send_reject(l, p, true);
	if (whom & REJECT_DESTINATION)
		send_reject(l, p, false);
}

/* The one that was judged: a packet found inside, or the frame itself. */
static struct packet *judged(struct lane *l, unsigned frame)
{
	for (unsigned i = l->first[frame + 1]; i-- > l->first[frame] + 1;)
		if (l->packets[i]->verdict != VERDICT_ACCEPT)
			return l->packets[i];
	return l->packets[l->first[frame]];
}

static bool firewall_dropped(const struct packet *p)
{
	return p->drop >= DROP_firewall_rule && p->drop <= DROP_firewall_pre_stream;
}

/* As the reference has it: what a rule or indicator dropped, always; a flow that is dropped as a whole, once in
 * each direction; with drop.flows: all, every packet. Packets without a flow (blocks, bad
 * headers) or that no firewall rule accepts: so many a second, so that a flood of them fills neither the
 * ring nor the disk. */
static bool drop_is_told(struct lane *l, const struct packet *p)
{
	uint32_t told = p->direction == TO_SERVER ? FLOW_DROP_TOLD_TO_SERVER
						  : FLOW_DROP_TOLD_TO_CLIENT;

	if (!l->log_drops)
		return false;
	if (l->log_every_drop)
		return true;
	if (p->drop == DROP_rate_limit || p->drop == DROP_rule_rate) /* one a second and limit */
		return !(p->flags & PACKET_DROP_QUIET);
	if (!p->flow || p->drop == DROP_firewall_packet) {
		if (p->ts_ns >= l->drops_second_ns + NS_PER_SECOND) {
			l->drops_second_ns = p->ts_ns;
			l->drops_told = 0;
		}
		return l->drops_told++ < DROPS_TOLD_MAX;
	}
	if (p->drop == DROP_rule || p->drop == DROP_reject || p->drop == DROP_rule_threshold ||
	    (firewall_dropped(p) && p->drop != DROP_firewall_flow)) {
		if (p->flow->flags & FLOW_DROP)
			p->flow->flags |= told;
		return true;
	}
	/* A datagram alone, its flow goes on. */
	if (p->drop == DROP_indicator && !(p->flow->flags & FLOW_DROP))
		return true;
	if (!(p->flow->flags & FLOW_DROP) || p->flow->flags & told)
		return false;
	p->flow->flags |= told;
	return true;
}

/* p: NULL where the frame was only counted. */
static void count_verdict(struct lane *l, const struct packet *p)
{
	struct counters *c = l->w.counters;

	if (l->engine->config->firewall_enabled) {
		bool dropped = p && firewall_dropped(p);

		c->firewall_blocked += dropped;
		c->firewall_accepted += !dropped;
		if (dropped)
			return;
	}
	if (p && p->verdict != VERDICT_ACCEPT)
		c->ips_blocked++;
	else
		c->ips_accepted++;
}

static void drop_frame(struct lane *l, unsigned frame, struct rte_mbuf *m)
{
	struct worker *w = &l->w;
	struct packet *outer = l->packets[l->first[frame]], *p = judged(l, frame);

	if (!outer->drop)
		outer->drop = DROP_rule;
	if (!p->drop)
		p->drop = outer->drop;
	w->counters->drop[outer->drop]++;
	count_verdict(l, outer);
	if (p->verdict == VERDICT_REJECT)
		reject(l, p);
	if (drop_is_told(l, p))
		report_drop(w, p);
	frame_free(m);
}

static void send_frames(struct lane *l, unsigned in, struct rte_mbuf **frames, unsigned n)
{
	struct counters *c = l->w.counters;
	unsigned sent = l->engine->live ? live_send(l, in, frames, n) : 0;

	c->port_tx_packets += sent;
	c->drop[l->engine->live ? DROP_tx_full : DROP_no_route] += n - sent;
	while (sent < n)
		frame_free(frames[sent++]);
}

/* From the port that took them; those in the wire are sent next. */
static void note_latency(struct lane *l, struct rte_mbuf **frames, unsigned n)
{
	uint64_t now = live_now(l->engine->live);

	for (unsigned i = 0; i < n; i++) {
		uint64_t ts = frame_info(frames[i])->ts_ns;

		l->w.counters->latency[latency_bucket(now > ts ? now - ts : 0)]++;
	}
}

void verdict_burst(struct lane *l, struct rte_mbuf **frames, unsigned n)
{
	struct counters *c = l->w.counters;
	struct rte_mbuf *out[2][BURST];
	unsigned count[2] = {0, 0};

	if (l->engine->live)
		note_latency(l, frames, n);
	for (unsigned i = 0; i < n; i++) {
		const struct packet *p = l->packets[l->first[i]];
		unsigned in = frame_info(frames[i])->port_index ? 1 : 0;

		if (!l->w.in_the_wire) {
			c->drop[DROP_tap]++;
			frame_free(frames[i]);
		} else if (p && p->verdict != VERDICT_ACCEPT) {
			drop_frame(l, i, frames[i]);
		} else {
			count_verdict(l, p);
			out[in][count[in]++] = frames[i];
		}
	}
	for (unsigned in = 0; in < 2; in++)
		if (count[in])
			send_frames(l, in, out[in], count[in]);
}
