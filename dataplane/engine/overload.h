/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A worker that does not keep up: what it does before its queue is full and frames are lost at random.
 *
 * The queue is deep when it is filled to overload.high percent, shallow below overload.low. Deep for some
 * milliseconds: that is told of, and flows of overload.elephant bytes and more are released from inspection when
 * their next packet comes. Deep for longer: flows that begin are treated as overload.policy says, and the size from
 * which on a flow is released is halved again and again. If that does not help the policy is for every packet.
 * Shallow for a second: one step back. Each step is an event and counted, and so is each packet and flow that is not
 * inspected. With the policy ignore nothing but telling is done. Times are packet times; one state a worker, no DPDK.
 */
#ifndef ENGINE_OVERLOAD_H
#define ENGINE_OVERLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/event/config.h"

struct worker;
struct packet;

#define OVERLOAD_RISE_NS 10000000ull  /* deep for so long: a burst may be over by then */
#define OVERLOAD_STEP_NS 100000000ull /* … for so long again: the next step */
#define OVERLOAD_LAST_NS 500000000ull /* … for so long, and new flows are treated already: the last step */
#define OVERLOAD_CALM_NS 1000000000ull
#define OVERLOAD_ELEPHANT_MIN 65536u  /* smaller flows are not released */

enum overload_level { OVERLOAD_NONE, OVERLOAD_DEEP, OVERLOAD_NEW_FLOWS, OVERLOAD_ALL_FLOWS };

struct overload {
	uint8_t level;            /* enum overload_level */
	bool deep;
	uint64_t since_ns;        /* deep since, or since the last step */
	uint64_t level_ns;        /* the level since */
	uint64_t calm_ns;         /* shallow since; 0: it is not */
	uint64_t begin_ns;        /* level is not OVERLOAD_NONE since */
	uint64_t elephant_bytes;  /* flows of so many bytes are released; 0: none is */
	/* counters at its begin */
	uint64_t released, bypassed, passed, dropped;
};

/* The queue is filled to so many percent. True: the level has changed. */
bool overload_step(struct overload *o, const struct config *c, unsigned percent, uint64_t now_ns);
/* The same for a worker: what changes is acted on, counted and told of. */
void overload_note(struct worker *w, struct overload *o, unsigned percent);
/* level is not OVERLOAD_NONE, p has a flow: that is released if it is large, or treated by the policy. False: nobody is
 * to look at p. */
bool overload_flow(struct worker *w, const struct overload *o, struct packet *p);

#endif
