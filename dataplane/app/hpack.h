/* SPDX-License-Identifier: BSD-3-Clause
 *
 * HPACK, header compression of HTTP/2 (RFC 7541): the decoder of one direction. A field that cannot
 * be decoded does not end the block where the next one can still be found.
 *
 * Memory: the dynamic table, at most HPACK_TABLE_MAX by the RFC's own count (4.1), from the heap
 * that is handed in; one scratch block while a header block is decoded.
 */
#ifndef APP_HPACK_H
#define APP_HPACK_H

#include "dataplane/base/cursor.h"
#include "dataplane/base/heap.h"

#define HPACK_TABLE_DEFAULT 4096
#define HPACK_TABLE_MAX 65536
#define HPACK_ENTRY_OVERHEAD 32
#define HPACK_BLOCK_MAX 65536 /* bytes of a header block */

enum hpack_kind {
	HPACK_FIELD,
	HPACK_SIZE_UPDATE, /* .size */
	HPACK_NO_ENTRY,    /* an index that the table has not */
	HPACK_TOO_BIG,     /* an integer beyond 32 bits: the block ends here */
	HPACK_CUT,         /* the block ends inside a field */
	HPACK_BAD_STRING,  /* Huffman code that is none */
};

struct hpack_field {
	enum hpack_kind kind;
	struct bytes name, value; /* borrowed for the call */
	uint32_t size;
};

struct hpack_entry; /* of the dynamic table */

struct hpack {
	struct hpack_entry **ring; /* newest at .newest, older ones behind it, around the end */
	uint32_t cap, count, newest;
	uint32_t bytes;      /* as RFC 7541, 4.1 counts */
	uint32_t bytes_max;  /* as the last size update said */
};

typedef void hpack_take(void *context, const struct hpack_field *field);

void hpack_init(struct hpack *h);
void hpack_free(struct heap *heap, struct hpack *h);
/* Hands each field of a whole header block to take. False: memory is out, nothing was done. */
bool hpack_decode(struct heap *heap, struct hpack *h, const uint8_t *data, uint32_t len,
		  hpack_take *take, void *context);

#endif
