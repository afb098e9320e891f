/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/files/quarantine.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_ROOM 128
#define COPY_BYTES 65536

static const char head[] = "metsuke quarantine 1: every bit of what follows is turned\n";

bool quarantine_is_hex(const char *text)
{
	return strlen(text) == QUARANTINE_HEX && strspn(text, "0123456789abcdef") == QUARANTINE_HEX;
}

static void kept_path(char out[PATH_ROOM], const char *hex)
{
	snprintf(out, PATH_ROOM, "%.2s/%s", hex, hex);
}

static void quarantine_path(char out[PATH_ROOM], const char *hex)
{
	snprintf(out, PATH_ROOM, "quarantine/%s", hex);
}

static bool write_all(int fd, const uint8_t *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

/* Copies with every bit turned, digesting what is the content. plain_in: that is what comes in. 0 or -errno. */
static int copy_turned(int from, int to, bool plain_in, char hex[QUARANTINE_HEX + 1])
{
	static uint8_t room[COPY_BYTES];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t sum[EVP_MAX_MD_SIZE];
	ssize_t n = -1;
	int err = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 ? 0 : -ENOMEM;

	while (!err && (n = read(from, room, sizeof(room))) > 0) {
		if (plain_in)
			EVP_DigestUpdate(ctx, room, (size_t)n);
		for (ssize_t i = 0; i < n; i++)
			room[i] = (uint8_t)~room[i];
		if (!plain_in)
			EVP_DigestUpdate(ctx, room, (size_t)n);
		if (!write_all(to, room, (size_t)n))
			err = -errno;
	}
	if (!err && n < 0)
		err = -errno;
	if (!err && EVP_DigestFinal_ex(ctx, sum, NULL) == 1)
		for (unsigned i = 0; i < QUARANTINE_HEX / 2; i++)
			snprintf(hex + 2 * i, 3, "%02x", sum[i]);
	EVP_MD_CTX_free(ctx);
	return err;
}

/* A new file beside its place, which it takes when it is whole and synced. */
static int finish(int store, int fd, const char *temporary, const char *path, int err)
{
	if (!err && fsync(fd) != 0)
		err = -errno;
	close(fd);
	if (!err && renameat(store, temporary, store, path) != 0)
		err = -errno;
	if (err)
		unlinkat(store, temporary, 0);
	return err;
}

int quarantine_put(int store, const char *hex)
{
	char from_path[PATH_ROOM], path[PATH_ROOM], temporary[PATH_ROOM], found[QUARANTINE_HEX + 1] = "";
	int from, to, err;

	kept_path(from_path, hex);
	quarantine_path(path, hex);
	snprintf(temporary, sizeof(temporary), "quarantine/.%s", hex);
	if (mkdirat(store, "quarantine", 0750) != 0 && errno != EEXIST)
		return -errno;
	from = openat(store, from_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (from < 0)
		return quarantine_has(store, hex) ? 0 : -errno;
	to = openat(store, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0400);
	if (to < 0) {
		err = -errno;
		close(from);
		return err;
	}
	err = write_all(to, (const uint8_t *)head, sizeof(head) - 1) ? copy_turned(from, to, true, found) : -errno;
	close(from);
	err = finish(store, to, temporary, path, err);
	if (!err && unlinkat(store, from_path, 0) != 0)
		err = -errno;
	return err;
}

static int open_quarantined(int store, const char *hex)
{
	char path[PATH_ROOM], line[sizeof(head)] = "";
	int fd;

	quarantine_path(path, hex);
	fd = openat(store, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	if (read(fd, line, sizeof(head) - 1) == sizeof(head) - 1 && strcmp(line, head) == 0)
		return fd;
	close(fd);
	return -EBADMSG;
}

int quarantine_read(int store, const char *hex, int to)
{
	char found[QUARANTINE_HEX + 1] = "";
	int fd = open_quarantined(store, hex), err;

	if (fd < 0)
		return fd;
	err = copy_turned(fd, to, false, found);
	close(fd);
	return err ? err : strcmp(found, hex) == 0 ? 0 : -EBADMSG;
}

int quarantine_restore(int store, const char *hex)
{
	char path[PATH_ROOM], from[PATH_ROOM], temporary[PATH_ROOM], folder[4];
	int to, err;

	kept_path(path, hex);
	quarantine_path(from, hex);
	snprintf(temporary, sizeof(temporary), "%.2s/.%s", hex, hex);
	snprintf(folder, sizeof(folder), "%.2s", hex);
	if (!quarantine_has(store, hex))
		return -ENOENT;
	if (mkdirat(store, folder, 0750) != 0 && errno != EEXIST)
		return -errno;
	to = openat(store, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (to < 0)
		return -errno;
	err = finish(store, to, temporary, path, quarantine_read(store, hex, to));
	if (!err && unlinkat(store, from, 0) != 0)
		err = -errno;
	return err;
}

bool quarantine_has(int store, const char *hex)
{
	char path[PATH_ROOM];

	quarantine_path(path, hex);
	return faccessat(store, path, F_OK, 0) == 0;
}
