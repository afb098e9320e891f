/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rules on transactions. Each direction of a transaction remembers (struct tx_detect) which buffers
 * have been through the prefilter and which rules have matched in part; a rule goes on where it
 * stopped when more of the transaction is there, and alerts once, on the packet that completes it; one
 * that is about files does so again for files that come later.
 * Conditions on the packet and the flow are judged once, when the rule is first looked at.
 *
 * Buffers that do not grow are scanned once. Growing ones (bodies, files) show a window of what is
 * new with some of the old, decided by their owner, and what is new is scanned each time there is one.
 *
 * Runs in the workers. Memory: w->heap, bounded by TX_RULES_MAX rules a direction.
 */
#include <string.h>

#include "dataplane/app/dcerpc.h"
#include "dataplane/app/file.h"
#include "dataplane/detect/firewall.h"
#include "dataplane/detect/kept.h"
#include "dataplane/detect/profile.h"
#include "dataplane/detect/trace.h"
#include "dataplane/detect/tx.h"

#define PROTO_TCP 6

#define TX_RULE_DONE (1u << 31) /* alerted, or can match no more */

#define WAIT_STREAM 255 /* for a window of the raw stream */

enum answer { ANSWER_YES, ANSWER_NOT_YET, ANSWER_NEVER };

/* ---- what is remembered ---- */

struct tx_detect *tx_detect_get(struct worker *w, struct tx *tx, enum direction d)
{
	if (!tx->detect[d])
		tx->detect[d] = heap_zalloc(&w->heap, sizeof(struct tx_detect));
	return tx->detect[d];
}

static struct tx_rule *rule_find(struct tx_detect *state, uint32_t rule)
{
	for (uint32_t i = 0; i < state->rule_count; i++)
		if (state->rules[i].rule == rule)
			return &state->rules[i];
	return NULL;
}

/* What a rule has done with of a direction's files when it is done: it may match again on more. */
static uint8_t files_done(const struct tx_run *t, const struct binding *b, uint32_t matched)
{
	if (!(matched & TX_RULE_DONE))
		return t->file_skip;
	return b->about_files ? t->file_count : TX_FILES_ALL;
}

static void rule_remember(struct tx_run *t, uint32_t rule, uint32_t matched, uint8_t wait, uint8_t files)
{
	struct tx_detect *state = t->state;
	struct tx_rule *rules;

	if (state->rule_count == state->rule_cap) {
		uint32_t cap = state->rule_cap ? state->rule_cap * 2 : 4;

		if (cap > TX_RULES_MAX)
			return;
		rules = heap_realloc(&t->w->heap, state->rules, cap * sizeof(*rules));
		if (!rules)
			return;
		state->rules = rules;
		state->rule_cap = cap;
	}
	state->rules[state->rule_count++] = (struct tx_rule){
		program_rule_key(t->s->program->rules[rule].rule), rule, matched, wait, files};
}

/* After a reload: what has alerted stays so, everything else begins anew. */
static void state_move(struct worker *w, struct tx_detect *state, const struct detect_program *p)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < state->rule_count; i++) {
		int64_t at = program_rule_find(p, state->rules[i].key);

		if (at < 0 || !(state->rules[i].matched & TX_RULE_DONE))
			continue;
		state->rules[kept] = state->rules[i];
		state->rules[kept++].rule = (uint32_t)at;
	}
	state->rule_count = kept;
	if (state->version)
		state->bit_count = 0; /* the numbers of bits are the program's */
	memset(state->scanned, 0, sizeof(state->scanned));
	kept_free(w, &state->kept);
	state->version = p->version;
}

void detect_tx_free(struct worker *w, struct tx *tx)
{
	for (unsigned d = 0; d < 2; d++) {
		if (!tx->detect[d])
			continue;
		heap_free(&w->heap, tx->detect[d]->rules);
		heap_free(&w->heap, tx->detect[d]->bits);
		kept_free(w, &tx->detect[d]->kept);
		heap_free(&w->heap, tx->detect[d]);
		tx->detect[d] = NULL;
	}
}

