/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The memory behind a table of known bad indicators (event/indicator.h): from a descriptor that
 * control made to an image that workers may read. Main thread.
 */
#ifndef ENGINE_IMAGE_H
#define ENGINE_IMAGE_H

#include <stddef.h>

#include "dataplane/event/indicator.h"

/* Maps the memfd read-only and checks it. One whose maker could still change or shrink it is
 * copied: a worker never reads what another process may write. Does not take fd. NULL and a
 * sentence. */
const struct indicator_image *image_open(int fd, char *error, size_t error_size);
/* NULL is fine. */
void image_close(const struct indicator_image *image);

#endif
