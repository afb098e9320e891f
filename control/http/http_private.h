/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the files of this folder share. Nobody else includes it.
 */
#ifndef CONTROL_HTTP_PRIVATE_H
#define CONTROL_HTTP_PRIVATE_H

#include "control/http/http.h"

#define HTTP_VALUES_BYTES_MAX (1u << 20)   /* of a look-up */
#define HTTP_ENVELOPE_BYTES_MAX (8u << 20) /* that another sensor posts */
#define HTTP_SEGMENTS_MAX 8
#define TAXII_MEDIA "application/taxii+json;version=2.1"
#define COLLECTION_ID_BYTES 37

enum http_role { ROLE_ANY, ROLE_LOOKUP, ROLE_SHARE, ROLE_ADMIN };

/* One request, as a handler has it. */
struct http_request {
	struct desk *desk;
	const char *who;              /* name of the token */
	const char *segment[HTTP_SEGMENTS_MAX]; /* what "*" stood for, in order */
	struct slice body;
	void *connection;             /* for http_argument */
	/* the answer */
	unsigned status;              /* 200 unless set */
	const char *type;             /* application/json unless set */
	const char *allow;            /* 405: the method that is */
	struct text out;
	char added_first[40], added_last[40]; /* TAXII headers; "": none */
};

/* An argument of the query; NULL: not given, "" without a value. */
const char *http_argument(const struct http_request *r, const char *name);
/* An answer that says what is wrong: {"title", "http_status", "description"}. */
void http_fail(struct http_request *r, unsigned status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#define ROUTE(handler, method, path, role, body, doc) void http_##handler(struct http_request *r);
#include "control/http/routes.def"
#undef ROUTE

/* taxii.c */
struct collection {
	char id[COLLECTION_ID_BYTES], name[64];
	bool writable, all; /* what can be written to cannot be read */
};
/* The collection of the path's first segment (by id, or by name as its alias); false after 404. */
bool taxii_collection(struct http_request *r, struct collection *c);
/* What a request to TAXII may be written in and answered with; false after 406 or 415. */
bool taxii_media(struct http_request *r, const char *accept, const char *sent, bool has_body);

/* tokens.c */
struct http_tokens;
/* NULL after a sentence. */
struct http_tokens *tokens_read(const char *path);
void tokens_free(struct http_tokens *t);
/* The name of who shows the token, and the role; NULL: nobody. Takes as long for any token. */
const char *tokens_find(const struct http_tokens *t, const char *token, enum http_role *role);

#endif
