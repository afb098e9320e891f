/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rules on packets and streams. Candidates come from the payload of the packet, from the bytes of
 * its stream that are due for a look, and from the lists of rules without a literal. As in the
 * reference a rule looks at the stream first and at the packet only if that gave nothing; the payload
 * of a packet that is part of a stream counts for rules that ask for packets only, so that one rule
 * may alert on a packet and again on the stream. Runs in the workers.
 */
#include <string.h>

#include "dataplane/detect/firewall.h"
#include "dataplane/detect/profile.h"
#include "dataplane/detect/trace.h"

#define PROTO_TCP 6

/* Do the first bytes leave a rule of the group in question? What is behind the end is zero: a rule that
 * asks for more bytes than there are is looked at in vain. */
static bool guards_hold(const struct pattern_group *g, const uint8_t *data, uint32_t len)
{
	uint64_t first[2] = {0};

	if (g->guard_count == 0)
		return true;
	memcpy(first, data, len < sizeof(first) ? len : sizeof(first));
	for (uint32_t i = 0; i < g->guard_count; i++) {
		const struct group_guard *guard = &g->guards[i];

		if ((((first[0] & guard->mask[0]) ^ guard->value[0]) | ((first[1] & guard->mask[1]) ^ guard->value[1])) == 0)
			return true;
	}
	return false;
}

static void scan_list(struct worker *w, const struct ports_found *found, enum port_list list, const uint8_t *data,
		      uint32_t len)
{
	for (unsigned i = found->begin[list]; i < found->begin[list + 1]; i++)
		if (guards_hold(found->groups[i], data, len))
			scan_group(w, found->groups[i], data, len, 0, true);
}

/* New bytes, and of those before them as many as a literal may begin in. */
static void scan_stream_group(struct worker *w, const struct pattern_group *g,
			      const struct stream_raw *raw)
{
	uint32_t from = scan_begin(g, raw->fresh);

	scan_group_from(w, g, raw->data + from, raw->len - from, raw->fresh - from,
			raw->fresh > from ? raw->offset + from : 0, true);
}

static void candidates_of_stream(struct worker *w, const struct packet *p)
{
	const struct ports_found *found = ports_find(w->detect, p, true);

	for (unsigned i = found->begin[LIST_STREAM]; i < found->begin[LIST_STREAM + 1]; i++)
		scan_stream_group(w, found->groups[i], &w->detect->stream);
	window_candidates(w, p);
}

static bool wanted(const struct packet *p)
{
	if (p->flags & (PACKET_NO_PAYLOAD_INSPECT | PACKET_PSEUDO))
		return false;
	return p->payload_len && !(p->flow && (p->flow->flags & FLOW_NO_PAYLOAD));
}

static void candidates_of_packet(struct worker *w, const struct packet *p)
{
	struct detect_state *s = w->detect;
	const struct ruleset_groups *g = s->program->groups;
	bool has_ports = packet_l4(p) != GROUP_OTHER && packet_has_ports(p);
	const struct ports_found *found = ports_find(s, p, has_ports);

	scan_list(w, found, LIST_ALWAYS, NULL, 0);
	for (uint32_t i = 0; p->event_count && i < g->event_count && !(p->flags & PACKET_PSEUDO); i++)
		candidate_add(s, g->events[i]);
	if (wanted(p)) {
		scan_list(w, found, p->payload_len > GROUP_SHORT_BYTES ? LIST_LONG : LIST_SHORT, p->payload, p->payload_len);
		/* A segment outside its stream is looked at as a stream of its own. */
		if (packet_l4(p) == GROUP_TCP && !(p->flags & PACKET_STREAM_ADDED))
			scan_list(w, found, LIST_STREAM, p->payload, p->payload_len);
	}
	if (s->stream_there)
		candidates_of_stream(w, p);
}

IN_BOTH_LOOPS bool holds(struct detect_state *s, const struct packet *p, const struct program_rule *r,
			 bool *stream)
{
	struct chain_input in = {.end = true};

	*stream = false;
	if (!r->payload)
		return true;
	if ((r->payload_use & USE_STREAM) && p->ip_proto == PROTO_TCP) {
		if (s->stream_there && window_holds(s, r->payload, &s->stream)) {
			*stream = true;
			return true;
		}
		if (!(r->payload_use & USE_PACKET) && (p->flags & PACKET_STREAM_ADDED))
			return false;
	}
	if (s->payload_done)
		return false;
	if (!wanted(p))
		return false;
	in.data = p->payload;
	in.len = p->payload_len;
	return chain_run(&s->chain, r->payload, &in) == CHAIN_YES;
}