/* ---- buffers ---- */

IN_BOTH_LOOPS bool view_get(struct tx_run *t, unsigned buffer, unsigned instance,
			    struct buffer_view *view)
{
	const struct program_buffer *b = &t->proto->buffers[buffer];
	struct view_slot *slot = &t->s->views[buffer];
	bool single = !(b->source->flags & BUFFER_MULTI), there;

	if (single) {
		if (instance > 0)
			return false;
		if (slot->generation == t->s->tx_generation) {
			*view = slot->view;
			return slot->there;
		}
	}
	*view = (struct buffer_view){0};
	there = b->source->get(t->w, t->f, t->tx, t->d, instance, view) &&
		(b->transforms.count == 0 || transforms_run(t->s, &b->transforms, view));
	if (single)
		*slot = (struct view_slot){t->s->tx_generation, there, *view};
	return there;
}

static bool past(const struct tx_run *t, uint8_t progress)
{
	return t->ended || t->tx->progress[t->d] > progress;
}

IN_BOTH_LOOPS enum answer buffer_run(struct tx_run *t, const struct buffer_check *c)
{
	const struct program_buffer *b = &t->proto->buffers[c->buffer];
	bool eof = past(t, c->progress), seen = false;
	uint32_t arena = t->s->arena_used;
	enum answer answer = ANSWER_NOT_YET;

	for (unsigned i = b->about_files ? t->file_skip : 0; i < INSTANCES_MAX; i++) {
		struct buffer_view view;
		enum chain_result r;

		if (b->source->flags & BUFFER_MULTI)
			t->s->arena_used = arena;
		if (!view_get(t, c->buffer, i, &view))
			break;
		seen = true;
		if (c->chain->absent && !c->chain->or_else)
			continue;
		r = chain_run(&t->s->chain, c->chain,
			      &(struct chain_input){view.data, view.len, view.offset,
						    view.complete || eof});
		if (r == CHAIN_YES)
			return ANSWER_YES;
		if (r == CHAIN_NEVER && !(b->source->flags & BUFFER_MULTI))
			answer = ANSWER_NEVER;
	}
	if (!seen && c->chain->absent)
		return eof ? ANSWER_YES : ANSWER_NOT_YET;
	return eof ? ANSWER_NEVER : answer;
}

/* ---- the prefilter ---- */

/* New bytes, and of those before them as many as a literal may begin in. */
static void view_scan(struct tx_run *t, unsigned buffer, const struct buffer_view *view)
{
	const struct program_buffer *b = &t->proto->buffers[buffer];
	const struct pattern_group *g = buffer_group_of(b->group[t->d], packet_path(t->s, t->p));
	uint32_t fresh = 0, from;

	if (!g)
		return;
	if ((b->source->flags & BUFFER_STREAMING) && !b->transforms.count && !t->s->watched)
		t->s->kept = kept_get(t->w, &t->state->kept, buffer, view);
	if (t->s->kept)
		fresh = kept_show(t->s, t->s->kept, view);
	from = scan_begin(g, fresh);
	scan_group_from(t->w, g, view->data + from, view->len - from, fresh - from, view->offset + from, view->complete);
	t->s->kept = NULL;
}

/* It has not been scanned yet, or goes on. */
static void buffer_scan(struct tx_run *t, unsigned buffer)
{
	const struct program_buffer *b = &t->proto->buffers[buffer];
	uint64_t bit = 1ull << buffer % 64, *scanned = &t->state->scanned[buffer / 64];
	uint8_t progress = t->proto->progress[t->d][buffer];
	uint32_t arena = t->s->arena_used;
	bool seen = false;

	for (unsigned i = 0; i < INSTANCES_MAX; i++) {
		struct buffer_view view;

		if (b->source->flags & BUFFER_MULTI)
			t->s->arena_used = arena;
		if (!view_get(t, buffer, i, &view))
			break;
		seen = true;
		view_scan(t, buffer, &view);
		if (!(b->source->flags & BUFFER_MULTI))
			break;
	}
	if ((seen || past(t, progress)) && !(b->source->flags & BUFFER_STREAMING))
		*scanned |= bit;
}

