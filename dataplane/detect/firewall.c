/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The firewall in a worker, and rules of early hooks. Firewall rules are the first of the program, so
 * they stand first among sorted candidates: they are run in their order, then taken off the list, and
 * what follows sees the others alone.
 */
#include "dataplane/detect/firewall.h"

#include <string.h>

#include "dataplane/detect/profile.h"
#include "dataplane/detect/trace.h"

/* ---- verdicts ---- */

static void flow_drop(struct flow *f)
{
	if (!(f->flags & FLOW_DROP))
		f->drop_reason = DROP_firewall_flow;
	f->flags |= FLOW_DROP;
}

static void decide(struct detect_state *s, struct packet *p, struct firewall_policy what, struct tx *tx,
		   enum drop_reason reason, uint32_t rule)
{
	if (what.action == ACTION_DROP) {
		if (p->verdict == VERDICT_ACCEPT)
			p->drop_rule = rule;
		packet_drop(p, reason);
		if (what.scope == SCOPE_FLOW && p->flow)
			flow_drop(p->flow);
		s->firewall |= FIREWALL_DROPPED;
		return;
	}
	switch ((enum rule_scope)what.scope) {
	case SCOPE_FLOW:
		if (p->flow)
			p->flow->flags |= FLOW_ACCEPTED;
		/* fall through */
	case SCOPE_PACKET:
		s->firewall |= FIREWALL_NO_APP;
		break;
	case SCOPE_TX:
		if (tx)
			tx->accepted = 1;
		break;
	case SCOPE_DEFAULT:
	case SCOPE_HOOK:
		break;
	}
}

static void decide_by_rule(struct detect_state *s, struct packet *p, uint32_t index, struct tx *tx,
			   enum drop_reason reason)
{
	const struct rule *rule = s->program->rules[index].rule;

	decide(s, p, (struct firewall_policy){rule->action, rule->scope}, tx, reason, index + 1);
	if (!rule->pass_scope)
		return;
	s->firewall |= FIREWALL_NO_RULES;
	if (rule->pass_scope == SCOPE_FLOW && p->flow)
		p->flow->flags |= FLOW_RULES_PASS;
}

static bool decides(const struct detect_state *s, uint32_t index)
{
	uint8_t action = s->program->rules[index].rule->action;

	return action == ACTION_ACCEPT || action == ACTION_DROP;
}

/* ---- early hooks ---- */

bool detect_early(struct worker *w, struct packet *p, enum detect_early hook)
{
	static const enum drop_reason reasons[] = {DROP_firewall_pre_flow, DROP_firewall_pre_stream};
	struct detect_state *s = w->detect;
	const struct early_rules *early = &s->program->early[hook];
	const struct firewall *fw = s->program->firewall;
	bool decided = false;

	detect_packet_begin(s);
	for (uint32_t i = 0; i < early->count && !decided; i++) {
		if (!packet_rule_run(w, p, early->rules[i]) || early->rules[i] >= (fw ? fw->rule_count : 0) ||
		    !decides(s, early->rules[i]))
			continue;
		decide_by_rule(s, p, early->rules[i], NULL, reasons[hook]);
		decided = true;
	}
	if (fw && !decided)
		decide(s, p, fw->early[hook], NULL, reasons[hook], 0);
	if (s->firewall & FIREWALL_NO_APP)
		p->flags |= PACKET_ACCEPTED;
	if (s->queue_count)
		alerts_finish(w, p);
	if (p->verdict == VERDICT_ACCEPT)
		return true;
	p->flags |= PACKET_NO_INSPECT;
	return false;
}

/* ---- packets ---- */

void firewall_begin(struct detect_state *s, const struct packet *p)
{
	s->firewall = 0;
	if (p->flags & PACKET_ACCEPTED)
		s->firewall |= FIREWALL_NO_APP;
	if (p->flow && (p->flow->flags & FLOW_ACCEPTED))
		s->firewall |= FIREWALL_NO_APP;
	if (p->flow && (p->flow->flags & FLOW_RULES_PASS))
		s->firewall |= FIREWALL_NO_RULES;
}

/* Those that stand first in the sorted list. */
static void candidates_take(struct detect_state *s, uint32_t rules)
{
	uint32_t n = 0;

	for (; n < s->candidate_count && s->candidates[n] < rules; n++)
		s->candidate_bits[s->candidates[n] / 64] &= ~(1ull << s->candidates[n] % 64);
	s->candidate_count -= n;
	memmove(s->candidates, s->candidates + n, s->candidate_count * sizeof(*s->candidates));
}

static void candidates_leave(struct detect_state *s)
{
	if (s->firewall & (FIREWALL_DROPPED | FIREWALL_NO_RULES))
		candidates_clear(s);
	else
		candidates_take(s, s->program->firewall->rule_count);
}

static void filter_run(struct worker *w, struct packet *p)
{
	struct detect_state *s = w->detect;
	const struct firewall *fw = s->program->firewall;

	for (uint32_t i = 0; i < s->candidate_count && s->candidates[i] < fw->rule_count; i++) {
		if (!packet_rule_run(w, p, s->candidates[i]) || !decides(s, s->candidates[i]))
			continue;
		decide_by_rule(s, p, s->candidates[i], NULL, DROP_firewall_rule);
		if (s->trace && s->traced < fw->rule_count && candidate_there(s, s->traced))
			trace_decided(s, p, NULL, s->candidates[i]);
		return;
	}
	decide(s, p, fw->filter, NULL, DROP_firewall_packet, 0);
}

