/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Bytes put together for one buffer, in the worker's heap.
 */
#ifndef APP_BLOB_H
#define APP_BLOB_H

#include <stdbool.h>
#include <stdint.h>

struct worker;

struct blob {
	uint8_t *data; /* given back with heap_free */
	uint32_t len, cap;
	bool built;    /* the owner's: it is whole */
};

/* Adds the bytes at the end. False, and the blob as it was: no memory. */
bool blob_add(struct worker *w, struct blob *b, const void *data, uint32_t len);

#endif