/* Does what a rule waits for lie ahead yet? Whoever watches wants to see it looked at. */
static bool waits(const struct tx_run *t, const struct tx_rule *r)
{
	if (r->matched & TX_RULE_DONE)
		return r->files >= t->file_count;
	if (r->wait == 0 || t->s->watched)
		return false;
	if (r->wait == WAIT_STREAM)
		return t->f->ip_proto == PROTO_TCP && !t->s->tx_stream_there;
	return r->wait > t->tx->progress[t->d];
}

static void candidates_of_tx(struct tx_run *t)
{
	const struct program_proto *proto = t->proto;
	uint8_t progress = t->tx->progress[t->d];

	for (unsigned word = 0; word < BUFFERS_MAX / 64; word++) {
		uint64_t bits = proto->scanned[t->d][word] & ~t->state->scanned[word];

		for (; bits; bits &= bits - 1) {
			unsigned i = word * 64 + (unsigned)__builtin_ctzll(bits);

			if (proto->progress[t->d][i] <= progress)
				buffer_scan(t, i);
		}
	}
	for (uint32_t i = 0; i < proto->always_count[t->d]; i++)
		candidate_add(t->s, proto->always[t->d][i]);
	for (uint32_t i = 0; i < t->state->rule_count; i++)
		if (!waits(t, &t->state->rules[i]))
			candidate_add(t->s, t->state->rules[i].rule);
}

/* ---- one rule ---- */

static const struct binding *binding_find(const struct tx_run *t, const struct program_rule *r)
{
	const struct binding *found = NULL;

	if (r->near_app == t->proto->proto->id)
		found = r->near[t->d];
	else
		for (unsigned i = 0; !found && i < r->binding_count; i++)
			if (r->bindings[i]->app == t->proto->proto->id && r->bindings[i]->direction == t->d)
				found = r->bindings[i];
	return found && found->flow_app && found->flow_app != t->f->app_proto ? NULL : found;
}

/* Which of several values is meant (value[,any|all|index], from the end below 0). */
static bool indexed_value_holds(struct tx_run *t, const struct app_check *a)
{
	const struct proto_value *value = a->value;
	int which = a->match->u.number.which;
	unsigned n = 0;
	bool all = true;
	uint64_t v;

	if (which >= 0 && which < NUMBER_ANY)
		return value->get_multi(t->w, t->f, t->tx, t->d, (unsigned)which, &v) &&
		       value_holds(a->match, v);
	for (; value->get_multi(t->w, t->f, t->tx, t->d, n, &v); n++) {
		bool holds = value_holds(a->match, v);

		if (which == NUMBER_ANY && holds)
			return true;
		all = all && holds;
	}
	if (which < 0)
		return (unsigned)-which <= n &&
		       value->get_multi(t->w, t->f, t->tx, t->d, n - (unsigned)-which, &v) &&
		       value_holds(a->match, v);
	return which == NUMBER_ALL && n && all;
}

static bool tx_value_holds(struct tx_run *t, const struct app_check *a)
{
	const struct proto_value *value = a->value;
	uint64_t v;

	if (!value->get_multi)
		return value->get(t->w, t->f, t->tx, t->d, &v) &&
		       value_holds(a->match, v);
	if (a->indexed)
		return indexed_value_holds(t, a);
	for (unsigned i = 0; value->get_multi(t->w, t->f, t->tx, t->d, i, &v); i++)
		if (value_holds(a->match, v))
			return true;
	return false;
}

static bool check_holds(struct tx_run *t, const struct match_context *c, const struct app_check *a)
{
	if (a->progress > t->tx->progress[t->d] || (a->before && a->before <= t->tx->progress[t->d]))
		return false;
	if (a->run)
		return a->run(c, a->match);
	return tx_value_holds(t, a);
}

