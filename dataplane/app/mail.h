/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A mail inside a protocol that fetches mails (POP3, IMAP): its attachments become files of the
 * transaction. Runs in the worker that owns the flow.
 */
#ifndef APP_MAIL_H
#define APP_MAIL_H

#include "dataplane/app/file.h"
#include "dataplane/app/mail_note.h"
#include "dataplane/app/mime.h"
#include "dataplane/app/packed.h"

struct mail {
	struct mime mime;
	struct worker *w;
	struct flow *f;
	struct tx *tx;
	struct file *file; /* the attachment being read */
	struct file *whole; /* NULL: mails are no files (file_bodies) */
	struct mail_note note;
	struct packed *packed; /* what the attachment itself is; NULL: nothing that holds others */
	bool packed_over;
	uint8_t depth;         /* how many attachments it is in */
	uint8_t direction;
	bool lazy; /* its part may never come: a file is opened with the first byte */
};

/* On the worker's heap; NULL: no memory. It is ended, or dropped with its transaction. */
struct mail *mail_begin(struct worker *w, struct flow *f, struct tx *tx, enum direction d);
/* Likewise, of one of which only a part will come: it is no file as a whole. */
struct mail *mail_begin_part(struct worker *w, struct flow *f, struct tx *tx, enum direction d);
/* Likewise, of one that is in an attachment, which is `depth` deep. */
struct mail *mail_begin_inner(struct worker *w, struct flow *f, struct tx *tx, enum direction d, uint8_t depth);
/* NULL is fine for all of these. */
void mail_data(struct mail *m, const uint8_t *data, uint32_t len);
void mail_gap(struct mail *m, uint64_t len);
/* Frees it. */
void mail_end(struct mail *m, bool complete);
/* Frees it while its transaction is being freed: the files are gone already. */
void mail_drop(struct mail *m);

#endif
