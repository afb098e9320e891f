/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A memfd full of rows of one size, as answers hand them over.
 */
#ifndef EVENT_ROWS_H
#define EVENT_ROWS_H

#include <stddef.h>

/* All rows behind fd, each of row_bytes, read from its start: new, to be freed with free; NULL and no
 * count: none, or no memory. Does not take fd. */
void *rows_read(int fd, size_t row_bytes, size_t *count);

#endif
