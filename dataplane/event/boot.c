/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/event/boot.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/stat.h>

struct boot *boot_attach(int fd)
{
	struct boot *b;
	struct stat st;

	if (fstat(fd, &st) != 0)
		return NULL;
	if ((size_t)st.st_size < sizeof(*b)) {
		errno = EPROTO;
		return NULL;
	}
	b = mmap(NULL, sizeof(*b), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (b == MAP_FAILED)
		return NULL;
	if (b->magic != BOOT_MAGIC || b->worker_count > MAX_WORKERS) {
		munmap(b, sizeof(*b));
		errno = EPROTO;
		return NULL;
	}
	return b;
}
