/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/update/versions.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define STAGING ".staging"

static int make_dir(const char *path)
{
	return mkdir(path, 0755) != 0 && errno != EEXIST ? -errno : 0;
}

static void sync_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	fsync(fd);
	close(fd);
}

int versions_lock(const char *dir)
{
	char path[PATH_MAX];
	int fd, err = make_dir(dir);

	snprintf(path, sizeof(path), "%s/versions", dir);
	if (!err)
		err = make_dir(path);
	snprintf(path, sizeof(path), "%s/kept", dir);
	if (!err)
		err = make_dir(path);
	if (err)
		return err;
	snprintf(path, sizeof(path), "%s/.lock", dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	err = errno == EWOULDBLOCK ? -EBUSY : -errno;
	close(fd);
	return err;
}

int versions_write_file(const char *path, const void *data, size_t size)
{
	char fresh[PATH_MAX];
	const char *at = data;
	int fd, err = 0;

	if (snprintf(fresh, sizeof(fresh), "%s.new", path) >= (int)sizeof(fresh))
		return -ENAMETOOLONG;
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	while (size && !err) {
		ssize_t n = write(fd, at, size);

		if (n < 0) {
			err = -errno;
		} else {
			at += n;
			size -= (size_t)n;
		}
	}
	if (!err && fsync(fd) != 0)
		err = -errno;
	close(fd);
	if (!err && rename(fresh, path) != 0)
		err = -errno;
	if (err)
		unlink(fresh);
	return err;
}

/* Versions hold files only. */
void versions_unstage(const char *path)
{
	char one[PATH_MAX];
	struct dirent *e;
	DIR *d = opendir(path);

	while (d && (e = readdir(d)) != NULL)
		if (snprintf(one, sizeof(one), "%s/%s", path, e->d_name) < (int)sizeof(one))
			unlink(one);
	if (d)
		closedir(d);
	rmdir(path);
}

int versions_stage(const char *dir, char *path, size_t size)
{
	if (snprintf(path, size, "%s/versions/" STAGING, dir) >= (int)size)
		return -ENAMETOOLONG;
	versions_unstage(path); /* of a run that broke off */
	return make_dir(path);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct version *)a)->name, ((const struct version *)b)->name);
}

int versions_list(const char *dir, struct version *out, int max)
{
	char path[PATH_MAX], current[PATH_MAX];
	ssize_t n;
	struct dirent *e;
	int count = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%s/current", dir);
	n = readlink(path, current, sizeof(current) - 1);
	current[n > 0 ? n : 0] = '\0';
	snprintf(path, sizeof(path), "%s/versions", dir);
	d = opendir(path);
	if (!d)
		return -errno;
	while ((e = readdir(d)) != NULL && count < max) {
		if (e->d_name[0] == '.' || strlen(e->d_name) >= VERSION_NAME)
			continue;
		snprintf(out[count].name, VERSION_NAME, "%.47s", e->d_name);
		out[count].current = strncmp(current, "versions/", 9) == 0 &&
				     strcmp(current + 9, e->d_name) == 0;
		count++;
	}
	closedir(d);
	qsort(out, (size_t)count, sizeof(*out), by_name);
	return count;
}

int versions_switch(const char *dir, const char *name)
{
	char target[PATH_MAX], fresh[PATH_MAX], path[PATH_MAX];

	if (strchr(name, '/') || *name == '.' || strlen(name) >= VERSION_NAME)
		return -EINVAL;
	snprintf(path, sizeof(path), "%s/versions/%s", dir, name);
	if (access(path, X_OK) != 0)
		return -errno;
	snprintf(target, sizeof(target), "versions/%s", name);
	snprintf(fresh, sizeof(fresh), "%s/.current", dir);
	snprintf(path, sizeof(path), "%s/current", dir);
	unlink(fresh);
	if (symlink(target, fresh) != 0 || rename(fresh, path) != 0)
		return -errno;
	sync_dir(dir);
	return 0;
}

static void prune(const char *dir, unsigned keep)
{
	struct version *list = calloc(VERSIONS_LIST_MAX, sizeof(*list));
	int count = list ? versions_list(dir, list, VERSIONS_LIST_MAX) : 0;
	char path[PATH_MAX];

	for (int i = 0; i + (int)keep < count; i++) {
		if (list[i].current)
			continue;
		snprintf(path, sizeof(path), "%s/versions/%s", dir, list[i].name);
		versions_unstage(path);
	}
	free(list);
}

/* Behind all that are there, whatever the clock says. */
static int version_name(const char *dir, char *name)
{
	struct version *list = calloc(VERSIONS_LIST_MAX, sizeof(*list));
	int count = list ? versions_list(dir, list, VERSIONS_LIST_MAX) : -ENOMEM;
	const char *last = count > 0 ? list[count - 1].name : "";
	struct timespec now;
	char seconds[32];
	struct tm tm;
	int err = count < 0 ? count : 0;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(seconds, sizeof(seconds), "%Y%m%dT%H%M%S", &tm);
	snprintf(name, VERSION_NAME, "%s.%06uZ", seconds,
		 (unsigned)(now.tv_nsec / 1000) % 1000000u);
	if (!err && strcmp(name, last) <= 0 &&
	    snprintf(name, VERSION_NAME, "%.45s.1", last) <= (int)strlen(last))
		err = -EEXIST;
	free(list);
	return err;
}

int versions_commit(const char *dir, const char *staged, unsigned keep, char *name)
{
	char path[PATH_MAX];
	int err = version_name(dir, name);

	if (err)
		return err;
	snprintf(path, sizeof(path), "%s/versions/%s", dir, name);
	sync_dir(staged);
	if (rename(staged, path) != 0)
		return -errno;
	snprintf(path, sizeof(path), "%s/versions", dir);
	sync_dir(path);
	err = versions_switch(dir, name);
	if (!err)
		prune(dir, keep ? keep : 1);
	return err;
}
