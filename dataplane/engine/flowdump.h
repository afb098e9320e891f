/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Flow records of flows that still live, on request. The main thread posts one dump to every lane;
 * each lane writes its share between two bursts; the main thread gathers them into a memfd.
 */
#ifndef ENGINE_FLOWDUMP_H
#define ENGINE_FLOWDUMP_H

#include <stdbool.h>
#include <stdint.h>

struct engine;
struct lane;
struct flowdump;

/* The most that one request may ask of a lane: bounds how long it is kept from its queues. */
#define FLOWDUMP_LANE_MAX 4096u

/* Posts. NULL: no memory. */
struct flowdump *flowdump_start(struct engine *e, uint64_t limit);
/* True when all lanes have written. */
bool flowdump_ready(struct flowdump *d);
/* Frees it; a new memfd with the records, *count of them, or -errno. */
int flowdump_finish(struct flowdump *d, uint64_t *count);
/* Lane: writes if something was posted. Between bursts. */
void flowdump_lane(struct lane *l);

#endif
