/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The MIME parser alone: whatever the pieces are, what comes out is the same as from one piece.
 */
#include <stdlib.h>

#include "dataplane/app/mime.h"

struct sum {
	uint64_t hash, urls; /* apart: a URL is told of some bytes after its end */
	unsigned parts;
	int open;
};

static void mix(struct sum *s, const uint8_t *data, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		s->hash = (s->hash ^ data[i]) * 1099511628211u;
}

static void header(void *ctx, struct bytes name, struct bytes value, bool top)
{
	mix(ctx, name.data, name.len);
	mix(ctx, value.data, value.len);
}

static void part_begin(void *ctx, struct bytes name, enum mime_type type)
{
	struct sum *s = ctx;

	if (s->open++)
		abort();
	s->parts++;
	mix(ctx, name.data, name.len);
}

static void part_data(void *ctx, const uint8_t *data, uint32_t len)
{
	if (((struct sum *)ctx)->open != 1)
		abort();
	mix(ctx, data, len);
}

static void part_end(void *ctx, bool complete)
{
	if (--((struct sum *)ctx)->open)
		abort();
	mix(ctx, (const uint8_t *)&complete, 1);
}

static void url(void *ctx, struct bytes scheme, struct bytes rest)
{
	if (rest.len > MIME_URL_MAX)
		abort();
	for (uint32_t i = 0; i < rest.len; i++)
		((struct sum *)ctx)->urls = (((struct sum *)ctx)->urls ^ rest.data[i]) * 1099511628211u;
}

static const struct mime_ops ops = {header, part_begin, part_data, part_end, url};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct worker w;
	struct sum sums[2] = {0};
	struct mime m;
	uint32_t flags;

	if (size < 2)
		return 0;
	if (!w.heap.limit_bytes)
		heap_init(&w.heap, 64 << 20);
	flags = data[0] & 3;
	for (int pass = 0; pass < 2; pass++) {
		uint32_t step = pass ? 1u + (data[1] & 31) : (uint32_t)size;

		mime_init(&m, &w, &ops, &sums[pass], flags);
		if (flags & MIME_RAW)
			mime_set_boundary(&m, (struct bytes){(const uint8_t *)"b", 1});
		for (size_t at = 2; at < size; at += step)
			mime_data(&m, data + at, size - at < step ? (uint32_t)(size - at) : step);
		mime_end(&m, true);
		mime_free(&m);
	}
	if (sums[0].hash != sums[1].hash || sums[0].urls != sums[1].urls ||
	    sums[0].parts != sums[1].parts || w.heap.used_bytes)
		abort();
	return 0;
}
