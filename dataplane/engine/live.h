/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Live ports. Tap: every port of `ports` is read, nothing is ever sent. Inline: what comes in on
 * one port of the pair goes out on the other unless it is dropped.
 *
 * Where every port spreads flows over as many queues as there are lanes, each lane reads and sends
 * on its own queues; else one dispatcher stands before them (handover.h).
 */
#ifndef ENGINE_LIVE_H
#define ENGINE_LIVE_H

#include <stdint.h>

struct engine;
struct lane;
struct live;
struct rte_mbuf;

/* Starts EAL, opens the ports. 0, or -errno and the status sentence. */
/* What live_open would refuse of the configuration, before any port is opened. 0; -errno, told. */
int live_check(struct engine *e);
int live_open(struct engine *e, struct live **out);
/* Starts the lanes (and the dispatcher). */
int live_start(struct live *l);
/* Main thread, often: clock, port figures. */
void live_tick(struct live *l);
/* After all threads have ended. NULL is fine. */
void live_close(struct live *l);
/* The time of packets, now. */
uint64_t live_now(struct live *l);
/* Lane: sends n frames to the other port of the pair of `in`; returns how many were taken; the
 * others stay the caller's. */
unsigned live_send(struct lane *l, unsigned in, struct rte_mbuf **frames, unsigned n);
/* Lane: a frame of the port's own pool for a packet that we make; NULL: none is free. */
struct rte_mbuf *live_frame_new(struct lane *l);
/* Lane: sends one frame that we made out of port `port`. Takes it in any case. */
void live_send_own(struct lane *l, unsigned port, struct rte_mbuf *frame);

#endif
