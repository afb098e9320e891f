/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/detect/trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/detect/bind.h"
#include "dataplane/detect/trace_private.h"
#include "dataplane/detect/tx.h"
#include "rules/describe.h"

#define MISPLACED_MAX 64 /* steps about them; more are only counted */
#define PROTO_TCP 6

/* ---- steps ---- */

struct trace_step *trace_step_new(struct detect_state *s, const struct packet *p, enum trace_kind kind,
				   enum trace_where where)
{
	struct trace_shared *t = s->trace;
	struct trace_step *step = &t->steps[TRACE_STEPS_MAX - 1];

	if (t->step_count < TRACE_STEPS_MAX)
		step = &t->steps[t->step_count++];
	else
		t->lost++;
	*step = (struct trace_step){.kind = (uint8_t)kind, .where = (uint8_t)where};
	if (!p)
		return step;
	step->packet = p->number;
	step->ts_ns = p->ts_ns;
	step->ip_version = p->ip_version;
	step->ip_proto = p->ip_proto;
	step->direction = p->direction;
	step->src = p->src;
	step->dst = p->dst;
	step->sport = p->sport;
	step->dport = p->dport;
	step->flow_id = p->flow ? flow_cold(p->flow)->id : 0;
	return step;
}

void trace_step_done(struct detect_state *s, const struct trace_step *step)
{
	struct trace_shared *t = s->trace;

	if (t->best_set && step->held <= t->best.held)
		return;
	t->best = *step;
	t->best_set = 1;
}

static void step_excerpt(struct trace_step *step, const uint8_t *data, uint32_t len, uint64_t offset,
			 uint32_t from)
{
	if (from > len)
		from = len;
	step->buffer_len = offset + len;
	step->excerpt_at = offset + from;
	step->excerpt_len = len - from < TRACE_EXCERPT ? len - from : TRACE_EXCERPT;
	if (step->excerpt_len)
		memcpy(step->excerpt, data + from, step->excerpt_len);
}

/* Found where its head does not fit: counted, but only the first ones are steps. True: taken back. */
bool trace_headless(struct detect_state *s, const struct trace_step *step)
{
	struct trace_shared *t = s->trace;
	bool literal = s->program->groups->prefilter[s->traced].literal.len;

	if (literal && ++t->headless <= TRACE_HEADLESS_MAX)
		return false;
	if (t->step_count && step == &t->steps[t->step_count - 1])
		t->step_count--;
	return true;
}

void trace_hit(struct trace_shared *t, const struct packet *p)
{
	if (t->hits && t->last_hit == p->number)
		return;
	t->hits++;
	t->last_hit = p->number;
}

/* ---- the head ---- */

static void head_why(struct trace_step *step, const struct packet *p, enum trace_head head)
{
	char a[ADDR_TEXT_MAX];

	snprintf(step->condition, sizeof(step->condition), "the head");
	switch (head) {
	case TRACE_HEAD_protocol:
		snprintf(step->why, sizeof(step->why), "the packet is of IP protocol %u", p->ip_proto);
		break;
	case TRACE_HEAD_ip_version:
		snprintf(step->why, sizeof(step->why), "the packet is of IP version %u", p->ip_version);
		break;
	case TRACE_HEAD_no_flow:
		snprintf(step->why, sizeof(step->why), "the packet belongs to no flow");
		break;
	case TRACE_HEAD_direction:
		snprintf(step->why, sizeof(step->why), "the packet goes to the %s",
			 p->direction == TO_SERVER ? "server" : "client");
		break;
	case TRACE_HEAD_established:
	case TRACE_HEAD_not_established:
		snprintf(step->why, sizeof(step->why), "the flow was %sestablished before this packet",
			 head == TRACE_HEAD_established ? "not " : "");
		break;
	case TRACE_HEAD_fragment:
		snprintf(step->why, sizeof(step->why), "the packet %s put together from fragments",
			 p->flags & PACKET_REASSEMBLED ? "was" : "was not");
		break;
	case TRACE_HEAD_ports:
		snprintf(step->why, sizeof(step->why), "its ports are %u to %u", p->sport, p->dport);
		break;
	default:
		snprintf(step->why, sizeof(step->why), "%s is not in the set",
			 addr_format(head == TRACE_HEAD_source ? &p->src : &p->dst, p->ip_version, a));
		break;
	}
}

/* ---- conditions on packet and flow ---- */

