/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Codings of content, see content.h. Runs in the worker that owns the flow.
 */
#include "dataplane/app/content.h"

#include <strings.h>

#define GZIP_WINDOW (15 + 16) /* zlib: a gzip header is wanted */

static void *zlib_alloc(void *heap, unsigned count, unsigned size)
{
	return heap_zalloc(heap, (size_t)count * size);
}

static void *brotli_alloc(void *heap, size_t size)
{
	return heap_alloc(heap, size);
}

static void give_back(void *heap, void *block)
{
	heap_free(heap, block);
}

enum content_coding content_coding_of(struct bytes v)
{
	static const struct {
		const char *name;
		enum content_coding coding;
	} names[] = {{"gzip", CONTENT_GZIP}, {"x-gzip", CONTENT_GZIP}, {"deflate", CONTENT_DEFLATE},
		     {"br", CONTENT_BROTLI}};

	while (v.len && (v.data[0] == ' ' || v.data[0] == '\t'))
		v = (struct bytes){v.data + 1, v.len - 1};
	while (v.len && (v.data[v.len - 1] == ' ' || v.data[v.len - 1] == '\t'))
		v.len--;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (v.len == strlen(names[i].name) &&
		    strncasecmp((const char *)v.data, names[i].name, v.len) == 0)
			return names[i].coding;
	return CONTENT_PLAIN;
}

struct content_decoder *content_decoder_new(struct heap *heap, enum content_coding coding)
{
	struct content_decoder *d = heap_zalloc(heap, sizeof(*d));
	int window = coding == CONTENT_GZIP	    ? GZIP_WINDOW
		     : coding == CONTENT_BARE_DEFLATE ? -MAX_WBITS
						      : MAX_WBITS;

	if (!d)
		return NULL;
	d->coding = coding;
	d->z.zalloc = zlib_alloc;
	d->z.zfree = give_back;
	d->z.opaque = heap;
	if (coding == CONTENT_PLAIN)
		return d;
	if (coding == CONTENT_BROTLI)
		d->brotli = BrotliDecoderCreateInstance(brotli_alloc, give_back, heap);
	if (coding == CONTENT_BROTLI ? d->brotli != NULL : inflateInit2(&d->z, window) == Z_OK)
		return d;
	heap_free(heap, d);
	return NULL;
}

void content_decoder_free(struct heap *heap, struct content_decoder *d)
{
	if (!d)
		return;
	if (d->brotli)
		BrotliDecoderDestroyInstance(d->brotli);
	else if (d->coding != CONTENT_PLAIN)
		inflateEnd(&d->z);
	heap_free(heap, d);
}

static bool bomb(struct content_decoder *d)
{
	d->over = d->over || (d->out > CONTENT_BOMB_BYTES && d->out > CONTENT_BOMB_RATIO * d->in);
	return d->out > CONTENT_BOMB_BYTES && d->out > CONTENT_BOMB_RATIO * d->in;
}

static void hand_on(struct content_decoder *d, const uint8_t *data, size_t len, content_take *take,
		    void *context)
{
	if (!len)
		return;
	d->out += len;
	d->begun = true;
	take(context, data, (uint32_t)len);
}

static enum content_status brotli_decode(struct content_decoder *d, const uint8_t *data, size_t len,
					 content_take *take, void *context)
{
	BrotliDecoderResult rc = BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT;
	uint8_t buffer[CONTENT_STEP];

	while (rc == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT) {
		size_t room = sizeof(buffer);
		uint8_t *out = buffer;

		rc = BrotliDecoderDecompressStream(d->brotli, &len, &data, &room, &out, NULL);
		hand_on(d, buffer, (size_t)(out - buffer), take, context);
		if (bomb(d))
			return CONTENT_BOMB;
	}
	d->over = rc != BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT;
	return rc == BROTLI_DECODER_RESULT_ERROR ? CONTENT_FAILED : CONTENT_GOOD;
}

/* Some send deflate without the header of RFC 1950. */
static bool try_bare(struct content_decoder *d, const uint8_t *data, uint32_t len)
{
	if (d->coding != CONTENT_DEFLATE || d->begun || d->in != len ||
	    inflateReset2(&d->z, -MAX_WBITS) != Z_OK)
		return false;
	d->coding = CONTENT_BARE_DEFLATE;
	d->z.next_in = (Bytef *)(uintptr_t)data;
	d->z.avail_in = len;
	return true;
}

static enum content_status zlib_decode(struct content_decoder *d, const uint8_t *data, uint32_t len,
				       content_take *take, void *context)
{
	uint8_t buffer[CONTENT_STEP];
	int rc;

	d->z.next_in = (Bytef *)(uintptr_t)data;
	d->z.avail_in = len;
	do {
		d->z.next_out = buffer;
		d->z.avail_out = sizeof(buffer);
		rc = inflate(&d->z, Z_SYNC_FLUSH);
		if (rc == Z_DATA_ERROR && try_bare(d, data, len)) {
			rc = Z_OK;
			continue;
		}
		hand_on(d, buffer, sizeof(buffer) - d->z.avail_out, take, context);
		if (bomb(d))
			return CONTENT_BOMB;
	} while (rc == Z_OK && (d->z.avail_in || !d->z.avail_out));
	d->over = rc != Z_OK && rc != Z_BUF_ERROR;
	return d->over && rc != Z_STREAM_END ? CONTENT_FAILED : CONTENT_GOOD;
}

enum content_status content_decode(struct content_decoder *d, const uint8_t *data, uint32_t len,
				   content_take *take, void *context)
{
	if (d->over || !len)
		return CONTENT_GOOD;
	d->in += len;
	if (d->coding == CONTENT_PLAIN) {
		hand_on(d, data, len, take, context);
		return CONTENT_GOOD;
	}
	if (d->coding == CONTENT_BROTLI)
		return brotli_decode(d, data, len, take, context);
	return zlib_decode(d, data, len, take, context);
}
