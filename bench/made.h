/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Traffic that is made while it is taken: flows by the million, of which no capture is kept. Named in
 * the place of a capture: made:KIND[,flows=N][,packets=N][,size=BYTES][,per=N]
 * [,text=WORD][,talk=NAME].
 *
 * A frame is a function of its number alone (and of the worker), so that every loop is the same work.
 * Frames come from a small ring of buffers, as from a card's queue: their bytes are in the cache when
 * the engine gets them.
 */
#ifndef BENCH_MADE_H
#define BENCH_MADE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MADE_FRAMES 4096u /* buffers; a power of two, and more than the engine may hold */
#define MADE_ERROR_BYTES 256

struct made_kind;
struct made_talk;

struct made {
	const struct made_kind *kind;
	uint64_t flows;    /* open at once */
	uint64_t packets;  /* of a loop that are measured */
	uint64_t warm;     /* before those: they open the flows */
	uint32_t size;     /* of a frame, FCS left out */
	uint32_t per;      /* packets of a flow, where flows come and go */
	uint64_t step_ns;  /* from packet to packet */
	char text[32];     /* payload is this again and again; empty: zeros */
	uint32_t text_sum; /* of the payload's 16-bit words */
	const struct made_talk *talk; /* of idle sessions (made_idle.h) */
};

/* Does the name stand for made traffic? */
bool made_is(const char *name);
/* 0, or -1 and a sentence. */
int made_parse(struct made *m, const char *name, char error[MADE_ERROR_BYTES]);
/* Writes packet `number` of a loop, m->size bytes; worker: an own set of clients. Returns its time from
 * the begin of the loop. */
uint64_t made_frame(const struct made *m, uint64_t number, unsigned worker, uint8_t *frame);

#endif
