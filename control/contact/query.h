/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Looking contacts up: by indicator and by client, over files and memory as one. Any thread,
 * inside store_enter.
 */
#ifndef CONTROL_CONTACT_QUERY_H
#define CONTROL_CONTACT_QUERY_H

#include "control/contact/contacts.h"
#include "control/contact/kinds.h"
#include "control/contact/posting.h"

/* A client and a value, over all days. */
struct contact_sum {
	struct addr client;
	uint8_t ip_version;
	uint8_t port_count;
	uint16_t port[CONTACT_PORTS_MAX];
	uint64_t first_ns, last_ns, count, bytes_out, bytes_in;
	uint32_t days;  /* on which there was contact */
	uint32_t value; /* number in the result's values */
};

struct contact_hit;

/* What look-ups found. Zero-initialise; any number of look-ups; contact_result_finish; then rows
 * may be read; contact_result_free. */
struct contact_result {
	struct contact_sum *rows; /* sorted by value, then client */
	size_t count;
	struct contact_hit *hits; /* one for each day; until finish */
	size_t hit_count, hit_cap;
	struct contact_table *values;
	uint64_t left_out;        /* hits beyond the limit */
};

void contact_result_free(struct contact_result *r);
/* Days into sums. 0 or -ENOMEM. */
int contact_result_finish(struct contact_result *r);
/* Kind and key of a row's value. */
struct slice contact_result_value(const struct contact_result *r, uint32_t value, int *kind);

/* Adds every contact with a value in the range. 0 or -errno. */
int contacts_by_value(struct contacts *c, const struct value_range *range,
		      struct contact_result *r);
/* Adds all that the client contacted. 0 or -errno. */
int contacts_by_client(struct contacts *c, const struct addr *client, int ip_version,
		       struct contact_result *r);

/* The dictionary with what is in memory: calls back once for every distinct value in the range,
 * ascending within files; a value may be given twice (file and memory). A callback that returns
 * nonzero ends it, and is returned. */
int contacts_values(struct contacts *c, const struct value_range *range,
		    int (*call)(void *arg, int kind, const uint8_t *key, size_t len), void *arg);

#endif
