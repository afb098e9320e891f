/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A file is read whole, then walked line by line. As in the reference, a line that begins with a
 * blank, a tab or # is no rule, unless it continues one.
 */
#include "rules/language/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX ((off_t)1 << 30)

int reader_open(struct reader *r, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = 0;
	struct stat st;
	ssize_t n = 0;

	*r = (struct reader){.line = 1};
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		err = -errno;
	else if (S_ISDIR(st.st_mode))
		err = -EISDIR;
	else if (st.st_size > FILE_MAX)
		err = -EFBIG;
	if (!err) {
		r->bytes = malloc((size_t)st.st_size + 1);
		if (!r->bytes)
			err = -ENOMEM;
	}
	while (!err && r->size < (size_t)st.st_size) {
		n = read(fd, r->bytes + r->size, (size_t)st.st_size - r->size);
		if (n < 0 && errno != EINTR)
			err = -errno;
		else if (n == 0)
			break;
		else if (n > 0)
			r->size += (size_t)n;
	}
	close(fd);
	if (err)
		reader_close(r);
	return err;
}

int reader_open_memory(struct reader *r, const char *bytes, size_t size)
{
	*r = (struct reader){.line = 1, .size = size, .bytes = malloc(size + 1)};
	if (!r->bytes)
		return -ENOMEM;
	memcpy(r->bytes, bytes, size);
	return 0;
}

/* Adds a physical line to the text. */
static bool reader_append(struct reader *r, const char *line, size_t len, uint32_t number)
{
	if (r->len + len + 1 > r->space) {
		size_t space = (r->len + len + 1) * 2;
		char *text = realloc(r->text, space);

		if (!text)
			return false;
		r->text = text;
		r->space = space;
	}
	if (r->piece_count == r->piece_space) {
		size_t space = r->piece_space ? r->piece_space * 2 : 8;
		struct reader_piece *pieces = realloc(r->pieces, space * sizeof(*pieces));

		if (!pieces)
			return false;
		r->pieces = pieces;
		r->piece_space = space;
	}
	r->pieces[r->piece_count++] = (struct reader_piece){r->len, number};
	memcpy(r->text + r->len, line, len);
	r->len += len;
	return true;
}

bool reader_next(struct reader *r)
{
	r->len = r->piece_count = 0;
	while (r->at < r->size) {
		const char *line = r->bytes + r->at;
		const char *end = memchr(line, '\n', r->size - r->at);
		size_t len = end ? (size_t)(end - line) : r->size - r->at;
		uint32_t number = r->line++;
		bool more;

		r->at += len + (end != NULL);
		if (!r->piece_count && (len == 0 || strchr("\r #\t", *line)))
			continue;
		while (len && strchr(" \t\r", line[len - 1]) && line[len - 1])
			len--;
		more = len && line[len - 1] == '\\' && r->at < r->size;
		if (!reader_append(r, line, more ? len - 1 : len, number))
			return false;
		if (more) {
			r->text[r->len++] = ' ';
			continue;
		}
		return true;
	}
	return r->piece_count != 0;
}

void reader_place(const struct reader *r, size_t at, uint32_t *line, uint32_t *column)
{
	size_t i = r->piece_count;

	while (i > 1 && r->pieces[i - 1].at > at)
		i--;
	*line = i ? r->pieces[i - 1].line : 0;
	*column = i ? (uint32_t)(at - r->pieces[i - 1].at) + 1 : 1;
}

void reader_close(struct reader *r)
{
	free(r->bytes);
	free(r->text);
	free(r->pieces);
	*r = (struct reader){0};
}
