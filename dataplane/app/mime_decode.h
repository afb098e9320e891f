/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Transfer encodings and URLs, private to mime*.c.
 */
#ifndef APP_MIME_DECODE_H
#define APP_MIME_DECODE_H

#include "dataplane/app/mime.h"

enum mime_encoding { MIME_PLAIN, MIME_BASE64, MIME_QP, MIME_UU };

/* Where in a text that may have uuencoded files: nowhere, at a line's start, behind it; the line behind a "begin";
 * in a file. */
enum mime_uu { UU_OFF, UU_START, UU_REST, UU_FIRST, UU_FILE };

/* A leaf begins; its bytes with their line ends; it is over. */
void mime_decode_begin(struct mime *m);
void mime_decode(struct mime *m, const uint8_t *data, uint32_t len);
/* False: in the middle of a file. */
bool mime_decode_end(struct mime *m);
/* mime_uu.c: likewise, of what was decoded. Unless .uu is UU_OFF. */
void mime_uu_begin(struct mime *m);
void mime_uu(struct mime *m, const uint8_t *data, uint32_t len);
bool mime_uu_end(struct mime *m);

#endif
