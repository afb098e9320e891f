/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/event/rows.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void *rows_read(int fd, size_t row_bytes, size_t *count)
{
	struct stat st;
	size_t bytes;
	void *rows;

	*count = 0;
	if (fd < 0 || fstat(fd, &st) != 0 || (size_t)st.st_size < row_bytes)
		return NULL;
	bytes = (size_t)st.st_size / row_bytes * row_bytes;
	rows = malloc(bytes);
	if (!rows || pread(fd, rows, bytes, 0) != (ssize_t)bytes) {
		free(rows);
		return NULL;
	}
	*count = bytes / row_bytes;
	return rows;
}
