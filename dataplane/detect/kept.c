/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A growing buffer shows some bytes again with each look (a body of HTTP 16 KiB for each segment that
 * came). They are not searched for literals again: what earlier scans found in them is kept, where the
 * last such literal of each rule begins, and its rules are candidates as long as the literal is shown. More
 * than KEPT_HITS_MAX rules, or no memory: all that is shown is searched, as if nothing had been kept. Runs
 * in the workers.
 */
#include "dataplane/detect/kept.h"

#define KEPT_HITS_MAX 48
#define KEPT_BUFFERS_MAX 4 /* of a direction of a transaction */

struct kept_hit {
	uint64_t start; /* position in the buffer */
	uint32_t rule;
};

struct kept {
	struct kept *next;
	uint64_t source;  /* buffer_view.source, and … */
	unsigned buffer;  /* … which of the protocol's it is */
	uint64_t end;     /* what ends here or before has been searched */
	uint8_t count;
	bool full;
	struct kept_hit hits[KEPT_HITS_MAX];
};

struct kept *kept_get(struct worker *w, struct kept **list, unsigned buffer, const struct buffer_view *view)
{
	struct kept *k = *list;
	unsigned count = 0;

	for (; k && (k->buffer != buffer || k->source != view->source); k = k->next)
		count++;
	if (k || view->complete || !view->source || count == KEPT_BUFFERS_MAX)
		return k;
	k = heap_zalloc(&w->heap, sizeof(*k));
	if (!k)
		return NULL;
	k->buffer = buffer;
	k->source = view->source;
	k->next = *list;
	*list = k;
	return k;
}

uint32_t kept_show(struct detect_state *s, struct kept *k, const struct buffer_view *view)
{
	uint64_t end = view->offset + view->len;
	unsigned left = 0;
	uint32_t fresh = 0;

	if (!k->full && k->end > view->offset && k->end <= end)
		fresh = (uint32_t)(k->end - view->offset);
	for (unsigned i = 0; fresh && i < k->count; i++) {
		if (k->hits[i].start < view->offset)
			continue;
		candidate_add(s, k->hits[i].rule);
		k->hits[left++] = k->hits[i];
	}
	k->count = (uint8_t)left;
	k->full = false;
	k->end = end;
	return fresh;
}

void kept_note(struct kept *k, uint32_t rule, uint64_t start)
{
	unsigned i = 0;

	while (i < k->count && k->hits[i].rule != rule)
		i++;
	if (i == KEPT_HITS_MAX) {
		k->full = true;
		return;
	}
	if (i == k->count)
		k->hits[k->count++] = (struct kept_hit){start, rule};
	else if (start > k->hits[i].start)
		k->hits[i].start = start;
}

void kept_free(struct worker *w, struct kept **list)
{
	while (*list) {
		struct kept *k = *list;

		*list = k->next;
		heap_free(&w->heap, k);
	}
}
