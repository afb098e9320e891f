/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A file whose parts come with their offsets, mostly in order: what comes early is held, at most
 * CHUNKS_HELD_BYTES of it; what does not come leaves a hole. Memory is the worker's heap.
 */
#ifndef APP_CHUNKS_H
#define APP_CHUNKS_H

#include "dataplane/app/file.h"

#define CHUNKS_HELD_MAX 32
#define CHUNKS_HELD_BYTES (1u << 20)

struct chunk {
	uint64_t offset;
	uint8_t *data;
	uint32_t len, cap;
};

struct chunks {
	struct file *file;   /* NULL: not open (any more); owned by its transaction */
	uint64_t at;         /* what is before it has been handed on */
	struct chunk *held;  /* CHUNKS_HELD_MAX of them, ascending; NULL: none yet */
	uint32_t count, held_bytes;
};

void chunks_add(struct worker *w, struct chunks *c, uint64_t offset, const uint8_t *data, uint32_t len);
/* So many bytes are known to be missing there. */
void chunks_miss(struct worker *w, struct chunks *c, uint64_t offset, uint64_t len);
/* The file is over: what is held goes on, holes before it are holes. */
void chunks_close(struct worker *w, struct chunks *c, enum file_state state);
/* Without closing the file: its transaction goes. */
void chunks_free(struct worker *w, struct chunks *c);

#endif
