/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Deflate by two libraries, see inflate.h. Runs in the worker that owns the flow.
 */
#include "dataplane/app/inflate.h"

#include <isa-l/igzip_lib.h>
#include <string.h>
#include <zlib.h>

#define GZIP_WINDOW (MAX_WBITS + 16) /* zlib: a gzip header is wanted */

struct inflater {
	struct inflate_state *fast; /* NULL: zlib does it */
	z_stream z;
};

static void *zlib_alloc(void *heap, unsigned count, unsigned size)
{
	return heap_zalloc(heap, (size_t)count * size);
}

static void zlib_free(void *heap, void *block)
{
	heap_free(heap, block);
}

static int window_of(enum inflate_format format)
{
	return format == INFLATE_GZIP ? GZIP_WINDOW : format == INFLATE_RAW ? -MAX_WBITS : MAX_WBITS;
}

struct inflater *inflater_new(struct heap *heap, enum inflate_format format, bool lasting)
{
	struct inflater *i = heap_zalloc(heap, sizeof(*i));

	if (!i)
		return NULL;
	i->z.zalloc = zlib_alloc;
	i->z.zfree = zlib_free;
	i->z.opaque = heap;
	lasting = lasting || heap->used_bytes > heap->limit_bytes / 2;
	if (!lasting)
		i->fast = heap_alloc(heap, sizeof(*i->fast));
	if (lasting ? inflateInit2(&i->z, window_of(format)) != Z_OK : !i->fast) {
		heap_free(heap, i);
		return NULL;
	}
	inflater_reset(i, format);
	return i;
}

void inflater_reset(struct inflater *i, enum inflate_format format)
{
	if (!i->fast) {
		inflateReset2(&i->z, window_of(format));
		return;
	}
	isal_inflate_init(i->fast);
	i->fast->crc_flag = format == INFLATE_GZIP ? ISAL_GZIP : format == INFLATE_ZLIB ? ISAL_ZLIB : ISAL_DEFLATE;
}

static enum inflate_status fast_run(struct inflate_state *s, struct bytes *in, uint8_t *out, uint32_t room, uint32_t *made)
{
	int rc;

	s->next_in = (uint8_t *)(uintptr_t)in->data;
	s->avail_in = in->len;
	s->next_out = out;
	s->avail_out = room;
	rc = isal_inflate(s);
	*in = (struct bytes){s->next_in, s->avail_in};
	*made = room - s->avail_out;
	if (rc != ISAL_DECOMP_OK)
		return INFLATE_BAD;
	return s->block_state == ISAL_BLOCK_FINISH ? INFLATE_END : INFLATE_MORE;
}

static enum inflate_status zlib_run(z_stream *z, struct bytes *in, uint8_t *out, uint32_t room, uint32_t *made)
{
	int rc;

	z->next_in = (Bytef *)(uintptr_t)in->data;
	z->avail_in = in->len;
	z->next_out = out;
	z->avail_out = room;
	rc = inflate(z, Z_SYNC_FLUSH);
	*in = (struct bytes){z->next_in, z->avail_in};
	*made = room - z->avail_out;
	if (rc == Z_STREAM_END)
		return INFLATE_END;
	return rc == Z_OK || rc == Z_BUF_ERROR ? INFLATE_MORE : INFLATE_BAD;
}

enum inflate_status inflater_run(struct inflater *i, struct bytes *in, uint8_t *out, uint32_t room, uint32_t *made)
{
	return i->fast ? fast_run(i->fast, in, out, room, made) : zlib_run(&i->z, in, out, room, made);
}

void inflater_free(struct heap *heap, struct inflater *i)
{
	if (!i)
		return;
	heap_free(heap, i->fast);
	if (!i->fast)
		inflateEnd(&i->z);
	heap_free(heap, i);
}
