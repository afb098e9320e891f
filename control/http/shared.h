/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What another sensor posts: its indicators become entries of the source "sensor NAME" (NAME: of the
 * token), its sightings are kept beside them. Submitted by the HTTP thread, taken in by jobs.
 */
#ifndef CONTROL_HTTP_SHARED_H
#define CONTROL_HTTP_SHARED_H

#include "control/jobs/desk.h"

/* Copies body. The number of the job that takes it in, and how many objects it has; 0: it is not a
 * TAXII envelope, or too much is waiting. */
uint64_t shared_submit(struct desk *d, const char *who, struct slice body, size_t *count);
/* Appends the status resource (TAXII 2.1, 4.3.1). count: objects, if they are known. False: nothing
 * is known of that job. */
bool shared_put_status(struct desk *d, uint64_t job, size_t count, struct text *out);
/* The job that a status id stands for. */
bool shared_job_of(const char *id, uint64_t *job);

#endif
