/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/event/trace.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int trace_create(uint32_t gid, uint32_t sid)
{
	int fd = memfd_create("metsuke-trace", 0), err;
	const uint64_t magic = TRACE_MAGIC;
	const uint32_t head[] = {sizeof(struct trace_step), gid, sid};

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, sizeof(struct trace_shared)) == 0 &&
	    pwrite(fd, &magic, sizeof(magic), 0) == sizeof(magic) &&
	    pwrite(fd, head, sizeof(head), offsetof(struct trace_shared, step_bytes)) == sizeof(head))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

struct trace_shared *trace_attach(int fd)
{
	struct trace_shared *t;
	struct stat st;

	if (fstat(fd, &st) != 0)
		return NULL;
	if ((size_t)st.st_size < sizeof(*t)) {
		errno = EPROTO;
		return NULL;
	}
	t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (t == MAP_FAILED)
		return NULL;
	if (t->magic != TRACE_MAGIC || t->step_bytes != sizeof(struct trace_step)) {
		trace_detach(t);
		errno = EPROTO;
		return NULL;
	}
	return t;
}

void trace_detach(struct trace_shared *t)
{
	if (t)
		munmap(t, sizeof(*t));
}
