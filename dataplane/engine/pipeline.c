/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The life of a packet. A burst is decoded as a whole, so that the memory its flows live in is on
 * its way to the cache before it is needed; then each packet goes through all further stages
 * before the next one starts, because what a packet sees (a flow bit, a stream's state, a closed
 * flow) is what the packets before it left. Worker thread.
 *
 * packets in = packets out + Σ drop[], at all times between bursts.
 */
#include <string.h>

#include <rte_cycles.h>

#include "dataplane/app/app.h"
#include "dataplane/app/host.h"
#include "dataplane/app/sctp.h"
#include "dataplane/detect/detect.h"
#include "dataplane/engine/block.h"
#include "dataplane/engine/engine.h"
#include "dataplane/engine/offload.h"
#include "dataplane/engine/recording.h"
#include "dataplane/engine/report.h"
#include "dataplane/engine/verdict.h"
#include "dataplane/flow/flow.h"
#include "dataplane/stream/stream.h"
#include "drivers/frame.h"

#define PROTO_TCP 6
#define PROTO_UDP 17
#define LINK_ETHERNET 1
/* Stages within a packet are timed in one burst of so many; that one counts for all. */
#define TIMED_BURSTS 16
#define TIMERS_PER_BURST 64
/* Flows are fetched for so many frames at once, a group ahead of the frame in hand: the core looks pages
 * up side by side only for what stands close together, and has no room for more lines on their way. */
#define AHEAD 8u
/* Farther ahead than this is a leap, to be borne out by the packet after. */
#define TIME_LEAP_NS (20 * 1000000000ull)

/* Marks between stages. Off: reads no clock. */
struct stopwatch {
	uint64_t at;
	bool on;
};

static inline void lap(struct stopwatch *s, uint64_t *counter)
{
	uint64_t now;

	if (!s->on)
		return;
	now = rte_rdtsc();
	*counter += (now - s->at) * TIMED_BURSTS;
	s->at = now;
}

/* Time goes with the packets and never back: a capture out of order would end flows twice. */
static void now_set(struct worker *w, uint64_t ts_ns)
{
	if (ts_ns > w->now_ns)
		w->now_ns = ts_ns;
}

/* One packet far ahead of those before and after it has a damaged timestamp. To follow it would end
 * every flow at once, and with time that never goes back each later packet would seem to come all
 * at that one moment. It is taken for the time of the packet before. */
static uint64_t packet_time(const struct worker *w, struct rte_mbuf **frames, unsigned i, unsigned n)
{
	uint64_t ts_ns = frame_info(frames[i])->ts_ns;

	if (w->now_ns && ts_ns > w->now_ns + TIME_LEAP_NS && i + 1 < n &&
	    frame_info(frames[i + 1])->ts_ns < ts_ns - TIME_LEAP_NS)
		return w->now_ns;
	return ts_ns;
}

/* Bytes of the frame that are looked at. */
static inline uint32_t frame_seen(const struct worker *w, const struct rte_mbuf *m)
{
	uint64_t snaplen = w->config->snaplen;
	uint32_t len = frame_len(m);

	return snaplen && len > snaplen ? (uint32_t)snaplen : len;
}

/* Before the burst is decoded: whose times are what, and what of it might be only counted. */
static void burst_look(struct lane *l, struct rte_mbuf **frames, unsigned n)
{
	struct worker *w = &l->w;
	enum plain_reach reach = plain_reach(w);
	uint64_t before_ns = w->now_ns, bytes = 0;

	l->sighted = counted_open(l);
	for (unsigned i = 0; i < n; i++) {
		struct flow_sight *s = &l->sight[i];

		l->ts_ns[i] = packet_time(w, frames, i, n);
		l->seen[i] = frame_seen(w, frames[i]);
		bytes += frame_len(frames[i]);
		now_set(w, l->ts_ns[i]);
		if (l->sighted)
			s->is_plain = frame_info(frames[i])->link_type == LINK_ETHERNET &&
				      plain_read(reach, frame_data(frames[i]), l->seen[i], &s->plain);
	}
	l->waiting = l->sighted ? flow_sights(w, l->sight, n) : 0;
	w->counters->port_rx_packets += n;
	w->counters->port_rx_bytes += bytes;
	w->now_ns = before_ns;
}

/* Returns how many packets were found. */
static unsigned frame_decode(struct lane *l, unsigned i, struct rte_mbuf *m, struct packet **out)
{
	const struct frame_info *info = frame_info(m);
	struct worker *w = &l->w;
	struct packet *p = packet_get(w);
	unsigned count;

	p->data = frame_data(m);
	p->len = l->seen[i];
	p->wire_len = info->wire_len;
	p->ts_ns = l->ts_ns[i];
	p->number = info->number;
	p->link_type = info->link_type;
	p->port_index = info->port_index;
	p->frame = m;
	if (!l->sighted || !l->sight[i].is_plain)
		return decode_frame(w, p, out);
	count = decode_plain_frame(w, p, &l->sight[i].plain, out);
	flow_sight_hash(&l->sight[i], p);
	return count;
}

