/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Files that a client fetches in ranges (RFC 9110, 14): the parts of one host, path and client, of whatever
 * transactions and flows of this worker, are put together to one file more. Bytes in order go to the file as
 * they come, with hashes and the window for rules; those that come early are held (chunks.h). When the last
 * byte has come the file belongs to the transaction that brought it, with a record of its own. What was not
 * completed for a while is forgotten; the ranges themselves are files of their transactions anyway.
 *
 * Bounds of a worker: RANGE_FILES_MAX files at once, RANGE_CHUNKS_MAX parts held of each,
 * app.http.byterange.memcap (100m) of memory, app.http.byterange.timeout (60) seconds without a new range.
 * What finds no room is counted (app_layer.ranges.lost).
 */
#ifndef APP_RANGE_H
#define APP_RANGE_H

#include "dataplane/app/chunks.h"

#define RANGE_FILES_MAX 256
#define RANGE_CHUNKS_MAX 1024
#define RANGE_KEY_MAX 4096             /* of host and path; longer ones are not followed */
#ifndef RANGE_SHOWN_FROM
#define RANGE_SHOWN_FROM (512u * 1024) /* rules see a smaller file when it is complete, a longer one as it grows */
#endif

/* One response: where its next byte belongs. How far its range goes does not matter: a receiver takes the
 * whole body. */
struct range_part {
	struct range_file *of; /* NULL: of none; counted there as a user */
	uint64_t at;
};

/* Borrowed for the call. */
struct range_origin {
	struct bytes host, name;    /* host in any case; name: the file's */
	uint64_t start, total;
	const struct file_limits *limits; /* NULL: the usual ones */
};

int range_worker_new(struct worker *w);
void range_worker_free(struct worker *w);
/* Forgets all: no flow is there any more. */
void range_worker_reset(struct worker *w);

/* A response with this range begins; *part is empty. */
void range_begin(struct worker *w, struct flow *f, struct tx *tx, struct range_part *part,
		 const struct range_origin *origin);
/* Its next bytes; data NULL: they are missing. */
void range_take(struct worker *w, struct flow *f, struct tx *tx, struct range_part *part,
		const uint8_t *data, uint32_t len);
/* It is over. An empty part is fine. */
void range_end(struct worker *w, struct range_part *part);
/* From file.c: the transaction that showed the growing file goes. */
void range_file_left(struct range_file *rf);

#endif
