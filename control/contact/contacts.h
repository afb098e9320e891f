/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The memory behind Retro Scan: who contacted what, by day.
 *
 * A contact goes, in the batch of the record it came with, into the journal (family contact_log)
 * and, when that batch is durable, into the table of its day in memory. A table that is complete
 * or too big is sealed; the keeper writes it as sorted files, which the store takes in whole, and
 * only then drops its part of the journal. On start the tables are rebuilt from the journal. So a
 * contact is at any time in the journal or in a file, never in neither; and since a part's marker
 * comes with its files, it is never counted in both.
 *
 * Family contact_log: key  day (2) | part (2) | number (8); value: contacts, see journal.c.
 * Family contact, numbers big endian:
 *   'd' kind key                       number of the value (4), then the days on which anyone contacted
 *                                      it (days.h): the dictionary
 *   'd' kind key-up-to-0x01            of a name: there are names below it (number 0xffffffff)
 *   'h' number chunk (4)               hashes (8 each, filter.h) of the values and markers that are new
 *                                      with the part whose first new number that is
 *   'i' number (4)                     kind and key
 *   'p' day part 0                     marker of a part that is in: version, counts, unit
 *   'p' day part 1 number block (4)    512 rows (block.h), the first of that number
 *   'p' day part 2 chunk (4)           the first numbers of 256 blocks
 *   'p' day part 3 4|6 address         the blocks that the client is in
 * Numbers are given when a value is first written; a file of 'i' holds new ones only, and all of a
 * part is one file, so that they go to the bottom level as they are.
 *
 * Threads: contacts_stage to contacts_reload by the ingest thread; contacts_keep by the keeper
 * (any thread but ingest); queries (query.h) by any.
 */
#ifndef CONTROL_CONTACT_CONTACTS_H
#define CONTROL_CONTACT_CONTACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/store/store.h"
#include "dataplane/event/config.h"
#include "dataplane/event/record.h"

struct contacts;

/* Rebuilds the tables from the journal. 0 and *out, or -errno (store_error says why). */
int contacts_new(struct contacts **out, struct store *s, const struct config *config);
void contacts_free(struct contacts *c);

/* A contact record of a ring: gathered, not yet counted. Malformed ones are counted as such.
 * 0; -EAGAIN: commit first, there are too many days in this batch. */
int contacts_stage(struct contacts *c, const struct record_head *head);
size_t contacts_staged_bytes(const struct contacts *c);
/* Puts what is gathered into the batch. */
void contacts_record(struct contacts *c, struct store_batch *b);
/* The batch is durable: what was gathered counts. Waits for the keeper when memory is full. */
void contacts_committed(struct contacts *c);
/* The batch was not committed: forgets what was gathered. */
void contacts_forget(struct contacts *c);
/* The store was opened anew: rebuilds from the journal. 0 or -errno. */
int contacts_reload(struct contacts *c);

/* Keeper: writes one sealed table, if there is one. 1: written, 0: nothing to do, or -errno (the
 * table is kept and tried again). */
int contacts_keep(struct contacts *c);
/* Whether a thread calls contacts_keep; if none does, ingestion writes files itself. */
void contacts_has_keeper(struct contacts *c, bool has);
/* Seals what is over: days before `newest_ns` by more than ten minutes. Any thread. */
void contacts_seal_old(struct contacts *c, uint64_t newest_ns);
/* Seals every table of at least that many entries. */
void contacts_seal_all(struct contacts *c, uint32_t entries_min);
/* Drops the days before `day`. 0 or -errno. */
int contacts_expire(struct contacts *c, uint16_t day);

struct contacts_figures {
	uint64_t staged, refused, tables, entries, memory_bytes, sealed, files_written, file_errors;
};

void contacts_figures(struct contacts *c, struct contacts_figures *out);

#endif
