/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Codings of content, see content.h. Runs in the worker that owns the flow.
 */
#define ZSTD_STATIC_LINKING_ONLY /* its own allocator */
#include "dataplane/app/content.h"

#include <strings.h>

#define GZIP_WINDOW (15 + 16) /* zlib: a gzip header is wanted */
#define BARE_SURE 32          /* fewer bytes of text may well pass for bare deflate */

static void *zlib_alloc(void *heap, unsigned count, unsigned size)
{
	return heap_zalloc(heap, (size_t)count * size);
}

static void *heap_block(void *heap, size_t size)
{
	return heap_alloc(heap, size);
}

static void give_back(void *heap, void *block)
{
	heap_free(heap, block);
}

/* PLAIN for what is not known. */
static enum content_coding coding_of(struct bytes v)
{
	static const struct {
		const char *name;
		enum content_coding coding;
	} names[] = {{"gzip", CONTENT_GZIP}, {"x-gzip", CONTENT_GZIP}, {"deflate", CONTENT_DEFLATE},
		     {"br", CONTENT_BROTLI}, {"zstd", CONTENT_ZSTD}};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (v.len == strlen(names[i].name) &&
		    strncasecmp((const char *)v.data, names[i].name, v.len) == 0)
			return names[i].coding;
	return CONTENT_PLAIN;
}

unsigned content_codings_of(struct bytes v, enum content_coding list[CONTENT_CODINGS_MAX])
{
	enum content_coding found[CONTENT_CODINGS_MAX];
	unsigned count = 0;

	while (v.len) {
		const uint8_t *comma = memchr(v.data, ',', v.len);
		struct bytes one = {v.data, comma ? (uint32_t)(comma - v.data) : v.len};

		v = comma ? (struct bytes){comma + 1, v.len - one.len - 1} : (struct bytes){NULL, 0};
		while (one.len && (one.data[0] == ' ' || one.data[0] == '\t'))
			one = (struct bytes){one.data + 1, one.len - 1};
		while (one.len && (one.data[one.len - 1] == ' ' || one.data[one.len - 1] == '\t'))
			one.len--;
		if (!one.len || (one.len == 8 && strncasecmp((const char *)one.data, "identity", 8) == 0))
			continue;
		if (count == CONTENT_CODINGS_MAX || (found[count] = coding_of(one)) == CONTENT_PLAIN)
			return 0;
		count++;
	}
	for (unsigned i = 0; i < count; i++)
		list[i] = found[count - 1 - i];
	return count;
}

static ZSTD_DStream *zstd_new(struct heap *heap)
{
	ZSTD_DStream *z = ZSTD_createDCtx_advanced((ZSTD_customMem){heap_block, give_back, heap});

	if (z)
		ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, CONTENT_ZSTD_WINDOW_LOG);
	return z;
}

static bool uses_zlib(enum content_coding coding)
{
	return coding == CONTENT_GZIP || coding == CONTENT_DEFLATE || coding == CONTENT_BARE_DEFLATE;
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
	d->fell_back = coding == CONTENT_BARE_DEFLATE; /* agreed upon: nothing else can come */
	d->z.zalloc = zlib_alloc;
	d->z.zfree = give_back;
	d->z.opaque = heap;
	if (coding == CONTENT_PLAIN)
		return d;
	if (coding == CONTENT_BROTLI)
		d->brotli = BrotliDecoderCreateInstance(heap_block, give_back, heap);
	else if (coding == CONTENT_ZSTD)
		d->zstd = zstd_new(heap);
	if (d->brotli || d->zstd || (uses_zlib(coding) && inflateInit2(&d->z, window) == Z_OK))
		return d;
	heap_free(heap, d);
	return NULL;
}

struct content_decoder *content_decoders_new(struct heap *heap, const enum content_coding *list, unsigned count)
{
	struct content_decoder *first = content_decoder_new(heap, list[0]), *d = first;

