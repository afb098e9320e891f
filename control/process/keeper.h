/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The keeper: a thread that does what may take long, so that ingestion does not wait for it:
 * it writes contact files of days that are over, and drops days that have expired.
 */
#ifndef CONTROL_PROCESS_KEEPER_H
#define CONTROL_PROCESS_KEEPER_H

#include "control/contact/contacts.h"
#include "control/hosts/hosts.h"
#include "control/ingest/ingest.h"
#include "control/store/store.h"

struct keeper;

/* Starts the thread; all is borrowed until keeper_stop. expires: days beyond the retention are
 * dropped (live only: a capture may be as old as it likes). NULL when it cannot be started. */
struct keeper *keeper_start(struct store *s, struct contacts *c, struct hosts *h,
			    const struct ingest *in, uint64_t retention_days, bool expires);
/* Waits for what it is doing. */
void keeper_stop(struct keeper *k);
/* From then on the store is kept within its budget too (budget.h), if it expires at all. */
void keeper_budget(struct keeper *k, const struct config *config);

#endif
