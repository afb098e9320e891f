/* SPDX-License-Identifier: BSD-3-Clause
 *
 * TNEF (MS-OXTNEF 2.1), the attachment winmail.dat in which mail programs of one vendor put those of the mail: looked
 * through as it comes, in pieces of any size; what is attached in it becomes files of the transaction beside it. Told
 * by its signature, as neither its name nor its type binds the reader. What is attached may be packed itself (packed.h); a
 * message attached to the message is an object among the properties of its attachment, and TNEF, too (MS-OXTNEF 2.1.3.4).
 * Runs in the worker that owns the flow.
 */
#ifndef APP_TNEF_H
#define APP_TNEF_H

#include "dataplane/app/file.h"

#define TNEF_FIRST_BYTE 0x78
#define TNEF_NAME_MAX 255
#define TNEF_PROPERTIES_MAX 4096 /* bytes kept of the properties of an attachment, among which is its long name */

/* All zeros: an attachment of a mail begins. */
struct tnef {
	struct file *file;   /* the attachment in hand; of the transaction; NULL: none */
	uint32_t id, left;   /* of the attribute in hand; bytes of it that are to come */
	uint8_t state;       /* enum state */
	uint8_t have;        /* bytes of head */
	uint8_t head[9];
	uint8_t name_len;
	uint8_t name[TNEF_NAME_MAX];
	bool whole;          /* the file has all its bytes */
	uint8_t *properties; /* while they come; owned */
	uint32_t properties_len;
	struct packed *inner; /* what the attachment in hand itself is */
	bool inner_over;
	uint32_t object_left; /* bytes that are to come of the object among its properties */
	uint8_t depth;        /* how many attachments this is in */
};

void tnef_data(struct tnef *t, struct worker *w, struct flow *f, struct tx *tx, enum direction d, const uint8_t *data,
	       uint32_t len);
void tnef_gap(struct tnef *t, struct worker *w, uint64_t len);
/* It is none, or cannot be read any more. */
bool tnef_is_over(const struct tnef *t);
/* No more comes; the next one may begin. */
void tnef_end(struct tnef *t, struct worker *w);
/* Its transaction goes, and with it the files. */
void tnef_drop(struct tnef *t, struct worker *w);

#endif