static bool payload_found(struct tx_run *t, const struct chain *chain)
{
	struct chain_input in = {.end = true};

	if (t->f->ip_proto == PROTO_TCP) {
		if (!t->s->tx_stream_there)
			return false;
		if (window_holds(t->s, chain, &t->s->tx_stream))
			return true;
		/* In the wire windows are single segments, of which a transaction may need many. */
		if (!t->w->in_the_wire || t->s->tx_stream.fresh == 0)
			return false;
		in.data = t->s->tx_stream.data;
		in.len = t->s->tx_stream.len;
		in.offset = t->s->tx_stream.offset;
	} else {
		in.data = t->p->payload;
		in.len = t->p->payload_len;
	}
	return in.len && chain_run(&t->s->chain, chain, &in) == CHAIN_YES;
}

/* Goes on with what has not held yet. False when the rule can match no more. wait: as tx_rule.wait. */
IN_BOTH_LOOPS bool binding_run(struct tx_run *t, const struct match_context *c,
			       const struct binding *b, uint32_t *matched, uint8_t *wait)
{
	*wait = 0;
	if (b->all & BINDING_HOOK_BIT) {
		*wait = b->hook;
		if (b->hook > t->tx->progress[t->d])
			return true;
		*matched |= BINDING_HOOK_BIT;
	}
	for (unsigned i = 0; i < b->buffer_count; i++) {
		enum answer answer;

		if (*matched & 1u << i)
			continue;
		*wait = b->buffers[i].progress;
		if (b->buffers[i].progress > t->tx->progress[t->d])
			return true;
		answer = buffer_run(t, &b->buffers[i]);
		if (answer != ANSWER_YES)
			return answer == ANSWER_NOT_YET;
		*matched |= 1u << i;
	}
	if (b->check_count && !(*matched & BINDING_CHECKS_BIT)) {
		for (unsigned i = 0; i < b->check_count; i++) {
			*wait = b->checks[i].progress;
			if (!check_holds(t, c, &b->checks[i]))
				return !t->ended;
		}
		*matched |= BINDING_CHECKS_BIT;
	}
	if (b->payload && !(*matched & BINDING_PAYLOAD_BIT)) {
		*wait = WAIT_STREAM;
		if (!payload_found(t, b->payload))
			return true;
		*matched |= BINDING_PAYLOAD_BIT;
	}
	return true;
}

static bool first_half_done(const struct tx_run *t, uint32_t rule)
{
	struct tx_detect *other = t->tx->detect[TO_SERVER];
	struct tx_rule *r = other ? rule_find(other, rule) : NULL;

	return r && (r->matched & TX_RULE_DONE);
}

IN_BOTH_LOOPS void rule_run(struct tx_run *t, uint32_t index)
{
	const struct program_rule *r = &t->s->program->rules[index];
	const struct binding *b = r->refused ? NULL : binding_find(t, r);
	struct tx_rule *known;
	struct match_context c = {.w = t->w, .s = t->s, .p = t->p, .f = t->f, .tx = t->tx,
				  .proto = t->proto->proto, .rule = r};
	uint32_t matched;
	uint8_t wait;
	bool possible;

	if (!b)
		return;
	chain_rule_begin(&t->s->chain);
	known = rule_find(t->state, index);
	matched = known ? known->matched : 0;
	if (matched & TX_RULE_DONE) {
		if (known->files >= t->file_count)
			return;
		matched = 0; /* one more file */
	}
	c.file_skip = t->file_skip = known ? known->files : 0;
	if (!known) {
		if (!header_matches(t->s, t->p, r, true) || !packet_checks_hold(&c)) {
			if (index == t->s->traced)
				trace_tx(t, &c, b, false, false, 0, false);
			return;
		}
		if (b->second_half && !first_half_done(t, index))
			return;
	}
	t->w->counters->detect_verified++;
	possible = binding_run(t, &c, b, &matched, &wait);
	if (index == t->s->traced)
		trace_tx(t, &c, b, known, true, matched, possible);
	if (matched == b->all) {
		matched |= TX_RULE_DONE;
		if (!b->first_half && post_run(&c))
			alert_add(t->w, index, false, t->tx, t->proto->proto);
	} else if (!possible) {
		matched |= TX_RULE_DONE;
	}
	if (known) {
		known->matched = matched;
		known->wait = wait;
		known->files = files_done(t, b, matched);
	} else if ((matched & ~TX_RULE_DONE) || (b->all & BINDING_HOOK_BIT)) {
		/* the literal of a rule that waits for its hook is not searched for again */
		rule_remember(t, index, matched, wait, files_done(t, b, matched));
	}
}

