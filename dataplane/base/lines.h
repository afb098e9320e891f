/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Memory by lines of the cache.
 */
#ifndef BASE_LINES_H
#define BASE_LINES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define LINE_BYTES ((size_t)64)

/* All of it zero, line by line: of all at once, a few hundred bytes whose number is known, compilers make one
 * slow instruction. */
static inline void lines_clear(void *memory, size_t bytes)
{
	uint8_t *at = memory;

	for (; bytes >= LINE_BYTES; bytes -= LINE_BYTES, at += LINE_BYTES)
		memset(at, 0, LINE_BYTES);
	memset(at, 0, bytes);
}

#endif