static void packet_why(const struct match_context *c, const struct match *m, char *why, size_t size)
{
	const struct packet *p = c->p;

	switch (m->keyword) {
	case KEYWORD_dsize:
		snprintf(why, size, "the payload of the packet has %u bytes", p->payload_len);
		break;
	case KEYWORD_ttl:
		snprintf(why, size, "it is %u", p->ttl);
		break;
	case KEYWORD_tcp_flags:
		snprintf(why, size, "they are 0x%02x", p->tcp.flags);
		break;
	case KEYWORD_tcp_window:
		snprintf(why, size, "it is %u", p->tcp.window);
		break;
	case KEYWORD_itype:
		snprintf(why, size, "it is %u", p->icmp_type);
		break;
	case KEYWORD_icode:
		snprintf(why, size, "it is %u", p->icmp_code);
		break;
	case KEYWORD_ip_proto:
		snprintf(why, size, "it is %u", p->ip_proto);
		break;
	case KEYWORD_flowbits:
	case KEYWORD_xbits:
	case KEYWORD_hostbits:
		snprintf(why, size, "%s", m->u.bits.command == BITS_ISSET ? "it is not set" : "it is set");
		break;
	case KEYWORD_app_layer_protocol:
		snprintf(why, size, "the flow speaks %s",
			 !c->f                  ? "nothing: there is none"
			 : c->f->app_proto      ? app_proto_names[c->f->app_proto]
						: "what is not known (yet)");
		break;
	default:
		snprintf(why, size, "it does not hold");
		break;
	}
}

/* Packet conditions in order. True: all hold; else the step says which does not. */
static bool packet_checks_explain(const struct match_context *c, struct trace_step *step)
{
	const struct program_rule *r = c->rule;

	for (unsigned i = 0; i < r->packet_check_count; i++) {
		const struct packet_check *check = &r->packet_checks[i];

		if (check->run(c, check->match)) {
			step->held++;
			continue;
		}
		match_describe(check->match, c->s->program->set, step->condition, sizeof(step->condition));
		packet_why(c, check->match, step->why, sizeof(step->why));
		return false;
	}
	return true;
}

/* ---- conditions on bytes ---- */

static const uint8_t *literal_in(const struct bytes *literal, bool nocase, const uint8_t *data, size_t len)
{
	uint8_t folded[256];
	struct needle n;

	if (literal->len > sizeof(folded) || literal->len > len)
		return NULL;
	if (!nocase)
		return memmem(data, len, literal->data, literal->len);
	for (uint32_t i = 0; i < literal->len; i++)
		folded[i] = fold_byte(literal->data[i]);
	n = needle_make(folded, literal->len, true);
	return needle_find(&n, data, len);
}

static void content_why(const struct match_content *c, const struct chain_input *in,
			const struct chain_progress *g, char *why, size_t size)
{
	const uint8_t *at = literal_in(&c->pattern, c->flags & CONTENT_NOCASE, in->data, in->len);
	const uint8_t *other = literal_in(&c->pattern, true, in->data, in->len);
	int n;

	if (c->flags & CONTENT_NEGATED) {
		snprintf(why, size, at ? "it is there, at %" PRIu64 : "it is there",
			 at ? in->offset + (uint64_t)(at - in->data) : 0);
		return;
	}
	if (g->from > g->to)
		n = snprintf(why, size, "there is no room for it in %" PRIu64 " bytes", in->offset + in->len);
	else
		n = snprintf(why, size, "not in bytes %" PRIu64 " to %" PRIu64,
			     in->offset + (uint64_t)g->from, in->offset + (uint64_t)g->to);
	if (n > 0 && (size_t)n < size && at)
		snprintf(why + n, size - (size_t)n, "; it stands at %" PRIu64 ", elsewhere than asked for",
			 in->offset + (uint64_t)(at - in->data));
	else if (n > 0 && (size_t)n < size && other)
		snprintf(why + n, size - (size_t)n, "; it stands at %" PRIu64 " in another case (nocase)",
			 in->offset + (uint64_t)(other - in->data));
	else if (n > 0 && (size_t)n < size)
		snprintf(why + n, size - (size_t)n, ", nor anywhere in the buffer");
}