static void candidates_quickly(struct tx_run *t)
{
	const struct detect_state *s = t->s;

	/* Rules lie far apart: what the first looks will need is fetched for all. */
	for (uint32_t i = 0; i < s->candidate_count; i++)
		__builtin_prefetch(s->program->rules[s->candidates[i]].near[t->d]);
	for (uint32_t i = 1; i < s->candidate_count; i++) {
		const struct binding *b = binding_find(t, &s->program->rules[s->candidates[i]]);

		if (b && b->buffer_count)
			__builtin_prefetch(b->buffers[0].chain);
	}
	for (uint32_t i = 0; i < s->candidate_count; i++)
		rule_run(t, s->candidates[i]);
}

static WATCHING void candidates_watched(struct tx_run *t)
{
	for (uint32_t i = 0; i < t->s->candidate_count; i++) {
		struct profile_mark mark = profile_begin(t->w, t->s->candidates[i]);

		rule_run(t, t->s->candidates[i]);
		profile_end(t->w, &mark);
	}
}

/* ---- for firewall.c ---- */

static bool tx_rule_head(struct tx_run *t, const struct match_context *c, const struct binding *b)
{
	bool holds = header_matches(t->s, t->p, c->rule, true) && packet_checks_hold(c);

	if (!holds && b->rule == t->s->traced)
		trace_tx(t, c, b, false, false, 0, false);
	return holds;
}

bool tx_rule_fits(struct tx_run *t, uint32_t rule)
{
	const struct program_rule *r = &t->s->program->rules[rule];
	struct match_context c = {.w = t->w, .s = t->s, .p = t->p, .f = t->f, .tx = t->tx,
				  .proto = t->proto->proto, .rule = r};

	return header_matches(t->s, t->p, r, true) && packet_checks_hold(&c);
}

/* The rule's literal was looked for in this very packet, and is not there. */
static bool literal_missing(const struct tx_run *t, const struct binding *b)
{
	unsigned at = b->buffer_count ? b->buffers[0].buffer : 0;
	uint64_t bit = 1ull << at % 64;

	return b->buffer_count && b->buffers[0].prefilter && t->proto->buffers[at].group[t->d] &&
	       (t->state->scanned[at / 64] & bit) && !(t->scanned_before[at / 64] & bit) &&
	       !candidate_there(t->s, b->rule);
}

bool tx_rule_holds(struct tx_run *t, uint32_t index)
{
	const struct program_rule *r = &t->s->program->rules[index];
	const struct binding *b = r->refused ? NULL : binding_find(t, r);
	struct tx_rule *known = rule_find(t->state, index);
	struct match_context c = {.w = t->w, .s = t->s, .p = t->p, .f = t->f, .tx = t->tx,
				  .proto = t->proto->proto, .rule = r};
	uint32_t matched = known ? known->matched : 0;
	uint8_t wait;
	bool possible;

	if (!b)
		return false;
	if (matched & TX_RULE_DONE)
		return (matched & ~TX_RULE_DONE) == b->all;
	if (!known && literal_missing(t, b))
		return false;
	if (b->all == BINDING_HOOK_BIT && t->still)
		return tx_rule_fits(t, index);
	chain_rule_begin(&t->s->chain);
	if (!known && !tx_rule_head(t, &c, b))
		return false;
	t->w->counters->detect_verified++;
	possible = binding_run(t, &c, b, &matched, &wait);
	if (index == t->s->traced)
		trace_tx(t, &c, b, known, true, matched, possible);
	if (matched == b->all) {
		if (!post_run(&c))
			return false;
		alert_add(t->w, index, false, t->tx, t->proto->proto);
	}
	/* Of a state alone nothing is remembered: it is judged again as long as it lasts. */
	if (b->all == BINDING_HOOK_BIT)
		return matched == b->all;
	if (matched == b->all || !possible)
		matched |= TX_RULE_DONE;
	if (known)
		known->matched = matched;
	else
		rule_remember(t, index, matched, 0, TX_FILES_ALL);
	return (matched & ~TX_RULE_DONE) == b->all;
}

