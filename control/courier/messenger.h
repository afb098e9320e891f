/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The thread that empties the outbox: every two seconds what is due (notify.h). Servers may take
 * their time with it: nobody else waits for them.
 */
#ifndef CONTROL_COURIER_MESSENGER_H
#define CONTROL_COURIER_MESSENGER_H

#include "control/courier/courier.h"
#include "control/store/store.h"
#include "dataplane/event/config.h"

struct messenger;

/* All borrowed until it is stopped. 0 and *out; -errno. */
int messenger_start(struct messenger **out, struct store *s, const struct config *c,
		    struct courier *k);
/* Ends what it waits for, joins. */
void messenger_stop(struct messenger *m);

#endif
