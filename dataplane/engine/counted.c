/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/counted.h"

#include "dataplane/detect/detect.h"
#include "dataplane/engine/block.h"
#include "dataplane/engine/engine.h"

bool counted_open(const struct lane *l)
{
	const struct worker *w = &l->w;

	return flow_counted_any(w) && !w->recordings && !(l->inspection && w->early_rules[DETECT_PRE_FLOW]);
}

/* An operator's block or limit is for every packet. */
static bool blocks_ask(const struct lane *l, const struct flow_sight *s)
{
	const struct block_table *t = atomic_load_explicit(&l->engine->blocks, memory_order_acquire);
	const struct flow *f = t && l->w.in_the_wire ? flow_counted_find(&l->w, s) : NULL;

	return f && blocks_concern(t, &f->client, &f->server, f->ip_version, l->w.now_ns);
}

bool counted_run(struct lane *l, const struct flow_sight *s, uint32_t len)
{
	struct counted_sums *sums = &l->counted;
	struct flow *f;

	if (l->log_stream == STREAM_NOTES_ALL && s->plain.ip_proto == PLAIN_TCP)
		return false;
	if (blocks_ask(l, s))
		return false;
	f = flow_counted_packet(&l->w, s, len);
	if (!f)
		return false;
	plain_count(&sums->plain, &s->plain, len);
	if (f->flags & FLOW_BYPASSED) {
		sums->released++;
		sums->released_bytes += len;
	}
	return true;
}

void counted_end(struct lane *l)
{
	struct counted_sums *sums = &l->counted;

	plain_counts_add(&l->w, &sums->plain);
	l->w.counters->flow_bypassed_pkts += sums->released;
	l->w.counters->flow_bypassed_bytes += sums->released_bytes;
	*sums = (struct counted_sums){0};
}
