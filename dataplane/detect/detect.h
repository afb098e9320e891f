/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rules against packets, streams and transactions. Run once for every packet, after the parsers.
 */
#ifndef DETECT_DETECT_H
#define DETECT_DETECT_H

#include "dataplane/app/app.h"
#include "dataplane/stream/stream.h"

struct ruleset;        /* rules/ruleset.h: immutable, shared by all workers */
struct detect_program; /* a rule set bound to our protocols and match functions; immutable */

/* Binds a rule set. Main thread. Takes the rule set. NULL and a sentence in error. */
struct detect_program *detect_program_new(const struct config *c, struct ruleset *set,
					  uint64_t version, char *error, size_t error_size);
void detect_program_free(struct detect_program *p);
/* Rules that were loaded but cannot be judged by this engine: how many, and the list (borrowed). */
struct detect_refusal {
	uint32_t rule;    /* index in the rule set */
	uint32_t sid, line;
	const char *file; /* borrowed from the rule set */
	char reason[120];
};
size_t detect_program_refusals(const struct detect_program *p, const struct detect_refusal **out);
/* The rule set it was made of. Borrowed. */
const struct ruleset *detect_program_ruleset(const struct detect_program *p);

/* Counts what each rule costs, for so many workers; before the program is in use. 0 or -ENOMEM. */
int detect_program_profile(struct detect_program *p, unsigned workers);
/* Rules that are counted; 0: none are. */
uint32_t detect_program_rules(const struct detect_program *p);
/* Summed over the workers, which may be running. False: it was never looked at. */
struct rule_stat;
bool detect_program_stat(const struct detect_program *p, uint32_t rule, struct rule_stat *out);

/* What thresholds and rates count over several workers (w->detect_peers): made by the main thread before they
 * start, freed when all have ended. NULL: no memory. */
struct detect_peers *detect_peers_new(unsigned workers);
void detect_peers_free(struct detect_peers *peers);

int detect_worker_new(struct worker *w);
void detect_worker_free(struct worker *w);
/* Forgets thresholds, host bits and the like (a new capture starts). */
void detect_worker_reset(struct worker *w);
/* The worker uses this program from the next packet on (called by the worker itself between
 * bursts; the old one is freed by the main thread after all workers have moved: RCU). NULL: none. */
void detect_worker_use(struct worker *w, const struct detect_program *p);

/* Follows one rule, that which the trace names (event/trace.h; borrowed). For a worker that is the
 * only one. */
struct trace_shared;
void detect_worker_trace(struct worker *w, struct trace_shared *t);

/* Rules that judge a packet before it has a flow, or before its stream takes it. False: nothing else
 * is to look at it, its verdict is there. The worker's early_rules say whether there are any. */
enum detect_early { DETECT_PRE_FLOW, DETECT_PRE_STREAM, DETECT_EARLY_COUNT };
bool detect_early(struct worker *w, struct packet *p, enum detect_early hook);
/* Everything that can match on this packet: headers, payload, raw stream, transactions of its
 * direction; writes alerts, sets verdict, flow flags. */
void detect_packet(struct worker *w, struct packet *p);
/* p's flow is held to rates (FLOW_RATED). False: p is beyond one of them and dropped; nobody else is to look at it. */
bool detect_within_rate(struct worker *w, struct packet *p);
/* The payload of p's flow, a TCP one, is inspected no more once p is through: before p itself, rules on
 * packets see a packet without payload in each direction. */
void detect_stop(struct worker *w, const struct packet *p);
/* Into the record r of p, which was dropped: the object "alert" of the rule that did, if one did, and
 * "verdict", as the configuration has it. */
void detect_drop_record(struct worker *w, struct recorder *r, const struct packet *p);
/* Bits and variables that rules set on the flow, into its record. */
void detect_flow_record(struct worker *w, struct recorder *r, const struct flow *f);
/* Frees what it keeps on a flow or transaction. */
void detect_flow_free(struct worker *w, struct flow *f);
void detect_tx_free(struct worker *w, struct tx *tx);

#endif
