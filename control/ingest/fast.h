/* SPDX-License-Identifier: BSD-3-Clause
 *
 * fast.log: one line an alert, in the form of Suricata's. Ingest thread.
 */
#ifndef CONTROL_INGEST_FAST_H
#define CONTROL_INGEST_FAST_H

#include "control/ingest/eve.h"

/* Appends the line of an alert, without a newline. */
void fast_write(struct text *out, const struct record_head *head);

#endif
