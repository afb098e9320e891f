/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A control process' store, jobs and HTTP server on a loopback port, in this process, and a client
 * for it. For tests and fuzzing; aborts when it cannot be made.
 */
#ifndef SUPPORT_SITE_H
#define SUPPORT_SITE_H

#include "control/base/text.h"
#include "control/http/http.h"
#include "control/jobs/desk.h"

#define SITE_LOOKUP "token-of-a-soc-0001"   /* role lookup, "soc" */
#define SITE_SHARE "token-of-a-sensor-01"   /* role share, "site-b" */
#define SITE_TAXII "Accept: application/taxii+json;version=2.1\r\n"

struct site {
	char dir[64]; /* temporary */
	struct desk desk;
	struct config *config;
	struct http_server *http;
	unsigned port;
};

struct site *site_new(void);
void site_free(struct site *s);
/* A connection to it. */
int site_connect(const struct site *s);

struct site_answer {
	unsigned status; /* 0: the connection was cut */
	char head[4096];
	struct text body;
};

/* Reads one answer. */
void site_read(int fd, struct site_answer *a);
/* One request on a connection of its own; token NULL: none; headers: whole lines or "";
 * body NULL: none. The status. a is emptied first. */
unsigned site_ask(const struct site *s, const char *method, const char *path, const char *token,
		  const char *headers, const char *body, struct site_answer *a);
/* The value of a header, in a static room; "" when there is none. */
const char *site_header(const struct site_answer *a, const char *name);

#endif
