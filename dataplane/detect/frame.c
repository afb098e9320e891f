/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rules on frames (app/frame.h). Each frame is looked at by itself, when it is complete; before that
 * in the wire with every byte that comes, else whenever FRAME_CHUNK bytes are new (FRAME_PATIENCE where
 * its length is known), with some of those before. So a rule may alert again on a frame that grows, as
 * in the reference. A hole divides a frame: its parts are looked at apart. Binding runs in the main
 * thread, the rest in the workers.
 */
#include "dataplane/app/frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/detect/bind.h"
#include "dataplane/detect/frame_run.h"
#include "dataplane/detect/profile.h"
#include "dataplane/detect/trace.h"

#define FRAME_CHUNK 2500
#define FRAME_PATIENCE (APP_FRAME_KEEP - FRAME_CHUNK) /* new bytes of one whose end is known to come */
#define FRAME_PREFIX "frame."

/* ---- binding ---- */

bool rule_on_frames(const struct rule *rule)
{
	for (uint32_t i = 0; i < rule->buffer_count; i++)
		if (rule->buffers[i].keyword == KEYWORD_frame)
			return true;
	return false;
}

/* The type that `frame.PROTOCOL.NAME`, or `frame.NAME` in a rule for the protocol, means; -1: none. */
static int type_of(const struct proto *proto, const char *buffer)
{
	return app_frame_type(proto, buffer + strlen(FRAME_PREFIX));
}

static struct frame_kind *kind_get(struct binder *b, const struct proto *proto, unsigned type,
				   const struct rule_buffer *buffer, char *reason, size_t reason_size)
{
	struct frame_program **at = &b->program->frames[proto->id];
	struct frame_kind *k;

	if (!*at)
		*at = calloc(1, sizeof(**at));
	if (!*at)
		return NULL;
	for (unsigned i = 0; i < (*at)->kind_count; i++) {
		k = &(*at)->kinds[i];
		if (k->type == type && strcmp(k->buffer->name, buffer->name) == 0 &&
		    transforms_equal(&k->transforms, buffer))
			return k;
	}
	snprintf(reason, reason_size, "too many kinds of frames");
	if ((*at)->kind_count == FRAME_KINDS_MAX)
		return NULL;
	k = &(*at)->kinds[(*at)->kind_count];
	*k = (struct frame_kind){.type = (uint8_t)type, .buffer = buffer};
	if (!transforms_make(&k->transforms, buffer, reason, reason_size))
		return NULL;
	for (unsigned d = 0; d < 2; d++)
		k->group[d] = buffer_group_find(b->program, buffer, proto, d);
	(*at)->kind_count++;
	(*at)->types |= 1u << type;
	return k;
}

static bool always_add(struct frame_kind *k, unsigned d, uint32_t rule)
{
	uint32_t *always = realloc(k->always[d], (k->always_count[d] + 1) * sizeof(*always));

	if (!always)
		return false;
	k->always[d] = always;
	always[k->always_count[d]++] = rule;
	return true;
}

static bool is_about_start(const struct rule_buffer *buffer)
{
	for (uint32_t i = 0; i < buffer->match_count; i++)
		if (buffer->matches[i].keyword == KEYWORD_content &&
		    (buffer->matches[i].u.content.flags & CONTENT_STARTSWITH))
			return true;
	return false;
}

static bool check_add(struct binder *b, struct program_rule *r, uint8_t app, uint8_t type, unsigned kind,
		      const struct rule_buffer *buffer)
{
	const struct chain *chain = rule_chain(b, r, buffer);
	struct detect_program *p = b->program;
	struct frame_check *checks;

	checks = realloc(p->frame_checks, (p->frame_check_count + 1) * sizeof(*checks));
	if (!checks || !chain)
		return false;
	p->frame_checks = checks;
	checks[p->frame_check_count++] = (struct frame_check){
		.rule = r->rule->index, .app = app, .type = type, .kind = (uint8_t)kind, .chain = chain,
		.starts = is_about_start(buffer)};
	return true;
}

