/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/event/recording.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "dataplane/base/put.h"
#include "dataplane/event/rows.h"

bool recording_name_good(const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)name[i]) && name[i] != '-' && name[i] != '_')
			return false;
	return n > 0 && n < RECORDING_NAME_MAX;
}

int recording_order_make(struct recording_order *o, const struct config *c, const char *name, const char *filter,
			 char *error, size_t error_size)
{
	struct timespec now;

	memset(o, 0, sizeof(*o));
	if (!recording_name_good(name)) {
		snprintf(error, error_size, "\"%.60s\" cannot name a capture: 1 to %d letters, digits, - and _ can", name,
			 RECORDING_NAME_MAX - 1);
		return -EINVAL;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	o->magic = RECORDING_MAGIC;
	memcpy(o->name, name, strlen(name));
	o->started_s = (uint64_t)now.tv_sec;
	o->cut_off_bytes = c->capture_cut_off;
	o->recent_bytes = c->capture_recent;
	o->file_bytes = c->capture_file_size;
	o->file_ns = c->capture_file_time * 1000000000ull;
	o->snaplen = (uint32_t)c->capture_snaplen;
	o->alerts_only = c->capture_alerts;
	return filter_compile(&o->filter, filter, error, error_size);
}

int recording_order_write(const struct recording_order *o)
{
	int fd = memfd_create("metsuke-recording", 0);

	if (fd < 0)
		return -errno;
	if (write(fd, o, sizeof(*o)) != (ssize_t)sizeof(*o)) {
		close(fd);
		return -ENOMEM;
	}
	return fd;
}

int recording_order_read(struct recording_order *o, int fd)
{
	if (fd < 0 || pread(fd, o, sizeof(*o), 0) != (ssize_t)sizeof(*o) || o->magic != RECORDING_MAGIC ||
	    !memchr(o->name, '\0', sizeof(o->name)) || !recording_name_good(o->name) || !filter_sane(&o->filter))
		return -EINVAL;
	return 0;
}

struct recording_row *recording_rows_read(int fd, size_t *count)
{
	struct recording_row *rows = rows_read(fd, sizeof(*rows), count);

	for (size_t i = 0; i < *count; i++) {
		rows[i].name[RECORDING_NAME_MAX - 1] = '\0';
		rows[i].filter[FILTER_TEXT_MAX - 1] = '\0';
	}
	return rows;
}

size_t recording_file_name(char out[RECORDING_FILE_MAX], const char *name, uint64_t started_s, unsigned worker,
			   uint64_t number)
{
	struct put p = put_text(put_to(out, RECORDING_FILE_MAX), name);

	p = put_uint(put_char(p, '.'), started_s);
	p = put_uint(put_char(p, '.'), worker);
	p = put_digits(put_char(p, '.'), number, 10, 5);
	p = put_text(p, ".pcapng");
	return (size_t)(p.at - out);
}
