/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The trace of a rule on frames: each frame of its kind, and the part of it that got farthest.
 */
#include <stdio.h>

#include "dataplane/detect/frame_run.h"
#include "dataplane/detect/trace_private.h"

static struct trace_step *frame_step(struct frame_run *t, struct trace_step *step)
{
	step->tx_id = t->frame->tx_id;
	snprintf(step->app, sizeof(step->app), "%s", t->f->app->proto->name);
	return step;
}

/* The part that gets farthest. */
static bool parts_step(struct frame_run *t, const struct frame_check *check, struct trace_step *step)
{
	const struct frame_kind *k = &t->program->kinds[check->kind];
	struct trace_step best = *step, one;
	struct buffer_view view;

	snprintf(best.condition, sizeof(best.condition), "%s", k->buffer->name);
	snprintf(best.buffer, sizeof(best.buffer), "%s", k->buffer->name);
	snprintf(best.why, sizeof(best.why), "none of its bytes are there any more");
	for (unsigned part = 0; frame_part(t, k, part, &view); part++) {
		one = *step;
		if (check->starts && view.offset) {
			snprintf(best.why, sizeof(best.why), "its first bytes were looked at before");
			break;
		}
		if (trace_chain(t->s, &one, check->chain, k->buffer->name,
				&(struct chain_input){view.data, view.len, view.offset, view.complete})) {
			*step = one;
			return true;
		}
		if (!part || one.held > best.held)
			best = one;
	}
	*step = best;
	return false;
}

/* Conditions on frames of its type; total: how many there are. */
static bool checks_step(struct frame_run *t, struct trace_step *step, unsigned *total)
{
	const struct detect_program *p = t->s->program;
	bool holds = true;

	for (uint32_t i = frame_checks_find(p, t->s->traced);
	     i < p->frame_check_count && p->frame_checks[i].rule == t->s->traced; i++) {
		const struct frame_check *check = &p->frame_checks[i];

		if (check->app != t->f->app->proto->id || check->type != t->frame->type)
			continue;
		*total += check->chain->count;
		holds = holds && parts_step(t, check, step);
	}
	return holds;
}

void trace_frame(struct frame_run *t, const struct match_context *c, bool holds)
{
	struct trace_shared *shared = t->s->trace;
	struct trace_step *step;
	unsigned total = trace_conditions(c->rule);
	bool head;

	trace_hit(shared, t->p);
	step = frame_step(t, trace_step_new(t->s, t->p, holds ? TRACE_MATCHED : TRACE_FAILED, TRACE_FRAME));
	head = trace_packet_checks(c, step, true);
	if (step->held == 0 && trace_headless(t->s, step))
		return;
	if (head && !holds)
		checks_step(t, step, &total);
	step->total = (uint16_t)total;
	if (holds)
		step->held = step->total;
	shared->matched += holds;
	shared->failed += !holds;
	trace_step_done(t->s, step);
}

void trace_frame_unhit(struct frame_run *t)
{
	struct detect_state *s = t->s;
	const struct detect_program *p = s->program;
	struct trace_step *step;
	struct buffer_view view;

	if (s->traced == TRACE_NO_RULE || candidate_there(s, s->traced) || s->trace->unhit >= TRACE_UNHIT_MAX ||
	    !header_matches(s, t->p, &p->rules[s->traced], true))
		return;
	for (uint32_t i = frame_checks_find(p, s->traced);
	     i < p->frame_check_count && p->frame_checks[i].rule == s->traced; i++) {
		const struct frame_check *check = &p->frame_checks[i];
		const struct frame_kind *k = &t->program->kinds[check->kind];

		if (check->app != t->f->app->proto->id || check->type != t->frame->type ||
		    k->buffer != p->groups->prefilter[s->traced].buffer || !frame_part(t, k, 0, &view))
			continue;
		step = trace_unhit(s, t->p, TRACE_FRAME, k->buffer->name, view.data, view.len, view.offset);
		if (step)
			frame_step(t, step);
		return;
	}
}