static void decode_burst(struct lane *l, struct rte_mbuf **frames, unsigned n)
{
	struct worker *w = &l->w;
	uint64_t before_ns = w->now_ns;
	unsigned count = 0;

	for (unsigned i = 0; i < n; i++) {
		l->first[i] = count;
		if (l->waiting && l->sight[i].flow) {
			l->packets[count++] = NULL;
			continue;
		}
		now_set(w, l->ts_ns[i]);
		count += frame_decode(l, i, frames[i], &l->packets[count]);
	}
	l->first[n] = count;
	/* The stages that follow see each packet at its own time again. */
	w->now_ns = before_ns;
}

/* A frame that waited: its packets take the place that was kept for one. */
static void decode_late(struct lane *l, unsigned i, struct rte_mbuf *m, unsigned n)
{
	struct packet *out[DECODE_PACKETS_MAX];
	unsigned count = frame_decode(l, i, m, out), at = l->first[i];

	if (count > 1) {
		memmove(&l->packets[at + count], &l->packets[at + 1],
			(l->first[n] - at - 1) * sizeof(l->packets[0]));
		for (unsigned k = i + 1; k <= n; k++)
			l->first[k] += count - 1;
	}
	memcpy(&l->packets[at], out, count * sizeof(out[0]));
}

static void inspect_payload(struct worker *w, struct packet *p)
{
	if (p->ip_proto == PROTO_TCP)
		stream_packet(w, p);
	else if (p->ip_proto == PROTO_UDP)
		app_datagram(w, p);
	else if (p->ip_proto == IP_PROTO_SCTP)
		app_sctp(w, p);
}

/* One that passes both ends' limits is taken from both; one that does not is dropped. */
static bool limited(struct lane *l, struct packet *p, struct limit *src, struct limit *dst)
{
	struct limit *which = src;
	bool pass = !src || limit_take(src, l->w.id, p->wire_len, l->w.now_ns);

	if (pass && dst && dst != src) {
		which = dst;
		pass = limit_take(dst, l->w.id, p->wire_len, l->w.now_ns);
	}
	if (pass)
		return false;
	if (!limit_tell(which, l->w.id, l->w.now_ns))
		p->flags |= PACKET_DROP_QUIET;
	packet_drop(p, DROP_rate_limit);
	return true;
}

static bool flow_blocked(struct lane *l, const struct packet *p, const struct block_table *t, struct limit **limit)
{
	struct block_flow f = block_flow_of(&p->src, p->sport, &p->dst, p->dport, p->ip_version, p->ip_proto);

	return p->flags & PACKET_L4 && block_flow_hit(t, &f, l->w.now_ns, limit);
}

/* True: an operator's block drops it; nothing else is to see what no receiver will. */
static bool blocked(struct lane *l, struct packet *p)
{
	const struct block_table *t =
		atomic_load_explicit(&l->engine->blocks, memory_order_acquire);
	struct limit *src, *dst, *flow = NULL;

	if (!t || !(p->flags & PACKET_IP))
		return false;
	if (!block_hit(t, &p->src, p->ip_version, l->w.now_ns, &src) &&
	    !block_hit(t, &p->dst, p->ip_version, l->w.now_ns, &dst) &&
	    !(block_has_flows(t) && flow_blocked(l, p, t, &flow)))
		return (src || dst || flow) && (limited(l, p, src, dst) || (flow && limited(l, p, flow, NULL)));
	packet_drop(p, DROP_block);
	return true;
}

static void packet_reports(struct lane *l, struct packet *p)
{
	if (p->event_count)
		report_anomalies(&l->w, p, l->anomaly_decode, l->anomaly_stream);
	if (l->log_stream && p->ip_proto == PROTO_TCP &&
	    (l->log_stream == STREAM_NOTES_ALL || (p->stream_notes & l->log_stream)))
		report_stream(&l->w, p);
}

/* Of a flow that was released by an earlier packet, or without inspection: counted, no more. Its parser's state,
 * which would have to be fetched, is not looked at. */
static void packet_counted(struct lane *l, struct packet *p)
{
	packet_reports(l, p);
	flow_packet_done(&l->w, p);
	l->w.packet = NULL;
}

