/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A transaction in one direction while its rules are run: what tx.c and trace.c share.
 */
#ifndef DETECT_TX_H
#define DETECT_TX_H

#include "dataplane/detect/program.h"

struct tx_rule {
	uint64_t key;     /* gid and sid */
	uint32_t rule;    /* index in the program of .version */
	uint32_t matched; /* bits of what held */
	uint8_t wait;     /* nothing to do before this progress; WAIT_STREAM; 0: look again */
	uint8_t files;    /* the first so many of the direction are done with: it is about those behind */
};

#define TX_FILES_ALL UINT8_MAX /* tx_rule.files: it is about none */

/* What a direction of a transaction remembers. */
struct tx_detect {
	uint64_t version; /* of the program that the rest is about */
	uint64_t scanned[BUFFERS_MAX / 64];
	uint32_t rule_count, rule_cap;
	struct tx_rule *rules;
	struct kept *kept; /* of growing buffers */
	uint32_t *bits;   /* of to_server: xbits that rules set on the transaction, by number */
	uint8_t bit_count, bit_cap;
	uint8_t firewall_hook; /* index of the one that it was last in … */
	uint8_t firewall_progress; /* … and progress then */
	bool firewall_asked;
};

struct tx_run {
	struct worker *w;
	struct detect_state *s;
	struct packet *p;
	struct flow *f;
	struct tx *tx;
	const struct program_proto *proto;
	struct tx_detect *state;
	enum direction d;
	bool ended; /* no more will come */
	bool news;  /* the packet brought something whole for a transaction of the flow */
	uint8_t file_count; /* of the direction, as far as they can be counted */
	uint8_t file_skip;  /* for the rule in hand: tx_rule.files */
	bool still; /* firewall: it has come no further since it was last asked about */
	uint64_t scanned_before[BUFFERS_MAX / 64]; /* firewall: buffers that were scanned for earlier packets */
};

/* What the direction remembers, made if need be; NULL when memory is out. */
struct tx_detect *tx_detect_get(struct worker *w, struct tx *tx, enum direction d);
/* One instance of a buffer as rules see it; false: it is not there. Single ones are kept for the
 * packet. */
bool tx_view(struct tx_run *t, unsigned buffer, unsigned instance, struct buffer_view *view);
const struct binding *tx_binding(const struct tx_run *t, const struct program_rule *r);
/* Firewall rules: does it hold now? It has for the transaction's current state, or did at an earlier
 * look; a rule that asks for nothing but the state holds, and is told, when the transaction comes to it
 * and when it leaves it. */
bool tx_rule_holds(struct tx_run *t, uint32_t rule);
/* Its head and its conditions on packet and flow alone. */
bool tx_rule_fits(struct tx_run *t, uint32_t rule);
bool tx_check_holds(struct tx_run *t, const struct match_context *c, const struct app_check *a);

#endif
