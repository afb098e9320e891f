/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The record `file`: what traffic said of a file (its fileinfo record: sender, recipients, subject, host, URL, …)
 * and what its analysis says.
 */
#ifndef CONTROL_FILES_FILE_RECORD_H
#define CONTROL_FILES_FILE_RECORD_H

#include <jansson.h>
#include <stdbool.h>

#include "control/base/text.h"
#include "dataplane/event/record.h"

struct file_verdict {
	unsigned verdict;
	const char *sha256_hex;
	json_t *report; /* NULL: it cannot be read */
	bool stored, quarantined;
};

/* From a fileinfo record: the file's name; subject and beginning of the mail that it came in, without zeros. True: it
 * came in a mail. */
bool file_record_read(const struct record_head *seen, struct text *name, struct text *mail);
/* The record with what was said of its mail (a record mail_text), into memory of RECORD_MAX_BYTES. False: it cannot be. */
bool file_record_join(void *memory, const struct record_head *seen, const struct record_head *note);
/* Into memory, RECORD_MAX_BYTES of it. False: it cannot be made. */
bool file_record_write(void *memory, const struct record_head *seen, const struct file_verdict *v);

#endif
