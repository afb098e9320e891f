/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Multipart uploads (RFC 7578), private to http*.c.
 */
#ifndef APP_HTTP_MULTIPART_H
#define APP_HTTP_MULTIPART_H

#include "dataplane/app/http.h"

/* NULL: no boundary, or no memory. The type's name does not matter, as in the reference. */
struct http_multipart *http_multipart_new(struct worker *w, struct bytes content_type);
/* data NULL: a gap. */
void http_multipart_data(struct http_state *s, struct http_tx *tx, const uint8_t *data, uint32_t len);
void http_multipart_end(struct http_state *s, struct http_tx *tx);
void http_multipart_free(struct worker *w, struct http_tx *tx);

/* http_body.c: the value of a parameter ("filename=") of a header. */
struct bytes http_parameter(struct bytes header, const char *name);

#endif
