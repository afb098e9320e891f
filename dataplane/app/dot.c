/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See dot.h.
 */
#include "dataplane/app/dot.h"

#include <string.h>

enum dot { DOT_NONE, DOT_HELD, DOT_END };

/* The byte at a place where a line begins, or behind a dot held from there. */
static enum dot dot_at(const struct dot_reader *r, uint8_t c)
{
	if (r->held == 0)
		return c == '.' ? DOT_HELD : DOT_NONE;
	if (c == '\n')
		return DOT_END;
	return r->held == 1 && c == '\r' ? DOT_HELD : DOT_NONE;
}

uint32_t dot_take(struct dot_reader *r, const uint8_t *data, uint32_t len,
		  void (*out)(void *ctx, const uint8_t *data, uint32_t len), void *ctx, bool *end)
{
	uint32_t i = 0, from = 0; /* data[from … i): to be handed on */

	*end = false;
	while (i < len) {
		const uint8_t *lf;

		if (r->at_start) {
			enum dot dot = dot_at(r, data[i]);

			if (dot == DOT_END) {
				*end = true;
				r->odd = r->bare || r->held == 1;
				return i + 1;
			}
			if (dot == DOT_HELD) {
				if (from < i)
					out(ctx, data + from, i - from);
				r->held++;
				from = ++i;
				continue;
			}
			/* Not the end: a dot put before the line is taken off. */
			if (r->held == 2)
				out(ctx, (const uint8_t *)"\r", 1);
			r->cr = r->held == 2;
			r->held = 0;
			r->at_start = false;
		}
		lf = memchr(data + i, '\n', len - i);
		if (lf)
			r->bare = !(lf > data + i ? lf[-1] == '\r' : r->cr);
		i = lf ? (uint32_t)(lf - data) + 1 : len;
		r->at_start = lf != NULL;
		r->cr = data[i - 1] == '\r';
	}
	if (from < i)
		out(ctx, data + from, i - from);
	return i;
}
