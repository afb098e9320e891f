/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What was said of mails whose attachments come (records mail_text), until others take their place. One thread.
 */
#ifndef CONTROL_FILES_NOTES_H
#define CONTROL_FILES_NOTES_H

#include "dataplane/event/record.h"

#define NOTES_MAX 4096u

struct notes;

struct notes *notes_new(void);
void notes_free(struct notes *n);
/* Copied; in the place of an older one of the same transaction. */
void notes_keep(struct notes *n, const struct record_head *note);
/* That of the transaction which a file belongs to, borrowed; NULL: none. */
const struct record_head *notes_find(const struct notes *n, const struct record_head *file);

#endif
