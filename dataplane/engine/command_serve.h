/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The dataplane's side of the command channel. Main thread; nothing here waits for a worker.
 */
#ifndef ENGINE_COMMAND_SERVE_H
#define ENGINE_COMMAND_SERVE_H

struct engine;
struct ruleload;
struct serve;

/* NULL: no memory. */
struct serve *serve_new(struct engine *e, struct ruleload *rules);
void serve_free(struct serve *s);
/* Tells control that requests are read from now on, before workers run: what it keeps for a dataplane that is started
 * anew (blocks, captures) is then there before the first packet. */
void serve_hello(struct serve *s);
/* Waits for requests up to timeout_ms, answers what can be answered, goes on with what takes
 * longer. */
void serve_step(struct serve *s, int timeout_ms);

#endif
