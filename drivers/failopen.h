/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One side of a pair that stays a wire without the engine: an XDP program on the interface gives
 * frames to the AF_XDP sockets while all threads of the engine beat, and sends them straight out of
 * the other side when one has not for max_age. It is the kernel's, so it outlives a killed process;
 * the next one finds it in place. It leaves the interface only by `ip link set dev IF xdp off`.
 *
 * Flows that the engine has released it forwards by itself while the engine beats, and counts.
 */
#ifndef DRIVERS_FAILOPEN_H
#define DRIVERS_FAILOPEN_H

#include <stdbool.h>
#include <stdint.h>

#include "drivers/port_flow.h"

struct failopen;

struct failopen_options {
	const char *interface, *peer; /* this side and the other */
	bool closed;                  /* without the engine frames are dropped, not passed */
	bool forward;                 /* flows will be released */
	unsigned beats;               /* threads that beat */
	uint64_t max_age_ns;
};

struct failopen_figures {
	uint64_t packets, bytes; /* passed by without the engine since the program was put on */
};

/* Puts the program on the interface, or takes over the one that is there; until every thread has beaten
 * frames pass by. 0; or -errno and a sentence in error (PORT_ERROR_BYTES). Any thread. */
int failopen_open(struct failopen **out, const struct failopen_options *o, char *error);
/* The engine goes: frames pass by from now on. Puts the program on again if it was taken off. */
void failopen_close(struct failopen *f);

/* A thread beats; at least every few ms. No system call. */
void failopen_beat(struct failopen *f, unsigned thread, uint64_t monotonic_ns);
/* Main thread. A flow of which frames come in on this side is forwarded from now on; 0 or -errno. */
int failopen_release(struct failopen *f, const struct port_flow *flow);
/* What of it was forwarded; 0, -ENOENT. */
int failopen_read(struct failopen *f, const struct port_flow *flow, struct port_flow_count *out);
/* The same, and it is forwarded no more. */
int failopen_recall(struct failopen *f, const struct port_flow *flow, struct port_flow_count *out);
/* Main thread. */
void failopen_figures(struct failopen *f, struct failopen_figures *out);

#endif
