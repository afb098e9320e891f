/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Flows that are released from inspection (FLOW_BYPASSED) are handed to the ports, whose drivers can forward them
 * without the engine (AF_XDP: the program in the kernel). A lane makes no system call: it asks the main thread over a
 * ring, the main thread tells it over another what was forwarded, once a second, so that flow records, contacts,
 * timeouts and counters are right. What begins or ends a session comes to the engine, and so does all behind it.
 *
 * A flow is not handed over while it is held to a rate (a rule's, or an operator's limit), or packets are captured;
 * when blocks or captures change all flows come back, and are offered anew with their next packet.
 */
#ifndef ENGINE_OFFLOAD_H
#define ENGINE_OFFLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "drivers/port_flow.h"

struct engine;
struct flow;
struct lane;
struct offload;
struct packet;
struct port;
struct worker;

/* The ports of the pair; they forward flows. NULL: no memory. */
struct offload *offload_new(struct engine *e, struct port *const ports[2]);
/* The lanes have ended. NULL is fine. */
void offload_free(struct offload *o);

/* ---- lane ---- */

/* p is of a released flow that is neither FLOW_OFFLOADED nor FLOW_NO_OFFLOAD: the kernel is asked to forward it, if it may be. */
void offload_offer(struct lane *l, const struct packet *p);
/* Between bursts: takes the news. */
void offload_news(struct lane *l);
/* After its last burst: waits until all that the kernel forwarded is told, at most two seconds. */
void offload_settle(struct lane *l);
/* worker.flow_ended */
void offload_ended(struct worker *w, const struct flow *f);

/* ---- main thread ---- */

/* Often. last: the lanes end; all flows come back. */
void offload_tick(struct offload *o, bool last);
/* Blocks or captures have changed: all flows come back. */
void offload_recall_all(struct offload *o);

#endif
