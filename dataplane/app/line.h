/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Lines of protocols of text: up to LF, with or without CR before it. A line longer than the limit
 * is given once, cut there; its rest is passed over as it comes. Any thread.
 */
#ifndef APP_LINE_H
#define APP_LINE_H

#include "dataplane/base/cursor.h"

struct line {
	struct bytes text; /* borrowed; without its end */
	bool cut;
};

/* The next line at c, which moves behind it. skip: kept by the caller for each direction. False: its
 * end is not there yet (the bytes at c are less than max and are to come again), or nothing is left. */
static inline bool line_take(struct cursor *c, bool *skip, uint32_t max, struct line *out)
{
	for (;;) {
		size_t left = cursor_left(c);
		const uint8_t *lf = left ? memchr(c->p, '\n', left) : NULL;
		uint32_t len = (uint32_t)(lf ? (size_t)(lf - c->p) : left);

		if (!left)
			return false;
		if (*skip) {
			cursor_skip(c, lf ? len + 1 : len);
			*skip = !lf;
			if (!lf)
				return false;
			continue;
		}
		out->cut = len > max || (!lf && len == max);
		if (!lf && !out->cut)
			return false;
		out->text = (struct bytes){c->p, out->cut ? max : len};
		if (!out->cut && len && c->p[len - 1] == '\r')
			out->text.len--;
		*skip = out->cut;
		cursor_skip(c, out->cut ? max : len + 1);
		return true;
	}
}

#endif
