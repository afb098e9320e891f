/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The trace of a rule on transactions, and of what the firewall decided before its turn.
 */
#include <stdio.h>
#include <string.h>

#include "dataplane/detect/bind.h"
#include "dataplane/detect/trace_private.h"
#include "dataplane/detect/tx.h"
#include "rules/describe.h"

#define PROTO_TCP 6

/* The instance of a buffer that gets farthest. */
static void buffer_step(struct tx_run *t, const struct buffer_check *b, struct trace_step *step)
{
	const struct program_buffer *pb = &t->proto->buffers[b->buffer];
	struct trace_step best = *step, one;
	bool seen = false;

	snprintf(best.buffer, sizeof(best.buffer), "%s", pb->source->name);
	for (unsigned i = 0; i < INSTANCES_MAX; i++) {
		struct buffer_view view;

		if (!tx_view(t, b->buffer, i, &view))
			break;
		one = *step;
		trace_chain(t->s, &one, b->chain, pb->source->name,
			   &(struct chain_input){view.data, view.len, view.offset, true});
		if (!seen || one.held > best.held)
			best = one;
		seen = true;
	}
	if (!seen) {
		snprintf(best.condition, sizeof(best.condition), "%s", pb->source->name);
		snprintf(best.why, sizeof(best.why), "there is no such buffer in the transaction%s",
			 t->ended ? "" : " yet");
	} else if (b->chain->absent && !b->chain->or_else) {
		snprintf(best.condition, sizeof(best.condition), "absent");
		snprintf(best.why, sizeof(best.why), "the buffer is there");
	}
	*step = best;
}

static void tx_payload_step(struct tx_run *t, const struct chain *chain, struct trace_step *step)
{
	struct chain_input in = {.data = t->p->payload, .len = t->p->payload_len, .end = true};

	if (t->f->ip_proto == PROTO_TCP) {
		in = (struct chain_input){t->s->tx_stream.data, t->s->tx_stream.len,
					  t->s->tx_stream.offset, true};
		if (!t->s->tx_stream_there)
			in.len = 0;
	}
	if (in.len) {
		trace_chain(t->s, step, chain, "payload", &in);
		return;
	}
	snprintf(step->condition, sizeof(step->condition), "payload");
	snprintf(step->why, sizeof(step->why), "there are no raw bytes to look at now");
}

/* How far the transaction has come, where the hook is not there yet. */
static void hook_step(struct tx_run *t, const char *hook, struct trace_step *step)
{
	struct hook_list list;
	unsigned at = 0;

	hook_list_make(t->proto->proto, t->d, &list);
	while (at + 1 < list.count && list.hooks[at + 1].progress <= t->tx->progress[t->d])
		at++;
	snprintf(step->condition, sizeof(step->condition), "hook %s", hook);
	snprintf(step->why, sizeof(step->why), "the transaction has come to %s%s", list.hooks[at].name,
		 t->ended ? ", and no farther" : " so far");
}

static void binding_step(struct tx_run *t, const struct match_context *c, const struct binding *b,
			 uint32_t matched, struct trace_step *step)
{
	if ((b->all & BINDING_HOOK_BIT) && !(matched & BINDING_HOOK_BIT)) {
		hook_step(t, c->rule->rule->hook, step);
		return;
	}
	step->held += b->all & BINDING_HOOK_BIT ? 1 : 0;
	for (unsigned i = 0; i < b->buffer_count; i++) {
		if (!(matched & 1u << i)) {
			buffer_step(t, &b->buffers[i], step);
			return;
		}
		step->held = (uint16_t)(step->held + b->buffers[i].chain->count);
	}
	for (unsigned i = 0; !(matched & BINDING_CHECKS_BIT) && i < b->check_count; i++) {
		if (!tx_check_holds(t, c, &b->checks[i])) {
			match_describe(b->checks[i].match, t->s->program->set, step->condition,
				       sizeof(step->condition));
			snprintf(step->why, sizeof(step->why), "it does not hold%s",
				 t->ended ? "" : " (yet)");
			return;
		}
		step->held++;
	}
	if (matched & BINDING_CHECKS_BIT)
		step->held = (uint16_t)(step->held + b->check_count);
	if (b->payload && !(matched & BINDING_PAYLOAD_BIT))
		tx_payload_step(t, b->payload, step);
}

static uint16_t conditions_of_binding(const struct program_rule *r, const struct binding *b)
{
	uint32_t n = trace_conditions(r) + b->check_count + (b->payload ? b->payload->count : 0) +
		     (b->all & BINDING_HOOK_BIT ? 1 : 0);

	for (unsigned i = 0; i < b->buffer_count; i++)
		n += b->buffers[i].chain->count;
	return (uint16_t)n;
}

/* What was still open on this transaction, and got no farther since, is told once. */
static bool last_is_same(const struct trace_shared *t, const struct trace_step *step)
{
	const struct trace_step *last = t->step_count > 1 ? &t->steps[t->step_count - 2] : NULL;

	return last && t->lost == 0 && last->kind == TRACE_OPEN && last->where == TRACE_TX &&
	       last->flow_id == step->flow_id && last->tx_id == step->tx_id &&
	       last->direction == step->direction && last->held == step->held;
}

