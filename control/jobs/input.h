/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A job's input (a file, or the end of a pipe) as bytes. Any thread.
 */
#ifndef CONTROL_JOBS_INPUT_H
#define CONTROL_JOBS_INPUT_H

#include "control/store/store.h"

struct input {
	struct slice bytes; /* mapped */
	void *map;
	size_t map_bytes;
};

/* Reads fd to its end: 0; -EFBIG: more than max; -errno. fd stays the caller's. */
int input_open(struct input *in, int fd, size_t max);
void input_close(struct input *in);
/* Copies a whole file to another descriptor. 0 or -errno. */
int input_copy(int from, int to);

#endif
