/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the files that fetch share. Nobody else includes it.
 */
#ifndef CONTROL_INTEL_FETCH_PRIVATE_H
#define CONTROL_INTEL_FETCH_PRIVATE_H

#include "control/intel/feed.h"
#include "control/intel/fetch.h"

enum fetch_way { FETCH_LIST, FETCH_TAXII, FETCH_MISP };

struct fetch_feed {
	char name[INTEL_SOURCE_MAX];
	const char *url, *format_name;
	enum fetch_way way;
	enum intel_mode mode;
	uint64_t interval_ns, max_bytes, next_ns;
	unsigned timeout_s;
	const char *user;  /* basic authentication; NULL: the secret, if there is one, is a token */
	char secret[4200]; /* "@/path"; "": none */
	struct feed_options options;
	char hash[20]; /* of all that is configured and changes what comes of an answer */
	uint64_t failures; /* in a row, since the start */
};

/* One fetch under way. */
struct fetching {
	const struct fetch_feed *feed;
	struct intel *in;
	struct courier *courier;
	const atomic_bool *stop;
	struct intel_fetch state;   /* what came of it, if it ends well */
	struct intel_change *change;
	bool same;                  /* nothing new */
	bool more;                  /* there is more that is new than one fetch takes */
	char refusal[128];          /* why the first that was refused was */
	char error[512];
};

/* Asks for a URL of the feed's server. 0 and the body in *bytes (mapped; fetch_unmap), empty for
 * 304 and the like; -errno with f->error. accept: a media type, or NULL. */
int fetch_ask(struct fetching *f, const char *url, const char *accept, bool conditional,
	      struct courier_answer *a, struct slice *bytes);
void fetch_unmap(struct slice bytes);
/* Reads bytes of that format into f->change. */
int fetch_read(struct fetching *f, enum feed_format format, struct slice bytes);

/* taxii.c, misp.c: fill f->change with what is new and move f->state.position. */
int fetch_taxii(struct fetching *f);
int fetch_misp(struct fetching *f);

#endif
