/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Codings of content: any bytes, in pieces. What comes out is bounded by what came in, nothing comes after
 * the end, all memory is given back.
 */
#include <stdlib.h>

#include "dataplane/app/content.h"

#define HEAP_BYTES (32u << 20)

static void taken(void *context, const uint8_t *data, uint32_t len)
{
	uint64_t *sum = context;

	if (!len)
		abort();
	*sum += len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct heap heap;
	struct content_decoder *d;
	uint64_t sum = 0;
	size_t step;

	if (size < 2)
		return 0;
	if (!heap.limit_bytes)
		heap_init(&heap, HEAP_BYTES);
	d = content_decoder_new(&heap, (enum content_coding)(data[0] % (CONTENT_ZSTD + 1)));
	if (!d)
		abort();
	step = 1 + data[1];
	for (size_t at = 2; at < size; at += step) {
		bool over = d->over;
		uint64_t before = sum;

		content_decode(d, data + at, (uint32_t)(size - at < step ? size - at : step), taken, &sum);
		if (over && sum != before)
			abort();
	}
	if (sum > (uint64_t)CONTENT_BOMB_BYTES + CONTENT_STEP + CONTENT_BOMB_RATIO * (uint64_t)size)
		abort();
	content_decoder_free(&heap, d);
	if (heap.used_bytes)
		abort();
	return 0;
}
