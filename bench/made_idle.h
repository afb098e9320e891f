/* SPDX-License-Identifier: BSD-3-Clause
 *
 * made:idle (made.h): the packets of sessions that talk once and are idle.
 */
#ifndef BENCH_MADE_IDLE_H
#define BENCH_MADE_IDLE_H

#include <stdbool.h>
#include <stdint.h>

/* What they say: client, server. */
struct made_talk {
	const char *name;
	uint16_t port;
	const char *said[2];
	bool probed; /* later the client asks whether the server is still there (TCP keep-alive), which it is */
};

extern const struct made_talk made_talks[]; /* name NULL at the end */

/* Packets of a session. */
unsigned made_idle_steps(const struct made_talk *talk);
/* The least size of a frame that holds all of it. */
uint32_t made_idle_size(const struct made_talk *talk);
/* Writes packet `number` of its session, modulo made_idle_steps, size bytes. */
void made_idle_frame(const struct made_talk *talk, uint64_t number, uint32_t client, uint32_t server, uint32_t size,
		     uint8_t *frame);

#endif