static void packet_run(struct lane *l, struct packet *p, struct stopwatch *watch)
{
	struct worker *w = &l->w;
	struct counters *c = w->counters;
	struct flow *f;
	bool within;

	now_set(w, p->ts_ns);
	if (w->in_the_wire && blocked(l, p))
		return;
	w->packet = p;
	if (w->early_rules[DETECT_PRE_FLOW] && !detect_early(w, p, DETECT_PRE_FLOW)) {
		w->packet = NULL;
		return;
	}
	if (!(p->flags & PACKET_NO_FLOW))
		flow_packet(w, p);
	f = p->flow;
	within = !f || !(f->flags & FLOW_RATED) || detect_within_rate(w, p);
	if (within && f && l->overload.level)
		within = overload_flow(w, &l->overload, p);
	if (f && l->engine->offload && (f->flags & (FLOW_BYPASSED | FLOW_OFFLOADED | FLOW_NO_OFFLOAD)) == FLOW_BYPASSED)
		offload_offer(l, p);
	lap(watch, &c->cycles_flow);
	if (within && host_may_say(p))
		host_packet(w, p);
	if (f && (f->flags & FLOW_BYPASSED)) {
		packet_counted(l, p);
		return;
	}
	/* A passed flow is followed and logged; only the rules leave it alone. */
	if (within && f && !(f->flags & FLOW_DROP) &&
	    (!w->early_rules[DETECT_PRE_STREAM] || detect_early(w, p, DETECT_PRE_STREAM)))
		inspect_payload(w, p);
	lap(watch, &c->cycles_stream);
	if (!(p->flags & PACKET_NO_INSPECT)) {
		if (f && app_stop_tells(f))
			detect_stop(w, p);
		detect_packet(w, p);
	}
	lap(watch, &c->cycles_detect);
	packet_reports(l, p);
	if (f) {
		app_packet_done(w, f, p);
		if (p->ip_proto == PROTO_TCP)
			stream_packet_done(w, f, (enum direction)p->direction);
		flow_packet_done(w, p);
	}
	w->packet = NULL;
	lap(watch, &c->cycles_event);
}

/* Flows only: who, with whom, how much. */
static void packet_track(struct lane *l, struct packet *p, struct stopwatch *watch)
{
	struct worker *w = &l->w;

	now_set(w, p->ts_ns);
	if (w->in_the_wire && blocked(l, p))
		return;
	w->packet = p;
	if (!(p->flags & PACKET_NO_FLOW))
		flow_packet(w, p);
	lap(watch, &w->counters->cycles_flow);
	packet_counted(l, p);
	lap(watch, &w->counters->cycles_event);
}

/* Of the next frames. */
static inline void prefetch_flows(struct lane *l, unsigned from, unsigned n)
{
	unsigned end = from + AHEAD < n ? from + AHEAD : n;

	if (from >= n)
		return;
	if (l->waiting < n)
		flow_prefetch_flows(&l->w, &l->packets[l->first[from]], l->first[end] - l->first[from]);
}

static inline void frame_run(struct lane *l, unsigned frame, struct stopwatch *watch)
{
	unsigned first = l->first[frame], end = l->first[frame + 1];

	for (unsigned i = first; i < end; i++) {
		if (l->inspection)
			packet_run(l, l->packets[i], watch);
		else
			packet_track(l, l->packets[i], watch);
	}
	if (l->w.recordings) {
		recording_frame(&l->w, &l->packets[first], end - first);
		lap(watch, &l->w.counters->cycles_event);
	}
}

/* In their order. */
static void burst_run(struct lane *l, struct rte_mbuf **frames, unsigned n, struct stopwatch *watch)
{
	for (unsigned i = 0; i < n; i++) {
		if (i % AHEAD == 0)
			prefetch_flows(l, i + AHEAD, n);
		if (!l->packets[l->first[i]]) {
			now_set(&l->w, l->ts_ns[i]);
			if (counted_run(l, &l->sight[i], l->seen[i]))
				continue;
			decode_late(l, i, frames[i], n);
		}
		frame_run(l, i, watch);
	}
	if (l->waiting)
		counted_end(l);
}

void pipeline_timers(struct lane *l, uint64_t now_ns, unsigned budget)
{
	decode_timers(&l->w, now_ns);
	flow_timers(&l->w, now_ns, budget);
}

void pipeline_burst(struct lane *l, struct rte_mbuf **frames, unsigned n)
{
	struct worker *w = &l->w;
	uint64_t start = rte_rdtsc();
	struct stopwatch watch = {.at = start, .on = l->bursts++ % TIMED_BURSTS == 0};

	burst_look(l, frames, n);
	decode_burst(l, frames, n);
	lap(&watch, &w->counters->cycles_decode);
	if (l->waiting < n)
		flow_prefetch(w, l->packets, l->first[n]);
	prefetch_flows(l, 0, n);
	burst_run(l, frames, n, &watch);
	verdict_burst(l, frames, n);
	for (unsigned i = 0; i < l->first[n]; i++)
		if (l->packets[i])
			packet_put(w, l->packets[i]);
	lap(&watch, &w->counters->cycles_tx);
	/* no packet is left that might have a flow of those that end or are put to rest */
	pipeline_timers(l, w->now_ns, TIMERS_PER_BURST);
	lap(&watch, &w->counters->cycles_flow);
	w->counters->cycles_total += rte_rdtsc() - start;
}
