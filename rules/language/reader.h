/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rule files as rules: lines that a final backslash continues are joined, comments and blank lines
 * left out.
 */
#ifndef LANGUAGE_READER_H
#define LANGUAGE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reader_piece {
	size_t at;     /* offset in the joined text */
	uint32_t line; /* physical line, from 1 */
};

struct reader {
	char *bytes; /* the whole file; owned */
	size_t size, at;
	uint32_t line; /* of the next line */
	char *text;    /* the rule, joined; valid until the next call; not terminated */
	size_t len, space;
	struct reader_piece *pieces;
	size_t piece_count, piece_space;
};

/* 0 or -errno. Files larger than 1 GiB are refused with -EFBIG. */
int reader_open(struct reader *r, const char *path);
/* Reads from memory (copied). 0 or -ENOMEM. */
int reader_open_memory(struct reader *r, const char *bytes, size_t size);
/* The next rule in r->text; false at the end (or out of memory). */
bool reader_next(struct reader *r);
/* Where an offset of the text stands in the file. */
void reader_place(const struct reader *r, size_t at, uint32_t *line, uint32_t *column);
void reader_close(struct reader *r);

#endif
