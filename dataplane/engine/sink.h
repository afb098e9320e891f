/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where a worker's records go: its event ring, its bulk ring. Worker thread only.
 *
 * A full ring, live: logs are given up first (they leave a quarter of the ring free), then alerts
 * and contacts (they leave a twentieth); begin and end marks may take all of it; each loss is
 * counted by type in the ring and in the worker's counters. Offline: the worker waits.
 */
#ifndef ENGINE_SINK_H
#define ENGINE_SINK_H

#include "dataplane/engine/worker.h"
#include "dataplane/event/ring.h"

struct sink {
	struct ring event, bulk, packet;
	uint64_t keep_free[CLASS_CONTROL + 1]; /* of the event ring, by class of record, in bytes */
	const volatile uint32_t *stop; /* boot.stop: the wait for a full ring is given up */
	/* Records go into this memory instead (flows on request); NULL: into the ring. */
	uint8_t *capture;
	uint64_t capture_bytes, capture_room;
};

/* Descriptors; bulk, packet: -1: nobody reads it. */
struct sink_rings {
	int event, bulk, packet;
};

/* Attaches the rings and makes them the sinks of the worker; record numbers go on from where the
 * ring's last producer stopped. 0 or -errno. */
int sink_open(struct worker *w, struct sink *s, const struct sink_rings *fd, const volatile uint32_t *stop);
void sink_close(struct sink *s);
/* From here on records are copied into memory, as many as fit. */
void sink_capture_begin(struct worker *w, void *memory, uint64_t room);
/* Back to the ring; returns the bytes copied. */
uint64_t sink_capture_end(struct worker *w);

#endif
