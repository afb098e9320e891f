/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Flows that another one announces (the data of FTP and TFTP): who will speak to whom, on
 * which port, what it then speaks, and a word about it. All flows of two hosts are one worker's, so
 * the one that sees the announcement sees the connection. An entry serves once, and for
 * EXPECT_SECONDS of packet time; where there is no room the oldest of its bucket goes.
 */
#ifndef APP_EXPECT_H
#define APP_EXPECT_H

#include "dataplane/app/text.h"

#define EXPECT_SECONDS 60
#define EXPECT_BUCKETS 256
#define EXPECT_PER_BUCKET 4
#define EXPECT_NAME_MAX 4096

struct expectation {
	struct addr client, server;
	uint16_t server_port;
	uint8_t ip_version, ip_proto;
	uint8_t proto;    /* enum app_proto */
	uint8_t detail;   /* the protocol's own */
	uint64_t until_ns; /* 0: no entry */
	struct text name; /* likewise; owner: the entry */
};

/* Called by app_worker_new and app_worker_free. */
int expect_worker_new(struct worker *w);
void expect_worker_free(struct worker *w);
/* Copies all of it, the name cut at EXPECT_NAME_MAX. until_ns is set here. */
void expect_add(struct worker *w, const struct expectation *e);
/* Takes the entry for this flow out of the table; the name is the caller's then. */
bool expect_take(struct worker *w, const struct flow *f, struct expectation *out);
/* What the entries hold of the worker's heap. */
uint64_t expect_held_bytes(const struct worker *w);

#endif
