/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/files/pending.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RECORD_END ".record"
#define NAME_ROOM (PENDING_NAME_MAX + sizeof(RECORD_END))

/* Numbers of fields are those of a build: what another one wrote is not read. */
struct stamp {
	uint64_t magic;
	uint32_t fields, records;
};

static const struct stamp own_stamp = {0x31646e6570736d4dull, FIELD_COUNT, RECORD_COUNT};

int pending_open(struct pending *p, int store)
{
	p->dir = -1;
	if (mkdirat(store, "pending", 0750) != 0 && errno != EEXIST)
		return -errno;
	p->dir = openat(store, "pending", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return p->dir >= 0 ? 0 : -errno;
}

void pending_close(struct pending *p)
{
	if (p->dir >= 0)
		close(p->dir);
	p->dir = -1;
}

static void record_name(char out[NAME_ROOM], const char *name)
{
	snprintf(out, NAME_ROOM, "%.*s" RECORD_END, PENDING_NAME_MAX - 1, name);
}

int pending_put(struct pending *p, int from, const char *name, const struct record_head *record)
{
	char path[NAME_ROOM];
	bool good;
	int fd;

	record_name(path, name);
	fd = openat(p->dir, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return -errno;
	good = write(fd, &own_stamp, sizeof(own_stamp)) == sizeof(own_stamp) &&
	       write(fd, record, record->length) == (ssize_t)record->length;
	close(fd);
	if (good && (linkat(from, name, p->dir, name, 0) == 0 || errno == EEXIST))
		return 0;
	unlinkat(p->dir, path, 0);
	return errno ? -errno : -EIO;
}

struct record_head *pending_record(const struct pending *p, const char *name)
{
	struct record_head *r = NULL;
	char path[NAME_ROOM];
	struct stamp s;
	struct stat st;
	size_t len;
	int fd;

	record_name(path, name);
	fd = openat(p->dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && st.st_size > (off_t)(sizeof(s) + sizeof(*r)) && st.st_size < (off_t)(sizeof(s) + RECORD_MAX_BYTES + 1) &&
	    read(fd, &s, sizeof(s)) == sizeof(s) && memcmp(&s, &own_stamp, sizeof(s)) == 0) {
		len = (size_t)st.st_size - sizeof(s);
		r = malloc(len);
		if (r && (read(fd, r, len) != (ssize_t)len || !record_valid(r, len) || r->length != len)) {
			free(r);
			r = NULL;
		}
	}
	close(fd);
	return r;
}

int pending_file(const struct pending *p, const char *name)
{
	return openat(p->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

int pending_keep(const struct pending *p, const char *name, int store, const char *path)
{
	char folder[4];

	snprintf(folder, sizeof(folder), "%.2s", path);
	if (mkdirat(store, folder, 0750) != 0 && errno != EEXIST)
		return -errno;
	return linkat(p->dir, name, store, path, 0) == 0 ? 0 : -errno;
}

void pending_drop(struct pending *p, const char *name)
{
	char path[NAME_ROOM];

	record_name(path, name);
	unlinkat(p->dir, name, 0);
	unlinkat(p->dir, path, 0);
}

void pending_each(const struct pending *p, void (*call)(void *arg, const char *name), void *arg)
{
	int fd = openat(p->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	size_t end = strlen(RECORD_END);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		size_t n = strlen(e->d_name);

		if (e->d_name[0] == '.' || n >= PENDING_NAME_MAX || (n > end && strcmp(e->d_name + n - end, RECORD_END) == 0))
			continue;
		call(arg, e->d_name);
	}
	if (d)
		closedir(d);
}
