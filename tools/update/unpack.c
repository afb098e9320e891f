/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/update/unpack.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define TAR_BLOCK 512
#define NAME_MAX_BYTES 256

struct walk {
	int (*found)(const char *name, const char *bytes, size_t size, void *arg);
	void *arg;
	char *error;
	size_t error_size;
};

static int fail(const struct walk *w, int err, const char *what)
{
	snprintf(w->error, w->error_size, "%s", what);
	return err;
}

/* ---- gzip ---- */

/* New bytes, members one after the other joined. */
static int gunzip(const struct walk *w, const uint8_t *data, size_t size, uint8_t **out, size_t *out_size)
{
	z_stream z = {.next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)size};
	size_t room = 1 << 20, have = 0;
	uint8_t *to = malloc(room);
	int rc = inflateInit2(&z, 16 + MAX_WBITS), err = 0;

	while (to && rc == Z_OK && !err) {
		if (have == room) {
			uint8_t *more = room < UNPACK_BYTES_MAX ? realloc(to, room * 2) : NULL;

			if (!more) {
				err = fail(w, -EFBIG, "it is larger than 512 MiB when decompressed");
				break;
			}
			to = more;
			room *= 2;
		}
		z.next_out = to + have;
		z.avail_out = (uInt)(room - have < UINT32_MAX ? room - have : UINT32_MAX);
		rc = inflate(&z, Z_NO_FLUSH);
		have = (size_t)(z.next_out - to);
		if (rc == Z_STREAM_END && z.avail_in > 18)
			rc = inflateReset(&z);
		else if (rc == Z_BUF_ERROR && z.avail_out == 0)
			rc = Z_OK;
	}
	inflateEnd(&z);
	if (!err && (!to || rc != Z_STREAM_END))
		err = fail(w, -EPROTO, "its gzip data is damaged or cut short");
	if (err)
		free(to);
	else
		*out = to;
	*out_size = have;
	return err;
}

/* ---- tar ---- */

static bool is_tar(const uint8_t *data, size_t size)
{
	return size >= TAR_BLOCK && memcmp(data + 257, "ustar", 5) == 0;
}

/* Octal as tar writes numbers; false: it is none. */
static bool octal(const uint8_t *at, size_t n, uint64_t *out)
{
	size_t i = 0;

	*out = 0;
	while (i < n && at[i] == ' ')
		i++;
	for (; i < n && at[i] >= '0' && at[i] <= '7'; i++)
		*out = *out << 3 | (uint64_t)(at[i] - '0');
	return i == n || at[i] == '\0' || at[i] == ' ';
}

static const char *last_part(const char *name)
{
	const char *slash = strrchr(name, '/');

	return slash ? slash + 1 : name;
}

static bool wanted(const char *name)
{
	size_t n = strlen(name);

	return (n > 6 && strcmp(name + n - 6, ".rules") == 0) || strcmp(name, "classification.config") == 0 ||
	       strcmp(name, "reference.config") == 0;
}

/* "27 path=dir/x.rules\n" among the records of a pax header. */
static void pax_name(const uint8_t *data, size_t size, char *name)
{
	static const char key[] = " path=";
	const uint8_t *at = memmem(data, size, key, sizeof(key) - 1), *end;
	size_t n;

	if (!at)
		return;
	at += sizeof(key) - 1;
	end = memchr(at, '\n', size - (size_t)(at - data));
	n = end ? (size_t)(end - at) : 0;
	if (n && n < NAME_MAX_BYTES) {
		memcpy(name, at, n);
		name[n] = '\0';
	}
}

static int untar(const struct walk *w, const uint8_t *data, size_t size)
{
	char name[NAME_MAX_BYTES] = "";
	size_t at = 0;
	unsigned files = 0;

	while (at + TAR_BLOCK <= size && data[at]) {
		const uint8_t *h = data + at, *body = h + TAR_BLOCK;
		uint64_t bytes;
		int err = 0;

		if (!octal(h + 124, 12, &bytes) || bytes > size - at - TAR_BLOCK)
			return fail(w, -EPROTO, "its tar archive is damaged or cut short");
		if (++files > UNPACK_FILES_MAX)
			return fail(w, -EFBIG, "its tar archive has more than 10,000 entries");
		if (h[156] == 'L' && bytes < NAME_MAX_BYTES) {
			memcpy(name, body, bytes);
			name[bytes] = '\0';
		} else if (h[156] == 'x') {
			pax_name(body, bytes, name);
		} else {
			if (!*name)
				snprintf(name, sizeof(name), "%.100s", (const char *)h);
			if ((h[156] == '0' || h[156] == '\0') && wanted(last_part(name)))
				err = w->found(last_part(name), (const char *)body, bytes, w->arg);
			name[0] = '\0';
		}
		if (err)
			return err;
		at += TAR_BLOCK + (bytes + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
	}
	return 0;
}

/* ---- any ---- */

static int unpacked(const struct walk *w, const uint8_t *data, size_t size, const char *name)
{
	char label[NAME_MAX_BYTES];
	size_t n;

	if (is_tar(data, size))
		return untar(w, data, size);
	if (size >= 4 && memcmp(data, "PK\3\4", 4) == 0)
		return fail(w, -EPROTO, "it is a zip archive; use the tar.gz");
	if (memchr(data, 0, size < 4096 ? size : 4096))
		return fail(w, -EPROTO, "it is neither text, gzip nor tar");
	snprintf(label, sizeof(label), "%s", last_part(name));
	n = strlen(label);
	if (n > 3 && strcmp(label + n - 3, ".gz") == 0)
		label[n - 3] = '\0';
	return w->found(label, (const char *)data, size, w->arg);
}

int unpack(const uint8_t *data, size_t size, const char *name,
	   int (*found)(const char *name, const char *bytes, size_t size, void *arg), void *arg,
	   char *error, size_t error_size)
{
	struct walk w = {found, arg, error, error_size};
	uint8_t *plain = NULL;
	size_t plain_size = 0;
	int err;

	if (size > UINT32_MAX)
		return fail(&w, -EFBIG, "it is larger than 4 GiB");
	if (size < 2 || data[0] != 0x1f || data[1] != 0x8b)
		return unpacked(&w, data, size, name);
	err = gunzip(&w, data, size, &plain, &plain_size);
	if (!err)
		err = unpacked(&w, plain, plain_size, name);
	free(plain);
	return err;
}
