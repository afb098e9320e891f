/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Digests of what comes again and again: certificates (fingerprints), hellos (JA3, HASSH). A worker keeps the last of
 * them with their bytes, DIGEST_SLOTS by where their last bytes lead; only what is equal to the byte has its digest.
 * MD5 is RFC 1321, SHA-1 and SHA-256 are FIPS 180-4.
 */
#ifndef APP_DIGEST_H
#define APP_DIGEST_H

#include <stdint.h>

#include "dataplane/engine/worker.h"

#define DIGEST_SLOTS 256
#define DIGEST_SLOT_BYTES 4032 /* what is longer is not kept */
#define MD5_HEX_CHARS 32

enum digest_kind { DIGEST_MD5, DIGEST_SHA1, DIGEST_SHA256, DIGEST_KINDS };

#define DIGEST_BYTES_MAX 32

/* 0, or -1: memory is out. */
int digest_worker_new(struct worker *w);
void digest_worker_free(struct worker *w);
/* sum: 16, 20 or 32 bytes. */
void digest(struct worker *w, enum digest_kind kind, const void *data, uint32_t len, uint8_t *sum);
/* MD5 in lower-case hex, terminated. */
void md5_hex(struct worker *w, const void *data, uint32_t len, char out[MD5_HEX_CHARS + 1]);

#endif
