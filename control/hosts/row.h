/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One interval as it stands in the store, and what becomes of intervals when a fact comes.
 * hosts/ only. No state, no store: facts and rows in, rows out.
 *
 * Value of 'a' (hosts.h): last (8, ns), until (8, ns), sources (2), source of MAC, of name, of
 * user (1 each; 0: not known), MAC (6), length of name (1), name, length of user (1), user.
 */
#ifndef CONTROL_HOSTS_ROW_H
#define CONTROL_HOSTS_ROW_H

#include "control/hosts/hosts.h"

#define ROW_VALUE_MAX (8 + 8 + 2 + 3 + 6 + 2 * (1 + HOST_NAME_MAX_BYTES))
#define HOST_DAY_NS (86400ull * 1000000000u)

struct host_text {
	uint8_t len;
	char text[HOST_NAME_MAX_BYTES];
};

/* A host record. */
struct host_said {
	struct addr addr;   /* ip_version 0: the MAC, so that those of a machine sort together */
	uint8_t ip_version; /* 0: no address, the name of a MAC */
	uint8_t source;     /* enum host_source */
	bool has_mac;
	uint8_t mac[6];
	uint32_t lease_s;
	uint64_t ts_ns;
	uint32_t number; /* in its batch */
	struct host_text name, user;
};

struct host_row {
	uint64_t from_ns, last_ns, until_ns;
	uint16_t sources;
	uint8_t mac_source, name_source, user_source; /* 0: not known */
	uint8_t mac[6];
	struct host_text name, user;
	/* against the store */
	struct host_row *stored; /* as it stood there, under its own start; owned; NULL: new */
	bool changed;
};

/* The intervals of one address around the facts of a batch, in the order of time. */
struct host_rows {
	struct host_row *row;
	size_t count, cap;
};

size_t row_encode(const struct host_row *r, uint8_t *value); /* ROW_VALUE_MAX bytes; the length */
bool row_decode(struct host_row *r, uint64_t from_ns, struct slice value);
void row_to_at(const struct host_row *r, struct host_at *out);
/* False: not a record that says anything. */
bool said_from_record(struct host_said *s, const struct record_head *head);
bool host_text_same(const struct host_text *a, const struct host_text *b);

/* Puts a fact into the intervals. 0 or -ENOMEM. */
int rows_apply(struct host_rows *rows, const struct host_said *s);
/* Appends a row that the store has. 0 or -ENOMEM. */
int rows_load(struct host_rows *rows, const struct host_row *r);
void rows_clear(struct host_rows *rows);
void rows_free(struct host_rows *rows);

#endif
