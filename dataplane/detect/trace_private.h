/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What trace.c and trace_frame.c share: steps of the trace and how they are filled.
 */
#ifndef DETECT_TRACE_PRIVATE_H
#define DETECT_TRACE_PRIVATE_H

#include "dataplane/detect/trace.h"

static inline const struct program_rule *traced_rule(const struct detect_state *s)
{
	return &s->program->rules[s->traced];
}

/* A step about p (may be NULL); the last one again when there is no room. */
struct trace_step *trace_step_new(struct detect_state *s, const struct packet *p, enum trace_kind kind,
				  enum trace_where where);
/* It is filled: kept as the best when it got farther than those before. */
void trace_step_done(struct detect_state *s, const struct trace_step *step);
/* The rule was found on a packet whose head does not fit. True: the step has been taken back. */
bool trace_headless(struct detect_state *s, const struct trace_step *step);
void trace_hit(struct trace_shared *t, const struct packet *p);
/* Head, and conditions on packet and flow: adds to step->held, says what failed. True: all hold. */
bool trace_packet_checks(const struct match_context *c, struct trace_step *step, bool in_tx);
/* How many these are. */
uint16_t trace_conditions(const struct program_rule *r);
/* Likewise, of a chain on these bytes. */
bool trace_chain(struct detect_state *s, struct trace_step *step, const struct chain *chain, const char *buffer,
		 const struct chain_input *in);
/* A buffer without the rule's literal. NULL: it is there after all. */
struct trace_step *trace_unhit(struct detect_state *s, const struct packet *p, enum trace_where where,
			       const char *buffer, const uint8_t *data, uint32_t len, uint64_t offset);

#endif
