/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Transfer encodings and URLs, private to mime*.c.
 */
#ifndef APP_MIME_DECODE_H
#define APP_MIME_DECODE_H

#include "dataplane/app/mime.h"

enum mime_encoding { MIME_PLAIN, MIME_BASE64, MIME_QP };

/* A leaf begins; its bytes with their line ends; it is over. */
void mime_decode_begin(struct mime *m);
void mime_decode(struct mime *m, const uint8_t *data, uint32_t len);
void mime_decode_end(struct mime *m);

#endif
