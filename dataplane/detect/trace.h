/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One rule followed (dataplane/event/trace.h): judged beside the real judgement, condition by
 * condition, with what the buffer held where it failed. Off, a worker compares one number for each
 * candidate and one pointer for each packet. Runs in the worker; only when captures are tested.
 */
#ifndef DETECT_TRACE_H
#define DETECT_TRACE_H

#include "dataplane/detect/program.h"
#include "dataplane/event/trace.h"

#define TRACE_NO_RULE UINT32_MAX

struct tx_run;
struct frame_run;

/* The program that comes to be in use: finds the rule in it. */
void trace_program(struct detect_state *s);
/* A packet whose candidates are known, none of which has been run. */
void trace_packet(struct worker *w, const struct packet *p);
/* The rule is about to be run on it; addresses: among those that say nothing else. */
void trace_rule(struct worker *w, struct packet *p, bool addresses);
/* The candidates of a transaction are known. */
void trace_tx_unhit(struct tx_run *t);
/* The rule has been run on a transaction. head: the head and the conditions on packet and flow held
 * (now or before); matched: bits of what holds now; possible: it may yet match. */
void trace_tx(struct tx_run *t, const struct match_context *c, const struct binding *b, bool known,
	      bool head, uint32_t matched, bool possible);
/* The rule has been judged on a frame; the literal of the rule is not among the frame's. */
void trace_frame(struct frame_run *t, const struct match_context *c, bool holds);
void trace_frame_unhit(struct frame_run *t);
/* A firewall rule has decided where the traced one might have had its turn later. tx: NULL: on a packet. */
void trace_decided(struct detect_state *s, const struct packet *p, const struct tx *tx, uint32_t rule);
/* No rule decided at a hook (an index) of the transaction: its policy dropped. */
void trace_policy(struct tx_run *t, unsigned hook);
/* A literal that is there but not as the entry wants it. */
void trace_misplaced(struct worker *w, const struct group_entry *e, const uint8_t *data, uint32_t len,
		     uint32_t literal_len, uint64_t end, uint64_t base);
/* The queue of the packet has been dealt with; heard: items before a rule passed. */
void trace_alerts(struct worker *w, const struct packet *p, unsigned heard);

/* header.c: what does not fit. */
enum trace_head header_explain(struct detect_state *s, const struct packet *p,
			       const struct program_rule *r, bool in_tx);

#endif
