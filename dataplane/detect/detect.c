/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Detection in a worker: its state, and the phases of a packet in order: rules on addresses alone,
 * on the packet and its stream, on transactions; then what was found is sorted, thinned and written.
 * What a worker needs is allocated when it starts and when it takes a new program, never for a
 * packet.
 */
#include "dataplane/detect/detect.h"

#include <string.h>

#include "dataplane/app/file.h"
#include "dataplane/app/frame.h"
#include "dataplane/detect/firewall.h"
#include "dataplane/detect/rate.h"
#include "dataplane/detect/scan.h"
#include "dataplane/detect/script.h"
#include "dataplane/detect/tally.h"
#include "dataplane/detect/trace.h"

int detect_worker_new(struct worker *w)
{
	struct detect_state *s = worker_memory(w, sizeof(*s), 64);

	if (!s)
		return -1;
	w->detect = s;
	w->flow_notes = detect_flow_record;
	s->traced = TRACE_NO_RULE;
	s->sieve = w->config && w->config->rules_sieve == AUTO_NO ? SIEVE_KINDS : sieve_kind_possible();
	s->arena = worker_memory(w, TRANSFORM_ARENA_BYTES, 64);
	s->thresholds = threshold_table_new(w);
	s->rates = rate_table_new(w);
	s->bits = bits_table_new(w);
	s->tags = tag_table_new(w);
	if (!s->arena || !s->thresholds || !s->rates || !s->bits || !s->tags || chain_scratch_init(&s->chain)) {
		detect_worker_free(w);
		return -1;
	}
	return 0;
}

static void program_memory_free(struct worker *w)
{
	struct detect_state *s = w->detect;

	worker_memory_free(w, s->candidate_bits);
	worker_memory_free(w, s->candidates);
	worker_memory_free(w, s->set_cache[0]);
	worker_memory_free(w, s->set_cache[1]);
	s->candidate_bits = NULL;
	s->candidates = NULL;
	s->set_cache[0] = s->set_cache[1] = NULL;
	scripts_free(w, s);
	if (s->scratch)
		hs_free_scratch(s->scratch);
	s->scratch = NULL;
	s->program = NULL;
	s->profile = NULL;
	w->early_rules[DETECT_PRE_FLOW] = w->early_rules[DETECT_PRE_STREAM] = false;
}

void detect_worker_free(struct worker *w)
{
	struct detect_state *s = w->detect;

	if (!s)
		return;
	program_memory_free(w);
	chain_scratch_fini(&s->chain);
	worker_memory_free(w, s->arena);
	tally_table_free(w, s->thresholds);
	tally_table_free(w, s->rates);
	worker_memory_free(w, s->bits);
	worker_memory_free(w, s->tags);
	worker_memory_free(w, s);
	w->detect = NULL;
}

void detect_worker_reset(struct worker *w)
{
	tally_table_reset(w->detect->thresholds);
	tally_table_reset(w->detect->rates);
	bits_table_reset(w->detect->bits);
	tag_table_reset(w->detect->tags);
}

static void buffers_want(struct worker *w, const struct detect_program *p)
{
	for (unsigned i = 0; i < APP_PROTO_COUNT; i++)
		for (unsigned b = 0; p->protos[i] && b < p->protos[i]->buffer_count; b++)
			app_buffer_wanted(w, (enum app_proto)i, p->protos[i]->buffers[b].source->name);
}

void detect_worker_use(struct worker *w, const struct detect_program *p)
{
	struct detect_state *s = w->detect;
	size_t rules;

	program_memory_free(w);
	if (!p)
		return;
	rules = p->rule_count + 64;
	s->candidate_bits = worker_memory(w, (rules / 64 + 1) * sizeof(uint64_t), 64);
	s->candidates = worker_memory(w, rules * sizeof(*s->candidates), 64);
	for (unsigned i = 0; i < 2; i++)
		s->set_cache[i] = worker_memory(w, (p->set_count + 1) * sizeof(uint64_t), 64);
	if (!s->candidate_bits || !s->candidates || !s->set_cache[0] || !s->set_cache[1] ||
	    (p->scratch && hs_clone_scratch(p->scratch, &s->scratch) != HS_SUCCESS)) {
		program_memory_free(w);
		return;
	}
	s->candidate_count = 0;
	s->packet_generation = 1;
	s->program = p;
	memset(s->ports, 0, sizeof(s->ports));
	for (unsigned i = 0; i < DETECT_EARLY_COUNT; i++)
		w->early_rules[i] = p->early[i].count || (p->firewall && p->firewall->early[i].action == ACTION_DROP);
	s->profile = profile_of_worker(p, w->id);
	if (s->trace)
		trace_program(s);
	s->watched = s->trace || s->profile;
	scripts_new(w, s, p);
	if (w->files)
		file_want(w, p->file_wants);
	for (unsigned i = 0; w->apps && i < APP_PROTO_COUNT; i++)
		app_frames_want(w, (enum app_proto)i, p->frames[i] ? p->frames[i]->types : 0);
	if (w->apps)
		buffers_want(w, p);
}

void detect_worker_trace(struct worker *w, struct trace_shared *t)
{
	w->detect->trace = t;
	w->detect->watched = true;
	if (w->detect->program)
		trace_program(w->detect);
}