void trace_tx(struct tx_run *t, const struct match_context *c, const struct binding *b, bool known,
	      bool head, uint32_t matched, bool possible)
{
	struct trace_shared *shared = t->s->trace;
	struct trace_step *step;
	bool all = head && matched == b->all;

	if (!known)
		trace_hit(shared, t->p);
	step = trace_step_new(t->s, t->p, all ? TRACE_MATCHED : possible ? TRACE_OPEN : TRACE_FAILED, TRACE_TX);
	step->tx_id = t->tx->id;
	step->total = conditions_of_binding(c->rule, b);
	snprintf(step->app, sizeof(step->app), "%s", t->proto->proto->name);
	if (head)
		step->held = trace_conditions(c->rule);
	if (all)
		step->held = step->total;
	else if (head)
		binding_step(t, c, b, matched, step);
	else
		trace_packet_checks(c, step, true);
	if (!head && step->held == 0 && trace_headless(t->s, step))
		return;
	shared->matched += all;
	shared->failed += !all && !possible;
	if (last_is_same(shared, step)) {
		shared->steps[shared->step_count - 2] = *step;
		step = &shared->steps[--shared->step_count - 1];
	}
	trace_step_done(t->s, step);
}

void trace_tx_unhit(struct tx_run *t)
{
	struct detect_state *s = t->s;
	struct trace_shared *shared = s->trace;
	const struct binding *b;
	struct trace_step *step;
	struct buffer_view view;

	if (s->traced == TRACE_NO_RULE || candidate_there(s, s->traced) || shared->unhit >= TRACE_UNHIT_MAX ||
	    (shared->last_unhit_flow == flow_cold(t->f)->id && shared->last_unhit_tx == t->tx->id))
		return;
	b = traced_rule(s)->refused ? NULL : tx_binding(t, traced_rule(s));
	if (!b || !b->buffer_count || !b->buffers[0].prefilter ||
	    !header_matches(s, t->p, traced_rule(s), true) || !tx_view(t, b->buffers[0].buffer, 0, &view))
		return;
	step = trace_unhit(s, t->p, TRACE_TX, t->proto->buffers[b->buffers[0].buffer].source->name, view.data,
			  view.len, view.offset);
	if (!step)
		return;
	step->tx_id = t->tx->id;
	snprintf(step->app, sizeof(step->app), "%s", t->proto->proto->name);
	shared->last_unhit_flow = flow_cold(t->f)->id;
	shared->last_unhit_tx = t->tx->id;
}

/* ---- the firewall ---- */

void trace_decided(struct detect_state *s, const struct packet *p, const struct tx *tx, uint32_t rule)
{
	static const char *const scopes[] = {"", ":packet", ":flow", ":hook", ":tx"};
	const struct rule *before = s->program->rules[rule].rule;
	struct trace_step *step;

	if (s->traced == TRACE_NO_RULE || s->traced <= rule || traced_rule(s)->refused)
		return;
	step = trace_step_new(s, p, TRACE_FAILED, tx ? TRACE_TX : TRACE_PACKET);
	trace_hit(s->trace, p);
	if (tx) {
		step->tx_id = tx->id;
		snprintf(step->app, sizeof(step->app), "%s", p->flow->app->proto->name);
	}
	step->total = trace_conditions(traced_rule(s));
	snprintf(step->condition, sizeof(step->condition), "its turn at the hook");
	snprintf(step->why, sizeof(step->why), "rule %u:%u before it decided: %s%s", before->gid, before->sid,
		 before->action == ACTION_DROP ? "drop" : "accept", scopes[before->scope]);
	s->trace->failed++;
	trace_step_done(s, step);
}

void trace_policy(struct tx_run *t, unsigned hook)
{
	struct detect_state *s = t->s;
	const struct binding *b = s->traced == TRACE_NO_RULE ? NULL : tx_binding(t, traced_rule(s));
	struct hook_list list;
	struct trace_step *step;

	if (!b || !(b->all & BINDING_HOOK_BIT) || !header_matches(s, t->p, traced_rule(s), true))
		return;
	hook_list_make(t->proto->proto, t->d, &list);
	trace_hit(s->trace, t->p);
	step = trace_step_new(s, t->p, TRACE_FAILED, TRACE_TX);
	step->tx_id = t->tx->id;
	step->held = trace_conditions(traced_rule(s));
	step->total = conditions_of_binding(traced_rule(s), b);
	snprintf(step->app, sizeof(step->app), "%s", t->proto->proto->name);
	snprintf(step->condition, sizeof(step->condition), "hook %s", traced_rule(s)->rule->hook);
	snprintf(step->why, sizeof(step->why), "no rule accepted at hook %s before it: it was dropped there",
		 list.hooks[hook].name);
	s->trace->failed++;
	trace_step_done(s, step);
}
