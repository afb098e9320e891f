/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Deflate (RFC 1951) piece by piece, bare or in the wrapper of zlib (RFC 1950) or gzip (RFC 1952). Two libraries do it:
 * ISA-L, two to three times as fast but with 87 KB of state, for what comes and goes as bodies do; zlib, with 7 KB and
 * a window of 32 KB once it is needed, for what lasts as long as its flow, and for all while the worker's heap, from
 * which memory comes, is half full.
 */
#ifndef APP_INFLATE_H
#define APP_INFLATE_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/base/cursor.h"
#include "dataplane/base/heap.h"

enum inflate_format { INFLATE_GZIP, INFLATE_ZLIB, INFLATE_RAW };

enum inflate_status {
	INFLATE_MORE, /* more bytes are wanted, or more room */
	INFLATE_END,  /* of the deflate stream, and of its wrapper */
	INFLATE_BAD,  /* not of that format, broken, or its sum is wrong; what was made before that counts */
};

struct inflater;

/* NULL: memory is out. */
struct inflater *inflater_new(struct heap *heap, enum inflate_format format, bool lasting);
/* From the beginning, of whatever format. */
void inflater_reset(struct inflater *i, enum inflate_format format);
/* Takes from *in what it can, writes to out at most room bytes (more than none); *made: how many. MORE with room left over:
 * all of *in was taken. */
enum inflate_status inflater_run(struct inflater *i, struct bytes *in, uint8_t *out, uint32_t room, uint32_t *made);
void inflater_free(struct heap *heap, struct inflater *i);

#endif
