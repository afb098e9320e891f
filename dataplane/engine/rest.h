/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a thread does that has found nothing in its queues: polls on, then rests between polls, then longer; or sleeps
 * until the kernel has a frame, where all its ports can say so (AF_XDP).
 *
 * A rest is short beside the time in which a queue fills; only after a second or so of nothing it is longer, and then
 * a flood of more than some millions of frames a second that begins at once may find the queue too small.
 */
#ifndef ENGINE_REST_H
#define ENGINE_REST_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

struct port;

#define REST_FDS 128
#define REST_POLLS 2000       /* empty polls before a thread rests */
#define REST_POLLS_WOKEN 200  /* … where the kernel wakes it: each of them is a system call */
#define REST_POLLS_LONG 16000 /* … longer */
#define REST_POLLS_MAX (1u << 30)

struct rest {
	struct pollfd fds[REST_FDS]; /* what wakes it */
	unsigned fd_count;           /* 0: it polls */
	int wait_ms;                 /* it looks up all the same, for its heartbeat and timers */
};

/* The ports that one thread reads, all of them or none. heartbeat_ms: how long it may say nothing; 0: as it likes. */
void rest_find(struct rest *r, struct port *const *ports, unsigned count, uint64_t heartbeat_ms);
/* After so many polls in a row that found nothing. */
void rest_after(struct rest *r, unsigned polls);

/* One more of them. */
static inline unsigned rest_count(unsigned polls)
{
	return polls < REST_POLLS_MAX ? polls + 1 : REST_POLLS_MAX - 255;
}

/* So long that what is due should be done after each. */
static inline bool rest_is_long(const struct rest *r, unsigned polls)
{
	return r->fd_count && polls >= REST_POLLS_WOKEN;
}

#endif
