/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What an attachment of a mail itself may be that holds others: TNEF (tnef.h), or S/MIME (base/cms.h), told by its first
 * bytes. It is looked through as it comes; what is in it becomes files of the transaction beside it: attachments, also of
 * messages that are attached to messages, and those of the mail that is signed. What is encrypted is said so of its file
 * (FILE_ENCRYPTED). One in another PACKED_DEPTH_MAX deep; what is deeper is a file as it is. Runs in the worker that owns the
 * flow.
 */
#ifndef APP_PACKED_H
#define APP_PACKED_H

#include "dataplane/app/file.h"

#define PACKED_DEPTH_MAX 5

struct packed; /* on the worker's heap, while it is read */

/* Bytes of an attachment, whose file it is (NULL: it is none). *p NULL: it begins, unless *over says that it is nothing, or
 * that it cannot be read. depth: how many it is in. */
void packed_data(struct packed **p, bool *over, uint8_t depth, struct worker *w, struct flow *f, struct tx *tx, enum direction d,
		 struct file *file, const uint8_t *data, uint32_t len);
void packed_gap(struct packed **p, bool *over, uint64_t len);
/* No more comes: frees it; the next one may begin. complete: it is whole. */
void packed_end(struct packed **p, bool *over, bool complete);
/* Its transaction goes, and with it the files. */
void packed_drop(struct packed **p);

#endif
