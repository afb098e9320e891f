/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A file seen inside a protocol: its bytes as they come, decoded, with what rules and records need
 * of them: hashes, name, type, gaps, and a bounded window for inspection (buffer file.data).
 */
#ifndef APP_FILE_H
#define APP_FILE_H

#include "dataplane/app/app.h"

enum file_state { FILE_OPEN, FILE_CLOSED, FILE_TRUNCATED, FILE_ERROR };

/* Opens a file on the transaction. name is copied (cut at FILE_NAME_MAX). NULL: memory. */
struct file *file_open(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
		       const uint8_t *name, uint32_t name_len);
void file_append(struct worker *w, struct file *file, const uint8_t *data, uint32_t len);
void file_gap(struct worker *w, struct file *file, uint64_t len);
void file_range(struct file *file, uint64_t start, uint64_t end, uint64_t total);
/* Writes the fileinfo record (once) when it is logged with its transaction. */
void file_close(struct worker *w, struct file *file, enum file_state state);
void file_free_all(struct worker *w, struct tx *tx);

/* Buffer file.data, instance by instance: the window that is to be inspected now. False until the
 * minimum for a first look is there, or when nothing is new. */
bool file_view(struct worker *w, struct flow *f, struct tx *tx, enum direction d, unsigned instance,
	       struct buffer_view *out);
/* Detect has looked at all views of this direction. */
void file_inspected(struct worker *w, struct tx *tx, enum direction d);
/* The fileinfo records of a transaction; called by app_packet_done. */
void file_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p);
/* The "files" array in an alert. */
void file_alert_context(struct recorder *r, struct tx *tx);

#endif
