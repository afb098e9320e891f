/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the readers of formats share. For this folder alone. A format is a function of the type of
 * feed_read_plain, a row in feed.c's table and a value of enum feed_format.
 */
#ifndef CONTROL_INTEL_FEED_PRIVATE_H
#define CONTROL_INTEL_FEED_PRIVATE_H

#include <jansson.h>
#include <stdio.h>

#include "control/contact/kinds.h"
#include "control/intel/feed.h"

#define WHY_BYTES 256

struct reader {
	const struct feed_options *o;
	const struct feed_sink *sink;
	struct slice bytes;
	char *why;
};

int feed_read_plain(struct reader *r);
int feed_read_hosts(struct reader *r);
int feed_read_csv(struct reader *r);
int feed_read_stix(struct reader *r);
int feed_read_misp(struct reader *r);

/* One value: put in its plain form ("hxxp://evil[.]com" is http://evil.com), its kind guessed if e
 * has none, checked; then given to the sink as an entry or as refused. e has what else is known. */
int feed_value(struct reader *r, uint64_t where, struct slice value, const struct intel_entry *e);
int feed_refuse(struct reader *r, uint64_t where, struct slice item, const char *reason);

struct slice trim(struct slice s);
static inline struct slice slice_of(const char *s)
{
	return s ? (struct slice){s, strlen(s)} : (struct slice){"", 0};
}
bool slice_is(struct slice s, const char *word); /* without regard to case */
/* The next line and its number; without its end. False: no more. */
struct lines {
	struct slice rest;
	uint64_t number;
};
bool lines_next(struct lines *l, struct slice *line);

/* Kind by the names that lists use ("sha256_hash", "ip-dst", "fqdn"); 0: none such. */
int feed_kind(struct slice name);
/* "high", "2", …: 1 to 4; 0: not said. */
uint8_t feed_severity(struct slice s);
/* "TLP:AMBER+STRICT", "amber", …; TLP_NONE. */
uint8_t feed_tlp(struct slice s);
/* RFC 3339, "2024-01-31 09:30:00", or seconds since the epoch; 0: none of them. */
uint64_t feed_time(struct slice s);

/* Why a value of that kind will not do; NULL: it will. key is that of intel_key. */
const char *value_objection(int kind, const char *value, const uint8_t *key, size_t key_len,
			    bool allow);

/* Calls back for each item of the array (of the member of that name, if bytes are an object); the
 * item is as text. 0; 1: there is no such array; -EPROTO and a sentence in why; what call
 * returned. Nothing is kept, whatever the size. */
int json_items(struct slice bytes, const char *member,
	       int (*call)(void *arg, uint64_t index, struct slice item), void *arg, char *why);

/* What a STIX pattern says, value by value. */
struct pattern_term {
	int kind; /* 0: to be guessed */
	bool below;
	char *value;        /* owned */
	const char *reason; /* not NULL: cannot be looked up, and why */
	int part;           /* within pattern.c */
};
#define PATTERN_TERMS_MAX 10000
#define PATTERN_DEPTH_MAX 32
struct pattern {
	struct pattern_term *terms;
	size_t count, room;
};
/* 0; -EPROTO and a sentence's end in reason; -ENOMEM. pattern_free in any case. */
int pattern_read(struct pattern *p, struct slice text, const char **reason);
void pattern_free(struct pattern *p);

#endif