/* The number that byte_test read. */
static void byte_why(const struct chain_scratch *s, const struct match *m, const struct chain_input *in,
		     uint32_t pointer, char *why, size_t size)
{
	struct match_byte read = m->u.byte;
	uint64_t values[RULE_VARIABLES_MAX + 1];
	const struct byte_input bytes = {in->data, in->len, pointer, values};
	uint32_t after = 0;

	memcpy(values, s->values, sizeof(s->values));
	read.variable = 0;
	read.multiplier = 0;
	read.flags &= ~(uint32_t)BYTE_NEGATED;
	if (m->keyword == KEYWORD_byte_test && byte_extract_run(&read, &bytes, &after))
		snprintf(why, size, "the number there is %" PRIu64, values[0]);
	else
		snprintf(why, size, "there is no such number at %" PRIu64 " of %" PRIu64 " bytes",
			 in->offset + pointer, in->offset + in->len);
}

static uint32_t check_why(const struct chain_scratch *s, const struct check *check,
			  const struct chain_input *in, const struct chain_progress *g, char *why,
			  size_t size)
{
	const struct match *m = check->match;

	switch ((enum check_kind)check->kind) {
	case CHECK_CONTENT:
		content_why(&m->u.content, in, g, why, size);
		return g->from > g->to ? 0 : (uint32_t)g->from;
	case CHECK_PCRE:
		snprintf(why, size, "it %s from %" PRIu64 " on",
			 m->u.pcre.flags & PCRE_NEGATED ? "matches" : "does not match",
			 in->offset + (m->u.pcre.flags & PCRE_RELATIVE ? g->pointer : 0));
		return m->u.pcre.flags & PCRE_RELATIVE ? g->pointer : 0;
	case CHECK_ISDATAAT:
		snprintf(why, size, "the buffer has %" PRIu64 " bytes, the match before ended at %" PRIu64,
			 in->offset + in->len, in->offset + g->pointer);
		return g->pointer;
	case CHECK_SIZE:
		snprintf(why, size, "the buffer has %" PRIu64 " bytes%s", in->offset + in->len,
			 in->end ? "" : " so far");
		return 0;
	case CHECK_BASE64:
		snprintf(why, size, "nothing decodes there, or what decodes is not as asked for");
		return g->pointer;
	default:
		byte_why(s, m, in, g->pointer, why, size);
		return m->u.byte.flags & BYTE_RELATIVE ? g->pointer : 0;
	}
}

bool trace_chain(struct detect_state *s, struct trace_step *step, const struct chain *chain,
		       const char *buffer, const struct chain_input *in)
{
	struct chain_progress g;
	bool holds = chain_explain(&s->chain, chain, in, &g) == CHAIN_YES;
	uint32_t from = 0;

	snprintf(step->buffer, sizeof(step->buffer), "%s", buffer);
	step->held = (uint16_t)(step->held + g.check);
	if (holds || g.check >= chain->count) {
		snprintf(step->why, sizeof(step->why), "too many attempts were needed");
		step_excerpt(step, in->data, in->len, in->offset, 0);
		return holds;
	}
	match_describe(chain->checks[g.check].match, s->program->set, step->condition,
		       sizeof(step->condition));
	from = check_why(&s->chain, &chain->checks[g.check], in, &g, step->why, sizeof(step->why));
	step_excerpt(step, in->data, in->len, in->offset, from);
	return false;
}

static bool headers_step(const struct match_context *c, struct trace_step *step)
{
	for (unsigned i = 0; i < c->rule->header_count; i++) {
		const struct header_check *h = &c->rule->headers[i];
		struct chain_input in;

		snprintf(step->buffer, sizeof(step->buffer), "%s", h->buffer->name);
		if (!header_bytes(c->p, h->keyword, &in)) {
			snprintf(step->condition, sizeof(step->condition), "%s", h->buffer->name);
			snprintf(step->why, sizeof(step->why), "the packet has no such header");
			return false;
		}
		if (!trace_chain(c->s, step, h->chain, h->buffer->name, &in))
			return false;
	}
	return true;
}

uint16_t trace_conditions(const struct program_rule *r)
{
	uint32_t n = 1u + r->packet_check_count;

	for (unsigned i = 0; i < r->header_count; i++)
		n += r->headers[i].chain->count;
	return (uint16_t)n;
}

bool trace_packet_checks(const struct match_context *c, struct trace_step *step, bool in_tx)
{
	enum trace_head head = header_explain(c->s, c->p, c->rule, in_tx);

	if (head != TRACE_HEAD_holds) {
		head_why(step, c->p, head);
		return false;
	}
	if (!in_tx && !payload_speaks(c->p, c->rule->app)) {
		snprintf(step->condition, sizeof(step->condition), "the head");
		snprintf(step->why, sizeof(step->why), "the flow does not speak %s, as far as is known on "
			 "this packet", app_proto_names[c->rule->app]);
		return false;
	}
	step->held = 1;
	return packet_checks_explain(c, step) && headers_step(c, step);
}