/* One frame must fulfil it all. */
static bool combines(const struct rule *rule, char *reason, size_t reason_size)
{
	const char *frame = NULL;

	if (rule->app_match_count || (rule->flags & RULE_TRANSACTIONAL) || rule->hook) {
		snprintf(reason, reason_size, "a rule on frames cannot have conditions on transactions");
		return false;
	}
	for (uint32_t i = 0; i < rule->buffer_count; i++) {
		const struct rule_buffer *b = &rule->buffers[i];

		if (b->keyword == KEYWORD_frame) {
			if (frame && strcmp(frame, b->name) != 0) {
				snprintf(reason, reason_size, "conditions on two kinds of frames cannot hold for one");
				return false;
			}
			frame = b->name;
		} else if (b->keyword != KEYWORD_base64_data && !is_header_buffer(b->keyword)) {
			snprintf(reason, reason_size, "%s and a frame cannot be in one rule", b->name);
			return false;
		}
	}
	return true;
}

/* The rule's conditions on frames of the protocol. False: memory is out, or it was refused. */
static bool proto_bind(struct binder *b, struct program_rule *r, const struct proto *proto, bool *found,
		       char *reason, size_t reason_size)
{
	const struct rule *rule = r->rule;
	bool prefiltered = false;
	struct frame_kind *k = NULL;

	for (uint32_t i = 0; i < rule->buffer_count; i++) {
		const struct rule_buffer *buffer = &rule->buffers[i];
		int type = buffer->keyword == KEYWORD_frame ? type_of(proto, buffer->name) : -1;

		if (type < 0)
			continue;
		k = kind_get(b, proto, (unsigned)type, buffer, reason, reason_size);
		if (!k || !check_add(b, r, (uint8_t)proto->id, (uint8_t)type,
				     (unsigned)(k - b->program->frames[proto->id]->kinds), buffer))
			return false;
		*found = true;
		prefiltered |= b->program->groups->prefilter[rule->index].buffer == buffer;
	}
	for (unsigned d = 0; k && d < 2; d++)
		if (rule_has_direction(rule, d) && !(prefiltered && k->group[d]) &&
		    !always_add(k, d, rule->index))
			return false;
	return true;
}

void rule_bind_frame(struct binder *b, struct program_rule *r)
{
	char reason[120] = "no protocol that this engine parses has such a frame";
	bool found = false, good = combines(r->rule, reason, sizeof(reason));

	for (unsigned i = 0; good && i < APP_PROTO_COUNT && !r->refused; i++)
		if (app_protos[i] && rule_speaks(r->rule, app_protos[i]))
			good = proto_bind(b, r, app_protos[i], &found, reason, sizeof(reason));
	if (!r->refused && (!good || !found))
		rule_refuse(b, r, reason);
}

void frame_program_free(struct frame_program *f)
{
	if (!f)
		return;
	for (unsigned i = 0; i < f->kind_count; i++) {
		transforms_free(&f->kinds[i].transforms);
		free(f->kinds[i].always[0]);
		free(f->kinds[i].always[1]);
	}
	free(f);
}

/* ---- one frame ---- */

bool frame_part(struct frame_run *t, const struct frame_kind *k, unsigned part, struct buffer_view *view)
{
	t->s->arena_used = 0;
	return app_frame_view(t->f, t->d, t->frame, t->from, part, view) &&
	       (k->transforms.count == 0 || transforms_run(t->s, &k->transforms, view));
}

static void candidates_of_frame(struct frame_run *t)
{
	struct buffer_view view;

	for (unsigned i = 0; i < t->program->kind_count; i++) {
		const struct frame_kind *k = &t->program->kinds[i];
		const struct pattern_group *g;

		if (k->type != t->frame->type)
			continue;
		g = k->group[t->d] ? buffer_group_of(k->group[t->d], packet_path(t->s, t->p)) : NULL;
		for (unsigned part = 0; g && frame_part(t, k, part, &view); part++)
			scan_group(t->w, g, view.data, view.len, view.offset, view.complete);
		for (uint32_t at = 0; at < k->always_count[t->d]; at++)
			candidate_add(t->s, k->always[t->d][at]);
	}
}

static bool check_holds(struct frame_run *t, const struct frame_check *c)
{
	const struct frame_kind *k = &t->program->kinds[c->kind];
	struct buffer_view view;

	for (unsigned part = 0; frame_part(t, k, part, &view); part++) {
		const struct chain_input in = {view.data, view.len, view.offset, view.complete};

		if (c->starts && view.offset)
			return false;
		if (chain_run(&t->s->chain, c->chain, &in) == CHAIN_YES)
			return true;
	}
	return false;
}

