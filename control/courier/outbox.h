/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The outbox: what is to be told and was not yet delivered, a row for each finding and whom it goes
 * to, so that one who does not answer keeps nothing from the others, and nobody is told twice for
 * another's sake.
 *
 * Family outbox: key due number (8) | way (1), of NOTIFY_SHARE also the server (8, a hash of its
 * URL; rows of old are without it and mean all servers). Value JSON: {"tries","next","finding"}.
 * Inside store_enter. Thread: messenger; rows are put in by any.
 */
#ifndef CONTROL_COURIER_OUTBOX_H
#define CONTROL_COURIER_OUTBOX_H

#include <jansson.h>

#include "control/courier/notify.h"

#define OUTBOX_KEY_MAX 17
#define OUTBOX_TOGETHER 200 /* findings in one mail or post */

/* To whom. */
struct destination {
	enum notify_way way;
	uint64_t server; /* NOTIFY_SHARE; else 0 */
	const char *url;
	/* kept by the messenger */
	unsigned failures; /* in a row, of a server that does not answer at all */
	uint64_t next_ns;
};

/* What goes to one destination together. */
struct parcel {
	const struct destination *to;
	json_t *findings;
	uint8_t keys[OUTBOX_TOGETHER][OUTBOX_KEY_MAX];
	json_t *rows[OUTBOX_TOGETHER]; /* as they stand in the outbox */
	unsigned count, sent;          /* the first so many were delivered */
	uint8_t after[OUTBOX_KEY_MAX]; /* where it was filled to */
	size_t after_len;              /* 0: from the beginning */
};

/* Those that are configured, at most max. How many. */
unsigned outbox_destinations(const struct config *c, struct destination *out, unsigned max);
/* Gives rows of old a server each, drops what waited for a week for one who is no longer
 * configured. 0 or -errno. */
int outbox_tidy(struct store *s, const struct destination *to, unsigned count, uint64_t now_ns);
/* Fills p with what is due for p->to, from where it was filled to the last time. 0 or -errno. */
int outbox_collect(struct store *s, struct parcel *p, uint64_t now_ns);
/* What was delivered goes out of the outbox; the rest is for later, or no more. Then p is empty. */
int outbox_settle(struct store *s, struct parcel *p, const char *why, uint64_t now_ns);
/* Takes out of p what was not sent; it stays in the outbox as it is. */
void parcel_cut(struct parcel *p);
/* Empties p and leaves the outbox as it is. */
void parcel_clear(struct parcel *p);

#endif
