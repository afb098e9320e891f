/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Content of many lines that a dot alone on a line ends, and in which a dot was put before lines that
 * begin with one (RFC 5321, 4.5.2 of SMTP; RFC 1939, 3 of POP3). Any thread.
 */
#ifndef APP_DOT_H
#define APP_DOT_H

#include <stdbool.h>
#include <stdint.h>

struct dot_reader {
	bool at_start; /* of a line */
	uint8_t held;  /* there: 1 ".", 2 ".CR" */
	bool cr, bare; /* the byte before was CR; the line before ended in LF alone */
	bool odd;      /* the end was not CR LF "." CR LF: not everybody takes it for one */
};

/* The content begins. */
static inline void dot_begin(struct dot_reader *r)
{
	*r = (struct dot_reader){.at_start = true};
}

/* Bytes are missing: the next ones are taken as the middle of a line. */
static inline void dot_gap(struct dot_reader *r)
{
	*r = (struct dot_reader){0};
}

/* Hands the content on as it comes, without the dots. Returns how many bytes were taken: all, or those
 * up to the end (*end). */
uint32_t dot_take(struct dot_reader *r, const uint8_t *data, uint32_t len,
		  void (*out)(void *ctx, const uint8_t *data, uint32_t len), void *ctx, bool *end);

#endif
