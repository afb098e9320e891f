/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Answers of several ranges (RFC 9110, 14.6: 206 with multipart/byteranges), private to http*.c: each part is a range of
 * the file that is put together from all of them (range.h). The body as it came stays a file of its own.
 */
#ifndef APP_HTTP_BYTERANGES_H
#define APP_HTTP_BYTERANGES_H

#include "dataplane/app/http.h"

/* NULL: it is no such answer, or no memory. name: the file's, copied. */
struct http_byteranges *http_byteranges_new(struct http_state *s, struct http_tx *tx, struct bytes name);
/* data NULL: a gap. */
void http_byteranges_data(struct http_state *s, struct http_tx *tx, const uint8_t *data, uint32_t len);
/* The body is over; of tx, if it has any. */
void http_byteranges_end(struct http_state *s, struct http_tx *tx);
void http_byteranges_free(struct worker *w, struct http_tx *tx);

#endif
