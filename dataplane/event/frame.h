/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How rules name the frames of frame.def.
 */
#ifndef EVENT_FRAME_H
#define EVENT_FRAME_H

#include <stdbool.h>
#include <string.h>

/* Does `frame` mean the protocol's frame of that name? It stands alone, or behind the protocol's own ("http1" too) and a dot. */
static inline bool frame_is(const char *app, const char *name, const char *frame)
{
	size_t n = strlen(app);

	if (strcmp(frame, name) == 0)
		return true;
	if (strcmp(app, "http") == 0 && strncmp(frame, "http1.", 6) == 0)
		n = 5;
	else if (strncmp(frame, app, n) != 0 || frame[n] != '.')
		return false;
	return strcmp(frame + n + 1, name) == 0;
}

#endif
