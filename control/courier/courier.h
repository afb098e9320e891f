/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The courier: a process of its own that talks to the outside (libcurl), because the control
 * process may not open a socket. It has no store, no NIC, no files but certificates; control asks
 * it over a SOCK_SEQPACKET channel, one JSON message each way (message.h), bodies as memfds that
 * ride along. Secrets stay with it: where a request says "@/path", it puts what that file held when
 * it started.
 *
 * Threads: any number of askers; the courier carries out what they ask side by side.
 */
#ifndef CONTROL_COURIER_COURIER_H
#define CONTROL_COURIER_COURIER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/event/config.h"

enum courier_kind { COURIER_FETCH, COURIER_POST, COURIER_MAIL, COURIER_SYSLOG };

struct courier_request {
	enum courier_kind kind;
	const char *url;
	const char *const *headers; /* "Name: value", NULL at the end; or NULL */
	const char *etag, *modified; /* FETCH: what came last time, or NULL */
	const char *user, *secret;   /* password authentication (secret may be "@/path"), or NULL */
	const char *token;           /* bearer token, or "@/path" of a file with it, or NULL */
	const char *from;            /* MAIL */
	const char *const *to;       /* MAIL, NULL at the end */
	const void *body;            /* POST, MAIL (whole message, RFC 5322), SYSLOG */
	size_t body_bytes;
	uint64_t max_bytes;          /* of the answer; 0: 64 MB */
	unsigned timeout_s;          /* for all of it; 0: 60 */
};

struct courier_answer {
	int status;     /* 0; -errno: no answer (error says why) */
	unsigned http;  /* 200, 304, … */
	int body_fd;    /* memfd with the body, sealed, of `bytes`; owned by the caller; -1: none */
	uint64_t bytes;
	char etag[256], modified[64], content_type[128];
	char next[2048]; /* TAXII: X-TAXII-Date-Added-Last, else empty */
	char error[512]; /* a sentence for a person */
};

struct courier;

/* Live: over the channel that the supervisor made. Offline: starts one (no sandbox then). NULL
 * and errno. */
struct courier *courier_open(int channel, const struct config *config);
void courier_close(struct courier *c);
/* Asks and waits; *stop (may be NULL) ends the wait early with -ECANCELED. Never blocks longer
 * than the timeout and 5 seconds; a courier that dies ends it at once (-EPIPE). 0: there is an
 * answer; -errno and out->error. */
int courier_ask(struct courier *c, const struct courier_request *r, const atomic_bool *stop,
		struct courier_answer *out);

#endif