/* DCE/RPC travels in the pipes of SMB. */
static bool speaks(const struct packet *p, uint8_t app)
{
	uint8_t own = p->flow ? p->flow->app_proto : APP_UNKNOWN;

	return app == APP_UNKNOWN || own == app || (app == APP_dcerpc && own == APP_smb);
}

IN_BOTH_LOOPS bool rule_run(struct worker *w, struct packet *p, uint32_t index)
{
	struct detect_state *s = w->detect;
	const struct program_rule *r = &s->program->rules[index];
	struct match_context c = {.w = w, .s = s, .p = p, .f = p->flow, .rule = r};
	bool stream;

	if (r->refused || !speaks(p, r->app) || !header_matches(s, p, r, false))
		return false;
	/* The end of a flow is no packet: beside bytes only rules on the protocol alone heed it. */
	if (packet_is_flow_end(p) && !r->payload && r->app == APP_UNKNOWN && !r->protocol_only)
		return false;
	w->counters->detect_verified++;
	chain_rule_begin(&s->chain);
	if (!packet_checks_hold(&c))
		return false;
	if (!holds(s, p, r, &stream)) {
		if (s->stream_there && (r->payload_use & USE_STREAM) && r->payload->count > 1)
			window_wait(w, p, index);
		return false;
	}
	if (!post_run(&c))
		return false;
	if (r->payload && r->payload->replaces)
		replace_run(w, p, r);
	alert_add_payload(w, p, index, stream);
	return true;
}

bool packet_rule_run(struct worker *w, struct packet *p, uint32_t rule)
{
	struct profile_mark mark = {0};
	bool matched;

	if (rule == w->detect->traced)
		trace_rule(w, p, false);
	if (w->detect->watched)
		mark = profile_begin(w, rule);
	matched = rule_run(w, p, rule);
	profile_end(w, &mark);
	return matched;
}

static void candidates_quickly(struct worker *w, struct packet *p)
{
	struct detect_state *s = w->detect;

	/* Rules lie far apart: what the first looks will need is fetched for all. */
	for (uint32_t i = 1; i < s->candidate_count; i++) {
		const struct program_rule *r = &s->program->rules[s->candidates[i]];

		__builtin_prefetch(r->packet_checks);
		__builtin_prefetch(r->payload);
	}
	for (uint32_t i = 0; i < s->candidate_count; i++)
		rule_run(w, p, s->candidates[i]);
}

/* The same with an eye on each rule. */
static WATCHING void candidates_watched(struct worker *w, struct packet *p)
{
	struct detect_state *s = w->detect;

	for (uint32_t i = 0; i < s->candidate_count; i++) {
		struct profile_mark mark;

		if (s->candidates[i] == s->traced)
			trace_rule(w, p, false);
		mark = profile_begin(w, s->candidates[i]);
		rule_run(w, p, s->candidates[i]);
		profile_end(w, &mark);
	}
}

/* ---- for trace.c ---- */

WATCHING bool payload_wanted(const struct packet *p)
{
	return wanted(p);
}

WATCHING bool payload_holds(struct detect_state *s, const struct packet *p,
			    const struct program_rule *r, bool *stream)
{
	return holds(s, p, r, stream);
}

WATCHING bool payload_speaks(const struct packet *p, uint8_t app)
{
	return speaks(p, app);
}

static void candidates_run(struct worker *w, struct packet *p)
{
	struct detect_state *s = w->detect;

	if (s->program->firewall)
		firewall_packet(w, p);
	if (!s->candidate_count)
		return;
	w->counters->detect_candidates += s->candidate_count;
	candidates_sort(s);
	if (s->watched)
		candidates_watched(w, p);
	else
		candidates_quickly(w, p);
	candidates_clear(s);
}

void packet_rules_run(struct worker *w, struct packet *p)
{
	candidates_of_packet(w, p);
	if (w->detect->trace)
		trace_packet(w, p);
	candidates_run(w, p);
}

void stream_rules_run(struct worker *w, struct packet *p)
{
	struct detect_state *s = w->detect;

	s->payload_done = true;
	candidates_of_stream(w, p);
	candidates_run(w, p);
	s->payload_done = false;
}
