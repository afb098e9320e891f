/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A capture in memory, and the worker's own copy of it, from which frames are taken again and again.
 *
 * A copy is one block, on huge pages where there are any: mbuf, frame_info and bytes of each frame in
 * a row. The copy keeps a reference to every frame, so the engine's freeing one gives it back; in
 * between the engine may hold frames. Each loop moves the addresses and the time of a frame in place
 * just before it is given away (readdress.h), so flows are fresh and no byte is copied.
 *
 * Or traffic is made (made.h): then there is no capture, and a copy is a ring of buffers.
 */
#ifndef BENCH_TRAFFIC_H
#define BENCH_TRAFFIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/made.h"
#include "bench/readdress.h"
#include "dataplane/engine/engine.h"

/* Main thread; immutable once workers run. */
struct traffic {
	struct rte_mbuf **frames;
	struct readdress *plans;
	size_t count, room;
	uint64_t bytes;           /* of frames, without FCS, preamble and gap */
	uint64_t step_ns;         /* by which a loop is later than the one before */
	size_t fixed;             /* frames in which nothing moves */
	bool is_made;
	struct made made;
	size_t warm;              /* frames at the begin of a loop that are not measured */
};

/* From a capture, or made where the path says so. 0, or -1 and a sentence in error (CAPTURE_ERROR_BYTES). */
int traffic_load(struct traffic *t, const char *path, char *error);
/* Of each hundred frames so many change places with the next one of the same two hosts, if there is one near;
 * times stay in order. The same ones in every run. */
void traffic_reorder(struct traffic *t, unsigned percent);
/* Plans the moving of addresses; false: no memory. */
bool traffic_plan(struct traffic *t, const struct address_map *m);
void traffic_free(struct traffic *t);

enum traffic_pages { PAGES_SMALL, PAGES_TRANSPARENT, PAGES_HUGE };

struct traffic_copy {
	const struct traffic *traffic;
	struct rte_mbuf **frames; /* as many as the traffic has, or MADE_FRAMES */
	uint8_t *memory;
	size_t memory_bytes;
	enum traffic_pages pages;
	uint64_t loop;            /* in which the frames stand now */
	uint64_t first_key;       /* added to the loop: workers move differently */
	unsigned worker;
};

/* Frames of a loop that are measured. */
static inline size_t traffic_measured(const struct traffic *t)
{
	return t->count - t->warm;
}

/* To be called by the thread that will use it. 0 or -ENOMEM. */
int traffic_copy_new(struct traffic_copy *c, const struct traffic *t, unsigned worker);
void traffic_copy_free(struct traffic_copy *c);
/* Brings n frames from the current loop into the next one. */
void traffic_take(struct traffic_copy *c, size_t first, unsigned n, struct rte_mbuf **out);
/* All frames were taken: the next loop. */
void traffic_next(struct traffic_copy *c);
/* Frames that somebody still holds. */
size_t traffic_held(const struct traffic_copy *c);

#endif
