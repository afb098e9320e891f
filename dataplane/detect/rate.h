/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What rules match, held to a rate: rate_limit of threshold.config. Private to detect/.
 */
#ifndef DETECT_RATE_H
#define DETECT_RATE_H

#include "dataplane/base/bucket.h"
#include "dataplane/detect/program.h"

/* NULL: no memory. */
struct tally_table *rate_table_new(struct worker *w);

/* A rule with a rate_limit has matched p; flow: its drop would be one of the flow. In the wire p is dropped when it
 * is beyond the rate. True: it is. */
bool rate_match(struct worker *w, struct packet *p, uint32_t rule, bool flow);
/* The object "rate_limit" of its alert. */
void rate_record(const struct worker *w, struct recorder *r, const struct program_rule *rule, bool exceeded);

#endif
