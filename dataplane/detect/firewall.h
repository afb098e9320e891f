/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The firewall: rules of firewall.rule_files, judged before all others in the order they are written
 * in. Each hook (of packets: pre_flow, pre_stream, all; of protocols: the states of a transaction) is
 * a table: the first rule that matches decides, and where none does, the hook's policy. What a packet
 * passes, in this order: pre_flow, pre_stream, the packet hooks, other rules on packets, the hooks of
 * its transactions, other rules on transactions. Semantics: Suricata 8, "Firewall Mode Design".
 *
 * The tables are made by the main thread and immutable; the rest runs in the workers.
 */
#ifndef DETECT_FIREWALL_H
#define DETECT_FIREWALL_H

#include "dataplane/detect/bind.h"
#include "dataplane/detect/tx.h"

/* Of the packet in hand. */
enum firewall_state {
	FIREWALL_DROPPED = 1 << 0,  /* nothing else looks at it */
	FIREWALL_NO_APP = 1 << 1,   /* accepted whole: the hooks of its transactions are not asked */
	FIREWALL_NO_RULES = 1 << 2, /* passed: rules other than the firewall's are not asked */
	FIREWALL_FILTERED = 1 << 3, /* dropped at a hook of packets: no other rule has seen it */
};

struct firewall_policy {
	uint8_t action, scope; /* enum rule_action, enum rule_scope */
};

#define FIREWALL_AT_LATER_HOOK (1u << 31) /* beside a rule's index: the rule belongs to a later hook */

struct firewall_hook {
	uint8_t progress;
	struct firewall_policy policy;
	uint32_t *rules; /* in their order; owner */
	uint32_t count;
};

/* The hooks of one protocol in one direction, in order. */
struct firewall_app {
	struct firewall_hook hooks[HOOKS_MAX];
	unsigned count; /* 0: the protocol is not parsed */
};

struct firewall {
	uint32_t rule_count;         /* the first so many rules of the program are its */
	struct firewall_policy filter, early[DETECT_EARLY_COUNT];
	struct firewall_app apps[APP_PROTO_COUNT][2];
};

/* When all rules are bound. False: memory is out, or a sentence in error. */
bool firewall_make(struct binder *b, char *error, size_t error_size);
void firewall_free(struct firewall *f);
/* The rules of early hooks, with a firewall or without. False: memory is out. */
bool early_rules_make(struct detect_program *p);

/* The packet begins. */
void firewall_begin(struct detect_state *s, const struct packet *p);
/* Judges it by the firewall rules among its candidates, and takes these off the list. */
void firewall_packet(struct worker *w, struct packet *p);
/* Likewise a transaction, at each hook that it has come to. */
void firewall_tx(struct tx_run *t);
/* Is an item of the packet's queue heard, as the verdict is so far? */
bool firewall_hears(const struct detect_state *s, const struct alert_item *item);

#endif
