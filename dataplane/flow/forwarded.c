/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the kernel has forwarded of a released flow, counted as if it had come through here. Worker thread only.
 */
#include "dataplane/flow/table.h"

static struct flow_forwarded *forwarded_of(struct worker *w, struct flow *f)
{
	struct flow_notes *n = flow_notes(w, f);

	if (n && !n->forwarded)
		n->forwarded = heap_zalloc(&w->heap, sizeof(*n->forwarded));
	return n ? n->forwarded : NULL;
}

struct flow *flow_at(struct worker *w, uint32_t index, uint64_t id)
{
	struct flow_table *t = w->flows;
	struct flow *f = index < t->fresh ? &t->flows[index] : NULL;

	if (!f || flow_cold(f)->id != id)
		return NULL;
	if (f->flags & FLOW_AT_REST) {
		flow_wake(w, f);
		timer_set(t, f);
	}
	return f;
}

uint32_t flow_place(const struct worker *w, const struct flow *f)
{
	return flow_index(w->flows, f);
}

void flow_forwarded(struct worker *w, struct flow *f, const struct flow_forwarded *more, uint64_t last_ns)
{
	struct flow_forwarded *all = forwarded_of(w, f);

	for (unsigned d = 0; d < 2; d++) {
		f->packets[d] += more->packets[d];
		f->bytes[d] += more->bytes[d];
		if (all) {
			all->packets[d] += more->packets[d];
			all->bytes[d] += more->bytes[d];
		}
	}
	if (last_ns > f->last_ns)
		f->last_ns = last_ns;
}
