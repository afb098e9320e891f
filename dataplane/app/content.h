/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Undoing a coding of content piece by piece: gzip (RFC 1952), deflate (RFC 1950, or RFC 1951 as
 * some send it), bare deflate (WebSocket, RFC 7692), LZMA (the .lzma of LZMA Utils, dictionaries of CONTENT_LZMA_BYTES at
 * most), Brotli (RFC 7932) and Zstandard (RFC 8878, windows of CONTENT_ZSTD_WINDOW_LOG at most). Memory comes from the
 * worker's heap. More than CONTENT_BOMB_RATIO times what came in, beyond CONTENT_BOMB_BYTES, is not decoded. What does
 * not begin as its coding does is tried as the others of deflate, as browsers do, then as deflate behind a gzip header
 * that is wrong, and is else handed on as it is: many say gzip and send text.
 */
#ifndef APP_CONTENT_H
#define APP_CONTENT_H

#include <brotli/decode.h>
#include <lzma.h>
#include <zstd.h>

#include "dataplane/app/inflate.h"

#define CONTENT_BOMB_BYTES (1u << 20)
#define CONTENT_BOMB_RATIO 2048
#define CONTENT_STEP 4096 /* bytes decoded at once */
#define CONTENT_HEAD 64   /* first bytes, kept until something came out */
#define CONTENT_LZMA_BYTES (1u << 20)
#define CONTENT_ZSTD_WINDOW_LOG 23 /* what browsers take: RFC 9659 */
#define CONTENT_CODINGS_MAX 3 /* one over the other */

enum content_coding {
	CONTENT_PLAIN, CONTENT_GZIP, CONTENT_DEFLATE, CONTENT_BARE_DEFLATE, CONTENT_LZMA, CONTENT_BROTLI, CONTENT_ZSTD
};

enum content_status {
	CONTENT_GOOD, CONTENT_FAILED, CONTENT_BOMB,
	CONTENT_LARGE, /* its dictionary is larger than CONTENT_LZMA_BYTES: nothing is decoded */
};

struct content_decoder {
	enum content_coding coding;
	bool over;   /* failed, a bomb, at its end, or set by take: nothing more is decoded */
	bool begun;  /* bytes came out */
	bool fell_back; /* it is not what the coding says; others were tried */
	uint8_t head[CONTENT_HEAD];
	uint32_t head_len;
	uint64_t in, out;
	struct inflater *inflater; /* of these the coding's, the others NULL */
	lzma_stream *lzma;
	BrotliDecoderState *brotli;
	ZSTD_DStream *zstd;
	struct content_decoder *inner, *outer; /* of what comes out the coding that was put on before; NULL: none */
	enum content_status inner_status;
};

typedef void content_take(void *context, const uint8_t *data, uint32_t len);

/* What a Content-Encoding says. */
struct content_codings {
	enum content_coding list[CONTENT_CODINGS_MAX]; /* the last one that was put on first */
	unsigned count;
	bool unknown;  /* names something else, which is left out, beside "identity", "none" and "inflate" */
	bool too_many; /* layers more than could be undone: those listed first are left */
	bool lzma_twice; /* only the first is undone */
};

/* Of a list in the order in which they were put on (RFC 9110, 8.4), of which at most `layers` are of deflate or LZMA;
 * 0: any. A name that holds "gzip" or "deflate" stands for that, and counts as unknown, too. */
struct content_codings content_codings_of(struct bytes value, unsigned layers);
/* NULL: memory is out. */
struct content_decoder *content_decoder_new(struct heap *heap, enum content_coding coding);
/* For several; count from 1. */
struct content_decoder *content_decoders_new(struct heap *heap, const struct content_codings *codings);
void content_decoder_free(struct heap *heap, struct content_decoder *d);
/* After a failure: one of the codings proved to be none, its bytes are handed on. */
bool content_goes_on(const struct content_decoder *d);
/* Nothing more is decoded. From take, too. */
void content_stop(struct content_decoder *d);
/* Hands the decoded bytes to take, CONTENT_STEP at most at once. After a failure nothing comes, but
 * for what proves not to be coded at all: .coding is PLAIN from then on, and all of it is handed on. */
enum content_status content_decode(struct content_decoder *d, const uint8_t *data, uint32_t len,
				   content_take *take, void *context);

#endif
