/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEEDED_SEALS (F_SEAL_SHRINK | F_SEAL_WRITE)

/* True: nobody can change it any more. A maker that left it open but holds no writable mapping has
 * it sealed here. */
static bool is_sealed(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals >= 0 && (seals & NEEDED_SEALS) != NEEDED_SEALS && !(seals & F_SEAL_SEAL) &&
	    fcntl(fd, F_ADD_SEALS, NEEDED_SEALS | F_SEAL_GROW) == 0)
		seals = fcntl(fd, F_GET_SEALS);
	return seals >= 0 && (seals & NEEDED_SEALS) == NEEDED_SEALS;
}

/* Returns false on an error, or when there are fewer bytes. */
static bool read_all(int fd, uint8_t *to, size_t bytes)
{
	for (size_t at = 0; at < bytes;) {
		ssize_t n = pread(fd, to + at, bytes - at, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += (size_t)n;
	}
	return true;
}

static void *copy(int fd, size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return NULL;
	if (read_all(fd, at, bytes) && mprotect(at, bytes, PROT_READ) == 0)
		return at;
	munmap(at, bytes);
	return NULL;
}

const struct indicator_image *image_open(int fd, char *error, size_t error_size)
{
	struct stat st;
	size_t bytes;
	void *at;

	if (fstat(fd, &st) != 0 || st.st_size < (off_t)sizeof(struct indicator_image)) {
		snprintf(error, error_size, "the indicator table cannot be read, or is too short "
			 "to be one; have it made anew (metsuke intel reload)");
		return NULL;
	}
	bytes = (size_t)st.st_size;
	/* Populated: a worker's first look at a page should not wait for it. */
	at = is_sealed(fd) ? mmap(NULL, bytes, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0)
			   : copy(fd, bytes);
	if (at == MAP_FAILED || !at) {
		snprintf(error, error_size, "the indicator table of %zu bytes cannot be mapped: %s",
			 bytes, strerror(errno));
		return NULL;
	}
	if (!indicator_image_valid(at, bytes) || ((struct indicator_image *)at)->bytes != bytes) {
		munmap(at, bytes);
		snprintf(error, error_size, "what was given is no indicator table of this build; "
			 "are all programs of one build?");
		return NULL;
	}
	return at;
}

void image_close(const struct indicator_image *image)
{
	if (image)
		munmap((void *)(uintptr_t)image, image->bytes);
}