/* ---- packets and streams ---- */

/* Which bytes got farthest: those of the stream, or the packet's own. */
static void payload_step(struct detect_state *s, const struct packet *p, const struct program_rule *r,
			 struct trace_step *step)
{
	struct trace_step on_packet = *step;
	bool tcp = p->ip_proto == PROTO_TCP, looked = false;
	bool stream_alone = tcp && (r->payload_use & USE_STREAM) && !(r->payload_use & USE_PACKET) &&
			    (p->flags & PACKET_STREAM_ADDED);

	if (tcp && (r->payload_use & USE_STREAM) && s->stream_there) {
		const struct chain_input in = {s->stream.data, s->stream.len, s->stream.offset, true};

		step->where = TRACE_STREAM;
		looked = true;
		if (trace_chain(s, step, r->payload, "stream", &in))
			snprintf(step->why, sizeof(step->why), "it holds only in bytes that were looked at "
				 "before");
	}
	if (!stream_alone && !s->payload_done && payload_wanted(p)) {
		const struct chain_input in = {p->payload, p->payload_len, 0, true};

		trace_chain(s, &on_packet, r->payload, "payload", &in);
		if (!looked || on_packet.held > step->held)
			*step = on_packet;
		looked = true;
	}
	if (!looked) {
		snprintf(step->condition, sizeof(step->condition), "payload");
		snprintf(step->why, sizeof(step->why), "there are no bytes to look at on this packet");
	}
}

void trace_rule(struct worker *w, struct packet *p, bool addresses)
{
	struct detect_state *s = w->detect;
	const struct program_rule *r = traced_rule(s);
	const struct match_context c = {.w = w, .s = s, .p = p, .f = p->flow, .rule = r};
	struct trace_step *step;
	bool holds, stream = false;

	if (r->refused)
		return;
	if (s->program->groups->prefilter[s->traced].literal.len ||
	    header_matches(s, p, r, false))
		trace_hit(s->trace, p);
	step = trace_step_new(s, p, TRACE_FAILED, addresses ? TRACE_ADDRESSES : TRACE_PACKET);
	step->total = (uint16_t)(trace_conditions(r) + (r->payload ? r->payload->count : 0));
	holds = trace_packet_checks(&c, step, false);
	if (step->held == 0 && trace_headless(s, step))
		return;
	if (holds && !addresses) {
		holds = payload_holds(s, p, r, &stream);
		if (!holds)
			payload_step(s, p, r, step);
	}
	if (holds) {
		step->kind = TRACE_MATCHED;
		step->where = addresses ? TRACE_ADDRESSES : stream ? TRACE_STREAM : TRACE_PACKET;
		step->held = step->total;
	}
	s->trace->matched += holds;
	s->trace->failed += !holds;
	trace_step_done(s, step);
}

struct trace_step *trace_unhit(struct detect_state *s, const struct packet *p,
				     enum trace_where where, const char *buffer, const uint8_t *data,
				     uint32_t len, uint64_t offset)
{
	const struct bytes *literal = &s->program->groups->prefilter[s->traced].literal;
	struct trace_step *step;
	char text[160];

	if (!literal->len || literal_in(literal, true, data, len))
		return NULL;
	s->trace->unhit++;
	step = trace_step_new(s, p, TRACE_UNHIT, where);
	snprintf(step->buffer, sizeof(step->buffer), "%s", buffer);
	snprintf(step->condition, sizeof(step->condition), "the literal \"%s\"",
		 bytes_describe(literal->data, literal->len, text, sizeof(text)));
	snprintf(step->why, sizeof(step->why), "it is not in the buffer");
	step_excerpt(step, data, len, offset, 0);
	return step;
}

void trace_packet(struct worker *w, const struct packet *p)
{
	struct detect_state *s = w->detect;
	const struct program_rule *r;
	enum trace_head head;

	if (s->traced == TRACE_NO_RULE || (p->flags & PACKET_PSEUDO))
		return;
	r = traced_rule(s);
	if (r->refused)
		return;
	head = header_explain(s, p, r, (r->flags & RULE_HAS_APP) && p->flow);
	s->trace->packets++;
	s->trace->head[head]++;
	if (head == TRACE_HEAD_holds && r->payload && payload_wanted(p) && !candidate_there(s, s->traced) &&
	    s->trace->unhit < TRACE_UNHIT_MAX)
		(void)trace_unhit(s, p, TRACE_PACKET, "payload", p->payload, p->payload_len, 0);
}

