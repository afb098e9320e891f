/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Multipart uploads (RFC 7578), private to http*.c.
 */
#ifndef APP_HTTP_MULTIPART_H
#define APP_HTTP_MULTIPART_H

#include "dataplane/app/http.h"
#include "dataplane/app/mime.h"

#define HTTP_FILE_NAME_MAX 1024

/* NULL: no boundary, or no memory. The type's name does not matter, as in the reference. */
struct http_multipart *http_multipart_new(struct worker *w, struct bytes content_type);
/* data NULL: a gap. */
void http_multipart_data(struct http_state *s, struct http_tx *tx, const uint8_t *data, uint32_t len);
void http_multipart_end(struct http_state *s, struct http_tx *tx);
void http_multipart_free(struct worker *w, struct http_tx *tx);

/* A block of so many bytes, zeroed but for the struct mime that it begins with, which reads the parts of a body of that
 * type as they are; the block is the context of ops. NULL: no boundary, or no memory. */
void *http_multipart_parts(struct worker *w, size_t bytes, const struct mime_ops *ops, struct bytes content_type);

/* http_body.c: the file's name by Content-Disposition (RFC 6266, 4.3: filename* before filename), decoded into room or
 * borrowed from the header. Empty: it says none. */
struct bytes http_file_name(struct bytes disposition, uint8_t room[HTTP_FILE_NAME_MAX]);

#endif
