/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Answers of several ranges (RFC 9110, 14.6: 206 with multipart/byteranges), private to http*.c, for HTTP/1 and HTTP/2:
 * each part is a range of the file that is put together from all of them (range.h). The body as it came stays a file of
 * its own.
 */
#ifndef APP_HTTP_BYTERANGES_H
#define APP_HTTP_BYTERANGES_H

#include "dataplane/app/range.h"
#include "dataplane/base/cursor.h"

struct http_byteranges;

/* Of an answer with status 206 and without coding. type: its Content-Type; whole: of what, .host and .name are copied,
 * .limits must last. NULL: it is of one range, or no memory. */
struct http_byteranges *http_byteranges_new(struct worker *w, struct bytes type, const struct range_origin *whole);
/* data NULL: a gap. How many parts began in it whose Content-Range is wrong: those are left out. */
unsigned http_byteranges_data(struct worker *w, struct flow *f, struct tx *tx, struct http_byteranges *r,
			      const uint8_t *data, uint32_t len);
/* The body is over: frees and clears *r, if there is one. Returns as http_byteranges_data. */
unsigned http_byteranges_end(struct worker *w, struct flow *f, struct tx *tx, struct http_byteranges **r);
void http_byteranges_free(struct worker *w, struct http_byteranges **r);

#endif
