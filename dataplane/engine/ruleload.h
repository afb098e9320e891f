/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From the configuration to a rule set the workers use, at start and again on request. The old
 * program is freed when every worker has said that it holds nothing of it (rte_rcu_qsbr), so a
 * reload loses no packet and stops no worker. Main thread, and one helper thread that loads.
 */
#ifndef ENGINE_RULELOAD_H
#define ENGINE_RULELOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct engine;
struct ruleload;

/* NULL: no memory. */
struct ruleload *ruleload_new(struct engine *e);
/* After all workers have ended; frees the program in use. */
void ruleload_free(struct ruleload *r);
/* Loads now, in this thread, for the start. 0, or -errno and the status sentence. */
int ruleload_first(struct ruleload *r);
/* Starts a load in the helper thread. -EBUSY while one is under way. */
int ruleload_start(struct ruleload *r);
/* To be called often. True once when a load is over and in use by all workers (or failed): *status
 * is 0 or -errno, text the summary or the reason. */
bool ruleload_poll(struct ruleload *r, int *status, uint64_t *version, char *text, size_t size);

#endif