static bool tx_completed(const struct flow *f, enum direction d)
{
	if (!f->app || !f->app->proto || !f->app->changed[d])
		return false;
	for (const struct tx *tx = f->app->first; tx; tx = tx->next)
		if (!tx->inspected_done[d] && tx->progress[d] >= f->app->proto->done[d])
			return true;
	return false;
}

/* The raw stream of the packet's direction, if its turn has come. A transaction that has just been
 * completed calls for a look at the bytes that made it; rules on the stream alone look at those of
 * protocols of bulk data when there are enough of them. */
static void stream_open(struct worker *w, struct packet *p)
{
	struct detect_state *s = w->detect;
	struct flow *f = p->flow;
	enum direction d = (enum direction)p->direction;

	s->stream_there = s->stream_peeked = s->tx_stream_there = false;
	if (!f || !f->tcp)
		return;
	if (p->flags & PACKET_STREAM_EARLY) {
		s->stream_there = stream_raw_early(w, p, &s->stream);
		return;
	}
	if (tx_completed(f, d)) {
		s->tx_stream_there = stream_raw_look(w, f, d, &s->tx_stream);
		if (!f->app->proto->stream_waits)
			stream_raw_flush(f, d);
		s->stream_peeked = stream_raw_peek(w, f, d, &s->stream);
	} else {
		s->stream_peeked = stream_raw_peek(w, f, d, &s->stream);
		if (s->stream_peeked) {
			s->tx_stream = s->stream;
			s->tx_stream_there = s->stream.len > s->stream.fresh;
		}
	}
	s->stream_there = s->stream_peeked && s->stream.len > s->stream.fresh;
}

/* Holes divide the stream's bytes: what stands behind each is a window of its own. */
static void windows_run(struct worker *w, struct packet *p)
{
	struct detect_state *s = w->detect;
	enum direction d = (enum direction)p->direction;

	stream_raw_inspected(w, p->flow, d);
	s->tx_stream_there = false;
	while (stream_raw_peek(w, p->flow, d, &s->stream)) {
		s->stream_there = s->stream.len > s->stream.fresh;
		if (s->stream_there)
			stream_rules_run(w, p);
		if (s->queue_count)
			alerts_finish(w, p);
		stream_raw_inspected(w, p->flow, d);
	}
}

void detect_packet_begin(struct detect_state *s)
{
	if (++s->packet_generation == 0) {
		for (unsigned i = 0; i < 2; i++)
			memset(s->set_cache[i], 0, (s->program->set_count + 1) * sizeof(uint64_t));
		s->packet_generation = 1;
	}
	s->queue_count = s->written = 0;
	s->path = 0;
	s->packet_var_count = 0;
	chain_packet_begin(&s->chain);
	s->passed = s->stream_there = s->stream_peeked = s->tx_stream_there = false;
	s->firewall = 0;
}

/* Rules other than the firewall's, on packets and transactions, and the firewall's before them. */
static void rules_run(struct worker *w, struct packet *p)
{
	struct detect_state *s = w->detect;

	if (!(s->firewall & FIREWALL_NO_RULES))
		ip_only_run(w, p);
	packet_rules_run(w, p);
	if (s->firewall & FIREWALL_DROPPED)
		return;
	if (p->flow && p->flow->app && p->flow->app->frames && !(s->firewall & FIREWALL_NO_RULES))
		frame_rules_run(w, p);
	if (p->flow)
		tx_rules_run(w, p);
}

void detect_packet(struct worker *w, struct packet *p)
{
	struct detect_state *s = w->detect;

	if (!s)
		return;
	if (!s->program || (p->flow && (p->flow->flags & FLOW_PASS))) {
		if (p->flow && p->flow->tcp)
			stream_raw_off(w, p->flow, (enum direction)p->direction);
		if (s->trace)
			s->trace->passed++;
		return;
	}
	if (p->flags & PACKET_NO_INSPECT)
		return;
	detect_packet_begin(s);
	if (s->program->firewall)
		firewall_begin(s, p);
	stream_open(w, p);
	rules_run(w, p);
	if (s->chain.entropy_count && p->flow)
		entropies_keep(w, p->flow);
	if (s->queue_count)
		alerts_finish(w, p);
	if (s->stream_peeked && !(s->firewall & FIREWALL_DROPPED))
		windows_run(w, p);
	if (s->packet_var_count && s->program->log_captures)
		variables_packet_record(w, p);
	tag_packet(w, p);
	w->counters->detect_pcre_limit += s->chain.pcre_limits;
	s->chain.pcre_limits = 0;
	w->counters->detect_lists_full += s->chain.lists_full;
	s->chain.lists_full = 0;
}

/* In the wire the direction that is not p's comes first. */
void detect_stop(struct worker *w, const struct packet *p)
{
	struct detect_state *s = w->detect;
	enum direction first = w->in_the_wire ? direction_other(p->direction) : (enum direction)p->direction;

	if (!s || !s->program || (p->flow->flags & (FLOW_PASS | FLOW_DROP)))
		return;
	for (unsigned i = 0; i < 2; i++) {
		struct packet *made = flow_pseudo_packet(w, p->flow, i ? direction_other(first) : first);

		made->source = PACKET_STREAM_FLUSH;
		made->ts_ns = p->ts_ns;
		detect_packet_begin(s);
		if (s->program->firewall)
			firewall_begin(s, made);
		packet_rules_run(w, made);
		if (s->queue_count)
			alerts_finish(w, made);
	}
}
