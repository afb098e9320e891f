/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The decoders of MS-XCA: LZNT1 (2.5), plain LZ77 (2.4) and LZ77 with Huffman codes (2.2). Each writes at most `room` bytes
 * and reads none outside of `in`; time is linear in both. They return how many bytes came out, or XCA_BAD. Any thread.
 */
#ifndef BASE_XCA_H
#define BASE_XCA_H

#include "dataplane/base/cursor.h"

#define XCA_BAD UINT32_MAX
#define XCA_SYMBOLS 512
#define XCA_CODE_MAX 15 /* bits of a code */

/* Room that the Huffman decoder works in. */
struct xca_work {
	uint16_t symbols[XCA_SYMBOLS]; /* by code: shorter ones first, then by number */
	uint16_t count[XCA_CODE_MAX + 1]; /* of codes of each length */
};

uint32_t xca_lznt1(struct bytes in, uint8_t *out, uint32_t room);
uint32_t xca_lz77(struct bytes in, uint8_t *out, uint32_t room);
uint32_t xca_huffman(struct bytes in, uint8_t *out, uint32_t room, struct xca_work *work);

#endif
