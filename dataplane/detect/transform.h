/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Single transforms, for transforms.c. Each writes to out, which has room for what its comment says,
 * and returns the length; or narrows the view.
 */
#ifndef DETECT_TRANSFORM_H
#define DETECT_TRANSFORM_H

#include "dataplane/detect/program.h"

#define HASH_BYTES_MAX 32

/* to_md5, to_sha1, to_sha256: HASH_BYTES_MAX. */
uint32_t transform_hash(unsigned kind, const struct buffer_view *in, uint8_t *out);
/* from_base64: as much as in. 0: none could be decoded. */
uint32_t transform_base64(const struct transform *t, const struct buffer_view *in, uint8_t *out);
/* gunzip, zlib_deflate: t->bytes. 0: it is not compressed so. */
uint32_t transform_inflate(const struct transform *t, const struct buffer_view *in, struct inflate_block *block,
			   uint8_t *out);
/* pcrexform: to what the expression captures. False: it does not match. */
bool transform_capture(pcre2_code *code, struct chain_scratch *s, struct buffer_view *view);
/* domain, tld: to that end of the name, where it has one. */
void transform_name(unsigned kind, struct buffer_view *view);

#endif