void trace_misplaced(struct worker *w, const struct group_entry *e, const uint8_t *data, uint32_t len,
		     uint32_t literal_len, uint64_t end, uint64_t base)
{
	struct detect_state *s = w->detect;
	const struct group_prefilter *f = &s->program->groups->prefilter[s->traced];
	uint32_t from = (uint32_t)end - literal_len;
	struct trace_step *step;
	bool same = !(e->flags & ENTRY_CASE) || memcmp(data + from, e->pattern, literal_len) == 0;

	if (!w->packet ||
	    !header_matches(s, w->packet, traced_rule(s), (traced_rule(s)->flags & RULE_HAS_APP) && w->packet->flow))
		return;
	if (++s->trace->misplaced > MISPLACED_MAX)
		return;
	step = trace_step_new(s, w->packet, TRACE_MISPLACED, TRACE_PACKET);
	snprintf(step->buffer, sizeof(step->buffer), "%s", f->buffer->name);
	for (uint32_t i = 0; i < f->buffer->match_count; i++)
		if (&f->buffer->matches[i].u.content == f->content)
			match_describe(&f->buffer->matches[i], NULL, step->condition,
				       sizeof(step->condition));
	snprintf(step->why, sizeof(step->why), "the literal stands at %" PRIu64 ", %s", base + from,
		 same ? "elsewhere than asked for" : "in another case (nocase)");
	step_excerpt(step, data, len, base, from);
	trace_step_done(s, step);
}

/* ---- what became of a match ---- */

static void hidden_why(struct worker *w, const struct alert_item *item, bool heard,
		       const struct program_rule *before, struct trace_step *step)
{
	const struct program_rule *r = traced_rule(w->detect);

	if (!heard && w->detect->program->firewall)
		snprintf(step->why, sizeof(step->why), "the packet was dropped, or passed, before");
	else if (!heard && before)
		snprintf(step->why, sizeof(step->why), "rule %u:%u before it passed the packet",
			 before->rule->gid, before->rule->sid);
	else if (item->answer != ALERT_WRITE && r->rule->threshold_count)
		match_describe(&r->rule->thresholds[0], w->detect->program->set, step->why,
			       sizeof(step->why));
	else if (r->flags & RULE_FIREWALL && !(r->flags & RULE_ALERT))
		snprintf(step->why, sizeof(step->why), "a firewall rule without alert: it acts, but writes nothing");
	else if (r->flags & RULE_NOALERT)
		snprintf(step->why, sizeof(step->why), "noalert: it acts, but writes nothing");
	else if (item->action == ACTION_PASS)
		snprintf(step->why, sizeof(step->why), "its action is pass: nothing is written");
	else
		snprintf(step->why, sizeof(step->why), "more than %u alerts on this packet "
			 "(detect.alerts_per_packet)", w->detect->program->alerts_max);
}

void trace_alerts(struct worker *w, const struct packet *p, unsigned heard)
{
	struct detect_state *s = w->detect;

	for (unsigned i = 0; i < s->queue_count; i++) {
		const struct alert_item *item = &s->queue[i];
		struct trace_step *step;

		if (item->rule != s->traced)
			continue;
		step = trace_step_new(s, p, item->written ? TRACE_ALERTED : TRACE_HIDDEN,
				item->frame    ? TRACE_FRAME
				: item->tx     ? TRACE_TX
				: item->stream ? TRACE_STREAM
					       : TRACE_PACKET);
		s->trace->alerted += item->written;
		s->trace->hidden += !item->written;
		if (item->tx)
			step->tx_id = item->tx->id;
		if (!item->written)
			hidden_why(w, item, i < heard,
				   heard ? &s->program->rules[s->queue[heard - 1].rule] : NULL, step);
	}
}

void trace_program(struct detect_state *s)
{
	struct trace_shared *t = s->trace;
	int64_t at = program_rule_find(s->program, (uint64_t)t->gid << 32 | t->sid);

	s->traced = at < 0 ? TRACE_NO_RULE : (uint32_t)at;
	t->found = at >= 0 && !s->program->rules[at].refused;
	snprintf(t->refusal, sizeof(t->refusal), "%s", at < 0 ? "it is not among the rules that load" : "");
	for (uint32_t i = 0; at >= 0 && i < s->program->refusal_count; i++)
		if (s->program->refusals[i].rule == (uint32_t)at)
			snprintf(t->refusal, sizeof(t->refusal), "%s", s->program->refusals[i].reason);
}
