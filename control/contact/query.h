/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Looking contacts up: by indicator and by client, over files and memory as one. Any thread,
 * inside store_enter.
 */
#ifndef CONTROL_CONTACT_QUERY_H
#define CONTROL_CONTACT_QUERY_H

#include "control/contact/contacts.h"
#include "control/contact/kinds.h"
#include "control/contact/block.h"

/* One day of a client and a value. */
struct contact_hit {
	uint16_t day;   /* since 1970-01-01 */
	uint32_t hours; /* bit h: contact in hour h, UTC */
	uint64_t first_ns, last_ns, count, bytes_out, bytes_in;
};

/* A client and a value, over all days. */
struct contact_sum {
	struct addr client;
	uint8_t ip_version;
	uint8_t port_count;
	uint16_t port[CONTACT_PORTS_MAX];
	uint64_t first_ns, last_ns, count, bytes_out, bytes_in;
	uint32_t days;  /* on which there was contact */
	uint32_t value; /* number in the result's values */
	uint32_t first_hit, hit_count; /* in the result's hits, by day */
};

struct contact_found;

/* What look-ups found. Zero-initialise; any number of look-ups; contact_result_finish; then rows
 * and hits may be read; contact_result_free. */
struct contact_result {
	struct contact_sum *rows; /* sorted by value, then client */
	size_t count;
	struct contact_hit *hits;
	struct contact_found *found; /* one for each day and part; until finish */
	size_t found_count, found_cap;
	struct contact_table *values;
	uint64_t left_out;        /* beyond the limit */
};

void contact_result_free(struct contact_result *r);
/* Days into sums. 0 or -ENOMEM. */
int contact_result_finish(struct contact_result *r);
/* Kind and key of a row's value. */
struct slice contact_result_value(const struct contact_result *r, uint32_t value, int *kind);

/* What an indicator stands for. An address with a port stands for the address on the days on which
 * that port was among those contacted: ports have no times and counts of their own, so a row with
 * more than one port has those of the whole address, a row with one port its own. A day of more than
 * CONTACT_PORTS_MAX ports is found by those that it keeps. */
struct contact_want {
	int kind;         /* enum contact_kind, INDICATOR_CIDR, INDICATOR_IP_PORT */
	struct slice key; /* kinds.h; CIDR: address key, prefix length (1); IP_PORT: address key, port (be16) */
	bool below;       /* a name: its subdomains too. A domain is wanted of TLS server names as well */
};

/* [from, to); to 0: open. A day partly outside counts if [first, last] of that day overlaps. */
struct contact_window {
	uint64_t from_ns, to_ns;
};

/* The want of a value as people write it ("*.x" and ".x" set below); key: VALUE_KEY_MAX + 4 bytes
 * that live as long as w. 0; -EINVAL. */
int contact_want_of(int kind, const char *value, bool below, struct contact_want *w, uint8_t *key);

/* Look-ups on one view of files and memory. */
struct contact_session;
int contacts_session_new(struct contact_session **out, struct contacts *c);
void contacts_session_free(struct contact_session *s);
/* Adds what matches: 1 found, 0 nothing, -errno. window may be NULL. */
int contacts_session_find(struct contact_session *s, const struct contact_want *w,
			  const struct contact_window *window, struct contact_result *r);
int contacts_session_client(struct contact_session *s, const struct addr *client, int ip_version,
			    const struct contact_window *window, struct contact_result *r);

#endif
