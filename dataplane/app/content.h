/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Undoing a coding of content piece by piece: gzip (RFC 1952), deflate (RFC 1950, or RFC 1951 as
 * some send it), bare deflate (WebSocket, RFC 7692) and Brotli (RFC 7932). Memory comes from the
 * worker's heap. More than CONTENT_BOMB_RATIO times what came in, beyond CONTENT_BOMB_BYTES, is
 * not decoded.
 */
#ifndef APP_CONTENT_H
#define APP_CONTENT_H

#include <brotli/decode.h>
#include <zlib.h>

#include "dataplane/base/cursor.h"
#include "dataplane/base/heap.h"

#define CONTENT_BOMB_BYTES (1u << 20)
#define CONTENT_BOMB_RATIO 2048
#define CONTENT_STEP 4096 /* bytes decoded at once */

enum content_coding { CONTENT_PLAIN, CONTENT_GZIP, CONTENT_DEFLATE, CONTENT_BARE_DEFLATE, CONTENT_BROTLI };

enum content_status { CONTENT_GOOD, CONTENT_FAILED, CONTENT_BOMB };

struct content_decoder {
	enum content_coding coding;
	bool over;   /* failed, a bomb, or at its end: nothing more is decoded */
	bool begun;  /* bytes came out */
	uint64_t in, out;
	z_stream z;
	BrotliDecoderState *brotli;
};

typedef void content_take(void *context, const uint8_t *data, uint32_t len);

/* By the value of Content-Encoding; PLAIN for what is not known, or several. */
enum content_coding content_coding_of(struct bytes value);
/* NULL: memory is out. */
struct content_decoder *content_decoder_new(struct heap *heap, enum content_coding coding);
void content_decoder_free(struct heap *heap, struct content_decoder *d);
/* Hands the decoded bytes to take, CONTENT_STEP at most at once. After a failure nothing comes. */
enum content_status content_decode(struct content_decoder *d, const uint8_t *data, uint32_t len,
				   content_take *take, void *context);

#endif
