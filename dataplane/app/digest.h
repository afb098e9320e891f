/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Fingerprints as the field prints them: MD5 (RFC 1321) in lower-case hex.
 */
#ifndef APP_DIGEST_H
#define APP_DIGEST_H

#include <stdint.h>

#define MD5_HEX_CHARS 32

/* Terminated. */
void md5_hex(const void *data, uint32_t len, char out[MD5_HEX_CHARS + 1]);

#endif
