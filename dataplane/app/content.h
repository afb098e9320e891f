/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Undoing a coding of content piece by piece: gzip (RFC 1952), deflate (RFC 1950, or RFC 1951 as
 * some send it), bare deflate (WebSocket, RFC 7692), Brotli (RFC 7932) and Zstandard (RFC 8878, windows of
 * CONTENT_ZSTD_WINDOW_LOG at most). Memory comes from the worker's heap. More than CONTENT_BOMB_RATIO times what came in, beyond CONTENT_BOMB_BYTES, is
 * not decoded. What does not begin as its coding does is tried as the others of zlib, as browsers
 * do, and is else handed on as it is: many say gzip and send text.
 */
#ifndef APP_CONTENT_H
#define APP_CONTENT_H

#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>

#include "dataplane/base/cursor.h"
#include "dataplane/base/heap.h"

#define CONTENT_BOMB_BYTES (1u << 20)
#define CONTENT_BOMB_RATIO 2048
#define CONTENT_STEP 4096 /* bytes decoded at once */
#define CONTENT_HEAD 64   /* first bytes, kept until something came out */
#define CONTENT_ZSTD_WINDOW_LOG 23 /* what browsers take: RFC 9659 */
#define CONTENT_CODINGS_MAX 3 /* one over the other */

enum content_coding { CONTENT_PLAIN, CONTENT_GZIP, CONTENT_DEFLATE, CONTENT_BARE_DEFLATE, CONTENT_BROTLI, CONTENT_ZSTD };

enum content_status { CONTENT_GOOD, CONTENT_FAILED, CONTENT_BOMB };

struct content_decoder {
	enum content_coding coding;
	bool over;   /* failed, a bomb, at its end, or set by take: nothing more is decoded */
	bool begun;  /* bytes came out */
	bool fell_back; /* it is not what the coding says; others were tried */
	uint8_t head[CONTENT_HEAD];
	uint32_t head_len;
	uint64_t in, out;
	z_stream z;
	BrotliDecoderState *brotli;
	ZSTD_DStream *zstd;
	struct content_decoder *inner, *outer; /* of what comes out the coding that was put on before; NULL: none */
	enum content_status inner_status;
};

typedef void content_take(void *context, const uint8_t *data, uint32_t len);

/* The codings of a list (RFC 9110, 8.4: in the order in which they were put on) in list, the last one first. Returns how
 * many; 0: one of them is not known, or there are too many. "identity" is none. */
unsigned content_codings_of(struct bytes value, enum content_coding list[CONTENT_CODINGS_MAX]);
/* NULL: memory is out. */
struct content_decoder *content_decoder_new(struct heap *heap, enum content_coding coding);
/* For several, as content_codings_of gives them; count from 1. */
struct content_decoder *content_decoders_new(struct heap *heap, const enum content_coding *list, unsigned count);
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
