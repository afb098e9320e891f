/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Keyword replace: in the wire the bytes of a content are put in place of others, as many, in the frame
 * that goes out, and its checksum is made anew. What parsers and streams have taken of the packet is
 * what came in; segments held for a hole share the frame's memory and see what went out. Packets put
 * together from fragments or found in a tunnel stay as they are: their bytes are not the frame's, or
 * stand under checksums of their own. Runs in the workers.
 */
#include <string.h>

#include "dataplane/detect/program.h"

void replace_run(struct worker *w, struct packet *p, const struct program_rule *r)
{
	struct detect_state *s = w->detect;
	const struct chain_input in = {.data = p->payload, .len = p->payload_len, .end = true};
	uint32_t ends[CHAIN_CHECKS_MAX];
	/* the frame is this worker's until it is sent */
	uint8_t *payload = (uint8_t *)(uintptr_t)p->payload;

	if (!w->in_the_wire || !p->frame || p->outer || !(p->flags & PACKET_L4) ||
	    (p->flags & (PACKET_REASSEMBLED | PACKET_PSEUDO)) ||
	    !chain_places(&s->chain, r->payload, &in, ends))
		return;
	for (uint32_t i = 0; i < r->payload->count; i++) {
		const struct check *c = &r->payload->checks[i];
		const struct match_content *content = &c->match->u.content;

		if (c->kind == CHECK_CONTENT && (content->flags & CONTENT_REPLACE) && ends[i] >= content->replace.len)
			memcpy(payload + ends[i] - content->replace.len, content->replace.data, content->replace.len);
	}
	packet_checksum_make(p);
	w->counters->ips_replaced++;
}
