/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Certificate chains that rules want kept (tls.store), as files: DIR/certs/SECONDS.MICROSECONDS-WORKER-SEQ.pem,
 * the chain as it was sent (RFC 7468), and beside it .meta, lines of text that say whose it was.
 */
#ifndef CONTROL_FILES_CERTIFICATES_H
#define CONTROL_FILES_CERTIFICATES_H

#include "control/files/file_store.h"
#include "dataplane/event/record.h"

/* head: a record of type certificates. Read again after a restart it makes the same files. */
void certificates_keep(struct file_store *s, const struct record_head *head);

#endif
