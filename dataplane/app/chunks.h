/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A file whose parts come with their offsets, in any order: what comes early is held, within bounds, until
 * what is before it has come. Of bytes that come twice the first ones count. Memory is the worker's heap.
 */
#ifndef APP_CHUNKS_H
#define APP_CHUNKS_H

#include "dataplane/app/file.h"

#define CHUNKS_HELD_MAX 32
#define CHUNKS_HELD_BYTES (1u << 20)
#define CHUNK_GROWS_TO (256u * 1024) /* of parts that follow one another; then another is begun */

struct chunk {
	uint64_t offset, len;
	uint8_t *data;       /* NULL: these bytes are known to be missing */
	uint32_t cap;
};

struct chunks {
	struct file *file;   /* NULL: not open (any more); owned by its transaction */
	uint64_t at;         /* what is before it has been handed on */
	struct chunk *held;  /* ascending; NULL: none yet */
	uint32_t count, cap;
	uint64_t held_bytes; /* memory of their data */
};

/* How much may be held. */
struct chunks_room {
	uint32_t count;
	uint64_t bytes;
};

/* data NULL: bytes that are known to be missing. False: they came too early, and there was no room to hold all
 * of them. */
bool chunks_try(struct worker *w, struct chunks *c, uint64_t offset, const uint8_t *data, uint64_t len,
		const struct chunks_room *room);
/* Likewise, with room for CHUNKS_HELD_MAX and CHUNKS_HELD_BYTES; beyond it what is missing before the first
 * is given up: a hole. */
void chunks_add(struct worker *w, struct chunks *c, uint64_t offset, const uint8_t *data, uint32_t len);
/* So many bytes are known to be missing there. */
void chunks_miss(struct worker *w, struct chunks *c, uint64_t offset, uint64_t len);
/* The file is over: what is held goes on, holes before it are holes. */
void chunks_close(struct worker *w, struct chunks *c, enum file_state state);
/* Without closing the file: its transaction goes. */
void chunks_free(struct worker *w, struct chunks *c);

#endif