/* The rule's first condition on frames; they stand together, in the order of the rules. */
uint32_t frame_checks_find(const struct detect_program *p, uint32_t rule)
{
	uint32_t low = 0, high = p->frame_check_count;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (p->frame_checks[middle].rule < rule)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Conditions on the frame. */
static bool frame_holds(struct frame_run *t, uint32_t index)
{
	const struct detect_program *program = t->s->program;
	bool looked = false;

	for (uint32_t i = frame_checks_find(program, index);
	     i < program->frame_check_count && program->frame_checks[i].rule == index; i++) {
		const struct frame_check *check = &program->frame_checks[i];

		if (check->app != t->f->app->proto->id || check->type != t->frame->type)
			continue;
		looked = true;
		if (!check_holds(t, check))
			return false;
	}
	return looked;
}

static void rule_run(struct frame_run *t, uint32_t index)
{
	const struct program_rule *r = &t->s->program->rules[index];
	struct match_context c = {.w = t->w, .s = t->s, .p = t->p, .f = t->f, .rule = r};
	unsigned before = t->s->queue_count;
	bool holds;

	if (r->refused)
		return;
	chain_rule_begin(&t->s->chain);
	holds = header_matches(t->s, t->p, r, true);
	t->w->counters->detect_verified += holds;
	holds = holds && packet_checks_hold(&c) && frame_holds(t, index);
	if (index == t->s->traced)
		trace_frame(t, &c, holds);
	if (!holds || !post_run(&c))
		return;
	alert_add(t->w, index, false, t->tx, t->tx ? t->f->app->proto : NULL);
	if (t->s->queue_count > before)
		t->s->queue[before].frame = t->frame;
}

static void frame_look(struct frame_run *t)
{
	struct detect_state *s = t->s;

	candidates_of_frame(t);
	if (s->trace)
		trace_frame_unhit(t);
	if (!s->candidate_count)
		return;
	t->w->counters->detect_candidates += s->candidate_count;
	candidates_sort(s);
	for (uint32_t i = 0; i < s->candidate_count; i++) {
		struct profile_mark mark;

		if (!s->watched) {
			rule_run(t, s->candidates[i]);
			continue;
		}
		mark = profile_begin(t->w, s->candidates[i]);
		rule_run(t, s->candidates[i]);
		profile_end(t->w, &mark);
	}
	candidates_clear(s);
}

/* ---- which frames, and when ---- */

static bool is_due(const struct worker *w, const struct app_frame *frame, uint64_t reached, bool ended)
{
	bool whole = reached > frame->offset && reached - frame->offset >= frame->len;

	if (frame->inspected_end || reached <= frame->offset)
		return false;
	if (whole || ended)
		return true;
	if (reached <= frame->inspected)
		return false;
	return worker_streams_inline(w) ||
	       reached - frame->inspected >= (frame->len == APP_FRAME_OPEN ? FRAME_CHUNK : FRAME_PATIENCE);
}

static struct tx *tx_find(const struct flow *f, uint64_t id)
{
	for (struct tx *tx = id == RECORD_NO_TX ? NULL : f->app->first; tx; tx = tx->next)
		if (tx->id == id)
			return tx;
	return NULL;
}

void frame_rules_run(struct worker *w, struct packet *p)
{
	struct app_session *app = p->flow->app;
	struct frame_run t = {.w = w, .s = w->detect, .p = p, .f = p->flow,
			      .d = (enum direction)p->direction};
	struct app_frame_side *side;
	uint64_t reached;
	bool ended;

	t.program = app->proto ? t.s->program->frames[app->proto->id] : NULL;
	if (!t.program)
		return;
	side = &app->frames->side[t.d];
	reached = app_frame_reached(side);
	ended = app_frames_ended(p->flow, t.d);
	for (uint32_t i = 0; i < side->count; i++) {
		struct app_frame *frame = &side->list[i];

		if (!(t.program->types >> frame->type & 1) || !is_due(w, frame, reached, ended))
			continue;
		t.frame = frame;
		t.from = frame->inspected > FRAME_CHUNK ? frame->inspected - FRAME_CHUNK : 0;
		t.tx = tx_find(p->flow, frame->tx_id);
		frame_look(&t);
		frame->inspected = reached;
		frame->inspected_end = ended || reached - frame->offset >= frame->len;
	}
}
