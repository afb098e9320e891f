/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Who contacted one indicator on one day, packed: a posting list. Its rows are sorted by client
 * and stand column by column.
 *
 * Format 1:
 *   1 (1 byte) | flags (1 byte) | rows (varint) | of which IPv4 (varint)
 *   clients    IPv4: differences (varint); IPv6: bytes shared with the one before (1 byte), rest
 *   counts     varints, unless ALL_ONE
 *   first      least of them (varint), bits each (1 byte), then first − least, packed, in units
 *              of 1 µs, 1 ms or 1 s of the day as the flags say
 *   last       LASTS: last − first (varint) for each row; else they are the same
 *   ports      ONE_PORT: a varint for all; PORTS: for each row how many, then varints
 *   bytes      BYTES: out, in (varints) for each row
 * Most lists have one row, of an IPv4 client; such a list is instead 0x80 | flags (1 byte), then
 * client (4 bytes), then count, first, last − first, port, bytes as varints, as the flags say.
 * Any thread.
 */
#ifndef CONTROL_CONTACT_POSTING_H
#define CONTROL_CONTACT_POSTING_H

#include <stdbool.h>
#include <stdint.h>

#include "control/base/text.h"
#include "control/store/store.h"
#include "dataplane/base/addr.h"

#define CONTACT_PORTS_MAX 4 /* of one client, indicator and day; more are not remembered */

struct contact_row {
	struct addr client;
	uint8_t ip_version;
	uint8_t port_count;
	uint16_t port[CONTACT_PORTS_MAX]; /* ascending */
	uint64_t first_us, last_us; /* since the start of the day */
	uint64_t count;
	uint64_t bytes_out, bytes_in;
};

/* The order of rows: IPv4 before IPv6, then by address. */
int contact_row_compare(const struct contact_row *a, const struct contact_row *b);
/* Adds `more` to `into`: the same client. */
void contact_row_add(struct contact_row *into, const struct contact_row *more);

/* Appends the rows, which must be sorted and each client there once. */
void posting_encode(struct text *out, const struct contact_row *rows, size_t count);
/* Appends rows to the array at *rows (realloc), *count of them so far, room for *cap. 0; -EPROTO:
 * malformed, nothing appended; -ENOMEM. */
int posting_decode(struct slice in, struct contact_row **rows, size_t *count, size_t *cap);

#endif
