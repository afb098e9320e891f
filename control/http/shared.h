/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What another sensor posts: its indicators become entries of the source "sensor NAME" (NAME: of the
 * token), its sightings are kept beside them. Submitted by the HTTP thread, taken in by jobs.
 */
#ifndef CONTROL_HTTP_SHARED_H
#define CONTROL_HTTP_SHARED_H

#include "control/jobs/desk.h"

/* Copies body. 0 and the number of the job that takes it in; -EINVAL: it is not a TAXII envelope;
 * -EAGAIN: too much is waiting. */
int shared_submit(struct desk *d, const char *who, struct slice body, uint64_t *job);
/* Appends the status resource (TAXII 2.1, 4.3.1). An object has failed when some of it was not
 * taken: of what is neither indicator nor sighting, what describes them is read, else it is refused.
 * False: nothing is known of such a job. */
bool shared_put_status(struct desk *d, uint64_t job, struct text *out);
/* The job that a status id stands for. */
bool shared_job_of(const char *id, uint64_t *job);

#endif
