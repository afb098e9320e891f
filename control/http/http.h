/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The HTTP server of the control process: look-ups for other programs, TAXII 2.1 for other sensors.
 * The socket, certificate and tokens are taken before the process gives up its rights; nothing is
 * served without a token. Its own thread (libmicrohttpd), which enters the store for each request.
 */
#ifndef CONTROL_HTTP_HTTP_H
#define CONTROL_HTTP_HTTP_H

#include "control/jobs/desk.h"
#include "dataplane/event/config.h"

struct http_server;

/* What http_bind would refuse but for the address being taken. 0 or -errno, after a sentence. */
int http_check(const struct config *config);
/* Binds http.listen, reads certificate and tokens. 0 (*out NULL: no HTTP is configured); -errno
 * after a sentence. */
int http_bind(struct http_server **out, const struct config *config);
/* Serves. desk is borrowed until http_free. */
int http_start(struct http_server *h, struct desk *desk);
void http_free(struct http_server *h);
/* The table of routes as Markdown, for README.md. */
void http_document(struct text *out);

#endif