	for (unsigned i = 1; d && i < count; i++) {
		d->inner = content_decoder_new(heap, list[i]);
		if (d->inner)
			d->inner->outer = d;
		d = d->inner;
	}
	if (d)
		return first;
	content_decoder_free(heap, first);
	return NULL;
}

bool content_goes_on(const struct content_decoder *d)
{
	while (d && d->coding != CONTENT_PLAIN)
		d = d->inner;
	return d != NULL;
}

void content_stop(struct content_decoder *d)
{
	for (; d; d = d->inner)
		d->over = true;
}

void content_decoder_free(struct heap *heap, struct content_decoder *d)
{
	if (!d)
		return;
	content_decoder_free(heap, d->inner);
	if (d->brotli)
		BrotliDecoderDestroyInstance(d->brotli);
	ZSTD_freeDStream(d->zstd);
	if (uses_zlib(d->coding))
		inflateEnd(&d->z);
	heap_free(heap, d);
}

/* Against what came over the wire, however many codings are between. */
static bool bomb(struct content_decoder *d)
{
	const struct content_decoder *first = d;

	while (first->outer)
		first = first->outer;
	if (d->out <= CONTENT_BOMB_BYTES || d->out <= CONTENT_BOMB_RATIO * first->in)
		return false;
	d->over = true;
	return true;
}

static void hand_on(struct content_decoder *d, const uint8_t *data, size_t len, content_take *take,
		    void *context)
{
	if (!len)
		return;
	d->out += len;
	d->begun = true;
	if (!d->inner) {
		take(context, data, (uint32_t)len);
		return;
	}
	d->inner_status = content_decode(d->inner, data, (uint32_t)len, take, context);
	d->over = d->over || d->inner_status == CONTENT_BOMB;
}

/* Bytes that came before these, and were kept. */
static uint32_t head_before(const struct content_decoder *d, uint32_t len)
{
	return d->in - len <= d->head_len ? (uint32_t)(d->in - len) : 0;
}

/* No coding after all. */
static void plain_from_here(struct content_decoder *d, const uint8_t *data, uint32_t len, content_take *take,
			    void *context)
{
	uint32_t before = head_before(d, len);

	d->coding = CONTENT_PLAIN;
	hand_on(d, d->head, before, take, context);
	hand_on(d, data, len, take, context);
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
		if (d->over)
			return CONTENT_GOOD;
		if (bomb(d))
			return CONTENT_BOMB;
	}
	d->over = rc != BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT;
	return rc == BROTLI_DECODER_RESULT_ERROR ? CONTENT_FAILED : CONTENT_GOOD;
}

/* Frames may follow each other. Bytes that are none are handed on as they are. */
static enum content_status zstd_decode(struct content_decoder *d, const uint8_t *data, uint32_t len,
				       content_take *take, void *context)
{
	ZSTD_inBuffer in = {data, len, 0};
	ZSTD_outBuffer out;
	uint8_t buffer[CONTENT_STEP];

	do {
		out = (ZSTD_outBuffer){buffer, sizeof(buffer), 0};
		if (ZSTD_isError(ZSTD_decompressStream(d->zstd, &out, &in))) {
			if (d->begun)
				d->over = true;
			else
				plain_from_here(d, data, len, take, context);
			return CONTENT_FAILED;
		}
		hand_on(d, buffer, out.pos, take, context);
		if (d->over)
			return CONTENT_GOOD;
		if (bomb(d))
			return CONTENT_BOMB;
	} while (in.pos < in.size || out.pos == sizeof(buffer));
	return CONTENT_GOOD;
}