void firewall_packet(struct worker *w, struct packet *p)
{
	struct detect_state *s = w->detect;

	candidates_sort(s);
	/* Further windows of the stream are not further packets, and what stands for the end of a flow is none. */
	if (!(s->firewall & FIREWALL_NO_APP) && !s->payload_done && !packet_is_flow_end(p)) {
		filter_run(w, p);
		if (s->firewall & FIREWALL_DROPPED)
			s->firewall |= FIREWALL_FILTERED;
	}
	candidates_leave(s);
}

/* ---- transactions ---- */

/* What was dropped will come again as bytes that the stream has: it is judged then as it was now. */
static void hold(struct tx_run *t)
{
	uint8_t bit = (uint8_t)(1u << t->d);

	if (!(t->s->firewall & FIREWALL_DROPPED)) {
		t->tx->held &= (uint8_t)~bit;
		return;
	}
	t->tx->held |= bit;
	t->f->flags |= FLOW_HELD;
	memcpy(t->state->scanned, t->scanned_before, sizeof(t->scanned_before));
}

static bool hook_rule_holds(struct tx_run *t, uint32_t entry)
{
	struct profile_mark mark = {0};
	uint32_t rule = entry & ~FIREWALL_AT_LATER_HOOK;
	bool holds;

	if (entry & FIREWALL_AT_LATER_HOOK)
		return tx_rule_fits(t, rule);
	if (t->s->watched)
		mark = profile_begin(t->w, rule);
	holds = tx_rule_holds(t, rule);
	profile_end(t->w, &mark);
	return holds;
}

/* The rule that is followed stands behind the one that has decided. */
static WATCHING void hook_decided(struct tx_run *t, const struct firewall_hook *hook, uint32_t at)
{
	for (uint32_t i = at + 1; i < hook->count; i++)
		if (hook->rules[i] == t->s->traced)
			trace_decided(t->s, t->p, t->tx, hook->rules[at]);
}

/* Likewise at a hook behind it. */
static WATCHING void hook_dropped(struct tx_run *t, const struct firewall_hook *hook)
{
	const struct firewall_app *app = &t->s->program->firewall->apps[t->proto->proto->id][t->d];

	for (const struct firewall_hook *later = hook + 1; later < app->hooks + app->count; later++)
		for (uint32_t i = 0; i < later->count; i++)
			if (later->rules[i] == t->s->traced)
				trace_policy(t, (unsigned)(hook - app->hooks));
}

/* False: the hooks behind it are not asked now. */
static bool hook_pass(struct tx_run *t, const struct firewall_hook *hook)
{
	struct detect_state *s = t->s;

	for (uint32_t i = 0; i < hook->count; i++) {
		uint32_t rule = hook->rules[i] & ~FIREWALL_AT_LATER_HOOK;

		if (!hook_rule_holds(t, hook->rules[i]))
			continue;
		if (hook->rules[i] & FIREWALL_AT_LATER_HOOK)
			return true;
		if (!decides(s, rule))
			continue;
		decide_by_rule(s, t->p, rule, t->tx, DROP_firewall_rule);
		if (s->trace)
			hook_decided(t, hook, i);
		return !(s->firewall & (FIREWALL_DROPPED | FIREWALL_NO_APP)) && !t->tx->accepted;
	}
	decide(s, t->p, hook->policy, t->tx, DROP_firewall_app, 0);
	if (s->trace && hook->policy.action == ACTION_DROP)
		hook_dropped(t, hook);
	return !(s->firewall & (FIREWALL_DROPPED | FIREWALL_NO_APP)) && !t->tx->accepted;
}

/* The hooks that it has come to; the one it was in last is asked once more: it lasts until the next is there. */
static void hooks_pass(struct tx_run *t)
{
	const struct firewall_app *app = &t->s->program->firewall->apps[t->proto->proto->id][t->d];
	uint8_t progress = t->tx->progress[t->d], at = t->state->firewall_hook;

	t->still = t->state->firewall_asked && t->state->firewall_progress == progress;
	t->state->firewall_asked = true;
	t->state->firewall_progress = progress;
	for (; at < app->count && app->hooks[at].progress <= progress; at++) {
		t->state->firewall_hook = at;
		if (!hook_pass(t, &app->hooks[at]))
			break;
	}
	hold(t);
}

void firewall_tx(struct tx_run *t)
{
	struct detect_state *s = t->s;
	bool held = t->tx->held >> t->d & 1 && t->p->payload_len;

	candidates_sort(s);
	if (!(s->firewall & FIREWALL_NO_APP) && !t->tx->accepted && (t->news || !t->state->firewall_asked || held))
		hooks_pass(t);
	candidates_leave(s);
}

/* ---- the queue ---- */

bool firewall_hears(const struct detect_state *s, const struct alert_item *item)
{
	if (s->program->rules[item->rule].flags & RULE_FIREWALL)
		return true;
	return !s->passed && !(s->firewall & FIREWALL_NO_RULES) &&
	       !(s->firewall & FIREWALL_FILTERED);
}
