/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Contacts as they stand in the journal, one after the other:
 *   kind (1) | flags (1) | client (4 or 16) | µs of the day (varint) | count, port, bytes out and
 *   in (varints, where the flags say so) | length of the value's key (varint) | key (kinds.h)
 * Any thread.
 */
#ifndef CONTROL_CONTACT_JOURNAL_H
#define CONTROL_CONTACT_JOURNAL_H

#include "control/contact/kinds.h"
#include "control/contact/block.h"
#include "dataplane/event/record.h"

struct journal_entry {
	struct contact_row row;
	uint8_t value[1 + VALUE_KEY_MAX]; /* kind and key */
	size_t len;                       /* of both */
};

#define JOURNAL_KEY_BYTES 12

/* A contact record of a ring. False: malformed, or not a value of its kind. */
bool journal_from_record(struct journal_entry *e, const struct record_head *head);
void journal_put(struct text *out, const struct journal_entry *e);
/* Reads one and moves *p; false at the end, or when what follows is malformed. */
bool journal_get(const uint8_t **p, const uint8_t *end, struct journal_entry *e);
void journal_key(uint8_t *key, uint16_t day, uint16_t part, uint64_t number);

#endif
