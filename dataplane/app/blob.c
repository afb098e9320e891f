/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/app/blob.h"

#include <string.h>

#include "dataplane/engine/worker.h"

bool blob_add(struct worker *w, struct blob *b, const void *data, uint32_t len)
{
	uint32_t cap = b->cap ? b->cap : 256;
	uint8_t *moved;

	if (b->len + len > b->cap) {
		while (cap < b->len + len)
			cap *= 2;
		moved = heap_realloc(&w->heap, b->data, cap);
		if (!moved)
			return false;
		b->data = moved;
		b->cap = cap;
	}
	if (len)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	return true;
}
