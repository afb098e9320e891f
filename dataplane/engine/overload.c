/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/overload.h"

#include "dataplane/engine/emit.h"
#include "dataplane/flow/flow.h"

#define NS_PER_MS 1000000ull

static bool step_up(struct overload *o, const struct config *c, uint64_t now_ns)
{
	uint64_t wait = o->level == OVERLOAD_NONE ? OVERLOAD_RISE_NS : OVERLOAD_STEP_NS;

	if (!o->deep) {
		o->deep = true;
		o->since_ns = now_ns;
	}
	if (now_ns < o->since_ns + wait)
		return false;
	o->since_ns = now_ns;
	if (o->level == OVERLOAD_NONE) {
		o->begin_ns = now_ns;
		o->elephant_bytes = c->overload_policy == OVERLOAD_IGNORE ? 0 : c->overload_elephant;
	} else if (o->elephant_bytes / 2 >= OVERLOAD_ELEPHANT_MIN) {
		o->elephant_bytes /= 2;
	}
	if (o->level == OVERLOAD_ALL_FLOWS || (o->level && c->overload_policy == OVERLOAD_IGNORE) ||
	    (o->level == OVERLOAD_NEW_FLOWS && now_ns < o->level_ns + OVERLOAD_LAST_NS))
		return false;
	o->level++;
	o->level_ns = now_ns;
	return true;
}

static bool step_down(struct overload *o, uint64_t now_ns)
{
	o->deep = false;
	if (o->level == OVERLOAD_NONE)
		return false;
	if (!o->calm_ns)
		o->calm_ns = now_ns;
	if (now_ns < o->calm_ns + OVERLOAD_CALM_NS)
		return false;
	o->calm_ns = o->level_ns = now_ns;
	o->level--;
	return true;
}

bool overload_step(struct overload *o, const struct config *c, unsigned percent, uint64_t now_ns)
{
	if (percent < c->overload_low)
		return step_down(o, now_ns);
	o->calm_ns = 0;
	return percent >= c->overload_high && step_up(o, c, now_ns);
}

/* ---- a worker ---- */

/* What becomes of flows that begin. The firewall lets nothing through that no rule accepts. */
static enum config_overload policy_of(const struct worker *w)
{
	enum config_overload policy = w->config->overload_policy;

	if (policy != OVERLOAD_IGNORE && w->config->firewall_enabled)
		return OVERLOAD_DROP;
	return policy;
}

static void begin(const struct worker *w, struct overload *o)
{
	const struct counters *c = w->counters;

	o->released = c->overload_released;
	o->bypassed = c->overload_bypassed;
	o->passed = c->overload_passed;
	o->dropped = c->drop[DROP_overload];
}

static void tell(struct worker *w, const struct overload *o, unsigned percent)
{
	static const char *const states[] = {[OVERLOAD_NONE] = "over", [OVERLOAD_DEEP] = "deep",
					     [OVERLOAD_NEW_FLOWS] = "new flows", [OVERLOAD_ALL_FLOWS] = "all flows"};
	static const char *const policies[] = {[OVERLOAD_IGNORE] = "ignore", [OVERLOAD_PASS] = "pass",
					       [OVERLOAD_BYPASS] = "bypass", [OVERLOAD_DROP] = "drop"};
	const struct counters *c = w->counters;
	struct recorder *r = emit_bare(w, RECORD_overload);

	rec_open(r, F_overload_overload);
	rec_text(r, F_overload_state, states[o->level]);
	rec_uint(r, F_overload_worker, w->id);
	rec_uint(r, F_overload_queue, percent);
	rec_text(r, F_overload_policy, policies[policy_of(w)]);
	if (o->level && o->elephant_bytes)
		rec_uint(r, F_overload_elephant, o->elephant_bytes);
	rec_uint(r, F_overload_ms, (w->now_ns - o->begin_ns) / NS_PER_MS);
	rec_uint(r, F_overload_released, c->overload_released - o->released);
	rec_uint(r, F_overload_bypassed, c->overload_bypassed - o->bypassed);
	rec_uint(r, F_overload_passed, c->overload_passed - o->passed);
	rec_uint(r, F_overload_dropped, c->drop[DROP_overload] - o->dropped);
	rec_close(r);
	emit_end(w);
}

void overload_note(struct worker *w, struct overload *o, unsigned percent)
{
	bool was = o->level != OVERLOAD_NONE;

	if (!overload_step(o, w->config, percent, w->now_ns))
		return;
	if (!was) {
		w->counters->overload_times++;
		begin(w, o);
	}
	w->counters->overload_workers = o->level != OVERLOAD_NONE;
	w->new_flows = o->level >= OVERLOAD_NEW_FLOWS ? (uint8_t)policy_of(w) : OVERLOAD_IGNORE;
	tell(w, o, percent);
}

static void release(struct worker *w, struct packet *p)
{
	p->flow->flags |= FLOW_BYPASSED;
	p->flags |= PACKET_NO_INSPECT;
	w->counters->overload_released++;
}

/* The policy is for every packet. */
static bool treat(struct worker *w, struct packet *p)
{
	enum config_overload policy = policy_of(w);

	if (flow_overload_releases(policy, p->flow->tcp != NULL)) {
		release(w, p);
		return true;
	}
	flow_overload_skip(w, p, policy);
	return false;
}

bool overload_flow(struct worker *w, const struct overload *o, struct packet *p)
{
	const struct flow *f = p->flow;
	bool accepted = !w->config->firewall_enabled || f->flags & FLOW_ACCEPTED;

	if (f->flags & (FLOW_BYPASSED | FLOW_DROP))
		return true;
	if (o->elephant_bytes && f->bytes[0] + f->bytes[1] >= o->elephant_bytes && accepted && !(f->flags & FLOW_HELD)) {
		release(w, p);
		return true;
	}
	return o->level < OVERLOAD_ALL_FLOWS || treat(w, p);
}
