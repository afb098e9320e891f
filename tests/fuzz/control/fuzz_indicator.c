/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A table of indicators that was not made by control: either it is not valid, or looking up in it
 * stays inside. The first bytes are the value looked for; the rest is the table, whose head is put
 * right often enough to get past it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/event/indicator.h"

#define VALUE 24

static void repair(struct indicator_image *im, size_t bytes)
{
	im->magic = INDICATOR_MAGIC;
	im->bytes = bytes;
	im->entries |= 1;
	im->bucket_count = 1ull << (im->bucket_count & 3);
	im->buckets_at = (sizeof(*im) + 63) / 64 * 64;
	for (int v = 0; v < 2; v++)
		im->net_count[v] &= 7;
}

/* The value looked for is there: what its slot says is left as it came. */
static void plant(struct indicator_image *im, unsigned kind, const uint8_t *value, size_t len)
{
	uint64_t tag = indicator_hash(im->seed, kind, value, len);
	uint8_t *bucket =
		(uint8_t *)im + im->buckets_at + 64 * indicator_bucket(im->bucket_count, tag);

	memcpy(bucket, &tag, sizeof(tag));
	im->kinds |= kind < 62 ? 1ull << kind : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct indicator_hit hit;
	struct indicator_image *im;
	size_t bytes;
	uint8_t *copy;

	if (size < VALUE + 2)
		return 0;
	bytes = size - VALUE - 2;
	/* Exactly as large, so that a read beyond it is seen; aligned as a mapping is. */
	copy = aligned_alloc(64, bytes ? (bytes + 63) / 64 * 64 : 64);
	if (!copy)
		return 0;
	memcpy(copy, data + VALUE + 2, bytes);
	im = (void *)copy;
	if (data[1] & 1 && bytes >= sizeof(*im))
		repair(im, bytes);
	if (data[1] & 4 && indicator_image_valid(copy, bytes))
		plant(im, data[0], data + 2, data[1] % (VALUE + 1));
	if (indicator_image_valid(copy, bytes) &&
	    indicator_find(im, data[0], data + 2, data[1] % (VALUE + 1), data[1] & 2 ? 443 : 0,
			   &hit)) {
		const char *texts[] = {
			indicator_text(im, hit.cls->source), indicator_text(im, hit.cls->threat),
			indicator_text(im, hit.cls->family), indicator_text(im, hit.cls->category)};

		for (int i = 0; i < 4; i++)
			if (strlen(texts[i]) > bytes)
				abort();
		if (hit.value == hit.net ? hit.len > sizeof(hit.net) : hit.len > VALUE)
			abort();
	}
	free(copy);
	return 0;
}
