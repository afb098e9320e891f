/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A transaction in one direction while its rules are run: what tx.c and trace.c share.
 */
#ifndef DETECT_TX_H
#define DETECT_TX_H

#include "dataplane/detect/program.h"

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
};

/* One instance of a buffer as rules see it; false: it is not there. Single ones are kept for the
 * packet. */
bool tx_view(struct tx_run *t, unsigned buffer, unsigned instance, struct buffer_view *view);
const struct binding *tx_binding(const struct tx_run *t, const struct program_rule *r);
bool tx_check_holds(struct tx_run *t, const struct match_context *c, const struct app_check *a);

#endif