/* Does zlib, begun again with this window, take the bytes? Nothing is handed on. */
static bool fits(struct content_decoder *d, int window, const struct bytes pieces[2])
{
	uint8_t buffer[CONTENT_STEP];
	uint64_t out = 0;
	int rc = inflateReset2(&d->z, window);

	for (unsigned i = 0; i < 2 && rc == Z_OK; i++) {
		d->z.next_in = (Bytef *)(uintptr_t)pieces[i].data;
		d->z.avail_in = pieces[i].len;
		while (rc == Z_OK && d->z.avail_in && out < CONTENT_BOMB_BYTES) {
			d->z.next_out = buffer;
			d->z.avail_out = sizeof(buffer);
			rc = inflate(&d->z, Z_SYNC_FLUSH);
			out += sizeof(buffer) - d->z.avail_out;
		}
		if (rc == Z_BUF_ERROR)
			rc = Z_OK;
	}
	return (rc == Z_OK || rc == Z_STREAM_END) && out && inflateReset2(&d->z, window) == Z_OK;
}

static enum content_status zlib_decode(struct content_decoder *d, const uint8_t *data, uint32_t len,
				       content_take *take, void *context);

/* These bytes are not what the coding says: another one of zlib's, or none. */
static enum content_status fall_back(struct content_decoder *d, const uint8_t *data, uint32_t len,
				     content_take *take, void *context)
{
	static const int windows[] = {-MAX_WBITS, MAX_WBITS, GZIP_WINDOW};
	uint32_t before = head_before(d, len);
	const struct bytes pieces[2] = {{d->head, before}, {data, len}};

	d->fell_back = true;
	for (size_t i = 0; i < sizeof(windows) / sizeof(windows[0]); i++) {
		bool unsure = windows[i] < 0 && d->coding != CONTENT_DEFLATE && before + len < BARE_SURE;

		if (unsure || !fits(d, windows[i], pieces))
			continue;
		if (before && zlib_decode(d, d->head, before, take, context) != CONTENT_GOOD)
			return CONTENT_FAILED;
		return d->over ? CONTENT_GOOD : zlib_decode(d, data, len, take, context);
	}
	inflateEnd(&d->z);
	plain_from_here(d, data, len, take, context);
	return CONTENT_FAILED;
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
		if (rc == Z_DATA_ERROR && !d->begun && !d->fell_back)
			return fall_back(d, data, len, take, context);
		hand_on(d, buffer, sizeof(buffer) - d->z.avail_out, take, context);
		if (d->over)
			return CONTENT_GOOD;
		if (bomb(d))
			return CONTENT_BOMB;
	} while (rc == Z_OK && (d->z.avail_in || !d->z.avail_out));
	d->over = rc != Z_OK && rc != Z_BUF_ERROR;
	return d->over && rc != Z_STREAM_END ? CONTENT_FAILED : CONTENT_GOOD;
}

static void head_keep(struct content_decoder *d, const uint8_t *data, uint32_t len)
{
	uint32_t room = CONTENT_HEAD - d->head_len, n = len < room ? len : room;

	memcpy(d->head + d->head_len, data, n);
	d->head_len += n;
}

static enum content_status decode(struct content_decoder *d, const uint8_t *data, uint32_t len, content_take *take,
				  void *context)
{
	if (d->coding == CONTENT_PLAIN) {
		hand_on(d, data, len, take, context);
		return CONTENT_GOOD;
	}
	if (!d->begun && d->head_len < CONTENT_HEAD && d->in == d->head_len + (uint64_t)len)
		head_keep(d, data, len);
	if (d->coding == CONTENT_BROTLI)
		return brotli_decode(d, data, len, take, context);
	if (d->coding == CONTENT_ZSTD)
		return zstd_decode(d, data, len, take, context);
	return zlib_decode(d, data, len, take, context);
}

enum content_status content_decode(struct content_decoder *d, const uint8_t *data, uint32_t len,
				   content_take *take, void *context)
{
	enum content_status status;

	if (d->over || !len)
		return CONTENT_GOOD;
	d->in += len;
	d->inner_status = CONTENT_GOOD;
	status = decode(d, data, len, take, context);
	return d->inner_status != CONTENT_GOOD ? d->inner_status : status;
}
