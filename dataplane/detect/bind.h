/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Binding rules, shared by program.c and bind_app.c. Main thread.
 */
#ifndef DETECT_BIND_H
#define DETECT_BIND_H

#include "dataplane/detect/program.h"

struct binder {
	struct detect_program *program;
};

void rule_refuse(struct binder *b, struct program_rule *r, const char *reason);
/* Compiled conditions on a buffer, owned by the rule; NULL: the rule has been refused. */
struct chain *rule_chain(struct binder *b, struct program_rule *r, const struct rule_buffer *buffer);
/* A buffer of packet headers: judged with the conditions on the packet. */
bool is_header_buffer(unsigned keyword);
/* A rule on transactions: one binding for each protocol and direction that can fulfil it. */
void rule_bind_app(struct binder *b, struct program_rule *r);
/* hook.c: the progress of a transaction that a hook stands for, in its direction; -1: the protocol has
 * no such hook there. */
int hook_progress(const struct proto *proto, const char *hook, unsigned d);
/* When all rules are bound. False: memory is out. */
bool binder_finish(struct binder *b);

#endif
