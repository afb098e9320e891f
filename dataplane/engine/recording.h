/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Recordings (event/recording.h) in a worker. Which ones run is an immutable set behind an RCU pointer;
 * what a worker counts of each is that worker's own. A frame is looked at once, when all its packets have
 * been through the stages, so that its alerts and its verdict are known.
 *
 * With alerts_only a frame whose flow has no alert goes into the memory of recent packets (recent.h); at
 * the flow's first alert those that are still there are written, then the frame, then all that follow.
 */
#ifndef ENGINE_RECORDING_H
#define ENGINE_RECORDING_H

#include <stdatomic.h>

#include "dataplane/engine/worker.h"
#include "dataplane/event/recording.h"
#include "dataplane/packet/packet.h"

struct recording;
struct recording_notes;

struct recordings {
	unsigned count;
	unsigned workers;
	struct recording *at[RECORDINGS_MAX];
	struct recording_notes *notes; /* one a worker: alerts of the frame in hand */
};

/* ---- main thread ---- */

/* NULL: no memory. Takes no order; *recording_free* when no worker reads it any more. */
struct recording *recording_new(const struct recording_order *o, unsigned workers);
void recording_free(struct recording *r);
const struct recording_order *recording_order(const struct recording *r);
/* The old set (NULL: none) without `gone` (NULL) and with `more` (NULL). NULL: no memory. */
struct recordings *recordings_new(const struct recordings *old, unsigned workers, struct recording *more,
				  const struct recording *gone);
void recordings_free(struct recordings *s); /* not the recordings */
struct recording *recordings_find(const struct recordings *s, const char *name);
void recording_row(const struct recording *r, unsigned workers, struct recording_row *out);

/* ---- worker ---- */

/* An alert's record is nearly written: adds capture_file, if its packets are recorded. */
void recording_alert_begin(struct worker *w, struct recorder *r, const struct record_head *head);
/* It is written. */
void recording_alert_end(struct worker *w, const struct record_head *head);
/* A frame's packets, the frame's own first, have been through all stages but the last. */
void recording_frame(struct worker *w, struct packet *const *packets, unsigned count);

#endif
