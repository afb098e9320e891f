/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A block of contacts of one day and part: rows sorted by the number of their indicator, then by
 * client, column by column.
 *
 * Format 1: 1 (1 byte) | flags (1 byte) | rows (varint) | lists (varint), then columns (column.h):
 *   of each list (the rows of one indicator)
 *     number         the first as it is, then the distance − 1 from the one before
 *     rows − 1
 *     first client   IPv4 as a number; lists that begin with IPv6 have none (V6)
 *   of each row
 *     client         but the first of a list: distance − 1 from the one before; IPv4
 *     first          in units of 1 µs, 1 ms, 1 s of the day
 *     count
 *     lasts          a bit: last > first, in units; then, of those rows, last − first
 *     hours          of rows that last beyond the next hour: a bit for each hour between first and last
 *     bytes          BYTES: a bit: has any; then out, in: as they are, or (ROUND) as a short float
 *     ports          ONE_PORT: one for all; PORTS: distinct ones (count, varints), then how many each
 *                    row has, then their places among the distinct
 *   V6               a bit for each row; then the addresses of those rows, 16 bytes each
 * A short float: x < 16 as it is; else exponent and 4 bits of mantissa, within 3.2 %. Any thread.
 */
#ifndef CONTROL_CONTACT_BLOCK_H
#define CONTROL_CONTACT_BLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "control/base/text.h"
#include "control/store/store.h"
#include "dataplane/base/addr.h"

#define BLOCK_ROWS 512
#define CONTACT_PORTS_MAX 8 /* of one client, indicator and day; more are not remembered */

/* One client and indicator on one day. */
struct contact_row {
	struct addr client;
	uint8_t ip_version;
	uint8_t port_count;
	uint16_t port[CONTACT_PORTS_MAX]; /* ascending */
	uint32_t hours;                   /* bit h: contact in hour h */
	uint64_t first_us, last_us;       /* since the start of the day */
	uint64_t count;
	uint64_t bytes_out, bytes_in;
};

struct block_row {
	uint32_t id; /* of the indicator */
	struct contact_row row;
};

enum block_unit { UNIT_US, UNIT_MS, UNIT_S };

/* The order of rows: IPv4 before IPv6, then by address. */
int contact_row_compare(const struct contact_row *a, const struct contact_row *b);
/* Adds `more` to `into`: the same client. */
void contact_row_add(struct contact_row *into, const struct contact_row *more);

/* Appends the block: at most BLOCK_ROWS rows, sorted by id and client, each pair there once. round:
 * bytes as short floats. */
void block_encode(struct text *out, const struct block_row *rows, size_t count, enum block_unit unit,
		  bool round);
/* Fills rows (BLOCK_ROWS) and *count. 0; -EPROTO: malformed. */
int block_decode(struct slice in, struct block_row *rows, size_t *count);

#endif
