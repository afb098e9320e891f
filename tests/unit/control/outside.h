/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The outside without a network: a thread at the courier's end of the channel, whose answers the
 * test writes.
 */
#ifndef TEST_CONTROL_OUTSIDE_H
#define TEST_CONTROL_OUTSIDE_H

#include "control/courier/message.h"

struct outside;

/* Fills the answer to one request; false: it is never answered. Called by the outside's thread. */
typedef bool outside_answer(void *arg, const struct courier_order *o, const char *body,
			    struct courier_answer *a);

struct outside *outside_new(outside_answer *answer, void *arg);
void outside_free(struct outside *o);
/* The asker's end; borrowed. */
int outside_channel(const struct outside *o);
/* A message that answers nothing. 0 or -errno. */
int outside_say(struct outside *o, const char *text);
/* Hangs up, as a courier does that dies. */
void outside_die(struct outside *o);
/* A body as the courier sends it: sealed, 200. */
void outside_body(struct courier_answer *a, const char *text);

#endif
