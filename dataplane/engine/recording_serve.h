/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Recordings as the main thread keeps them: which run, since when, until when.
 */
#ifndef ENGINE_RECORDING_SERVE_H
#define ENGINE_RECORDING_SERVE_H

#include "dataplane/engine/engine.h"
#include "dataplane/engine/recording.h"

/* What the configuration asks for (capture.enabled), before there are workers. 0, or -errno and what is
 * wrong told. */
int recording_serve_first(struct engine *e);
/* From the order behind fd: a new recording that nobody uses yet. 0, or -errno and perhaps why. */
int recording_serve_order(struct engine *e, int fd, struct recording **out, char *error, size_t error_size);
/* One that has come to its end; NULL: none. */
struct recording *recording_serve_expired(const struct engine *e, uint64_t now_ns);
/* A memfd with a row for each that runs, or -errno. */
int recording_serve_rows(const struct engine *e, uint64_t *count);
/* The workers have ended. */
void recording_serve_end(struct engine *e);

#endif
