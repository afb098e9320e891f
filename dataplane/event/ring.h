/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A single-producer single-consumer byte ring in a memfd. The supervisor owns the memfd, so what
 * is in the ring outlives both ends; each end maps it. The data area is mapped twice in a row, so
 * a record never wraps.
 *
 * Producer: one worker. Consumer: the control process. head and tail count bytes since the ring
 * was made and only grow; head - tail is what is in the ring. The consumer moves the tail only
 * after what it read has been stored for good.
 */
#ifndef EVENT_RING_H
#define EVENT_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/event/fields.h"

struct ring_shared {
	uint64_t magic;
	uint64_t size_bytes;  /* of the data area, a power of two */
	uint64_t boot_id;     /* a ring of another boot is never read */
	_Alignas(64) uint64_t head; /* writer: producer; readers: all */
	uint64_t last_seq;    /* of the newest record; survives a restart of the producer */
	uint64_t lost[RECORD_COUNT]; /* writer: producer: records given up because the ring was full */
	_Alignas(64) uint64_t tail; /* writer: consumer */
};

struct ring {
	struct ring_shared *shared;
	uint8_t *data;        /* size_bytes, mapped twice */
	uint64_t size_bytes;
	uint64_t cached_tail; /* producer's last look at tail */
};

/* A new memfd with an empty ring; size_bytes is rounded up to a power of two of pages.
 * Returns the fd (owned by the caller) or -errno. */
int ring_create(const char *name, uint64_t size_bytes, uint64_t boot_id);
/* Maps the ring behind fd; does not take the fd. 0, -EINVAL if it is not a ring, or -errno. */
int ring_attach(struct ring *r, int fd);
void ring_detach(struct ring *r);

/* Producer: room for len bytes (a multiple of 8), or NULL when the ring is too full.
 * keep_free: the part of the ring, in bytes, that this class of record must leave free. */
void *ring_reserve(struct ring *r, uint32_t len, uint64_t keep_free);
/* Makes the first len reserved bytes visible. */
void ring_commit(struct ring *r, uint32_t len);

/* Consumer: borrows the bytes between position pos (≥ tail) and the head. */
const void *ring_peek(const struct ring *r, uint64_t pos, uint64_t *avail);
/* Everything before pos may be overwritten. */
void ring_release(struct ring *r, uint64_t pos);
uint64_t ring_tail(const struct ring *r);
uint64_t ring_head(const struct ring *r);

#endif