/* ---- for trace.c ---- */

WATCHING bool tx_view(struct tx_run *t, unsigned buffer, unsigned instance,
		      struct buffer_view *view)
{
	return view_get(t, buffer, instance, view);
}

WATCHING const struct binding *tx_binding(const struct tx_run *t, const struct program_rule *r)
{
	return binding_find(t, r);
}

WATCHING bool tx_check_holds(struct tx_run *t, const struct match_context *c,
			     const struct app_check *a)
{
	return check_holds(t, c, a);
}

/* ---- a transaction ---- */

/* `dce` in a condition is the byte order that the caller has chosen. */
static bool big_endian_call(const struct tx_run *t)
{
	const struct proto *proto = t->proto->proto;
	const struct dcerpc_call *call = proto->call ? proto->call(t->tx) : NULL;

	return call && call->seen[TO_SERVER] && !call->little;
}

static void tx_run(struct tx_run *t)
{
	struct detect_state *s = t->s;

	t->state = tx_detect_get(t->w, t->tx, t->d);
	if (!t->state)
		return;
	if (t->state->version != s->program->version)
		state_move(t->w, t->state, s->program);
	s->tx_generation++;
	s->arena_used = 0;
	s->chain.dce_big = big_endian_call(t);
	for (const struct file *f = t->tx->files[t->d]; f && t->file_count < TX_FILES_ALL - 1; f = f->next)
		t->file_count += !(f->flags & FILE_HIDDEN);
	t->ended = (t->f->flags & FLOW_ENDING) ||
		   t->tx->progress[t->d] >= t->proto->proto->done[t->d];
	if (s->program->firewall)
		memcpy(t->scanned_before, t->state->scanned, sizeof(t->scanned_before));
	candidates_of_tx(t);
	if (s->trace)
		trace_tx_unhit(t);
	if (s->program->firewall)
		firewall_tx(t);
	if (s->candidate_count) {
		t->w->counters->detect_candidates += s->candidate_count;
		candidates_sort(s);
		if (s->watched)
			candidates_watched(t);
		else
			candidates_quickly(t);
		candidates_clear(s);
	}
	file_inspected(t->w, t->tx, t->d);
	if (t->ended && !(t->tx->held >> t->d & 1))
		t->tx->inspected_done[t->d] = 1;
}

void tx_rules_run(struct worker *w, struct packet *p)
{
	struct detect_state *s = w->detect;
	struct flow *f = p->flow;
	struct app_session *app = f ? f->app : NULL;
	enum direction d = (enum direction)p->direction;
	const struct program_proto *proto;
	bool news;

	if (!app || !app->proto ||
	    (!app->changed[d] && !s->tx_stream_there && !(p->flags & PACKET_PSEUDO) &&
	     !(f->flags & FLOW_HELD && p->payload_len)))
		return;
	news = app->changed[d] && app->changed[d] != APP_CHANGED_WAITING;
	app->changed[d] = 0;
	proto = s->program->protos[app->proto->id];
	for (struct tx *tx = app->first; tx; tx = tx->next) {
		struct tx_run t = {.w = w, .s = s, .p = p, .f = f, .tx = tx, .proto = proto, .d = d,
				   .news = news};

		if (tx->inspected_done[d])
			continue;
		if (proto)
			tx_run(&t);
		if (s->firewall & FIREWALL_DROPPED)
			break;
		if (proto)
			continue;
		if (tx->progress[d] >= app->proto->done[d])
			tx->inspected_done[d] = 1;
	}
}
