/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Conditions on a stream, of which a window shows new bytes and some that were looked at before. A
 * rule is found when the new bytes hold it, as the reference has it, or when the new bytes complete
 * what began in the old ones. Rules whose literal lies in the old bytes would not be candidates
 * again: those that were and did not hold wait at the flow for as long as the literal is shown,
 * WAITS_MAX in a direction; of more, those that are shown longest stay. Runs in the workers.
 */
#include "dataplane/detect/program.h"

#define WAITS_MAX 8

struct stream_waits {
	struct stream_wait {
		uint64_t end;     /* of the bytes in which the literal lies: position in the stream */
		uint64_t version; /* of the program */
		uint32_t rule;
	} list[2][WAITS_MAX];
	uint8_t count[2];
};

static bool part_holds(struct detect_state *s, const struct chain *chain,
		       const struct stream_raw *raw, uint32_t from, uint32_t to, uint64_t offset)
{
	const struct chain_input in = {.data = raw->data + from, .len = to - from,
				       .offset = offset, .end = true};

	return chain_run(&s->chain, chain, &in) == CHAIN_YES;
}

bool window_holds(struct detect_state *s, const struct chain *chain, const struct stream_raw *raw)
{
	uint32_t fresh = raw->fresh;

	if (chain->must && !needle_find(chain->must, raw->data, raw->len))
		return false;
	if (part_holds(s, chain, raw, fresh, raw->len, 0))
		return true;
	if (fresh == 0)
		return false;
	if (chain->reach) {
		uint32_t from = chain->reach < fresh ? fresh - chain->reach : 0;

		if (part_holds(s, chain, raw, from, raw->len, raw->offset + from))
			return true;
	}
	/* The first look is the likely end of it; the last one captures. */
	return part_holds(s, chain, raw, 0, raw->len, raw->offset) &&
	       !part_holds(s, chain, raw, 0, fresh, raw->offset) &&
	       part_holds(s, chain, raw, 0, raw->len, raw->offset);
}

void window_wait(struct worker *w, const struct packet *p, uint32_t rule)
{
	const struct detect_state *s = w->detect;
	struct detect_flow *f = p->flow ? detect_flow_get(w, p->flow) : NULL;
	struct stream_wait *list, *at;
	unsigned d = p->direction;

	if (f && !f->waits)
		f->waits = heap_zalloc(&w->heap, sizeof(*f->waits));
	if (!f || !f->waits)
		return;
	list = f->waits->list[d];
	at = list;
	for (unsigned i = 0; i < f->waits->count[d]; i++) {
		if (list[i].rule == rule && list[i].version == s->program->version)
			return;
		if (list[i].end < at->end)
			at = &list[i];
	}
	if (f->waits->count[d] < WAITS_MAX)
		at = &list[f->waits->count[d]++];
	*at = (struct stream_wait){s->stream.offset + s->stream.len, s->program->version, rule};
}

void window_candidates(struct worker *w, const struct packet *p)
{
	struct detect_state *s = w->detect;
	struct detect_flow *f = p->flow ? flow_cold(p->flow)->detect : NULL;
	unsigned d = p->direction, kept = 0;
	struct stream_wait *list;

	if (!f || !f->waits)
		return;
	list = f->waits->list[d];
	for (unsigned i = 0; i < f->waits->count[d]; i++) {
		/* of other rules, no longer shown, or found anew */
		if (list[i].version != s->program->version || s->stream.offset >= list[i].end ||
		    candidate_there(s, list[i].rule))
			continue;
		candidate_add(s, list[i].rule);
		list[kept++] = list[i];
	}
	f->waits->count[d] = (uint8_t)kept;
}
